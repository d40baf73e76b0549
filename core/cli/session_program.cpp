#include "core/cli/session_program.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <new>

#include "core/cli/main_program.h"
#include "core/error.h"
#include "core/session/session.h"
#include "core/version.h"

namespace rocekit::cli {
namespace {

/// Rank 0 speaks for all ranks of a launcher; who joined has a terminal of its own.
bool speaks_always(const session::Session& session, session::Door door) {
  return session.rank() == 0 || door == session::Door::join;
}

/// Whether this rank is to say why the session ended: rank 0 cannot where it is the one that is lost.
bool speaks(const session::Session& session, session::Door door, const std::string& sentence) {
  if (speaks_always(session, door)) return true;
  const std::string rank_0 = session.name_of(0);
  return sentence.rfind(rank_0, 0) == 0 && sentence.rfind(rank_0 + ":", 0) != 0;
}

ExitCode worked(const SessionProgram& program, session::Session& session) {
  try {
    return program.work(session);
  } catch (const MeasureError&) {
    // Where the run was called off, waits end with errors that only follow from that.
    session.throw_if_called_off();
    throw;
  }
}

}  // namespace

int run_session(const SessionProgram& program, const session::DoorOptions& options) {
  const session::Door door = session::door_of(options);
  session::DoorContext context;
  context.tool = program.tool;
  context.version = fmt::format("{} ({})", version, commit);
  context.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  context.courier = program.courier;
  session::Session session = session::open(options, context);
  const auto end = [&](const std::string& sentence) {
    // Rank 0 is told, and says it.
    session.abort(sentence);
    if (speaks_always(session, door)) say(program.tool, sentence);
    return static_cast<int>(ExitCode::unknown);
  };
  try {
    const std::string code = std::to_string(static_cast<int>(worked(program, session)));
    const std::string of_rank_0 = session.broadcast(code, 0, "reporting", std::chrono::seconds(30));
    session.close();
    if (program.after) program.after();
    return std::stoi(of_rank_0);
  } catch (const session::Interrupted& error) {
    if (session.rank() == 0 || door == session::Door::join) say(program.tool, error.what());
    return 128 + error.signal();
  } catch (const session::SessionError& error) {
    if (speaks(session, door, error.what())) say(program.tool, error.what());
    return static_cast<int>(ExitCode::unknown);
  } catch (const std::bad_alloc&) {
    return end(fmt::format("out of memory: {} need less", program.needs_less));
  } catch (const InputError& error) {
    return end(error.what());
  } catch (const MeasureError& error) {
    return end(error.what());
  } catch (const std::exception& error) {
    return end(fmt::format("internal error: {}", error.what()));
  }
}

}  // namespace rocekit::cli
