// Which process of a container is the one that serves.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/fact.h"

namespace rocekit::facts::kernel {

/// A container's first process is often a shell or a launcher. Of the processes that share its mount namespace (those
/// of `podman exec` among them), the one with the lowest number that has mapped libnccl; `first` itself where none has,
/// or none may be looked at.
int serving_process_of(int first);

/// Names in /dev/infiniband that a process holds open: "uverbs0".
Fact<std::vector<std::string>> open_infiniband_nodes(int pid);

}  // namespace rocekit::facts::kernel
