#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_arp.h>

#include <algorithm>
#include <array>

#include "probes/facts/readers/module_eeprom.h"
#include "probes/facts/readers/persistent_config.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

constexpr const char* net_class = "/sys/class/net";

Fact<bool> read_bool(const FileTree& tree, const std::string& path) {
  const Fact<int> number = read_int(tree, path);
  if (!number) return number.missing();
  return *number != 0;
}

/// Netlink's answer where it was given, else what the files of sysfs tell: one message takes the place of a dozen files
/// for each netdev.
template <class T, class ReadFile>
Fact<T> answer_or(const NetdevAnswers* answers, Fact<T> NetdevAnswers::*answer, ReadFile&& read_file) {
  if (answers != nullptr) {
    const Fact<T>& told = answers->*answer;
    if (told || told.missing().why != Why::not_read) return told;
  }
  return read_file();
}

Fact<std::uint32_t> read_flags(const FileTree& tree, const std::string& directory) {
  const Fact<long long> flags = tree.read_integer(directory + "/flags");
  if (!flags) return flags.missing();
  return static_cast<std::uint32_t>(*flags);
}

/// The kernel's own rule (dev_get_flags, netif_oper_up): up, and operational or not telling. The file `flags` of sysfs
/// lacks this bit.
Fact<bool> running_from_operstate(const Fact<bool>& admin_up, const Fact<std::string>& operstate) {
  if (!admin_up) return admin_up;
  if (!operstate) return operstate.missing();
  return *admin_up && (*operstate == "up" || *operstate == "unknown");
}

Fact<int> read_speed(const FileTree& tree, const std::string& path, const Fact<LinkModesAnswer>& link_modes) {
  // Both are what the driver answers to ethtool.
  if (link_modes && link_modes->speed_mbit_s && *link_modes->speed_mbit_s > 0) return *link_modes->speed_mbit_s;
  Fact<int> speed = read_int(tree, path);
  if (!speed || *speed > 0) return speed;
  return Missing{Why::not_supported, fmt::format("{}: {} stands for unknown", path, *speed)};
}

std::string type_from_kind(const std::string& kind) {
  struct Word {
    const char* kind;
    const char* type;
  };
  for (const Word& word : {Word{"bond", "bond"}, Word{"team", "bond"}, Word{"bridge", "bridge"}, Word{"vlan", "vlan"},
                           Word{"veth", "veth"}, Word{"macvlan", "macvlan"}, Word{"macvtap", "macvlan"},
                           Word{"ipvlan", "ipvlan"}, Word{"ipvtap", "ipvlan"}, Word{"tun", "tun"},
                           Word{"wireguard", "tun"}, Word{"openvpn", "tun"}, Word{"wlan", "wifi"}}) {
    if (kind == word.kind) return word.type;
  }
  return {};
}

/// The names in a netdev's directory, which is listed once.
class Entries {
 public:
  Entries(const FileTree& tree, const std::string& directory)
      : names_(list_names(tree, directory).value_or(std::vector<std::string>())) {}
  bool hold(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

Fact<std::string> read_type(const FileTree& tree, const std::string& directory, const Entries& entries,
                            const NetdevAnswers* answers) {
  const Fact<int> hardware =
      answer_or(answers, &NetdevAnswers::hardware_type, [&] { return read_int(tree, directory + "/type"); });
  if (hardware.is(ARPHRD_LOOPBACK)) return std::string("loopback");
  if (entries.hold("wireless") || entries.hold("phy80211")) return std::string("wifi");
  if (answers != nullptr && answers->link_kind) {
    if (std::string type = type_from_kind(*answers->link_kind); !type.empty()) return type;
  }
  // Only bonds, bridges and tun devices have these; other virtual ones name their type in uevent.
  for (const auto& [entry, type] : {std::pair{"bonding", "bond"}, {"bridge", "bridge"}, {"tun_flags", "tun"}}) {
    if (entries.hold(entry)) return std::string(type);
  }
  const Fact<std::string> uevent = tree.read(directory + "/uevent");
  for (const std::string& line : split_words(uevent.value_or(""), "\n")) {
    constexpr std::string_view name = "DEVTYPE=";
    if (line.substr(0, name.size()) != name) continue;
    if (std::string type = type_from_kind(line.substr(name.size())); !type.empty()) return type;
  }
  if (entries.hold("device")) return std::string("physical");
  if (hardware.is(ARPHRD_NONE)) return std::string("tun");
  if (!hardware && (answers == nullptr || !answers->link_kind)) return hardware.missing();
  return std::string("virtual");
}

std::vector<std::string> mode_names(const std::vector<int>& bits) {
  std::vector<std::string> names;
  for (const int bit : bits) {
    std::string name = link_mode_name(bit);
    // The same bit set also holds connectors, pause and FEC, which are no modes.
    if (link_mode_rate_gbit_s(bit) || name.substr(0, 4) == "bit ") names.push_back(std::move(name));
  }
  return names;
}

template <class T>
Fact<T> told(const std::optional<T>& value, const char* what) {
  if (value) return *value;
  return Missing{Why::not_supported, fmt::format("the driver does not tell {}", what)};
}

Fact<LinkModes> decode(const Fact<LinkModesAnswer>& answer) {
  if (!answer) return answer.missing();
  LinkModes modes;
  modes.advertised = mode_names(answer->advertised_bits);
  modes.supported = mode_names(answer->supported_bits);
  modes.peer = mode_names(answer->peer_bits);
  modes.lanes = told(answer->lanes, "lanes");
  modes.autoneg = told(answer->autoneg, "autonegotiation");
  return modes;
}

Fact<LinkState> decode(const Fact<LinkStateAnswer>& answer) {
  if (!answer) return answer.missing();
  LinkState state;
  state.up = answer->up;
  if (answer->ext_state) state.reason = link_ext_state_name(*answer->ext_state, answer->ext_substate);
  return state;
}

std::string fec_name(int bit) {
  switch (bit) {
    case 49:
      return "Off";
    case 50:
      return "RS";
    case 51:
      return "BaseR";
    case 74:
      return "LLRS";
    default:
      return fmt::format("bit {}", bit);
  }
}

Fact<Fec> decode(const Fact<FecAnswer>& answer) {
  if (!answer) return answer.missing();
  Fec fec;
  if (answer->active_bit) fec.active = fec_name(*answer->active_bit);
  for (const int bit : answer->configured_bits) fec.configured.push_back(fec_name(bit));
  return fec;
}

Fact<Module> decode_eeprom(const Fact<std::string>& hex) {
  if (!hex) return hex.missing();
  const auto bytes = bytes_from_hex(*hex);
  if (!bytes) return bytes.missing();
  return decode_module(*bytes);
}

void read_files(const FileTree& tree, const std::string& directory, const NetdevAnswers* answers, Netdev& netdev) {
  const auto file = [&](const char* name) { return directory + "/" + name; };
  const auto number = [&](const char* name) { return [&tree, path = file(name)] { return read_int(tree, path); }; };
  const auto text = [&](const char* name) {
    return [&tree, path = file(name)] { return read_optional_line(tree, path); };
  };
  netdev.ifindex = answer_or(answers, &NetdevAnswers::ifindex, number("ifindex"));
  netdev.mtu = answer_or(answers, &NetdevAnswers::mtu, number("mtu"));
  netdev.operstate = answer_or(answers, &NetdevAnswers::operstate, [&] { return read_line(tree, file("operstate")); });
  const Fact<std::uint32_t> flags = answers != nullptr && answers->flags ? answers->flags : read_flags(tree, directory);
  netdev.admin_up = flags ? Fact<bool>((*flags & IFF_UP) != 0) : Fact<bool>(flags.missing());
  netdev.running = answers != nullptr && answers->flags ? Fact<bool>((*answers->flags & IFF_RUNNING) != 0)
                                                        : running_from_operstate(netdev.admin_up, netdev.operstate);
  netdev.carrier = answer_or(answers, &NetdevAnswers::carrier, [&] { return read_bool(tree, file("carrier")); });
  netdev.speed_mbit_s =
      read_speed(tree, file("speed"), answers != nullptr ? answers->link_modes : Fact<LinkModesAnswer>());
  netdev.mac = answer_or(answers, &NetdevAnswers::mac, text("address"));
  netdev.driver = read_link_name(tree, file("device/driver"));
  netdev.carrier_changes = answer_or(answers, &NetdevAnswers::carrier_changes, number("carrier_changes"));
  netdev.phys_port_name = answer_or(answers, &NetdevAnswers::phys_port_name, text("phys_port_name"));
  netdev.phys_switch_id = answer_or(answers, &NetdevAnswers::phys_switch_id, text("phys_switch_id"));
  netdev.dev_port = read_int(tree, file("dev_port"));
  const Entries entries(tree, directory);
  netdev.type = read_type(tree, directory, entries, answers);

  const Fact<std::string> device = tree.canonical(file("device"));
  netdev.pci_address = device
                           ? Fact<std::string>(Missing{Why::absent, fmt::format("{} is not on a PCI bus", netdev.name)})
                           : Fact<std::string>(device.missing());
  for (const std::string& part : split_words(device.value_or(""), "/")) {
    if (is_pci_address(part)) netdev.pci_address = part;
  }

  constexpr std::string_view lower = "lower_";
  for (const std::string& entry : entries.names()) {
    if (entry.starts_with(lower)) netdev.lower.push_back(entry.substr(lower.size()));
  }
  if (entries.hold("master")) {
    if (const auto master = read_link_name(tree, file("master"))) netdev.upper = *master;
  }
}

void decode_answers(const NetdevAnswers& answers, Netdev& netdev) {
  netdev.max_mtu = answers.max_mtu;
  netdev.addresses = answers.addresses;
  netdev.link_modes = decode(answers.link_modes);
  netdev.link_state = decode(answers.link_state);
  netdev.fec = decode(answers.fec);
  netdev.module = decode_eeprom(answers.eeprom_hex);
  netdev.pause = answers.pause;
  netdev.qos = answers.qos;
  netdev.statistics = answers.statistics;
}

/// Interfaces of containers come and go by the hundred and are in nobody's files.
bool may_be_configured(const Netdev& netdev) { return !netdev.type.is("veth") && !netdev.type.is("loopback"); }

}  // namespace

std::vector<Netdev> read_netdevs(const FileTree& tree, const KernelAnswers& answers) {
  std::vector<std::string> names = list_names(tree, net_class).value_or({});
  names.erase(std::remove(names.begin(), names.end(), "bonding_masters"), names.end());
  if (answers.netdevs) {
    // A container may lack /sys of its own network namespace.
    for (const NetdevAnswers& asked : *answers.netdevs) {
      if (std::find(names.begin(), names.end(), asked.name) == names.end()) names.push_back(asked.name);
    }
  }
  std::sort(names.begin(), names.end(), natural_less);

  const NetworkConfiguration configuration(tree);
  std::vector<Netdev> netdevs;
  for (const std::string& name : names) {
    const NetdevAnswers* asked = nullptr;
    if (answers.netdevs) {
      const auto found = std::find_if(answers.netdevs->begin(), answers.netdevs->end(),
                                      [&](const NetdevAnswers& candidate) { return candidate.name == name; });
      if (found != answers.netdevs->end()) asked = &*found;
    }
    Netdev netdev;
    netdev.name = name;
    const std::string directory = fmt::format("{}/{}", net_class, name);
    read_files(tree, directory, asked, netdev);
    if (asked != nullptr) {
      decode_answers(*asked, netdev);
    } else {
      NetdevAnswers unasked;
      const Missing why = answers.netdevs ? Missing{Why::absent, fmt::format("netlink does not list {}", name)}
                                          : answers.netdevs.missing();
      unasked.max_mtu = why;
      unasked.addresses = why;
      unasked.link_modes = why;
      unasked.link_state = why;
      unasked.fec = why;
      unasked.eeprom_hex = why;
      unasked.pause = why;
      unasked.qos = why;
      unasked.statistics = why;
      decode_answers(unasked, netdev);
    }
    netdev.persistent = may_be_configured(netdev)
                            ? configuration.of(name, netdev.mac)
                            : Fact<std::vector<PersistentConfig>>(Missing{Why::not_read, "not asked for this type"});
    netdevs.push_back(std::move(netdev));
  }
  return netdevs;
}

}  // namespace rocekit::facts::readers
