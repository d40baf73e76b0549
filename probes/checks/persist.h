// Commands that make a netdev's MTU and addresses survive a reboot, in the words of whatever manages this node's
// network.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::checks {

/// "netplan", "NetworkManager", "systemd-networkd" or "ifupdown": by the files that name the netdev, else by what the
/// operating system brings.
std::string network_manager_of(const facts::NodeFacts& node, const facts::Netdev& netdev);

/// Writes `mtu` for this netdev into that manager's configuration; to be run on the host.
std::vector<std::string> persist_mtu(const facts::NodeFacts& node, const facts::Netdev& netdev, int mtu);

/// Adds `address` ("192.168.101.10/24") for this netdev to that manager's configuration; to be run on the host.
std::vector<std::string> persist_address(const facts::NodeFacts& node, const facts::Netdev& netdev,
                                         const std::string& address);

}  // namespace rocekit::checks
