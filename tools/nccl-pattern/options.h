// The command line of nccl-pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/traffic/parallelism.h"
#include "collectives/traffic/patterns.h"
#include "collectives/traffic/step.h"
#include "core/text/style.h"

namespace rocekit::pattern {

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

  std::vector<std::uint64_t> sizes;  ///< of a pattern
  std::uint64_t ranks = 2;
  traffic::DataType type = traffic::DataType::bf16;
  double skew = 1;

  std::string latencies;  ///< predict: a file, "-": standard input
  std::optional<double> tok_s;
  std::optional<std::string> measured_on;
  std::optional<std::string> predicted_on;
  std::optional<double> accepted_tokens;

  std::optional<std::string> json;  ///< "-": standard output
  text::ColorMode color = text::ColorMode::automatic;
  std::optional<std::string> help;  ///< print this and end
};

/// Throws cli::UsageError.
Options parse(int argc, const char* const* argv);

}  // namespace rocekit::pattern
