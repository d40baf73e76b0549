// Which process of a container is the one that serves.
#pragma once

namespace rocekit::facts::kernel {

/// A container's first process is often a shell or a launcher. Of the processes that share its mount namespace (those
/// of `podman exec` among them), the one with the lowest number that has mapped libnccl; `first` itself where none has,
/// or none may be looked at.
int serving_process_of(int first);

}  // namespace rocekit::facts::kernel
