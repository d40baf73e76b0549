#include "probes/facts/kernel/links.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

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
