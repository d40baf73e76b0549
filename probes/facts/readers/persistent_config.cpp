#include "probes/facts/readers/persistent_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <map>

#include "core/text/ascii.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

struct Listing {
  const char* directory;
  std::vector<std::string> names;
};

/// The directories that exist, in the order given.
std::vector<Listing> list_all(const FileTree& tree, const std::vector<const char*>& directories,
                              std::optional<Missing>& unreadable) {
  std::vector<Listing> listings;
  for (const char* directory : directories) {
    Fact<std::vector<std::string>> names = list_names(tree, directory);
    if (names) {
      listings.push_back({directory, std::move(names.value())});
    } else if (names.missing().why != Why::absent) {
      unreadable = names.missing();
    }
  }
  return listings;
}

/// Name -> path of the files with this ending; of equal names that of the first directory counts.
std::map<std::string, std::string> files_ending(const std::vector<Listing>& listings, std::string_view ending) {
  std::map<std::string, std::string> files;
  for (const Listing& listing : listings) {
    for (const std::string& name : listing.names) {
      if (name.ends_with(ending)) files.emplace(name, fmt::format("{}/{}", listing.directory, name));
    }
  }
  return files;
}

std::map<std::string, std::string> collect(const FileTree& tree, const std::vector<const char*>& directories,
                                           std::string_view ending, std::optional<Missing>& unreadable) {
  return files_ending(list_all(tree, directories, unreadable), ending);
}

Missing not_understood(const std::string& file, const char* manager) {
  return {Why::malformed, fmt::format("{}: not understood as a file of {}", file, manager)};
}

}  // namespace

bool NetdevMatch::accepts(std::string_view name, std::string_view mac) const {
  if (never) return false;
  if (!names.empty()) {
    const bool inverted = names.front().starts_with("!");
    bool found = false;
    for (std::string_view pattern : names) {
      if (inverted && pattern.starts_with("!")) pattern.remove_prefix(1);
      found = found || glob_matches(pattern, name);
    }
    if (found == inverted) return false;
  }
  return macs.empty() || std::find(macs.begin(), macs.end(), mac) != macs.end();
}

NetworkConfiguration::NetworkConfiguration(const FileTree& tree) {
  read_netplan(tree);
  read_networkd(tree);
  read_network_manager(tree);
  read_ifupdown(tree);
}

// What stands in /run is made anew at every start and is not asked: netplan's own output is there.
void NetworkConfiguration::read_netplan(const FileTree& tree) {
  std::map<std::string, NetdevMatch> match_of_id;
  for (const auto& [name, path] :
       collect(tree, {"/etc/netplan", "/lib/netplan", "/usr/lib/netplan"}, ".yaml", unreadable_)) {
    const Fact<std::string> text = tree.read(path);
    auto parsed = text ? parse_netplan(*text, path) : std::nullopt;
    if (!parsed) {
      unreadable_ = text ? not_understood(path, "netplan") : text.missing();
      continue;
    }
    for (ConfigEntry& entry : *parsed) {
      if (!entry.matches_by_id) match_of_id[entry.id] = entry.match;
      entries_.push_back(std::move(entry));
    }
  }
  for (ConfigEntry& entry : entries_) {
    const auto found = match_of_id.find(entry.id);
    if (entry.matches_by_id && found != match_of_id.end()) entry.match = found->second;
  }
}

void NetworkConfiguration::read_networkd(const FileTree& tree) {
  const std::vector<Listing> listings = list_all(
      tree, {"/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"},
      unreadable_);
  for (const char* ending : {".network", ".link", ".netdev"}) {
    for (const auto& [name, path] : files_ending(listings, ending)) {
      Fact<std::string> text = tree.read(path);
      if (!text) {
        unreadable_ = text.missing();
        continue;
      }
      // Drop-ins continue the file; the last one that sets an MTU is the file to name.
      std::string whole = *text;
      std::string file = path;
      for (const Listing& listing : listings) {
        const std::string drop_in_directory = name + ".d";
        if (std::find(listing.names.begin(), listing.names.end(), drop_in_directory) == listing.names.end()) continue;
        const std::string drop_ins = fmt::format("{}/{}", listing.directory, drop_in_directory);
        for (const std::string& drop_in : list_names(tree, drop_ins).value_or({})) {
          const std::string drop_in_path = fmt::format("{}/{}", drop_ins, drop_in);
          const Fact<std::string> more = drop_in.ends_with(".conf") ? tree.read(drop_in_path) : Fact<std::string>();
          if (!more) continue;
          whole.append("\n").append(*more);
          if (more->find("MTUBytes") != std::string::npos) file = drop_in_path;
        }
      }
      auto parsed = parse_networkd(whole, file);
      if (!parsed) {
        unreadable_ = not_understood(path, "systemd-networkd");
        continue;
      }
      for (ConfigEntry& entry : *parsed) {
        entry.id = ending;
        networkd_.push_back(std::move(entry));
      }
    }
  }
}

void NetworkConfiguration::read_network_manager(const FileTree& tree) {
  for (const auto& [name, path] :
       collect(tree, {"/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections"},
               ".nmconnection", unreadable_)) {
    const Fact<std::string> text = tree.read(path);
    auto parsed = text ? parse_keyfile(*text, path) : std::nullopt;
    if (!parsed) {
      unreadable_ = text ? not_understood(path, "NetworkManager") : text.missing();
      continue;
    }
    std::move(parsed->begin(), parsed->end(), std::back_inserter(entries_));
  }
  for (const auto& [name, path] : collect(tree, {"/etc/sysconfig/network-scripts"}, "", unreadable_)) {
    if (!name.starts_with("ifcfg-")) continue;
    const Fact<std::string> text = tree.read(path);
    auto parsed = text ? parse_ifcfg(*text, path) : std::nullopt;
    if (!parsed) {
      unreadable_ = text ? not_understood(path, "NetworkManager") : text.missing();
      continue;
    }
    std::move(parsed->begin(), parsed->end(), std::back_inserter(entries_));
  }
}

void NetworkConfiguration::read_ifupdown(const FileTree& tree) {
  // Files may name each other in a circle.
  constexpr std::size_t most_files = 256;
  std::vector<std::string> files{"/etc/network/interfaces"};
  for (std::size_t i = 0; i < files.size() && i < most_files; ++i) {
    const std::string path = files[i];
    const Fact<std::string> text = tree.read(path);
    if (!text && text.missing().why == Why::absent) continue;
    std::vector<std::string> sources;
    auto parsed = text ? parse_ifupdown(*text, path, sources) : std::nullopt;
    if (!parsed) {
      unreadable_ = text ? not_understood(path, "ifupdown") : text.missing();
      continue;
    }
    std::move(parsed->begin(), parsed->end(), std::back_inserter(entries_));
    for (std::string pattern : sources) {
      if (!pattern.starts_with("/")) pattern = "/etc/network/" + pattern;
      const std::size_t slash = pattern.rfind('/');
      const std::string directory = pattern.substr(0, slash);
      for (const std::string& name : list_names(tree, directory).value_or({})) {
        const std::string file = directory + "/" + name;
        const bool is_new = std::find(files.begin(), files.end(), file) == files.end();
        if (is_new && glob_matches(pattern.substr(slash + 1), name)) files.push_back(file);
      }
    }
  }
}

Fact<std::vector<PersistentConfig>> NetworkConfiguration::of(std::string_view netdev,
                                                             const Fact<std::string>& mac) const {
  const std::string address = text::lower_case(mac.value_or(""));
  std::vector<PersistentConfig> configs;
  const auto keep = [&](const ConfigEntry& entry) {
    if (!entry.config.file.starts_with("/run/")) configs.push_back(entry.config);
  };
  for (const ConfigEntry& entry : entries_) {
    if (entry.config.manager == "netplan" && entry.match.accepts(netdev, address)) keep(entry);
  }
  for (const char* ending : {".link", ".netdev", ".network"}) {
    for (const ConfigEntry& entry : networkd_) {
      if (entry.id != ending || !entry.match.accepts(netdev, address)) continue;
      // Every distribution brings .link files for all netdevs.
      if (ending != std::string_view(".link") || entry.config.mtu) keep(entry);
      break;
    }
  }
  for (const ConfigEntry& entry : entries_) {
    if (entry.config.manager != "netplan" && entry.match.accepts(netdev, address)) keep(entry);
  }
  const bool sets_mtu = std::any_of(configs.begin(), configs.end(),
                                    [](const PersistentConfig& config) { return config.mtu.has_value(); });
  if (!sets_mtu && unreadable_) return *unreadable_;
  return configs;
}

Fact<std::vector<PersistentConfig>> read_persistent_config(const FileTree& tree, std::string_view netdev,
                                                           const Fact<std::string>& mac) {
  return NetworkConfiguration(tree).of(netdev, mac);
}

}  // namespace rocekit::facts::readers
