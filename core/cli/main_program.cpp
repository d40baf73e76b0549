#include "core/cli/main_program.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "core/cli/command_line.h"
#include "core/error.h"
#include "core/session/session.h"
#include "core/text/utf8.h"

namespace rocekit::cli {

int say(const std::string& tool, const std::string& sentence) {
  fmt::print(stderr, "{}: {}\n", tool, text::printable(sentence));
  return static_cast<int>(ExitCode::unknown);
}

int main_program(const std::string& tool, int argc, const char* const* argv,
                 int (*run)(int argc, const char* const* argv)) {
  // A reader that goes away early (`| head`) must not turn the exit code into 141.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    return say(tool, fmt::format("{} ({} --help lists what there is)", error.what(), tool));
  } catch (const InputError& error) {
    return say(tool, error.what());
  } catch (const session::Interrupted& error) {
    say(tool, error.what());
    return 128 + error.signal();
  } catch (const session::SessionError& error) {
    return say(tool, error.what());
  } catch (const MeasureError& error) {
    return say(tool, error.what());
  } catch (const std::bad_alloc&) {
    return say(tool, "out of memory");
  } catch (const std::exception& error) {
    return say(tool, fmt::format("internal error: {}", error.what()));
  }
}

}  // namespace rocekit::cli
