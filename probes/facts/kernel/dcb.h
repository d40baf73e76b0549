// Data Center Bridging (IEEE 802.1Qaz) over rtnetlink: RTM_GETDCB with DCB_CMD_IEEE_GET.
#pragma once

#include <string>

#include "probes/facts/kernel/netlink.h"
#include "probes/facts/kernel_answers.h"

namespace rocekit::facts::kernel {

Fact<Qos> ask_qos(NetlinkSocket& route_socket, const std::string& netdev);

/// What an answer holds; `question` begins the reasons of what it lacks.
Qos parse_qos(nlmsghdr& answer, const std::string& question);

}  // namespace rocekit::facts::kernel
