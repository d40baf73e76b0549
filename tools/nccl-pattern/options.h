// The command line of nccl-pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectives/traffic/parallelism.h"
#include "collectives/traffic/patterns.h"
#include "collectives/traffic/step.h"
#include "core/cli/command_table.h"
#include "core/session/doors.h"
#include "core/text/style.h"
#include "probes/report/exit_code_of.h"
#include "tools/nccl-pattern/settings.h"

namespace rocekit::pattern {

/// Of --sizes.
struct PatternSize {
  std::uint64_t bytes = 0;
  /// Named by itself or as the end of a range; else it may become the smallest size that the pattern can take.
  bool firm = false;
};

enum class Command { measure, dry_run, predict, version };

struct Options {
  Command command = Command::measure;

  std::string mode;                                 ///< as it was given
  std::optional<traffic::Pattern> pattern;          ///< --mode allreduce
  std::optional<traffic::Parallelism> parallelism;  ///< --mode tp2

  std::string model;                        ///< a name, a config.json, or the directory that holds one
  traffic::StepRequest step;                ///< all but the model, the form and a recorded histogram
  std::optional<traffic::ExpertForm> form;  ///< one alone of the forms that the mode covers
  std::optional<std::string> histogram;     ///< file of --routing

  std::vector<PatternSize> sizes;  ///< of a pattern
  bool sizes_given = false;
  std::uint64_t ranks = 2;  ///< of a pattern; those of the session where there is one
  traffic::DataType type = traffic::DataType::bf16;
  double skew = 1;

  std::string latencies;  ///< predict: a file, "-": standard input

  session::DoorOptions door;
  Settings settings;  ///< predict takes of it what a price needs

  std::optional<std::string> json;  ///< "-": standard output
  std::optional<std::string> csv;   ///< "-": standard output
  bool verbose = false;
  bool quiet = false;  ///< no progress
  report::FailOn fail_on = report::FailOn::warning;
  text::ColorMode color = text::ColorMode::automatic;

  std::vector<std::string> arguments;  ///< as given, without the program's name; a join token is masked
  /// Options that say what is measured and how, with their values: all ranks of a launcher must have the same.
  std::vector<std::pair<std::string, std::string>> given;
  std::optional<std::string> help;  ///< print this and end
};

/// Throws cli::UsageError.
Options parse(int argc, const char* const* argv);

/// For manuals and completions.
cli::CommandTable command_table();

}  // namespace rocekit::pattern
