// What every tool's main() does around its work: exceptions become one sentence on standard error and an exit code.
#pragma once

#include <string>

#include "core/exit_code.h"

namespace rocekit::cli {

/// "TOOL: SENTENCE" on standard error. Returns ExitCode::unknown as a process has it.
int say(const std::string& tool, const std::string& sentence);

/// Runs `run` and returns the process's exit code: what `run` returns; 128 + signal after session::Interrupted; 3 with
/// a sentence for every other error. Ignores SIGPIPE.
int main_program(const std::string& tool, int argc, const char* const* argv,
                 int (*run)(int argc, const char* const* argv));

}  // namespace rocekit::cli
