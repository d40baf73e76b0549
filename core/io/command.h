// Another program, run to its end within a deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace rocekit::io {

struct CommandResult {
  bool found = true;       ///< false: there is no such program in PATH
  bool timed_out = false;  ///< it was killed at the deadline
  int exit_code = 0;       ///< 128 + n where signal n ended it
  std::string output;      ///< its standard output, at most `most_output_bytes`
  std::string errors;      ///< its standard error, likewise
};

inline constexpr std::size_t most_output_bytes = 1U << 20;

/// Runs `words` (the program, looked up in PATH, and its arguments; no shell) with an empty standard input. What it
/// writes beyond the limit is read and dropped. Killed with SIGKILL when `time` is over. Throws InputError when no
/// process can be started for another reason than a missing program.
CommandResult run_command(const std::vector<std::string>& words, std::chrono::milliseconds time);

}  // namespace rocekit::io
