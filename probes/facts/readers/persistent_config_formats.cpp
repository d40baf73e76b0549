// The file formats of the network managers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>

#include "core/text/ascii.h"
#include "probes/facts/readers/persistent_config.h"
#include "probes/facts/readers/small_yaml.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

/// 0 means "the default" to NetworkManager, and to nobody else a valid MTU.
std::optional<int> parse_mtu(std::string_view text) {
  const auto number = parse_unsigned(trim(text));
  if (!number || *number == 0 || *number > INT_MAX) return std::nullopt;
  return static_cast<int>(*number);
}

/// systemd's sizes: 9000, 9K (1024).
std::optional<int> parse_size(std::string_view text) {
  text = trim(text);
  std::uint64_t factor = 1;
  if (!text.empty()) {
    const char unit = text.back();
    factor = unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1;
    if (factor != 1) text.remove_suffix(1);
  }
  const auto number = parse_unsigned(text);
  if (!number || *number == 0 || *number > static_cast<std::uint64_t>(INT_MAX) / factor) return std::nullopt;
  return static_cast<int>(*number * factor);
}

void add_address(PersistentConfig& config, std::string_view address) {
  address = trim(address);
  if (!address.empty() && address.size() <= 64 && is_printable(address)) config.addresses.emplace_back(address);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct IniLine {
  std::string section;
  std::string key;
  std::string value;
};

/// "[Section]" and "key = value"; nullopt when a line is neither and no comment.
std::optional<std::vector<IniLine>> parse_ini(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<IniLine> result;
  std::string section;
  for (const std::string_view line : lines_of(text)) {
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    result.push_back({section, std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1)))});
  }
  return result;
}

ConfigEntry entry_of(const std::string& file, const char* manager) {
  ConfigEntry entry;
  entry.config.file = file;
  entry.config.manager = manager;
  return entry;
}

void add_macs(NetdevMatch& match, std::string_view text) {
  for (std::string mac : split_words(text)) {
    mac = text::lower_case(mac);
    std::replace(mac.begin(), mac.end(), '-', ':');
    match.macs.push_back(mac);
  }
}

/// "24" of "255.255.255.0" or "24"; empty for anything else.
std::string prefix_length_of(std::string_view netmask) {
  const auto parts = split_words(netmask, ".");
  if (parts.size() != 4) {
    const auto length = parse_unsigned(netmask);
    return length && *length <= 128 ? std::string(netmask) : std::string();
  }
  unsigned bits = 0;
  for (const std::string& part : parts) {
    const auto byte = parse_unsigned(part);
    if (!byte || *byte > 255) return {};
    for (auto rest = *byte; rest != 0; rest >>= 1U) bits += static_cast<unsigned>(rest & 1U);
  }
  return fmt::format("{}", bits);
}

/// Appends it to the last address that has none.
void add_prefix_length(PersistentConfig& config, const std::string& length) {
  if (length.empty() || config.addresses.empty()) return;
  std::string& last = config.addresses.back();
  if (last.find('/') == std::string::npos) last += "/" + length;
}

}  // namespace

std::optional<std::vector<ConfigEntry>> parse_netplan(std::string_view text, const std::string& file) {
  const auto document = parse_yaml(text);
  if (!document) return std::nullopt;
  std::vector<ConfigEntry> entries;
  const Yaml* network = document->find("network");
  if (network == nullptr) {
    if (document->kind == Yaml::Kind::null) return entries;  // nothing but comments
    return std::nullopt;
  }
  for (const char* section_name : {"ethernets", "bonds", "bridges", "vlans", "dummy-devices"}) {
    const Yaml* section = network->find(section_name);
    if (section == nullptr) continue;
    for (std::size_t i = 0; i < section->keys.size(); ++i) {
      const std::string& id = section->keys[i];
      const Yaml& netdev = section->items[i];
      ConfigEntry entry = entry_of(file, "netplan");
      entry.id = id;
      if (const auto mtu = netdev.text("mtu")) entry.config.mtu = parse_mtu(*mtu);
      if (const Yaml* addresses = netdev.find("addresses")) {
        for (const Yaml& address : addresses->items) {
          // Either "192.168.0.1/24", or that with options: {"192.168.0.1/24": {label: ...}}.
          add_address(entry.config, address.keys.empty() ? address.scalar : address.keys.front());
        }
      }
      const Yaml* match = netdev.find("match");
      const auto set_name = netdev.text("set-name");
      const Yaml* manager = netdev.find("networkmanager");
      const Yaml* passthrough = manager != nullptr ? manager->find("passthrough") : nullptr;
      const auto interface_name =
          passthrough != nullptr ? passthrough->text("connection.interface-name") : std::nullopt;
      if (set_name) {
        entry.matches_by_id = false;
        entry.match.names.push_back(*set_name);
      } else if (interface_name) {
        entry.matches_by_id = false;
        entry.match.names.push_back(*interface_name);
      } else if (match != nullptr) {
        entry.matches_by_id = false;
        if (const Yaml* names = match->find("name")) {
          if (names->kind == Yaml::Kind::scalar) entry.match.names.push_back(names->scalar);
          for (const Yaml& name : names->items) entry.match.names.push_back(name.scalar);
        }
        if (const auto mac = match->text("macaddress")) add_macs(entry.match, *mac);
        // By driver alone, or by nothing: which netdevs that means is not known here.
        entry.match.never = entry.match.names.empty() && entry.match.macs.empty();
      } else {
        entry.match.names.push_back(id);
      }
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

std::optional<std::vector<ConfigEntry>> parse_networkd(std::string_view text, const std::string& file) {
  const auto lines = parse_ini(text);
  if (!lines) return std::nullopt;
  ConfigEntry entry = entry_of(file, "systemd-networkd");
  NetdevMatch match;
  std::vector<std::string> given_names;
  for (const IniLine& line : *lines) {
    if (line.section == "Match" && (line.key == "Name" || line.key == "OriginalName")) {
      // The kernel's own name of a netdev that was renamed since is not known; "*" is every name.
      for (std::string& name : split_words(line.value)) {
        if (line.key == "Name" || name == "*") match.names.push_back(std::move(name));
      }
    } else if (line.section == "Match" && (line.key == "MACAddress" || line.key == "PermanentMACAddress")) {
      add_macs(match, line.value);
    } else if ((line.section == "Link" || line.section == "NetDev") && line.key == "Name") {
      given_names = {line.value};
    } else if ((line.section == "Link" || line.section == "NetDev") && line.key == "MTUBytes") {
      entry.config.mtu = parse_size(line.value);
    } else if ((line.section == "Network" || line.section == "Address") && line.key == "Address") {
      add_address(entry.config, line.value);
    }
  }
  if (!given_names.empty()) match.names = given_names;
  match.never = match.names.empty() && match.macs.empty();
  entry.match = std::move(match);
  return std::vector<ConfigEntry>{std::move(entry)};
}

std::optional<std::vector<ConfigEntry>> parse_keyfile(std::string_view text, const std::string& file) {
  const auto lines = parse_ini(text);
  if (!lines) return std::nullopt;
  ConfigEntry entry = entry_of(file, "NetworkManager");
  for (const IniLine& line : *lines) {
    const bool ethernet = line.section == "ethernet" || line.section == "802-3-ethernet";
    if (line.section == "connection" && line.key == "interface-name") {
      entry.match.names = {line.value};
    } else if (line.section == "match" && line.key == "interface-name") {
      for (std::string& name : split_words(line.value, ";, ")) entry.match.names.push_back(std::move(name));
    } else if (ethernet && line.key == "mac-address") {
      add_macs(entry.match, line.value);
    } else if ((ethernet || line.section == "infiniband") && line.key == "mtu") {
      entry.config.mtu = parse_mtu(line.value);
    } else if ((line.section == "ipv4" || line.section == "ipv6") && line.key.starts_with("address") &&
               line.key != "address-data" && line.key != "addresses") {
      add_address(entry.config, line.value.substr(0, line.value.find(',')));
    }
  }
  entry.match.never = entry.match.names.empty() && entry.match.macs.empty();
  return std::vector<ConfigEntry>{std::move(entry)};
}

std::optional<std::vector<ConfigEntry>> parse_ifupdown(std::string_view text, const std::string& file,
                                                       std::vector<std::string>& sources) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<ConfigEntry> entries;
  bool in_iface = false;
  std::string joined;
  std::string netmask;
  for (const std::string_view line : lines_of(text)) {
    if (joined.empty() && !line.empty() && line.front() == '#') continue;
    joined.append(line);
    if (!joined.empty() && joined.back() == '\\') {
      joined.back() = ' ';
      continue;
    }
    const std::vector<std::string> words = split_words(joined);
    joined.clear();
    if (words.empty()) continue;
    const std::string& keyword = words.front();
    if (keyword == "iface" && words.size() >= 2) {
      ConfigEntry entry = entry_of(file, "ifupdown");
      entry.match.names = {words[1]};
      entries.push_back(std::move(entry));
      in_iface = true;
      netmask.clear();
    } else if (keyword == "source" || keyword == "source-directory") {
      for (std::size_t i = 1; i < words.size(); ++i) {
        sources.push_back(keyword == "source" ? words[i] : words[i] + "/*");
      }
      in_iface = false;
    } else if (keyword == "auto" || keyword == "mapping" || keyword == "no-auto-down" || keyword == "no-scripts" ||
               keyword == "template" || keyword == "rename" || keyword.starts_with("allow-")) {
      in_iface = false;
    } else if (in_iface && words.size() >= 2) {
      PersistentConfig& config = entries.back().config;
      if (keyword == "mtu") {
        config.mtu = parse_mtu(words[1]);
      } else if (keyword == "address") {
        add_address(config, words[1]);
        add_prefix_length(config, netmask);
      } else if (keyword == "netmask") {
        netmask = prefix_length_of(words[1]);
        add_prefix_length(config, netmask);
      } else if (keyword == "up" || keyword == "post-up" || keyword == "pre-up") {
        // ip link set dev $IFACE mtu 9000; ifconfig eth0 mtu 9000
        const std::string& name = entries.back().match.names.front();
        const auto mtu = std::find(words.begin(), words.end(), "mtu");
        const bool own = std::any_of(words.begin(), words.end(), [&](const std::string& word) {
          return word == name || word == "$IFACE" || word == "${IFACE}" || word == "\"$IFACE\"";
        });
        if (own && mtu != words.end() && mtu + 1 != words.end()) config.mtu = parse_mtu(*(mtu + 1));
      }
    }
  }
  return entries;
}

std::optional<std::vector<ConfigEntry>> parse_ifcfg(std::string_view text, const std::string& file) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  ConfigEntry entry = entry_of(file, "NetworkManager");
  std::string prefix;
  for (const std::string_view line : lines_of(text)) {
    const std::size_t equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    std::string_view value = line.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (key == "DEVICE") entry.match.names = {std::string(value)};
    if (key == "HWADDR") add_macs(entry.match, value);
    if (key == "MTU") entry.config.mtu = parse_mtu(value);
    if (key == "IPADDR" || key == "IPADDR0") add_address(entry.config, value);
    if (key == "PREFIX" || key == "PREFIX0") prefix = prefix_length_of(value);
    if (key == "NETMASK" || key == "NETMASK0") prefix = prefix_length_of(value);
  }
  add_prefix_length(entry.config, prefix);
  entry.match.never = entry.match.names.empty() && entry.match.macs.empty();
  return std::vector<ConfigEntry>{std::move(entry)};
}

}  // namespace rocekit::facts::readers
