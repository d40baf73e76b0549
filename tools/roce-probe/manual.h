// What the options do not tell of roce-probe: examples, exit codes, environment, files.
#pragma once

#include "core/cli/command_table.h"

namespace rocekit::probe {

cli::Manual manual();

}  // namespace rocekit::probe
