#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/cli/door_options.h"
#include "core/cli/main_program.h"
#include "core/cli/progress.h"
#include "core/cli/session_program.h"
#include "core/error.h"
#include "core/exit_code.h"
#include "core/io/user_files.h"
#include "core/session/doors.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "probes/report/exit_code_of.h"
#include "tools/roce-pingpong/judge/findings.h"
#include "tools/roce-pingpong/options.h"
#include "tools/roce-pingpong/report/csv_report.h"
#include "tools/roce-pingpong/report/histogram_file.h"
#include "tools/roce-pingpong/report/json_report.h"
#include "tools/roce-pingpong/report/text_report.h"
#include "tools/roce-pingpong/run/run.h"
#include "tools/version/version_text.h"

namespace rocekit::pingpong {
namespace {

constexpr const char* tool = "roce-pingpong";

/// A file that cannot be written is told before the measurement, not after it.
void require_writable(const Options& options) {
  for (const auto& name : {options.json, options.csv, options.histogram}) {
    if (name) io::require_writable(*name);
  }
}

void write(const Options& options, const Report& report) {
  if (options.json && *options.json != "-") io::write_file(*options.json, render_json(report));
  if (options.csv && *options.csv != "-") io::write_file(*options.csv, render_csv(report));
  if (options.histogram) io::write_file(*options.histogram, render_histograms(report));
  if (options.json == "-") {
    io::write_standard_output(render_json(report));
  } else if (options.csv == "-") {
    io::write_standard_output(render_csv(report));
  } else {
    TextOptions layout;
    layout.verbose = options.verbose;
    layout.width = text::terminal_columns(STDOUT_FILENO);
    io::write_standard_output(render_text(report, text::Style::detect(options.color, STDOUT_FILENO), layout));
  }
}

/// Measures, and on rank 0 judges and writes.
ExitCode measure(session::Session& session, const Options& options, session::Door door) {
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  cli::Progress progress(!options.quiet && session.rank() == 0);
  RunOptions request;
  request.settings = options.settings;
  request.may_widen_affinity = door == session::Door::launched;
  request.progress = [&](double share, const std::string& what) { progress.show(share, what); };
  if (session.rank() == 0) require_writable(options);
  Report report = run(session, request);
  progress.clear();
  if (session.rank() != 0) return ExitCode::ready;
  report.started_at = started_at;
  report.door = cli::name_of(door);
  report.arguments = options.arguments;
  judge(report);
  write(options, report);
  return report::exit_code_of(report.verdict, options.fail_on);
}

int run_session(const Options& options, session::Door door) {
  cli::SessionProgram program;
  program.tool = tool;
  program.needs_less = "smaller --sizes, --window or --qps";
  program.work = [&](session::Session& session) { return measure(session, options, door); };
  return cli::run_session(program, options.door);
}

int run_with(int argc, const char* const* argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.version) {
    io::write_standard_output(options.help ? *options.help : version_text("roce-pingpong"));
    return static_cast<int>(ExitCode::ready);
  }
  const session::Door door = session::door_of(options.door);
  if (door == session::Door::none) {
    return cli::say(tool, cli::no_door(tool));
  }
  if (door != session::Door::launched && door != session::Door::join) require_writable(options);
  return run_session(options, door);
}

}  // namespace
}  // namespace rocekit::pingpong

int main(int argc, char** argv) {
  return rocekit::cli::main_program(rocekit::pingpong::tool, argc, argv, rocekit::pingpong::run_with);
}
