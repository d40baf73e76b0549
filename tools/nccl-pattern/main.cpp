#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "collectives/mpi/mpi_process.h"
#include "core/cli/door_options.h"
#include "core/cli/main_program.h"
#include "core/cli/progress.h"
#include "core/cli/session_program.h"
#include "core/error.h"
#include "core/exit_code.h"
#include "core/io/user_files.h"
#include "core/session/launch.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "core/text/utf8.h"
#include "core/wire/wire.h"
#include "probes/report/exit_code_of.h"
#include "tools/nccl-pattern/judge/findings.h"
#include "tools/nccl-pattern/options.h"
#include "tools/nccl-pattern/plan/plan.h"
#include "tools/nccl-pattern/report/csv_report.h"
#include "tools/nccl-pattern/report/json_report.h"
#include "tools/nccl-pattern/report/text_report.h"
#include "tools/nccl-pattern/run/run.h"
#include "tools/version/version_text.h"

namespace rocekit::pattern {
namespace {

constexpr const char* tool = "nccl-pattern";

/// A file that cannot be written is told before the measurement, not after it.
void require_writable(const Options& options) {
  for (const auto& name : {options.json, options.csv}) {
    if (name) io::require_writable(*name);
  }
}

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

void write(const Options& options, const Report& report) {
  if (options.json && *options.json != "-") io::write_file(*options.json, render_json(report));
  if (options.csv && *options.csv != "-") io::write_file(*options.csv, render_csv(report));
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

/// A prediction that was asked for and could not be made is no success.
ExitCode exit_code_of(const Plan& plan) {
  const auto failed = [](const predict::Prediction& prediction) {
    return prediction.measured_tok_s && !prediction.tok_s;
  };
  const bool none = !plan.predictions.empty() && std::all_of(plan.predictions.begin(), plan.predictions.end(), failed);
  return none ? ExitCode::unknown : ExitCode::ready;
}

std::string shown(const std::string& name, const std::string& value) {
  return text::shortened(text::printable(value.empty() ? name : name + " " + value), 60);
}

/// Ranks of a launcher have each a command line: what they ask for must be one thing.
void require_same_options(session::Session& session, const Options& options) {
  std::vector<std::string> words;
  for (const auto& [name, value] : options.given) {
    words.push_back(name);
    words.push_back(value);
  }
  std::vector<std::map<std::string, std::string>> of_ranks;
  for (const std::string& message : session.allgather(wire::encode(words), "comparing command lines")) {
    const auto list = wire::decode<std::vector<std::string>>(message);
    std::map<std::string, std::string> given;
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) given[list[i]] = list[i + 1];
    of_ranks.push_back(std::move(given));
  }
  const auto word_of = [](const std::map<std::string, std::string>& given, const std::string& name) {
    const auto found = given.find(name);
    return found == given.end() ? "without " + name : "with " + shown(name, found->second);
  };
  for (int rank = 1; rank < session.size(); ++rank) {
    const auto& mine = of_ranks.front();
    const auto& others = of_ranks[static_cast<std::size_t>(rank)];
    std::map<std::string, std::string> all = mine;
    all.insert(others.begin(), others.end());
    for (const auto& [name, value] : all) {
      const auto a = mine.find(name);
      const auto b = others.find(name);
      if (a != mine.end() && b != others.end() && a->second == b->second) continue;
      throw InputError(fmt::format("{} was started {}, and {} {}: give all ranks the same command line",
                                   session.name_of(0), word_of(mine, name), session.name_of(rank),
                                   word_of(others, name)));
    }
  }
}

/// The plan of rank 0 for as many ranks as there are.
Plan plan_for(Options options, int ranks) {
  if (options.parallelism && options.parallelism->ranks() != static_cast<std::uint64_t>(ranks)) {
    const std::uint64_t needed = options.parallelism->ranks();
    throw InputError(fmt::format("--mode {} takes {} ranks, and {} {} started: {}", options.mode, needed, ranks,
                                 ranks == 1 ? "was" : "were",
                                 needed > static_cast<std::uint64_t>(ranks)
                                     ? fmt::format("start {}, one a GPU", needed)
                                     : fmt::format("start {} of them, or take a mode of {}", needed, ranks)));
  }
  options.ranks = static_cast<std::uint64_t>(ranks);
  return make_plan(options);
}

/// Measures, and on rank 0 judges and writes.
ExitCode measure(session::Session& session, const Options& options, session::Door door,
                 const std::optional<Plan>& planned) {
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  if (door == session::Door::launched) require_same_options(session, options);
  cli::Progress progress(!options.quiet && session.rank() == 0);
  RunOptions request;
  request.may_widen_affinity = door == session::Door::launched;
  request.plan.options = options;
  request.progress = [&](double share, const std::string& what) { progress.show(share, what); };
  if (session.rank() == 0) {
    if (!planned) require_writable(options);
    request.plan = planned ? *planned : plan_for(options, session.size());
  }
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

int measure(const Options& options) {
  const session::Door door = session::door_of(options.door);
  if (door == session::Door::none) return cli::say(tool, cli::no_door(tool));
  // What is wrong with the request is told before anybody is waited for.
  std::optional<Plan> planned;
  if (door == session::Door::listen || door == session::Door::local) {
    require_writable(options);
    planned = plan_for(options, options.door.ranks);
  }
  cli::SessionProgram program;
  program.tool = tool;
  program.needs_less = "smaller --sizes, --batch or --tokens";
  program.work = [&](session::Session& session) { return measure(session, options, door, planned); };
  const std::vector<std::string>& compared = options.settings.compare;
  if (options.settings.backend == BackendChoice::mpi ||
      std::find(compared.begin(), compared.end(), "mpi") != compared.end()) {
    // Under a launcher MPI starts once in a run: here, and not in a process of the session's.
    program.courier = collectives::start_mpi;
    program.after = [] { collectives::end_mpi(); };
  }
  return cli::run_session(program, options.door);
}

int run_with(int argc, const char* const* argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.command == Command::version) {
    io::write_standard_output(options.help ? *options.help : version_text(tool));
    return static_cast<int>(ExitCode::ready);
  }
  if (options.command == Command::measure) return measure(options);
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  Plan plan = make_plan(options);
  if (options.command == Command::predict) add_predictions(plan);
  write(plan, started_at);
  return static_cast<int>(exit_code_of(plan));
}

}  // namespace
}  // namespace rocekit::pattern

int main(int argc, char** argv) {
  return rocekit::cli::main_program(rocekit::pattern::tool, argc, argv, rocekit::pattern::run_with);
}
