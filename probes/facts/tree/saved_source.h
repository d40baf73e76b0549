// A machine saved as a directory, and its overlays.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "probes/facts/tree/source.h"

namespace rocekit::facts::tree {

class SavedSource : public Source {
 public:
  /// Follows the bases of fixture.json. Throws InputError for a directory that is no saved machine.
  explicit SavedSource(const std::filesystem::path& directory);

  Node look_up(const std::string& path) override;
  Fact<std::string> read(const std::string& path) override;
  Fact<std::vector<std::string>> list(const std::string& path) override;

  /// Top first.
  std::vector<std::filesystem::path> layers() const;

 private:
  struct OverlayEntry {
    Kind kind = Kind::absent;
    std::string disk_path;
  };
  struct Layer {
    std::filesystem::path directory;
    std::unordered_map<std::string, OverlayEntry> entries;         ///< of an overlay: canonical path -> entry
    std::unordered_map<std::string, std::set<std::string>> names;  ///< of an overlay: directory -> entries
    std::set<std::string> removed;
    std::map<std::string, Missing> errors;

    void add(const std::string& path, OverlayEntry entry);
    bool removes(const std::string& path) const;
  };
  struct BaseDirectory {
    bool listed = false;
    Missing error;
    std::vector<DiskEntry> entries;
  };
  struct Found {
    Node node;
    std::string disk_path;
  };

  const Found& find(const std::string& path);
  Found find_in_layers(const std::string& path);
  Found find_in_base(const std::string& path);
  const BaseDirectory& base_directory(const std::string& path);
  /// Where a path of an overlay stands once the links beneath are followed; its last component is kept.
  std::string canonical_beneath(const std::string& path);
  void add_overlay(const std::filesystem::path& directory);
  void add_overlay_files(Layer& layer, const std::string& disk_path, const std::string& path);

  std::vector<Layer> layers_;  ///< base first
  std::unordered_map<std::string, BaseDirectory> base_directories_;
  std::unordered_map<std::string, int> lookups_in_;  ///< per directory that was not listed
  std::unordered_map<std::string, Found> found_;
};

}  // namespace rocekit::facts::tree
