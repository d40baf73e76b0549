#include "probes/facts/kernel/container_processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "probes/facts/disk_file.h"
#include "probes/facts/readers/values.h"
#include "probes/facts/tree/source.h"

namespace rocekit::facts::kernel {
namespace {

bool has_nccl(int pid) {
  const auto maps = read_disk_file(fmt::format("/proc/{}/maps", pid), 64U << 20, FollowLinks::yes);
  return maps && maps->find("/libnccl.so") != std::string::npos;
}

std::vector<int> all_processes() {
  std::vector<int> pids;
  for (const tree::DiskEntry& entry : tree::list_disk_directory("/proc").value_or({})) {
    const auto number = readers::parse_unsigned(entry.name);
    if (number && *number > 0 && *number <= 1U << 22) pids.push_back(static_cast<int>(*number));
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace

int serving_process_of(int first) {
  const auto mounts = tree::read_disk_link(fmt::format("/proc/{}/ns/mnt", first));
  if (!mounts) return first;
  for (const int pid : all_processes()) {
    const auto theirs = tree::read_disk_link(fmt::format("/proc/{}/ns/mnt", pid));
    if (theirs && *theirs == *mounts && has_nccl(pid)) return pid;
  }
  return first;
}

}  // namespace rocekit::facts::kernel
