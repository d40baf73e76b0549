#include "probes/facts/kernel/links.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "probes/facts/readers/values.h"

namespace rocekit::facts::kernel {
namespace {

std::string scope_name(unsigned char scope) {
  switch (scope) {
    case RT_SCOPE_UNIVERSE:
      return "global";
    case RT_SCOPE_SITE:
      return "site";
    case RT_SCOPE_LINK:
      return "link";
    case RT_SCOPE_HOST:
      return "host";
    default:
      return std::to_string(scope);
  }
}

/// As sysfs prints an address of any length.
std::string hex_of(const nlattr* attribute, const char* between) {
  std::string text;
  const auto* const bytes = static_cast<const unsigned char*>(nla_data(attribute));
  for (int i = 0; i < nla_len(attribute); ++i) text += fmt::format("{}{:02x}", i > 0 ? between : "", bytes[i]);
  return text;
}

/// The words of sysfs for IF_OPER_* (operstates of net/core/net-sysfs.c).
Fact<std::string> operstate_name(const std::optional<std::uint8_t>& state) {
  constexpr std::array names{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};
  if (!state || *state >= names.size()) return {};
  return std::string(names.at(*state));
}

Fact<int> int_of(const nlattr* attribute) {
  const auto value = u32_of(attribute);
  if (!value || *value > INT32_MAX) return {};
  return static_cast<int>(*value);
}

/// What the driver does not tell is left out of the message. What is no text is left to the reader of the file.
Fact<std::string> told(const std::string& netdev, const char* what, std::optional<std::string> text) {
  if (!text) return Missing{Why::not_supported, fmt::format("RTM_GETLINK {}: the driver tells no {}", netdev, what)};
  if (!readers::is_printable(*text)) return {};
  if (text->empty()) return Missing{Why::absent, fmt::format("RTM_GETLINK {}: empty {}", netdev, what)};
  return std::move(*text);
}

void read_state(const ifinfomsg& header, const Attributes<IFLA_MAX>& attributes, NetdevAnswers& netdev) {
  netdev.hardware_type = int{header.ifi_type};
  netdev.mtu = int_of(attributes[IFLA_MTU]);
  netdev.operstate = operstate_name(u8_of(attributes[IFLA_OPERSTATE]));
  const auto carrier = u8_of(attributes[IFLA_CARRIER]);
  if (carrier && (header.ifi_flags & IFF_UP) != 0) netdev.carrier = *carrier != 0;
  netdev.carrier_changes = int_of(attributes[IFLA_CARRIER_CHANGES]);
  if (const nlattr* mac = attributes[IFLA_ADDRESS]; mac != nullptr && nla_len(mac) > 0) netdev.mac = hex_of(mac, ":");
  netdev.phys_port_name = told(netdev.name, "physical port name", string_of(attributes[IFLA_PHYS_PORT_NAME]));
  std::optional<std::string> switch_id;
  if (const nlattr* id = attributes[IFLA_PHYS_SWITCH_ID]; id != nullptr) switch_id = hex_of(id, "");
  netdev.phys_switch_id = told(netdev.name, "physical switch ID", std::move(switch_id));
}

void read_link(nlmsghdr& message, std::vector<NetdevAnswers>& netdevs) {
  if (message.nlmsg_type != RTM_NEWLINK || nlmsg_datalen(&message) < static_cast<int>(sizeof(ifinfomsg))) return;
  const auto& header = *static_cast<const ifinfomsg*>(nlmsg_data(&message));
  const auto attributes = attributes_of<IFLA_MAX>(message, sizeof header);
  const auto name = string_of(attributes[IFLA_IFNAME]);
  if (!name) return;

  NetdevAnswers netdev;
  netdev.name = *name;
  netdev.ifindex = header.ifi_index;
  netdev.flags = std::uint32_t{header.ifi_flags};
  read_state(header, attributes, netdev);
  const auto kind = string_of(attributes_in<IFLA_INFO_MAX>(attributes[IFLA_LINKINFO])[IFLA_INFO_KIND]);
  if (kind) {
    netdev.link_kind = *kind;
  } else {
    netdev.link_kind = Missing{Why::absent, fmt::format("RTM_GETLINK {}: no kind, a plain device", *name)};
  }
  // 0 is the kernel's word for "no limit told by the driver".
  const auto max_mtu = u32_of(attributes[IFLA_MAX_MTU]);
  if (max_mtu && *max_mtu != 0 && *max_mtu <= INT32_MAX) {
    netdev.max_mtu = static_cast<int>(*max_mtu);
  } else {
    netdev.max_mtu = Missing{Why::absent, fmt::format("RTM_GETLINK {}: the driver tells no largest MTU", *name)};
  }
  netdevs.push_back(std::move(netdev));
}

void read_address(nlmsghdr& message, std::map<int, std::vector<Address>>& addresses) {
  if (message.nlmsg_type != RTM_NEWADDR || nlmsg_datalen(&message) < static_cast<int>(sizeof(ifaddrmsg))) return;
  const auto& header = *static_cast<const ifaddrmsg*>(nlmsg_data(&message));
  if (header.ifa_family != AF_INET && header.ifa_family != AF_INET6) return;
  const auto attributes = attributes_of<IFA_MAX>(message, sizeof header);
  // On a point-to-point link IFA_ADDRESS is the peer's address and IFA_LOCAL this end's.
  const nlattr* own = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  const int needed = header.ifa_family == AF_INET ? 4 : 16;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (own == nullptr || nla_len(own) < needed ||
      inet_ntop(header.ifa_family, nla_data(own), text.data(), text.size()) == nullptr) {
    return;
  }
  addresses[static_cast<int>(header.ifa_index)].push_back({header.ifa_family == AF_INET ? "inet" : "inet6", text.data(),
                                                           header.ifa_prefixlen, scope_name(header.ifa_scope)});
}

}  // namespace

Fact<std::vector<NetdevAnswers>> ask_links(NetlinkSocket& route_socket) {
  std::vector<NetdevAnswers> netdevs;
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  const MessagePtr link_request = new_message(RTM_GETLINK, NLM_F_DUMP, link);
  nla_put_u32(link_request.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  const int link_error = route_socket.request(
      *link_request, [&](nlmsghdr& message) { read_link(message, netdevs); }, [&] { netdevs.clear(); });
  if (link_error != 0) return missing_from_errno(link_error, "netlink RTM_GETLINK");
  std::sort(netdevs.begin(), netdevs.end(),
            [](const NetdevAnswers& a, const NetdevAnswers& b) { return a.ifindex.value() < b.ifindex.value(); });

  std::map<int, std::vector<Address>> addresses;
  ifaddrmsg address{};
  address.ifa_family = AF_UNSPEC;
  const MessagePtr address_request = new_message(RTM_GETADDR, NLM_F_DUMP, address);
  const int address_error = route_socket.request(
      *address_request, [&](nlmsghdr& message) { read_address(message, addresses); }, [&] { addresses.clear(); });
  for (NetdevAnswers& netdev : netdevs) {
    if (address_error != 0) {
      netdev.addresses = missing_from_errno(address_error, "netlink RTM_GETADDR");
    } else {
      netdev.addresses = std::move(addresses[netdev.ifindex.value()]);
    }
  }
  return netdevs;
}

}  // namespace rocekit::facts::kernel
