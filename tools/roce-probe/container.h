// A container's name as the number of its first process.
#pragma once

#include <string>

namespace rocekit::probe {

/// Asks podman, then docker. Throws InputError in one sentence: neither is installed, none knows the name, it is not
/// running, or none answered in ten seconds.
int first_process_of_container(const std::string& name);

}  // namespace rocekit::probe
