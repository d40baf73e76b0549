// Configuration files of a node's networks, each parsed once and then asked for one netdev after another.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// How one file says which netdevs it means. Empty lists match everything; both must match.
struct NetdevMatch {
  std::vector<std::string> names;  ///< shell patterns; a leading "!" inverts the whole list
  std::vector<std::string> macs;   ///< lower case with colons
  bool never = false;              ///< depends on what is not known here
  bool accepts(std::string_view name, std::string_view mac) const;
};

/// What one file says of the netdevs it means.
struct ConfigEntry {
  NetdevMatch match;
  PersistentConfig config;
  std::string id;             ///< netplan: files that use the same id describe the same netdev
  bool matches_by_id = true;  ///< netplan: the id is the name, for lack of `match` and `set-name`
};

// Pure parsers, one a manager. nullopt: the text is not what such a file holds.
std::optional<std::vector<ConfigEntry>> parse_netplan(std::string_view text, const std::string& file);
std::optional<std::vector<ConfigEntry>> parse_networkd(std::string_view text, const std::string& file);
std::optional<std::vector<ConfigEntry>> parse_keyfile(std::string_view text, const std::string& file);
/// Also gives the paths and patterns that `source` and `source-directory` name.
std::optional<std::vector<ConfigEntry>> parse_ifupdown(std::string_view text, const std::string& file,
                                                       std::vector<std::string>& sources);
/// RHEL's ifcfg-NAME, read by NetworkManager and the older network service.
std::optional<std::vector<ConfigEntry>> parse_ifcfg(std::string_view text, const std::string& file);

class NetworkConfiguration {
 public:
  explicit NetworkConfiguration(const FileTree& tree);
  /// In the order in which they apply: of two that set a value, the later one wins. Missing when a file could not be
  /// read or understood and none of the others sets an MTU.
  Fact<std::vector<PersistentConfig>> of(std::string_view netdev, const Fact<std::string>& mac) const;

 private:
  void read_netplan(const FileTree& tree);
  void read_networkd(const FileTree& tree);
  void read_network_manager(const FileTree& tree);
  void read_ifupdown(const FileTree& tree);

  std::vector<ConfigEntry> entries_;
  std::vector<ConfigEntry> networkd_;  ///< of .network and .link files: only the first that matches applies
  std::optional<Missing> unreadable_;
};

}  // namespace rocekit::facts::readers
