#include "probes/facts/tree/live_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "probes/facts/disk_file.h"
#include "probes/facts/file_tree.h"

namespace rocekit::facts::tree {

Node LiveSource::look_up(const std::string& path) {
  const Fact<Kind> kind = disk_kind(path);
  if (!kind) return kind.missing() == missing_reason(ENOENT) ? Node{} : Node{Kind::error, {}, kind.missing()};
  if (*kind != Kind::link) return {*kind, {}, {}};
  const Fact<std::string> target = read_disk_link(path);
  if (!target) return {Kind::error, {}, target.missing()};
  // The link reads "/" and leads into another root directory.
  if (process_root_length(path) == path.size()) return {Kind::directory, {}, {}};
  return {Kind::link, *target, {}};
}

namespace {

/// A small file gives all it has at once, so neither its kind nor its end needs to be asked for: half the system calls
/// on hundreds of files. nullopt: longer than that, read it step by step.
std::optional<Fact<std::string>> read_small(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return missing_reason(errno);
  std::array<char, 8192> buffer;
  const ssize_t count = ::read(file, buffer.data(), buffer.size());
  const int error_number = errno;
  ::close(file);
  if (count < 0 && error_number != EINTR) return missing_reason(error_number);
  if (count < 0 || static_cast<std::size_t>(count) == buffer.size()) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(count));
}

}  // namespace

Fact<std::string> LiveSource::read(const std::string& path) {
  // Files of /proc may come in several pieces, however short they are. What has no content may be no file at all.
  const bool is_attribute = path.starts_with("/sys/");
  if (is_attribute || !path.starts_with("/proc/")) {
    auto content = read_small(path);
    if (content && (is_attribute || !*content || !(*content)->empty())) return std::move(*content);
  }
  // Links below a process's root were followed inside it; one that comes up meanwhile must not lead out.
  const FollowLinks follow = process_root_length(path) > 0 ? FollowLinks::no : FollowLinks::yes;
  return read_disk_file(path, FileTree::max_file_bytes, follow);
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
