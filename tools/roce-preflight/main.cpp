#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "core/cli/door_options.h"
#include "core/cli/main_program.h"
#include "core/cli/progress.h"
#include "core/cli/session_program.h"
#include "core/io/user_files.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "tools/roce-preflight/judge/baseline_file.h"
#include "tools/roce-preflight/options.h"
#include "tools/roce-preflight/report/json_report.h"
#include "tools/roce-preflight/report/metrics.h"
#include "tools/roce-preflight/report/text_report.h"
#include "tools/roce-preflight/run/plans.h"
#include "tools/roce-preflight/run/run.h"
#include "tools/version/version_text.h"

namespace rocekit::preflight {
namespace {

constexpr const char* tool = "roce-preflight";

BaselineFiles read_baselines(const Options& options) {
  BaselineFiles files;
  files.compare = options.baseline.value_or("");
  files.save = options.save_baseline.value_or("");
  if (options.baseline) files.past = read_baseline(*options.baseline);
  if (options.save_baseline) files.to_extend = read_baseline_to_extend(*options.save_baseline);
  return files;
}

/// What is wrong with the request is told before anybody is waited for.
void require_sense(const Options& options, int ranks) {
  for (const auto& name : {options.json, options.prometheus, options.junit}) {
    if (name) io::require_writable(*name);
  }
  read_baselines(options);
  require_traffic(options.settings, ranks);
}

void write(const Options& options, const Report& report) {
  using std::chrono::system_clock;
  if (options.prometheus) {
    io::write_file(*options.prometheus, render_prometheus(report, system_clock::to_time_t(system_clock::now())));
  }
  if (report.baseline.to_save) io::write_file(*options.save_baseline, render_baseline(*report.baseline.to_save));
  if (options.junit) io::write_file(*options.junit, render_junit(report));
  if (options.json && *options.json != "-") io::write_file(*options.json, render_json(report));
  if (options.json == "-") {
    io::write_standard_output(render_json(report));
    return;
  }
  TextOptions layout;
  layout.verbose = options.verbose;
  layout.timings = options.timings;
  layout.width = text::terminal_columns(STDOUT_FILENO, 120);
  io::write_standard_output(render_text(report, text::Style::detect(options.color, STDOUT_FILENO), layout));
}

/// Judges, and writes on rank 0.
ExitCode judge(session::Session& session, const Options& options, session::Door door) {
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  cli::Progress progress(!options.quiet && session.rank() == 0);
  RunOptions request;
  request.settings = options.settings;
  request.may_widen_affinity = door == session::Door::launched;
  request.progress = [&](double share, const std::string& what) { progress.show(share, what); };
  if (session.rank() == 0) {
    require_sense(options, session.size());
    request.baselines = read_baselines(options);
  }
  Report report = run(session, request);
  progress.clear();
  if (session.rank() != 0) return ExitCode::ready;
  report.started_at = started_at;
  report.door = cli::name_of(door);
  report.arguments = options.arguments;
  // Another run may have been added meanwhile.
  if (options.save_baseline) request.baselines.to_extend = read_baseline_to_extend(*options.save_baseline);
  choose_what_to_save(report, request.baselines);
  write(options, report);
  return exit_code_of(report.verdict, options);
}

int run_with(int argc, const char* const* argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.version) {
    io::write_standard_output(options.help ? *options.help : version_text(tool));
    return static_cast<int>(ExitCode::ready);
  }
  const session::Door door = session::door_of(options.door);
  if (door == session::Door::none) return cli::say(tool, cli::no_door(tool));
  if (door == session::Door::listen || door == session::Door::local) require_sense(options, options.door.ranks);
  cli::SessionProgram program;
  program.tool = tool;
  program.needs_less = "a smaller --max-memory";
  program.work = [&](session::Session& session) { return judge(session, options, door); };
  return cli::run_session(program, options.door);
}

}  // namespace
}  // namespace rocekit::preflight

int main(int argc, char** argv) {
  using namespace rocekit;
  return preflight::process_exit_code(cli::main_program(preflight::tool, argc, argv, preflight::run_with), argc, argv);
}
