// Netdevs of this network namespace over rtnetlink: RTM_GETLINK and RTM_GETADDR.
#pragma once

#include <vector>

#include "probes/facts/kernel/netlink.h"
#include "probes/facts/kernel_answers.h"

namespace rocekit::facts::kernel {

/// Name, ifindex, state, kind, largest MTU and addresses of every netdev, in the order of their ifindex.
Fact<std::vector<NetdevAnswers>> ask_links(NetlinkSocket& route_socket);

}  // namespace rocekit::facts::kernel
