// A container's name as the number of its first process.
#pragma once

#include <optional>
#include <string>

#include "tools/roce-probe/options.h"

namespace rocekit::probe {

/// Asks podman, then docker. Throws InputError in one sentence: neither is installed, none knows the name, it is not
/// running, or none answered in ten seconds.
int first_process_of_container(const std::string& name);

/// The process that --pid or --container names; nullopt: none.
std::optional<int> process_of(const Options& options);

}  // namespace rocekit::probe
