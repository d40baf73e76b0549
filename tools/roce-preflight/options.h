// The command line of roce-preflight.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cli/command_table.h"
#include "core/exit_code.h"
#include "core/session/doors.h"
#include "core/text/style.h"
#include "probes/report/exit_code_of.h"
#include "tools/roce-preflight/settings.h"

namespace rocekit::preflight {

enum class ExitStyle { levels, k8s };

struct Options {
  session::DoorOptions door;
  Settings settings;
  std::optional<std::string> json;  ///< "-": standard output
  std::optional<std::string> prometheus;
  std::optional<std::string> junit;
  std::optional<std::string> baseline;
  std::optional<std::string> save_baseline;
  report::FailOn fail_on = report::FailOn::warning;
  ExitStyle exit_style = ExitStyle::levels;
  text::ColorMode color = text::ColorMode::automatic;
  bool verbose = false;
  bool timings = false;
  bool quiet = false;
  bool version = false;
  std::vector<std::string> arguments;  ///< as given, without the program's name; a join token is masked
  std::optional<std::string> help;     ///< print it and nothing else
};

/// Throws cli::UsageError.
Options parse(int argc, const char* const* argv);

/// For manuals and completions.
cli::CommandTable command_table();

/// The code that rank 0 returns. Kubernetes' probes know pass, fail and "could not check": 0, 1 and unknown.
ExitCode exit_code_of(checks::Verdict verdict, const Options& options);
/// The process's code: in the k8s style "could not check" is 2, whatever kept the tool from it.
int process_exit_code(int code, int argc, const char* const* argv);

}  // namespace rocekit::preflight
