#include "probes/facts/tree/saved_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/error.h"
#include "probes/facts/disk_file.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/fixture_manifest.h"
#include "probes/facts/tree/resolver.h"

namespace rocekit::facts::tree {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_layers = 8;
constexpr std::size_t max_overlay_entries = 20'000;

bool has_entry(const fs::path& directory, const char* name) {
  struct stat status {};
  return ::stat((directory / name).c_str(), &status) == 0;
}

void require_saved_machine(const fs::path& directory, const fs::path& named_by) {
  const std::string whose = named_by.empty() ? "" : fmt::format(" (the base named in {})", named_by.string());
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    throw InputError(fmt::format("{}{}: {}; give the directory of a saved machine", directory.string(), whose,
                                 missing_reason(errno).detail));
  }
  if (!S_ISDIR(status.st_mode)) {
    throw InputError(
        fmt::format("{}{}: not a directory; give the directory of a saved machine", directory.string(), whose));
  }
  if (const auto entries = list_disk_directory(directory.string()); !entries) {
    throw InputError(fmt::format("{}{}: cannot be read: {}", directory.string(), whose, entries.missing().detail));
  }
  if (!has_entry(directory, "sys") && !has_entry(directory, "facts-extra.json") &&
      !has_entry(directory, "fixture.json")) {
    throw InputError(
        fmt::format("{}{}: not a saved machine, it holds neither sys/ nor facts-extra.json nor fixture.json; give the "
                    "directory that does",
                    directory.string(), whose));
  }
}

bool is_own_file(const std::string& path) { return path == "/fixture.json" || path == "/facts-extra.json"; }

}  // namespace

void SavedSource::Layer::add(const std::string& path, OverlayEntry entry) {
  entries.insert_or_assign(path, std::move(entry));
  for (std::string child = path; !child.empty(); child = parent_of(child)) {
    if (!names[parent_of(child)].insert(name_of(child)).second) break;
    if (child != path) entries.emplace(child, OverlayEntry{Kind::directory, {}});
  }
}

bool SavedSource::Layer::removes(const std::string& path) const {
  if (removed.empty()) return false;
  for (std::string part = path; !part.empty(); part = parent_of(part)) {
    if (removed.count(part) != 0) return true;
  }
  return false;
}

SavedSource::SavedSource(const fs::path& directory) {
  std::vector<fs::path> directories;
  fs::path named_by;
  for (fs::path next = directory; !next.empty();) {
    require_saved_machine(next, named_by);
    if (directories.size() == max_layers) {
      throw InputError(fmt::format("{}: more than {} machines lie over each other; a base may name itself",
                                   (directories.front() / "fixture.json").string(), max_layers));
    }
    directories.push_back(next);
    const FixtureManifest manifest = load_manifest(next);
    named_by = next / "fixture.json";
    next = manifest.base ? next / *manifest.base : fs::path();
  }
  for (auto layer = directories.rbegin(); layer != directories.rend(); ++layer) add_overlay(*layer);
}

void SavedSource::add_overlay(const fs::path& directory) {
  const FixtureManifest manifest = load_manifest(directory);
  Layer layer;
  layer.directory = directory;
  const bool is_base = layers_.empty();
  if (is_base) {
    // The base is looked at as it is asked for: it may be large.
    layers_.push_back(layer);
    for (const auto& path : manifest.directories) layers_.back().add(path, {Kind::directory, {}});
    for (const auto& [path, error] : manifest.errors) layers_.back().add(path, {Kind::error, {}});
    layers_.back().errors = manifest.errors;
    found_.clear();
    return;
  }
  for (const auto& path : manifest.removed) layer.removed.insert(canonical_beneath(path));
  for (const auto& [path, error] : manifest.errors) {
    const std::string place = canonical_beneath(path);
    layer.add(place, {Kind::error, {}});  // what cannot be read is listed all the same
    layer.errors.emplace(place, error);
  }
  for (const auto& path : manifest.directories) layer.add(canonical_beneath(path), {Kind::directory, {}});
  add_overlay_files(layer, directory.string(), {});
  layers_.push_back(std::move(layer));
  found_.clear();
}

void SavedSource::add_overlay_files(Layer& layer, const std::string& disk_path, const std::string& path) {
  const auto entries = list_disk_directory(disk_path);
  if (!entries) throw InputError(fmt::format("{}: cannot be read: {}", disk_path, entries.missing().detail));
  for (const DiskEntry& entry : *entries) {
    const std::string child = path + "/" + entry.name;
    if (is_own_file(child)) continue;
    if (layer.entries.size() >= max_overlay_entries) {
      throw InputError(fmt::format("{}: more than {} files over the base that its fixture.json names",
                                   layer.directory.string(), max_overlay_entries));
    }
    const std::string child_disk_path = disk_path + "/" + entry.name;
    if (entry.kind != Kind::directory) {
      layer.add(child, {entry.kind, child_disk_path});
      continue;
    }
    Resolver resolver(*this);
    const Resolved beneath = resolver.resolve(child, LastLink::follow);
    const bool leads_elsewhere = beneath.node.kind == Kind::directory && !layer.removes(child);
    const std::string place = leads_elsewhere ? beneath.path : child;
    layer.add(place, {Kind::directory, {}});
    add_overlay_files(layer, child_disk_path, place);
  }
}

std::string SavedSource::canonical_beneath(const std::string& path) {
  Resolver resolver(*this);
  std::string clean = path;
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  const Resolved parent = resolver.resolve(parent_of(clean), LastLink::follow);
  return parent.node.kind == Kind::directory ? parent.path + "/" + name_of(clean) : clean;
}

std::vector<fs::path> SavedSource::layers() const {
  std::vector<fs::path> directories;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) directories.push_back(layer->directory);
  return directories;
}

Node SavedSource::look_up(const std::string& path) { return find(path).node; }

const SavedSource::Found& SavedSource::find(const std::string& path) {
  auto known = found_.find(path);
  if (known == found_.end()) known = found_.emplace(path, find_in_layers(path)).first;
  return known->second;
}

SavedSource::Found SavedSource::find_in_layers(const std::string& path) {
  if (path.empty()) return {{Kind::directory, {}, {}}, {}};
  if (is_own_file(path)) return {};
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    if (const auto error = layer->errors.find(path); error != layer->errors.end()) {
      return {{Kind::error, {}, error->second}, {}};
    }
    if (const auto entry = layer->entries.find(path); entry != layer->entries.end()) {
      if (entry->second.kind != Kind::link) return {{entry->second.kind, {}, {}}, entry->second.disk_path};
      const auto target = read_disk_link(entry->second.disk_path);
      if (!target) return {{Kind::error, {}, target.missing()}, {}};
      return {{Kind::link, *target, {}}, entry->second.disk_path};
    }
    if (layer->removes(path)) return {};
  }
  return find_in_base(path);
}

SavedSource::Found SavedSource::find_in_base(const std::string& path) {
  std::string disk_path = layers_.front().directory.string() + path;
  Kind kind = Kind::absent;
  // Most directories are asked for one entry or for nearly all of them.
  const std::string directory = parent_of(path);
  if (base_directories_.count(directory) == 0 && lookups_in_[directory]++ == 0) {
    const Fact<Kind> here = disk_kind(disk_path);
    if (!here) return here.missing().why == Why::absent ? Found{} : Found{{Kind::error, {}, here.missing()}, {}};
    kind = *here;
  } else {
    const BaseDirectory& parent = base_directory(directory);
    if (!parent.listed) return parent.error.why == Why::absent ? Found{} : Found{{Kind::error, {}, parent.error}, {}};
    const std::string name = name_of(path);
    const auto entry = std::lower_bound(parent.entries.begin(), parent.entries.end(), name,
                                        [](const DiskEntry& a, const std::string& b) { return a.name < b; });
    if (entry == parent.entries.end() || entry->name != name) return {};
    kind = entry->kind;
  }
  if (kind != Kind::link) return {{kind, {}, {}}, std::move(disk_path)};
  const auto target = read_disk_link(disk_path);
  if (!target) return {{Kind::error, {}, target.missing()}, {}};
  return {{Kind::link, *target, {}}, std::move(disk_path)};
}

const SavedSource::BaseDirectory& SavedSource::base_directory(const std::string& path) {
  auto known = base_directories_.find(path);
  if (known != base_directories_.end()) return known->second;
  BaseDirectory directory;
  auto entries = list_disk_directory(layers_.front().directory.string() + path);
  if (entries) {
    directory.listed = true;
    directory.entries = std::move(entries.value());
  } else {
    directory.error = entries.missing();
  }
  return base_directories_.emplace(path, std::move(directory)).first->second;
}

Fact<std::string> SavedSource::read(const std::string& path) {
  const Found& found = find(path);
  if (found.disk_path.empty()) return missing_reason(EISDIR);
  return read_disk_file(found.disk_path, FileTree::max_file_bytes, FollowLinks::no);
}

Fact<std::vector<std::string>> SavedSource::list(const std::string& path) {
  std::set<std::string> names;
  bool base_is_visible = true;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    if (const auto here = layer->names.find(path); here != layer->names.end()) {
      names.insert(here->second.begin(), here->second.end());
    }
    if (layer->removes(path)) {
      base_is_visible = false;
      break;
    }
  }
  if (base_is_visible) {
    const BaseDirectory& base = base_directory(path);
    if (!base.listed && base.error.why != Why::absent) return base.error;
    for (const DiskEntry& entry : base.entries) names.insert(entry.name);
  }
  std::vector<std::string> present;
  for (const std::string& name : names) {
    if (find(path + "/" + name).node.kind != Kind::absent) present.push_back(name);
  }
  return present;
}

}  // namespace rocekit::facts::tree
