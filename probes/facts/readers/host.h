// What a root directory tells of the system that runs in it: the machine's, or a container's (/proc/PID/root).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/file_tree.h"

namespace rocekit::facts::readers {

/// The files by which container runtimes mark a root directory: "podman", "docker", "kubernetes", ...
std::optional<std::string> container_mark(const FileTree& tree, const std::string& root);

/// What /proc/PID/cgroup tells where the cgroup namespace does not hide it.
std::optional<std::string> container_of_cgroup(std::string_view text);

/// Drivers named by /etc/libibverbs.d.
Fact<std::vector<std::string>> read_verbs_providers(const FileTree& tree, const std::string& root);

}  // namespace rocekit::facts::readers
