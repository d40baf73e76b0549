// What the options do not tell of roce-pingpong: examples, exit codes, environment, files.
#pragma once

#include "core/cli/command_table.h"

namespace rocekit::pingpong {

cli::Manual manual();

}  // namespace rocekit::pingpong
