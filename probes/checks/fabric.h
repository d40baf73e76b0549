// The fabric as IPv4 sees it: netdevs over RDMA ports, their subnets, and commands that give them addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/evidence.h"

namespace rocekit::checks {

/// An IPv4 network in host byte order.
struct Subnet {
  std::uint32_t network = 0;
  int prefix_length = 0;
  bool contains(std::uint32_t address) const;
  /// One of the two holds the other.
  bool overlaps(const Subnet& other) const;
  std::string text() const;  ///< "192.168.100.0/24"
  friend bool operator==(const Subnet&, const Subnet&) = default;
};

/// nullopt for anything but a dotted quad.
std::optional<std::uint32_t> parse_ipv4(std::string_view text);
std::string ipv4_text(std::uint32_t address);
/// nullopt for IPv6 and for malformed text.
std::optional<Subnet> subnet_of(const facts::Address& address);
/// Of "192.168.100.0/24" or "192.168.100.7" (a /32); nullopt for "default" and malformed text.
std::optional<Subnet> parse_subnet(std::string_view text);

/// IPv4 addresses other than loopback ones; none where the addresses could not be read.
std::vector<facts::Address> ipv4_addresses(const facts::Netdev& netdev);

/// The netdev itself, the bond or bridge that it is a member of, and the VLANs on top of these: an address on any of
/// them gives the RDMA port a GID.
std::vector<const facts::Netdev*> netdevs_over(const facts::NodeFacts& node, const facts::Netdev& netdev);

/// An IPv4 address by which an ACTIVE RDMA port is reached.
struct FabricAddress {
  PortView port;
  const facts::Netdev* netdev = nullptr;
  facts::Address address;
  Subnet subnet;
};
/// In the order of the ports.
std::vector<FabricAddress> fabric_addresses(const NodeView& view);

/// An address with its prefix length ("192.168.101.10/24") in a private /24 that no address and no route of this node
/// overlaps; near `like` and with its last number where that is a private address.
std::string free_address(const facts::NodeFacts& node, std::optional<std::string> like);

/// Commands that give a netdev an address, now and after the next reboot.
std::vector<std::string> add_address(const facts::NodeFacts& node, const facts::Netdev& netdev,
                                     const std::string& address);
/// Commands that replace `from` by `to` (both with prefix length), now and in the file that sets it.
std::vector<std::string> replace_address(const facts::NodeFacts& node, const facts::Netdev& netdev,
                                         const std::string& from, const std::string& to);

}  // namespace rocekit::checks
