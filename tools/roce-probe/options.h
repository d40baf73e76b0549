// The command line of roce-probe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/cli/command_table.h"
#include "core/text/style.h"
#include "probes/report/exit_code_of.h"
#include "probes/settings/serving_settings.h"

namespace rocekit::probe {

enum class Command { report, list_checks, explain, check_pages, version, env, watch };
using report::FailOn;

struct Options {
  Command command = Command::report;
  std::string explain_id;
  std::string pages_directory;                              ///< check_pages: where docs/checks is written
  settings::Consumer consumer = settings::Consumer::shell;  ///< env: --for
  bool comments = true;                                     ///< env: not --no-comments

  std::optional<std::string> load;                    ///< a rocekit/probe document, "-": standard input
  std::optional<std::string> root;                    ///< a saved node's directory
  std::chrono::milliseconds interval{1000};           ///< watch: between two lines
  std::optional<int> count;                           ///< watch: lines
  std::optional<std::chrono::milliseconds> duration;  ///< watch: in all

  std::optional<int> pid;                ///< another process to judge in place of this one
  std::optional<std::string> container;  ///< the same, by the name of its container
  std::optional<std::string> diff;
  std::optional<std::string> save;
  std::optional<std::string> json;  ///< "-": standard output
  bool anonymize = false;
  bool gpus = true;
  bool verbose = false;
  std::vector<std::string> checks;
  std::optional<int> expect_mtu;
  std::optional<double> expect_rate_gbit_s;
  FailOn fail_on = FailOn::warning;
  text::ColorMode color = text::ColorMode::automatic;
};

/// --help: print `text` on standard output and end with success.
struct Printed {
  std::string text;
};

struct CommandLine {
  Options options;
  std::optional<Printed> printed;
};

/// Whether --save NAME means a document (it ends in .json) rather than a directory.
bool is_document(const std::string& name);

/// Throws cli::UsageError.
CommandLine parse(int argc, const char* const* argv);

/// For manuals and completions.
cli::CommandTable command_table();

}  // namespace rocekit::probe
