#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "core/cli/command_line.h"
#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/utf8.h"
#include "tools/roce-probe/commands.h"
#include "tools/roce-probe/options.h"
#include "tools/version/version_text.h"

namespace {

using rocekit::ExitCode;
using rocekit::probe::Command;

ExitCode run(int argc, const char* const* argv) {
  const rocekit::probe::CommandLine line = rocekit::probe::parse(argc, argv);
  if (line.printed) {
    rocekit::io::write_standard_output(line.printed->text);
    return ExitCode::ready;
  }
  switch (line.options.command) {
    case Command::report:
      return rocekit::probe::report(line.options);
    case Command::list_checks:
      return rocekit::probe::list_checks(line.options);
    case Command::explain:
      return rocekit::probe::explain(line.options);
    case Command::check_pages:
      return rocekit::probe::write_check_pages(line.options);
    case Command::env:
      return rocekit::probe::env(line.options);
    case Command::watch:
      return rocekit::probe::watch(line.options);
    case Command::version:
      rocekit::io::write_standard_output(rocekit::version_text("roce-probe"));
      return ExitCode::ready;
  }
  return ExitCode::unknown;
}

int fail(const char* sentence, const char* hint = "") {
  fmt::print(stderr, "roce-probe: {}{}\n", rocekit::text::printable(sentence), hint);
  return static_cast<int>(ExitCode::unknown);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away early (`| head`) must not turn the exit code into 141.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const rocekit::cli::UsageError& error) {
    return fail(error.what(), " (roce-probe --help lists what there is)");
  } catch (const rocekit::InputError& error) {
    return fail(error.what());
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(fmt::format("internal error: {}", error.what()).c_str());
  }
}
