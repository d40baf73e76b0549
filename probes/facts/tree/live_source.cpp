#include "probes/facts/tree/live_source.h"

#include <cerrno>

#include "probes/facts/disk_file.h"
#include "probes/facts/file_tree.h"

namespace rocekit::facts::tree {

Node LiveSource::look_up(const std::string& path) {
  const Fact<Kind> kind = disk_kind(path);
  if (!kind) return kind.missing() == missing_reason(ENOENT) ? Node{} : Node{Kind::error, {}, kind.missing()};
  if (*kind != Kind::link) return {*kind, {}, {}};
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
