// Of another process: the nodes in its /dev/infiniband, which of them it holds open, the libraries that it has mapped.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>

#include "probes/facts/disk_file.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/container_processes.h"
#include "probes/facts/readers/library_version.h"
#include "probes/facts/readers/values.h"
#include "probes/facts/tree/source.h"

namespace rocekit::facts::kernel {
namespace {

constexpr const char* infiniband = "/dev/infiniband";

std::string proc_path(int pid, std::string_view name) { return fmt::format("/proc/{}/{}", pid, name); }

Fact<std::vector<DeviceNodeAnswers>> ask_nodes(const FileTree& tree, int pid) {
  const std::string directory = proc_path(pid, "root") + infiniband;
  const auto names = readers::list_names(tree, directory);
  if (!names) return names.missing();
  std::vector<DeviceNodeAnswers> nodes;
  for (const std::string& name : *names) {
    struct stat status {};
    if (::lstat((directory + "/" + name).c_str(), &status) != 0) continue;
    nodes.push_back({name, static_cast<int>(status.st_mode & 07777), static_cast<int>(status.st_uid),
                     static_cast<int>(status.st_gid)});
  }
  return nodes;
}

/// A runtime that is given devices makes the directory anew in a /dev of its own; a volume is the host's directory.
Fact<bool> ask_volume(int pid) {
  struct stat ours {};
  struct stat theirs {};
  const std::string path = proc_path(pid, "root") + infiniband;
  if (::stat(path.c_str(), &theirs) != 0) return missing_from_errno(errno, path);
  if (::stat(infiniband, &ours) != 0) return missing_from_errno(errno, infiniband);
  return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/// Names of libraries that matter here: libnccl.so*, libnccl-net*.so*, libibverbs.so*.
bool is_of_interest(std::string_view name) {
  return name.starts_with("libnccl.so") || name.starts_with("libnccl-net") || name.starts_with("libibverbs.so");
}

/// "7f2c4a000000-7f2c4a0b6000 r--p 00000000 08:01 1234   /usr/lib/libnccl.so.2.28.9": the sixth field, which may hold
/// blanks; a file that was replaced since has " (deleted)" behind it.
Fact<std::vector<Library>> ask_libraries(int pid) {
  // Tens of thousands of lines in a server with many GPUs.
  constexpr std::size_t most_bytes = 64U << 20;
  const std::string path = proc_path(pid, "maps");
  const Fact<std::string> maps = read_disk_file(path, most_bytes, FollowLinks::yes);
  if (!maps) return Missing{maps.missing().why, fmt::format("{}: {}", path, maps.missing().detail)};
  std::vector<std::string> paths;
  std::string_view rest = *maps;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t slash = line.find('/');
    if (slash == std::string_view::npos) continue;
    const std::string_view file = line.substr(slash);
    if (!is_of_interest(file.substr(file.rfind('/') + 1))) continue;
    if (std::find(paths.begin(), paths.end(), file) == paths.end()) paths.emplace_back(file);
  }
  std::vector<Library> libraries;
  for (const std::string& file : paths) {
    const bool of_verbs = tree::name_of(file).starts_with("libibverbs.so");
    libraries.push_back(
        {file, of_verbs ? readers::rdma_core_version(file) : nccl_version_of(proc_path(pid, "root") + file)});
  }
  return libraries;
}

}  // namespace

Fact<std::vector<std::string>> open_infiniband_nodes(int pid) {
  const std::string directory = proc_path(pid, "fd");
  const auto entries = tree::list_disk_directory(directory);
  if (!entries) return Missing{entries.missing().why, fmt::format("{}: {}", directory, entries.missing().detail)};
  std::set<std::string> names;
  for (const tree::DiskEntry& entry : *entries) {
    const auto target = tree::read_disk_link(directory + "/" + entry.name);
    const std::string start = std::string(infiniband) + "/";
    if (target && target->starts_with(start)) names.insert(target->substr(start.size()));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

ServingAnswers ask_serving(int pid) {
  const FileTree tree = FileTree::live();
  ServingAnswers answers;
  answers.pid = pid;
  answers.infiniband_nodes = ask_nodes(tree, pid);
  answers.infiniband_volume = ask_volume(pid);
  answers.open_nodes = open_infiniband_nodes(pid);
  answers.libraries = ask_libraries(pid);
  return answers;
}

}  // namespace rocekit::facts::kernel
