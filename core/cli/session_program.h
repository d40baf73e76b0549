// The measuring half of a tool of several ranks: a session around the work, and who of the ranks says what went wrong.
#pragma once

#include <functional>
#include <string>

#include "core/exit_code.h"
#include "core/session/doors.h"

namespace rocekit::cli {

struct SessionProgram {
  std::string tool;  ///< "roce-pingpong"
  /// What the user may reduce where memory is short: "smaller --sizes or --window".
  std::string needs_less;
  /// The work, on all ranks. The code that rank 0 returns is every rank's.
  std::function<ExitCode(session::Session&)> work;
  /// As session::DoorContext has it; empty: the session's own way.
  std::function<std::string(int rank, int size, std::string bytes)> courier = {};
  /// After work that all ranks have done and an orderly end of the session.
  std::function<void()> after = {};
};

/// Opens the session of `options`, does the work and closes it. Returns the process's exit code. An error of the work
/// calls the run off on all ranks; under one terminal rank 0 speaks for all, as long as it lives. Throws what
/// session::open() throws (main_program() turns it into a sentence).
int run_session(const SessionProgram& program, const session::DoorOptions& options);

}  // namespace rocekit::cli
