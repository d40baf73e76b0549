#include "probes/facts/tree/live_source.h"

#include <sys/stat.h>

#include <cerrno>

#include "probes/facts/disk_file.h"
#include "probes/facts/file_tree.h"

namespace rocekit::facts::tree {

Node LiveSource::look_up(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return {Kind::error, {}, missing_reason(errno)};
  }
  if (S_ISDIR(status.st_mode)) return {Kind::directory, {}, {}};
  if (S_ISREG(status.st_mode)) return {Kind::file, {}, {}};
  if (!S_ISLNK(status.st_mode)) return {Kind::special, {}, {}};
  const Fact<std::string> target = read_disk_link(path);
  if (!target) return {Kind::error, {}, target.missing()};
  return {Kind::link, *target, {}};
}

Fact<std::string> LiveSource::read(const std::string& path) {
  return read_disk_file(path, FileTree::max_file_bytes, FollowLinks::yes);
}

Fact<std::vector<std::string>> LiveSource::list(const std::string& path) {
  const auto entries = list_disk_directory(path.empty() ? "/" : path);
  if (!entries) return entries.missing();
  std::vector<std::string> names;
  names.reserve(entries->size());
  for (const DiskEntry& entry : *entries) names.push_back(entry.name);
  return names;
}

}  // namespace rocekit::facts::tree
