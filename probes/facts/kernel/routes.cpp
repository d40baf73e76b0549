// RTM_GETROUTE: IPv4 unicast routes of the main table.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/netlink.h"

namespace rocekit::facts::kernel {
namespace {

std::optional<std::string> ipv4_of(const nlattr* attribute) {
  std::array<char, INET_ADDRSTRLEN> text{};
  if (attribute == nullptr || nla_len(attribute) < 4 ||
      inet_ntop(AF_INET, nla_data(attribute), text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return std::string(text.data());
}

using Netdevs = std::vector<NetdevAnswers>;

/// "" when the netdev has come or gone since.
std::string netdev_name(const Netdevs& netdevs, std::uint32_t index) {
  const auto found = std::find_if(netdevs.begin(), netdevs.end(), [&](const NetdevAnswers& netdev) {
    return netdev.ifindex.is(static_cast<int>(index));
  });
  return found != netdevs.end() ? found->name : std::string();
}

void read_route(nlmsghdr& message, const Netdevs& netdevs, std::vector<Route>& routes) {
  if (message.nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(&message) < static_cast<int>(sizeof(rtmsg))) return;
  const auto& header = *static_cast<const rtmsg*>(nlmsg_data(&message));
  const auto attributes = attributes_of<RTA_MAX>(message, sizeof header);
  const std::uint32_t table = u32_of(attributes[RTA_TABLE]).value_or(header.rtm_table);
  if (header.rtm_family != AF_INET || header.rtm_type != RTN_UNICAST || table != RT_TABLE_MAIN) return;
  if ((header.rtm_flags & RTM_F_CLONED) != 0) return;

  Route route;
  const auto destination = ipv4_of(attributes[RTA_DST]);
  route.destination = destination ? fmt::format("{}/{}", *destination, header.rtm_dst_len) : "default";
  route.source = ipv4_of(attributes[RTA_PREFSRC]);
  route.metric = static_cast<int>(u32_of(attributes[RTA_PRIORITY]).value_or(0));

  if (nlattr* const hops = attributes[RTA_MULTIPATH]; hops != nullptr) {
    int left = nla_len(hops);
    for (auto* hop = static_cast<rtnexthop*>(nla_data(hops)); RTNH_OK(hop, left);
         left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len)), hop = RTNH_NEXT(hop)) {
      nlattr* gateway = nla_find(reinterpret_cast<nlattr*>(RTNH_DATA(hop)),
                                 static_cast<int>(hop->rtnh_len - sizeof(rtnexthop)), RTA_GATEWAY);
      route.gateway = ipv4_of(gateway);
      route.netdev = netdev_name(netdevs, static_cast<std::uint32_t>(hop->rtnh_ifindex));
      if (!route.netdev.empty()) routes.push_back(route);
    }
    return;
  }
  route.gateway = ipv4_of(attributes[RTA_GATEWAY]);
  if (const auto out = u32_of(attributes[RTA_OIF])) route.netdev = netdev_name(netdevs, *out);
  if (!route.netdev.empty()) routes.push_back(std::move(route));
}

}  // namespace

Fact<std::vector<Route>> ask_routes(NetlinkSocket& route_socket, const Netdevs& netdevs) {
  std::vector<Route> routes;
  rtmsg header{};
  header.rtm_family = AF_INET;
  const MessagePtr message = new_message(RTM_GETROUTE, NLM_F_DUMP, header);
  const int error = route_socket.request(
      *message, [&](nlmsghdr& answer) { read_route(answer, netdevs, routes); }, [&] { routes.clear(); });
  if (error != 0) return missing_from_errno(error, "netlink RTM_GETROUTE");
  return routes;
}

}  // namespace rocekit::facts::kernel
