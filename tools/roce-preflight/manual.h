// What the options do not tell of roce-preflight: examples, exit codes, environment, files.
#pragma once

#include "core/cli/command_table.h"

namespace rocekit::preflight {

cli::Manual manual();

}  // namespace rocekit::preflight
