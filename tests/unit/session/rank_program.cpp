// A tool as small as can be, for tests that start ranks by other programs (mpirun, what --via starts): opens a session
// by its arguments and prints what all ranks gave.
//   session_rank [--listen AT|--join TARGET|--via LAUNCHER HOSTS|--local N] [--version V] [--give TEXT] [--fail TEXT]
//   [--hold SECONDS]
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/session/doors.h"

int main(int argc, char** argv) {
  namespace session = rocekit::session;
  session::DoorOptions options;
  options.wait = std::chrono::milliseconds(20'000);
  session::DoorContext context{
      "session_rank", "1.0", {}, [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }};
  std::string give;
  std::string fail;
  int hold_s = 0;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    const std::string& value = arguments[i + 1];
    if (arguments[i] == "--listen") options.listen = value;
    if (arguments[i] == "--join") options.join = value;
    if (arguments[i] == "--via") options.via = {value, arguments.at(++i + 1)};
    if (arguments[i] == "--local") options.local = true, options.ranks = std::stoi(value);
    if (arguments[i] == "--version") context.version = value;
    if (arguments[i] == "--give") give = value;
    if (arguments[i] == "--fail") fail = value;
    if (arguments[i] == "--hold") hold_s = std::stoi(value);
  }
  for (const std::string& word : {std::string("--give"), give}) context.arguments.push_back(word);
  try {
    if (session::door_of(options) == session::Door::none) {
      std::puts("alone");
      return 0;
    }
    session::Session session = session::open(options, context);
    std::string all;
    for (const std::string& one : session.allgather(give, "exchanging texts")) all += "[" + one + "]";
    if (!fail.empty() && session.rank() == 1) session.abort(fail);
    for (int i = 0; i < hold_s * 100 && !session.called_off(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    session.barrier("having a look", std::chrono::seconds(hold_s + 10));
    std::printf("rank %d of %d: %s\n", session.rank(), session.size(), all.c_str());
    std::fflush(stdout);
    session.close();
    return 0;
  } catch (const session::Interrupted& interrupted) {
    std::fprintf(stderr, "%s\n", interrupted.what());
    return 128 + interrupted.signal();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
