#include "probes/facts/tree/record_source.h"

#include <algorithm>
#include <cerrno>

#include "probes/facts/disk_file.h"

namespace rocekit::facts::tree {
namespace {

const Missing not_recorded{Why::not_read, "not asked when this machine was recorded"};

}  // namespace

RecordSource::RecordSource(FileRecord record) : record_(std::move(record)) {
  const auto add_parents = [this](const auto& path) {
    for (std::string parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
      if (!directories_.insert(parent).second) break;
    }
  };
  for (const auto& [path, content] : record_.files) add_parents(path);
  for (const auto& [path, target] : record_.links) add_parents(path);
  for (const auto& [path, error] : record_.errors) add_parents(path);
  for (const auto& path : record_.present) add_parents(path);
  for (const auto& path : record_.directories) {
    add_parents(path);
    directories_.insert(path);
  }
  for (const auto& [path, names] : record_.listings) {
    add_parents(path);
    directories_.insert(path);
  }
}

Node RecordSource::look_up(const std::string& path) {
  if (const auto link = record_.links.find(path); link != record_.links.end()) return {Kind::link, link->second, {}};
  if (record_.files.count(path) != 0) return {Kind::file, {}, {}};
  if (const auto error = record_.errors.find(path); error != record_.errors.end()) {
    if (error->second == missing_reason(ENOENT)) return {};
    return {Kind::error, {}, error->second};
  }
  if (directories_.count(path) != 0) return {Kind::directory, {}, {}};
  if (record_.present.count(path) != 0) return {Kind::special, {}, {}};
  // A directory whose entries are known tells of every name whether it is there.
  const auto siblings = record_.listings.find(parent_of(path));
  if (siblings == record_.listings.end()) return {Kind::not_read, {}, not_recorded};
  const auto& names = siblings->second;
  const bool listed = std::find(names.begin(), names.end(), name_of(path)) != names.end();
  return listed ? Node{Kind::special, {}, {}} : Node{};
}

Fact<std::string> RecordSource::read(const std::string& path) {
  const auto file = record_.files.find(path);
  if (file == record_.files.end()) return not_recorded;
  return file->second;
}

Fact<std::vector<std::string>> RecordSource::list(const std::string& path) {
  const auto listing = record_.listings.find(path.empty() ? "/" : path);
  if (listing == record_.listings.end()) return not_recorded;
  return listing->second;
}

}  // namespace rocekit::facts::tree
