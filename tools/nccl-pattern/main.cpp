#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "core/cli/command_line.h"
#include "core/error.h"
#include "core/exit_code.h"
#include "core/io/user_files.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "core/text/utf8.h"
#include "core/version.h"
#include "tools/nccl-pattern/json_report.h"
#include "tools/nccl-pattern/options.h"
#include "tools/nccl-pattern/plan.h"
#include "tools/nccl-pattern/text_report.h"

namespace rocekit::pattern {
namespace {

void write(const Plan& plan, const std::string& started_at) {
  const Options& options = plan.options;
  if (options.json) {
    const std::string document = render_json(plan, started_at);
    if (*options.json == "-") {
      io::write_standard_output(document);
      return;
    }
    io::write_file(*options.json, document);
  }
  io::write_standard_output(
      render_text(plan, text::Style::detect(options.color, STDOUT_FILENO), text::terminal_columns(STDOUT_FILENO, 140)));
}

/// A prediction that was asked for and could not be made is no success.
ExitCode exit_code_of(const Plan& plan) {
  const auto failed = [](const predict::Prediction& prediction) {
    return prediction.measured_tok_s && !prediction.tok_s;
  };
  const bool none = !plan.predictions.empty() && std::all_of(plan.predictions.begin(), plan.predictions.end(), failed);
  return none ? ExitCode::unknown : ExitCode::ready;
}

ExitCode run(int argc, const char* const* argv) {
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  const Options options = parse(argc, argv);
  if (options.help) {
    io::write_standard_output(*options.help);
    return ExitCode::ready;
  }
  if (options.command == Command::version) {
    io::write_standard_output(fmt::format("nccl-pattern {} (commit {})\n", version, commit));
    return ExitCode::ready;
  }
  if (options.command == Command::measure) {
    throw InputError(
        "this build plans and predicts, and does not yet measure: add --dry-run, or use nccl-pattern predict");
  }
  Plan plan = make_plan(options);
  if (options.command == Command::predict) add_predictions(plan);
  write(plan, started_at);
  return exit_code_of(plan);
}

int fail(const std::string& sentence, const char* hint = "") {
  fmt::print(stderr, "nccl-pattern: {}{}\n", text::printable(sentence), hint);
  return static_cast<int>(ExitCode::unknown);
}

}  // namespace
}  // namespace rocekit::pattern

int main(int argc, char** argv) {
  using rocekit::pattern::fail;
  // A reader that goes away early (`| head`) must not turn the exit code into 141.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(rocekit::pattern::run(argc, argv));
  } catch (const rocekit::cli::UsageError& error) {
    return fail(error.what(), " (nccl-pattern --help lists what there is)");
  } catch (const rocekit::InputError& error) {
    return fail(error.what());
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(fmt::format("internal error: {}", error.what()));
  }
}
