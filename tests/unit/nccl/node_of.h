// Small nodes for tests of NCCL's choice: a healthy two-rail RoCE node, and the steps that change it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::test {

using facts::Address;
using facts::Device;
using facts::Gid;
using facts::Missing;
using facts::Netdev;
using facts::NodeFacts;
using facts::Port;
using facts::Why;

inline Gid gid(int index, const std::string& text, const std::string& type) {
  Gid entry;
  entry.index = index;
  entry.gid = text;
  entry.type = type;
  return entry;
}

inline const std::string fe80 = "fe80:0000:0000:0000:4ebb:47ff:fe2c:0001";
inline const std::string mapped_1 = "0000:0000:0000:0000:0000:ffff:c0a8:640a";  // 192.168.100.10
inline const std::string mapped_2 = "0000:0000:0000:0000:0000:ffff:c0a8:650a";  // 192.168.101.10
inline const std::string global_6 = "fd00:0000:0000:0001:0000:0000:0000:000a";  // fd00:0:0:1::a

/// As mlx5 makes it for one IPv4 address: fe80 v1, fe80 v2, IPv4 v1, IPv4 v2.
inline std::vector<Gid> table(const std::string& mapped) {
  return {gid(0, fe80, "IB/RoCE v1"), gid(1, fe80, "RoCE v2"), gid(2, mapped, "IB/RoCE v1"), gid(3, mapped, "RoCE v2")};
}

inline Port port(std::vector<Gid> gids, int number = 1) {
  Port result;
  result.number = number;
  result.state = std::string("ACTIVE");
  result.link_layer = std::string("Ethernet");
  result.gid_table_size = 255;
  result.gids = std::move(gids);
  return result;
}

inline Device device(const std::string& name, int uverbs = 0) {
  Device result;
  result.name = name;
  result.driver = std::string("mlx5_core");
  result.uverbs = facts::Uverbs{"/dev/infiniband/uverbs" + std::to_string(uverbs), true};
  result.ports = {port(table(mapped_1))};
  return result;
}

inline Netdev netdev(const std::string& name, int ifindex, std::vector<Address> addresses) {
  Netdev result;
  result.name = name;
  result.ifindex = ifindex;
  result.running = true;
  result.addresses = std::move(addresses);
  return result;
}
inline Address inet(const std::string& ip, int prefix_length = 24) { return {"inet", ip, prefix_length, "global"}; }
inline Address inet6(const std::string& ip, int prefix_length = 64) { return {"inet6", ip, prefix_length, "link"}; }

inline void set(NodeFacts& node, const std::string& name, const std::string& value) {
  node.process.settings.push_back({name, value, "environment"});
}

/// Two ports of a GB10, each with an address; LAN, loopback and the fabric's netdevs.
inline NodeFacts healthy() {
  NodeFacts node;
  node.host.libibverbs = facts::Library{"/usr/lib/aarch64-linux-gnu/libibverbs.so.1", std::string("50.0")};
  node.host.verbs_providers = std::vector<std::string>{"mlx5", "rxe"};
  node.host.nccl_plugins = std::vector<facts::Library>{};
  node.devices = {device("rocep1s0f0", 0), device("roceP2p1s0f0", 2)};
  node.devices[1].ports = {port(table(mapped_2))};
  node.netdevs = {netdev("lo", 1, {inet("127.0.0.1", 8), inet6("::1", 128)}),
                  netdev("enP7s7", 2, {inet("192.168.1.5")}),
                  netdev("enp1s0f0np0", 3, {inet("192.168.100.10"), inet6("fe80::4ebb:47ff:fe2c:1")}),
                  netdev("enP2p1s0f0np0", 5, {inet("192.168.101.10")})};
  return node;
}

}  // namespace rocekit::test
