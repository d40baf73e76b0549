#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::derived::nccl {
namespace {

using facts::Address;
using facts::Netdev;

constexpr std::size_t most_interfaces = 16;  // MAX_IFS
constexpr std::array<std::string_view, 4> defaults{"^docker,lo,virbr", "docker", "lo", "virbr"};

struct Candidate {
  const Netdev* netdev;
  const Address* address;
};

/// netif_running() and netif_oper_up() make IFF_RUNNING; where the flags were not asked, sysfs tells the same.
bool is_running(const Netdev& netdev) {
  if (netdev.running) return *netdev.running;
  if (netdev.admin_up.is(false)) return false;
  return !netdev.operstate || *netdev.operstate == "up" || *netdev.operstate == "unknown";
}

/// The order of getifaddrs(): all IPv4 addresses by interface index, then all IPv6 ones.
std::vector<Candidate> addresses_of(const facts::NodeFacts& node) {
  std::vector<const Netdev*> netdevs;
  for (const Netdev& netdev : node.netdevs) netdevs.push_back(&netdev);
  std::stable_sort(netdevs.begin(), netdevs.end(), [](const Netdev* a, const Netdev* b) {
    constexpr int last = std::numeric_limits<int>::max();
    return a->ifindex.value_or(last) < b->ifindex.value_or(last);
  });
  std::vector<Candidate> candidates;
  for (const char* family : {"inet", "inet6"}) {
    for (const Netdev* netdev : netdevs) {
      if (!netdev->addresses) continue;
      for (const Address& address : *netdev->addresses) {
        if (address.family == family) candidates.push_back({netdev, &address});
      }
    }
  }
  return candidates;
}

/// findInterfaces(): "inet", "inet6" or nullopt for `family`.
std::vector<std::string> find(const std::vector<Candidate>& candidates, std::string_view filter_text,
                              const std::optional<std::string>& family) {
  const NameFilter filter = NameFilter::parse(filter_text, most_interfaces);
  std::vector<std::string> names;
  for (const auto& [netdev, address] : candidates) {
    if (names.size() == most_interfaces) break;
    if (!is_running(*netdev) || (family && address->family != *family)) continue;
    if (address->family == "inet6" && address->ip == "::1") continue;
    if (!filter.accepts(netdev->name)) continue;
    if (std::find(names.begin(), names.end(), netdev->name) == names.end()) names.push_back(netdev->name);
  }
  return names;
}

struct Ip {
  int family = AF_UNSPEC;
  std::array<std::uint8_t, 16> bytes{};
};

std::optional<Ip> parse_ip(const std::string& text) {
  Ip ip;
  if (inet_pton(AF_INET, text.c_str(), ip.bytes.data()) == 1) {
    ip.family = AF_INET;
    return ip;
  }
  if (inet_pton(AF_INET6, text.c_str(), ip.bytes.data()) == 1) {
    ip.family = AF_INET6;
    return ip;
  }
  return std::nullopt;
}

bool same_subnet(const Ip& a, const Ip& b, int prefix_length) {
  if (a.family != b.family) return false;
  int left = std::clamp(prefix_length, 0, a.family == AF_INET ? 32 : 128);
  for (std::size_t i = 0; left > 0; ++i, left -= 8) {
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if (((a.bytes[i] ^ b.bytes[i]) & mask) != 0) return false;
  }
  return true;
}

/// ncclFindInterfaceMatchSubnet(): looks at neither IFF_RUNNING nor NCCL_SOCKET_IFNAME.
std::optional<std::string> find_in_subnet(const std::vector<Candidate>& candidates, const Ip& remote,
                                          const std::string& scope) {
  for (const auto& [netdev, address] : candidates) {
    const auto local = parse_ip(address->ip);
    if (!local || !same_subnet(*local, remote, address->prefix_length)) continue;
    if (local->family == AF_INET6) {
      const bool link_local = local->bytes[0] == 0xfe && (local->bytes[1] & 0xc0) == 0x80;
      if (scope != (link_local ? netdev->name : std::string())) continue;
    }
    return netdev->name;
  }
  return std::nullopt;
}

/// NCCL_COMM_ID: "<ipv4 or host name>:<port>" or "[<ipv6>%<interface>]:<port>".
struct CommId {
  bool malformed = false;
  std::optional<Ip> ip;  ///< nullopt: a host name, which is not resolved here
  std::string scope;
};

CommId parse_comm_id(const std::string& text) {
  CommId id;
  if (text.size() <= 1) {
    id.malformed = true;
    return id;
  }
  std::string host;
  if (text.front() == '[') {
    const std::size_t end = text.find(']');
    id.malformed = end == std::string::npos;
    if (id.malformed) return id;
    host = text.substr(1, end - 1);
    const std::size_t percent = host.find('%');
    if (percent != std::string::npos) {
      id.scope = host.substr(percent + 1);
      host.resize(percent);
    }
  } else {
    const NameFilter parsed = NameFilter::parse(text, 1);
    id.malformed = parsed.entries.empty();
    if (id.malformed) return id;
    host = parsed.entries.front().name;
  }
  id.ip = parse_ip(host);
  return id;
}

/// bootstrapNetInit(): NCCL_COMM_ID comes before NCCL_SOCKET_IFNAME there.
void apply_comm_id(SocketChoice& choice, const facts::Setting& setting, const CommId& id,
                   const std::vector<Candidate>& candidates) {
  if (id.malformed) {
    choice.failure = describe_setting(setting) + " is not <address>:<port>";
    return;
  }
  if (!id.ip) {
    choice.why += fmt::format("; bootstrap takes the interface in the subnet of {}, a name that was not resolved",
                              describe_setting(setting));
    return;
  }
  const auto bootstrap = find_in_subnet(candidates, *id.ip, id.scope);
  if (!bootstrap) {
    choice.failure = fmt::format("no interface is in the subnet of {}", describe_setting(setting));
  } else if (choice.names.empty() || *bootstrap != choice.names.front()) {
    choice.why += fmt::format("; bootstrap takes {}, in the subnet of {}", *bootstrap, describe_setting(setting));
  }
}

std::string describe_default(std::string_view filter) {
  if (filter.front() == '^') return "NCCL_SOCKET_IFNAME is unset: all interfaces but docker*, lo*, virbr*";
  return fmt::format("NCCL_SOCKET_IFNAME is unset: no interface but {}* is left", filter);
}

void choose_by_default(SocketChoice& choice, const std::vector<Candidate>& candidates,
                       const std::optional<std::string>& family, const std::optional<CommId>& comm_id) {
  choice.names = find(candidates, "ib", family);
  choice.why = "NCCL_SOCKET_IFNAME is unset: interfaces named ib* come first";
  if (!choice.names.empty()) return;
  if (comm_id && comm_id->ip) {
    if (const auto name = find_in_subnet(candidates, *comm_id->ip, comm_id->scope)) {
      choice.names = {*name};
      choice.why = "NCCL_SOCKET_IFNAME is unset: the interface in the subnet of NCCL_COMM_ID";
      return;
    }
  }
  for (const std::string_view filter : defaults) {
    choice.names = find(candidates, filter, family);
    choice.why = describe_default(filter);
    if (!choice.names.empty()) return;
  }
  choice.why = "NCCL_SOCKET_IFNAME is unset, and no interface is running with an address";
}

}  // namespace

SocketChoice choose_sockets(const facts::NodeFacts& node) {
  SocketChoice choice;
  // Every network namespace has lo: an empty list, or one without any answer, means that nobody asked.
  choice.unread = std::none_of(node.netdevs.begin(), node.netdevs.end(),
                               [](const Netdev& netdev) { return netdev.addresses.has_value(); });
  if (choice.unread) {
    choice.why = "the addresses of the network interfaces were not read";
    return choice;
  }
  const std::vector<Candidate> candidates = addresses_of(node);
  std::optional<std::string> family;
  if (const auto text = setting(node, "NCCL_SOCKET_FAMILY")) {
    if (*text == "AF_INET") family = "inet";
    if (*text == "AF_INET6") family = "inet6";
  }
  const facts::Setting* comm_id_setting = find_setting(node, "NCCL_COMM_ID");
  std::optional<CommId> comm_id;
  if (comm_id_setting != nullptr) comm_id = parse_comm_id(comm_id_setting->value);

  const facts::Setting* ifname = find_setting(node, "NCCL_SOCKET_IFNAME");
  // ncclFindInterfaces ignores a value of one character.
  if (ifname != nullptr && ifname->value.size() > 1) {
    choice.names = find(candidates, ifname->value, family);
    choice.why = describe_setting(*ifname);
    if (choice.names.empty()) choice.why += " matches no running interface with an address";
  } else {
    choose_by_default(choice, candidates, family, comm_id);
  }
  if (family)
    choice.why += fmt::format(", {} addresses only (NCCL_SOCKET_FAMILY)", *family == "inet" ? "IPv4" : "IPv6");
  if (comm_id_setting != nullptr) {
    apply_comm_id(choice, *comm_id_setting, *comm_id, candidates);
  } else if (choice.names.empty()) {
    choice.failure = choice.why;
  }
  return choice;
}

}  // namespace rocekit::derived::nccl
