#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>

#include "core/cli/command_line.h"
#include "core/error.h"
#include "core/exit_code.h"
#include "core/io/user_files.h"
#include "core/session/doors.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "core/text/utf8.h"
#include "core/version.h"
#include "probes/report/exit_code_of.h"
#include "tools/roce-pingpong/csv_report.h"
#include "tools/roce-pingpong/findings.h"
#include "tools/roce-pingpong/histogram_file.h"
#include "tools/roce-pingpong/json_report.h"
#include "tools/roce-pingpong/options.h"
#include "tools/roce-pingpong/progress.h"
#include "tools/roce-pingpong/run.h"
#include "tools/roce-pingpong/text_report.h"

namespace rocekit::pingpong {
namespace {

int say(const std::string& sentence, const char* hint = "") {
  fmt::print(stderr, "roce-pingpong: {}{}\n", text::printable(sentence), hint);
  return static_cast<int>(ExitCode::unknown);
}

const char* name_of(session::Door door) {
  switch (door) {
    case session::Door::launched:
      return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr ? "mpirun" : "launcher";
    case session::Door::listen:
      return "--listen";
    case session::Door::join:
      return "--join";
    case session::Door::via:
      return "--via";
    case session::Door::local:
      return "--local";
    case session::Door::none:
      break;
  }
  return "none";
}

/// A file that cannot be written is told before the measurement, not after it.
void require_folders(const Options& options) {
  for (const auto& name : {options.json, options.csv, options.histogram}) {
    if (!name || *name == "-") continue;
    const std::filesystem::path path = *name;
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
      throw InputError(fmt::format("cannot write {}: it is a directory", *name));
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (!std::filesystem::is_directory(folder, error)) {
      throw InputError(fmt::format("cannot write {}: there is no directory {}", *name, folder.string()));
    }
    if (::access(folder.c_str(), W_OK) != 0 && ::access(path.c_str(), W_OK) != 0) {
      throw InputError(fmt::format("cannot write {}: {} is not writable", *name, folder.string()));
    }
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

/// Measures, and on rank 0 judges and writes. The exit code is rank 0's on all ranks.
ExitCode measure(session::Session& session, const Options& options, session::Door door) {
  const std::string started_at = text::utc(std::chrono::system_clock::now());
  Progress progress(!options.quiet && session.rank() == 0);
  RunOptions request;
  request.settings = options.settings;
  request.may_widen_affinity = door == session::Door::launched;
  request.progress = [&](double share, const std::string& what) { progress.show(share, what); };
  if (session.rank() == 0) require_folders(options);
  Report report = run(session, request);
  progress.clear();
  std::string code;
  if (session.rank() == 0) {
    report.started_at = started_at;
    report.door = name_of(door);
    report.arguments = options.arguments;
    judge(report);
    write(options, report);
    code = std::to_string(static_cast<int>(report::exit_code_of(report.verdict, options.fail_on)));
  }
  code = session.broadcast(code, 0, "reporting", std::chrono::seconds(30));
  session.close();
  return static_cast<ExitCode>(std::stoi(code));
}

/// Whether this rank is to say why the run ended. Under one terminal rank 0 speaks for all, as long as it lives.
bool speaks(const session::Session& session, session::Door door, const std::string& sentence) {
  if (session.rank() == 0 || door == session::Door::join) return true;
  const std::string rank_0 = session.name_of(0);
  return sentence.rfind(rank_0, 0) == 0 && sentence.rfind(rank_0 + ":", 0) != 0;
}

int run_session(const Options& options, session::Door door) {
  session::DoorContext context;
  context.tool = "roce-pingpong";
  context.version = fmt::format("{} ({})", version, commit);
  context.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  session::Session session = session::open(options.door, context);
  const auto end = [&](const std::string& sentence) {
    session.abort(sentence);
    if (speaks(session, door, sentence)) say(sentence);
    return static_cast<int>(ExitCode::unknown);
  };
  try {
    return static_cast<int>(measure(session, options, door));
  } catch (const session::Interrupted& error) {
    if (session.rank() == 0 || door == session::Door::join) say(error.what());
    return 128 + error.signal();
  } catch (const session::SessionError& error) {
    if (speaks(session, door, error.what())) say(error.what());
    return static_cast<int>(ExitCode::unknown);
  } catch (const std::bad_alloc&) {
    return end("out of memory: smaller --sizes, --window or --qps need less");
  } catch (const InputError& error) {
    return end(error.what());
  } catch (const MeasureError& error) {
    return end(error.what());
  } catch (const std::exception& error) {
    return end(fmt::format("internal error: {}", error.what()));
  }
}

int run_with(int argc, const char* const* argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.version) {
    io::write_standard_output(options.help ? *options.help
                                           : fmt::format("roce-pingpong {} (commit {})\n", version, commit));
    return static_cast<int>(ExitCode::ready);
  }
  const session::Door door = session::door_of(options.door);
  if (door == session::Door::none) {
    return say(
        "which is the other end? roce-pingpong --listen prints the line to paste there; mpirun -np 2 -H node1,node2 "
        "roce-pingpong or roce-pingpong --via ssh node2 start both; --local measures this machine alone");
  }
  if (door != session::Door::launched && door != session::Door::join) require_folders(options);
  return run_session(options, door);
}

}  // namespace
}  // namespace rocekit::pingpong

int main(int argc, char** argv) {
  // A reader that goes away early (`| head`) must not turn the exit code into 141.
  std::signal(SIGPIPE, SIG_IGN);
  using rocekit::pingpong::say;
  try {
    return rocekit::pingpong::run_with(argc, argv);
  } catch (const rocekit::cli::UsageError& error) {
    return say(error.what(), " (roce-pingpong --help lists what there is)");
  } catch (const rocekit::InputError& error) {
    return say(error.what());
  } catch (const rocekit::session::Interrupted& error) {
    say(error.what());
    return 128 + error.signal();
  } catch (const rocekit::session::SessionError& error) {
    return say(error.what());
  } catch (const std::bad_alloc&) {
    return say("out of memory");
  } catch (const std::exception& error) {
    return say(fmt::format("internal error: {}", error.what()));
  }
}
