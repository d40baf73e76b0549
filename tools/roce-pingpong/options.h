// The command line of roce-pingpong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cli/command_table.h"
#include "core/session/doors.h"
#include "core/text/style.h"
#include "probes/report/exit_code_of.h"
#include "tools/roce-pingpong/settings.h"

namespace rocekit::pingpong {

using report::FailOn;

struct Options {
  session::DoorOptions door;
  Settings settings;
  std::optional<std::string> json;  ///< "-": standard output
  std::optional<std::string> csv;   ///< "-": standard output
  std::optional<std::string> histogram;
  FailOn fail_on = FailOn::warning;
  text::ColorMode color = text::ColorMode::automatic;
  bool verbose = false;
  bool quiet = false;                  ///< no progress
  bool version = false;                ///< print the version and nothing else
  std::vector<std::string> arguments;  ///< as given, without the program's name; a join token is masked
  std::optional<std::string> help;     ///< print it and nothing else
};

/// Throws cli::UsageError.
Options parse(int argc, const char* const* argv);

/// For manuals and completions.
cli::CommandTable command_table();

}  // namespace rocekit::pingpong
