// A container's name as the number of a process, asked of podman, then of docker.
#pragma once

#include <string>

namespace rocekit::facts::kernel {

/// What podman and docker take for a name or an ID; a word that begins with '-' would be an option.
bool is_container_name(const std::string& name);

/// The process in the container that has loaded NCCL, else its first one (serving_process_of()). Throws InputError in
/// one sentence: neither podman nor docker is installed, none knows the name, it is not running, or none answered in
/// ten seconds.
int process_of_container(const std::string& name);

}  // namespace rocekit::facts::kernel
