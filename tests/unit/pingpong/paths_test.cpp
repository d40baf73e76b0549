// Which devices of two nodes are paired.
#include "tools/roce-pingpong/nodes/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/unit/checks/sample_node.h"

namespace rocekit::pingpong {
namespace {

namespace sample = checks::sample;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using verbs::Transport;

Node named(Node node, const std::string& host) {
  node.host = host;
  node.machine = host + "-boot";
  node.network = "1";
  return node;
}

/// Gives each address of a node another last number, as its peer has.
Node peer_of(Node node) {
  const auto change = [](std::string& ip) { ip = ip.substr(0, ip.rfind('.')) + ".77"; };
  for (NodeAddress& address : node.addresses) change(address.ip);
  for (RdmaPort& port : node.ports) {
    for (NodeAddress& address : port.addresses) change(address.ip);
  }
  return node;
}

Node gb10(const std::string& host) { return named(summarize(sample::gb10()), host); }
Node gb10_peer(const std::string& host) { return named(peer_of(summarize(sample::gb10())), host); }

std::vector<std::string> pairs_of(const Pairing& pairing) {
  std::vector<std::string> pairs;
  for (const PathPlan& plan : pairing.paths) pairs.push_back(plan.path.a.device + "-" + plan.path.b.device);
  return pairs;
}

RdmaPort& port_named(Node& node, const std::string& device) {
  for (RdmaPort& port : node.ports) {
    if (port.device == device) return port;
  }
  throw std::logic_error("no such port");
}

std::string sentence_of(const Node& a, const Node& b, const Settings& settings = {}) {
  try {
    pair_paths(a, 0, b, 1, settings);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

Settings only(Transport transport) {
  Settings settings;
  settings.transports = {transport};
  settings.transports_given = true;
  return settings;
}

TEST(Paths, TwinsArePairedBySubnetAndShareTheirCage) {
  const Pairing pairing = pair_paths(gb10("spark-1"), 0, gb10_peer("spark-2"), 1, {});
  EXPECT_THAT(pairs_of(pairing), ElementsAre("rocep1s0f0-rocep1s0f0", "roceP2p1s0f0-roceP2p1s0f0"));
  EXPECT_THAT(pairing.unpaired, IsEmpty());
  const PathPlan& first = pairing.paths.front();
  EXPECT_TRUE(first.rdma && first.tcp);
  EXPECT_EQ(first.tcp_ip_a, first.path.a.ip);
  EXPECT_EQ(first.path.path_mtu, 4096);
  // One PCIe function of Gen5 x4 carries less than the link.
  EXPECT_THAT(first.path.bound_gbit_s, Optional(DoubleNear(115, 1)));
  EXPECT_EQ(first.path.limited_by, "pcie");
  EXPECT_EQ(first.path.a.physical, pairing.paths.back().path.a.physical);
  // Both at once: the link of their cage, 200 Gb/s less headers.
  EXPECT_THAT(bound_of({&pairing.paths[0], &pairing.paths[1]}, Transport::rc), Optional(DoubleNear(196, 0.2)));
  EXPECT_THAT(bound_of({&pairing.paths[0]}, Transport::rc), Optional(DoubleNear(115, 1)));
}

TEST(Paths, CrosswiseSubnetsArePairedAsTheyAreAddressed) {
  Node b = gb10_peer("spark-2");
  std::swap(port_named(b, "rocep1s0f0").addresses, port_named(b, "roceP2p1s0f0").addresses);
  EXPECT_THAT(pairs_of(pair_paths(gb10("spark-1"), 0, b, 1, {})),
              ElementsAre("rocep1s0f0-roceP2p1s0f0", "roceP2p1s0f0-rocep1s0f0"));
}

TEST(Paths, RailsInOneSubnetArePairedByName) {
  Node a = gb10("spark-1");
  Node b = gb10_peer("spark-2");
  int last = 1;
  for (Node* node : {&a, &b}) {
    for (const char* device : {"rocep1s0f0", "roceP2p1s0f0"}) {
      NodeAddress& address = port_named(*node, device).addresses.front();
      address.ip = "10.0.0." + std::to_string(last++);
      address.prefix_length = 24;
    }
  }
  EXPECT_THAT(pairs_of(pair_paths(a, 0, b, 1, {})), ElementsAre("rocep1s0f0-rocep1s0f0", "roceP2p1s0f0-roceP2p1s0f0"));
}

TEST(Paths, ATwinWithoutAnAddressIsLeftUnpairedOnBothEnds) {
  Node b = gb10_peer("spark-2");
  port_named(b, "roceP2p1s0f0").addresses.clear();
  const Pairing pairing = pair_paths(gb10("spark-1"), 0, b, 1, {});
  EXPECT_THAT(pairs_of(pairing), ElementsAre("rocep1s0f0-rocep1s0f0"));
  ASSERT_EQ(pairing.unpaired.size(), 2U);
  EXPECT_THAT(pairing.unpaired[0].why, HasSubstr("no active RDMA port of rank 1 (spark-2) in"));
  EXPECT_THAT(pairing.unpaired[1].why, HasSubstr("enP2p1s0f0np0 has no IPv4 address"));
  EXPECT_EQ(pairing.unpaired[1].end.rank, 1);
}

TEST(Paths, RailsSelectByDeviceOrNetdevOfEitherEnd) {
  Settings settings;
  settings.rails = {"enP2p1s0f0np0"};
  const Pairing pairing = pair_paths(gb10("spark-1"), 0, gb10_peer("spark-2"), 1, settings);
  EXPECT_THAT(pairs_of(pairing), ElementsAre("roceP2p1s0f0-roceP2p1s0f0"));
  EXPECT_THAT(pairing.unpaired, IsEmpty());
}

TEST(Paths, UnknownRailNamesTheNearOne) {
  Settings settings;
  settings.rails = {"rocep1s0f9"};
  EXPECT_THAT(sentence_of(gb10("spark-1"), gb10_peer("spark-2"), settings), HasSubstr("did you mean rocep1s0f0"));
  settings.rails = {"mlx5_0"};
  EXPECT_THAT(sentence_of(gb10("spark-1"), gb10_peer("spark-2"), settings), HasSubstr("there are rocep1s0f0"));
}

TEST(Paths, ANamedRailThatIsDownIsToldAsSuch) {
  Settings settings;
  settings.rails = {"rocep1s0f1"};
  EXPECT_THAT(sentence_of(gb10("spark-1"), gb10_peer("spark-2"), settings),
              HasSubstr("rocep1s0f1 of rank 0 (spark-1) is DOWN"));
}

TEST(Paths, NoCommonSubnetIsASentenceWithBothEndsAddresses) {
  Node b = gb10_peer("spark-2");
  for (RdmaPort& port : b.ports) {
    for (NodeAddress& address : port.addresses) address.ip = "172.20.0.9";
  }
  const std::string sentence = sentence_of(gb10("spark-1"), b);
  for (const char* words : {"no RDMA port of rank 0 (spark-1) shares a subnet", "172.20.0.9/24", "ROCE-NET-001"}) {
    EXPECT_THAT(sentence, HasSubstr(words));
  }
}

TEST(Paths, CableOutOnOneNodeIsASentenceNotATcpRun) {
  Node b = gb10_peer("spark-2");
  for (RdmaPort& port : b.ports) port.state = "DOWN";
  const std::string sentence = sentence_of(gb10("spark-1"), b);
  EXPECT_THAT(sentence, HasSubstr("rank 1 (spark-2) has no active RDMA port: rocep1s0f0 is DOWN"));
  EXPECT_THAT(sentence, HasSubstr("ROCE-LNK-001"));
}

TEST(Paths, WithoutRdmaOnOneNodeTheFastestCommonSubnetCarriesTcp) {
  Node b = gb10_peer("spark-2");
  b.ports.clear();
  const Pairing pairing = pair_paths(gb10("spark-1"), 0, b, 1, {});
  ASSERT_EQ(pairing.paths.size(), 1U);
  EXPECT_FALSE(pairing.paths.front().rdma);
  EXPECT_TRUE(pairing.paths.front().tcp);
  EXPECT_EQ(pairing.paths.front().path.a.netdev, "enp1s0f0np0");
  EXPECT_THAT(pairing.notes, ElementsAre("rank 1 (spark-2) has no RDMA device: only TCP was measured"));
  EXPECT_THAT(sentence_of(gb10("spark-1"), b, only(Transport::rc)),
              HasSubstr("rank 1 (spark-2) has no RDMA device, so rc"));
}

TEST(Paths, SubnetsThatExistInsideEachMachineAreTheLastResort) {
  Node a = named({}, "a");
  a.addresses = {{"docker0", "172.17.0.1", 16, 1500, {}, true, {}}, {"eth0", "10.0.0.1", 24, 1500, 10.0, false, {}}};
  Node b = named({}, "b");
  b.addresses = {{"docker0", "172.17.0.2", 16, 1500, {}, true, {}}, {"eth0", "10.0.0.2", 24, 1500, 10.0, false, {}}};
  EXPECT_EQ(pair_paths(a, 0, b, 1, only(Transport::tcp)).paths.front().path.a.netdev, "eth0");
  a.addresses.pop_back();
  b.addresses.pop_back();
  EXPECT_EQ(pair_paths(a, 0, b, 1, only(Transport::tcp)).paths.front().path.a.netdev, "docker0");
  b.addresses.front().ip = "10.9.0.1";
  EXPECT_THAT(sentence_of(a, b, only(Transport::tcp)), HasSubstr("share no subnet: docker0 172.17.0.1/16 on a"));
}

TEST(Paths, TcpAloneUsesTheRailsWithABoundOfItsOwnHeaders) {
  const Pairing pairing = pair_paths(gb10("spark-1"), 0, gb10_peer("spark-2"), 1, only(Transport::tcp));
  ASSERT_EQ(pairing.paths.size(), 2U);
  EXPECT_FALSE(pairing.paths.front().rdma);
  EXPECT_EQ(pairing.paths.front().path.path_mtu, 0);
  EXPECT_EQ(pairing.paths.front().path.a.device, "rocep1s0f0");
  EXPECT_THAT(bound_of({&pairing.paths[0], &pairing.paths[1]}, Transport::tcp), Optional(DoubleNear(198, 0.2)));
}

TEST(Paths, InfinibandIsPairedWithoutAddresses) {
  const auto node = [](const std::string& host) {
    Node made = named({}, host);
    for (const char* device : {"mlx5_0", "mlx5_1"}) {
      RdmaPort port;
      port.device = device;
      port.infiniband = true;
      port.state = "ACTIVE";
      port.active_mtu = 4096;
      port.link_gbit_s = 400;
      made.ports.push_back(port);
    }
    return made;
  };
  const Pairing pairing = pair_paths(node("a"), 0, node("b"), 1, {});
  EXPECT_THAT(pairs_of(pairing), ElementsAre("mlx5_0-mlx5_0", "mlx5_1-mlx5_1"));
  EXPECT_FALSE(pairing.paths.front().tcp);
  EXPECT_THAT(pairing.paths.front().path.bound_gbit_s, Optional(DoubleNear(400 * 4096.0 / 4122, 0.1)));
}

TEST(Paths, OnOneMachineEachDeviceIsPairedWithItselfAndTcpTakesLoopback) {
  const Node node = gb10("spark-1");
  const Pairing pairing = pair_paths(node, 0, node, 1, {});
  EXPECT_THAT(pairs_of(pairing), ElementsAre("rocep1s0f0-rocep1s0f0", "roceP2p1s0f0-roceP2p1s0f0"));
  EXPECT_TRUE(pairing.paths.front().loopback);
  EXPECT_EQ(pairing.paths.front().tcp_ip_a, "127.0.0.1");
  EXPECT_EQ(pairing.paths.front().path.bound_gbit_s, std::nullopt);
  Node bare = named({}, "laptop");
  const Pairing tcp = pair_paths(bare, 0, bare, 1, {});
  ASSERT_EQ(tcp.paths.size(), 1U);
  EXPECT_EQ(tcp.paths.front().path.a.netdev, "lo");
}

TEST(Paths, ContainersOfOneMachineAreNotOneNetworkStack) {
  Node a = gb10("spark-1");
  Node b = gb10_peer("spark-1");
  b.network = "2";
  EXPECT_FALSE(pair_paths(a, 0, b, 1, {}).paths.front().loopback);
}

TEST(Paths, SoftRoceHasNoBoundAndSaysWhy) {
  const Pairing pairing = pair_paths(named(summarize(sample::soft_roce()), "node1"), 0,
                                     named(peer_of(summarize(sample::soft_roce())), "node2"), 1, {});
  ASSERT_FALSE(pairing.paths.empty());
  EXPECT_TRUE(pairing.paths.front().path.a.soft_roce);
  EXPECT_EQ(pairing.paths.front().path.bound_gbit_s, std::nullopt);
  EXPECT_THAT(pairing.paths.front().path.bound_why, HasSubstr("Soft-RoCE"));
}

}  // namespace
}  // namespace rocekit::pingpong
