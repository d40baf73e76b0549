#include <algorithm>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/dcb.h"
#include "probes/facts/kernel/ethtool_ioctl.h"
#include "probes/facts/kernel/ethtool_netlink.h"
#include "probes/facts/kernel/links.h"

namespace rocekit::facts::kernel {
namespace {

/// `first`, or what `fallback` answers where `first` is missing for another reason than a missing right. When both fail
/// the first reason stays.
template <class T, class Fallback>
Fact<T> or_else(Fact<T> first, Fallback&& fallback) {
  if (first || first.missing().why == Why::permission) return first;
  Fact<T> second = fallback();
  if (second || second.missing().why == Why::permission) return second;
  return first;
}

void ask_ethtool(NetdevAnswers& netdev, EthtoolNetlink& netlink, const EthtoolIoctl& ioctl) {
  const std::string& name = netdev.name;
  netdev.link_modes = or_else(netlink.link_modes(name), [&] { return ioctl.link_modes(name); });
  netdev.link_state = or_else(netlink.link_state(name), [&] { return ioctl.link_state(name); });
  netdev.fec = or_else(netlink.fec(name), [&] { return ioctl.fec(name); });
  netdev.pause = or_else(netlink.pause(name), [&] { return ioctl.pause(name); });
  netdev.eeprom_hex = or_else(netlink.module_eeprom_hex(name), [&] { return ioctl.module_eeprom_hex(name); });
  netdev.statistics = ioctl.statistics(name);
}

}  // namespace

Fact<std::vector<NetdevAnswers>> ask_netdevs(NetlinkSocket& route_socket,
                                             const std::vector<std::string>& rdma_netdevs) {
  Fact<std::vector<NetdevAnswers>> netdevs = ask_links(route_socket);
  if (!netdevs || rdma_netdevs.empty()) return netdevs;

  EthtoolNetlink netlink;
  const EthtoolIoctl ioctl;
  for (NetdevAnswers& netdev : netdevs.value()) {
    if (std::find(rdma_netdevs.begin(), rdma_netdevs.end(), netdev.name) == rdma_netdevs.end()) continue;
    ask_ethtool(netdev, netlink, ioctl);
    netdev.qos = ask_qos(route_socket, netdev.name);
  }
  return netdevs;
}

}  // namespace rocekit::facts::kernel
