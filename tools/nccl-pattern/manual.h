// What the options do not tell of nccl-pattern: examples, exit codes, environment, files.
#pragma once

#include "core/cli/command_table.h"

namespace rocekit::pattern {

cli::Manual manual();

}  // namespace rocekit::pattern
