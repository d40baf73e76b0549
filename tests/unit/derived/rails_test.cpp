// Device ports grouped by physical port, and what that port can carry.
#include "probes/derived/rails.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/derived/gb10.h"
#include "tests/unit/checks/sample_node.h"

namespace rocekit::derived {
namespace {

namespace sample = checks::sample;
using facts::DeviceKind;
using facts::Missing;
using facts::NodeFacts;
using facts::Why;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

std::vector<std::string> devices_of(const Rail& rail) {
  std::vector<std::string> names;
  for (const RailMember& member : rail.members) names.push_back(member.device);
  return names;
}

facts::Pci pci_at(const std::string& address, double speed_gt_s, int width) {
  facts::Pci pci;
  pci.address = address;
  pci.vendor_id = 0x15b3;
  pci.device_id = 0x1021;
  pci.bandwidth_gbit_s = speed_gt_s * width * 128 / 130;
  return pci;
}

/// One RoCE port on a PCIe function; ACTIVE at `gbit_s`.
void add_roce(NodeFacts& node, const std::string& name, const std::string& address, const std::string& image_guid,
              const std::string& netdev_name, int gbit_s) {
  facts::Device device;
  device.name = name;
  device.kind = DeviceKind::roce;
  device.driver = std::string("mlx5_core");
  device.board_id = std::string("MT_0000000838");
  device.sys_image_guid = image_guid;
  device.pci = pci_at(address, 32, 16);
  facts::Port port;
  port.state = std::string("ACTIVE");
  port.link_layer = std::string("Ethernet");
  port.rate_gbit_s = gbit_s;
  port.active_mtu = 4096;
  port.netdev = netdev_name;
  device.ports.push_back(port);
  node.devices.push_back(device);
  facts::Netdev netdev;
  netdev.name = netdev_name;
  netdev.mtu = 9000;
  netdev.speed_mbit_s = gbit_s * 1000;
  netdev.type = std::string("physical");
  node.netdevs.push_back(netdev);
}

TEST(PayloadFraction, CountsTheHeadersOfRoceV2AndPcie) {
  EXPECT_NEAR(roce_payload_fraction(4096), 4096.0 / 4178, 1e-9);
  EXPECT_NEAR(roce_payload_fraction(1024), 1024.0 / 1106, 1e-9);
  EXPECT_NEAR(pcie_payload_fraction(256), 256.0 / 280, 1e-9);
  EXPECT_EQ(roce_payload_fraction(0), 0);
  EXPECT_EQ(pcie_payload_fraction(0), 0);
}

TEST(PathMtu, IsTheLargestThatFitsTheNetdevsMtu) {
  EXPECT_EQ(path_mtu_within(9000), 4096);
  EXPECT_EQ(path_mtu_within(4192), 4096);
  EXPECT_EQ(path_mtu_within(4191), 2048);
  EXPECT_EQ(path_mtu_within(1500), 1024);
  EXPECT_EQ(path_mtu_within(300), 0);
}

TEST(Rails, JoinTheTwinsOfEachGb10Cage) {
  const std::vector<Rail> rails = find_rails(sample::gb10());
  ASSERT_THAT(rails, SizeIs(2));
  EXPECT_THAT(devices_of(rails[0]), ElementsAre("rocep1s0f0", "roceP2p1s0f0"));
  EXPECT_THAT(devices_of(rails[1]), ElementsAre("rocep1s0f1", "roceP2p1s0f1"));
  EXPECT_EQ(rails[0].cage, "cage 0 (next to the RJ45)");
  EXPECT_THAT(rails[1].cage, HasSubstr("cage 1"));
  EXPECT_EQ(rails[0].nccl_hca, "rocep1s0f0,roceP2p1s0f0");
  EXPECT_TRUE(rails[0].twins);
  EXPECT_TRUE(rails[0].active);
  EXPECT_FALSE(rails[1].active);
  EXPECT_EQ(rails[0].index, 0);
  EXPECT_EQ(rails[1].index, 1);
}

TEST(Rails, BoundBothGb10TwinsByTheLinkAndOneAloneByPcie) {
  NodeFacts node = sample::gb10();
  const Rail both = find_rails(node)[0];
  EXPECT_THAT(both.bound_gbit_s, Optional(DoubleNear(196.07, 0.01)));
  EXPECT_EQ(both.limited_by, "link");
  EXPECT_THAT(both.members[0].pcie_gbit_s, Optional(DoubleNear(115.23, 0.01)));
  EXPECT_EQ(both.path_mtu, 4096);
  EXPECT_THAT(both.bound_why, HasSubstr("link 200 Gb/s x 4096/4178"));
  EXPECT_THAT(both.bound_why, HasSubstr("115.2 + 115.2 = 230.5"));

  sample::take_down(node, "roceP2p1s0f0");
  const Rail one = find_rails(node)[0];
  EXPECT_THAT(one.bound_gbit_s, Optional(DoubleNear(115.23, 0.01)));
  EXPECT_EQ(one.limited_by, "pcie");
  EXPECT_THAT(devices_of(one), ElementsAre("rocep1s0f0", "roceP2p1s0f0"));
}

TEST(Rails, TakeTheSmallestPathMtuOfTheTwins) {
  NodeFacts node = sample::gb10();
  sample::port(node, "roceP2p1s0f0").active_mtu = 1024;
  const Rail rail = find_rails(node)[0];
  EXPECT_EQ(rail.path_mtu, 1024);
  EXPECT_THAT(rail.bound_gbit_s, Optional(DoubleNear(200 * 1024.0 / 1106, 0.01)));
}

TEST(Rails, DoNotTrustTheRateOfAPortThatIsDown) {
  const Rail empty_cage = find_rails(sample::gb10())[1];
  EXPECT_EQ(empty_cage.link_gbit_s, std::nullopt);
  EXPECT_EQ(empty_cage.bound_gbit_s, std::nullopt);
  EXPECT_THAT(empty_cage.bound_why, HasSubstr("not ACTIVE"));
}

TEST(Rails, TakeCableSerialsThatDifferForTwoPorts) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enP2p1s0f0np0").module.value().serial = std::string("another cable");
  EXPECT_THAT(find_rails(node), SizeIs(3));
}

TEST(Rails, KeepTheTwinsTogetherWhateverOneFactIsMissing) {
  const NodeFacts healthy = sample::gb10();
  const auto breakages = std::vector<void (*)(NodeFacts&)>{
      [](NodeFacts& node) { sample::netdev(node, "enP2p1s0f0np0").module = Missing{}; },
      [](NodeFacts& node) { sample::netdev(node, "enP2p1s0f0np0").phys_port_name = Missing{}; },
      [](NodeFacts& node) { sample::netdev(node, "enP2p1s0f0np0").speed_mbit_s = Missing{}; },
      [](NodeFacts& node) { sample::port(node, "roceP2p1s0f0").netdev = Missing{}; },
      [](NodeFacts& node) { sample::device(node, "roceP2p1s0f0").pci.value().device_id = Missing{}; },
      [](NodeFacts& node) { node.gpus.clear(); },
      [](NodeFacts& node) { node.host.machine = Missing{}; },
  };
  for (std::size_t i = 0; i < breakages.size(); ++i) {
    NodeFacts node = healthy;
    breakages[i](node);
    const std::vector<Rail> rails = find_rails(node);
    ASSERT_THAT(rails, SizeIs(2)) << "breakage " << i;
    EXPECT_EQ(rails[0].cage, "cage 0 (next to the RJ45)") << "breakage " << i;
  }
}

TEST(Rails, SeparateDevicesWhoseAdapterOrBusIsUnknown) {
  NodeFacts node = sample::gb10();
  sample::device(node, "roceP2p1s0f0").sys_image_guid = Missing{Why::absent, ""};
  EXPECT_THAT(find_rails(node), SizeIs(3));
  node = sample::gb10();
  sample::device(node, "roceP2p1s0f0").pci = Missing{Why::permission, ""};
  EXPECT_THAT(find_rails(node), SizeIs(3));
  node = sample::gb10();
  for (facts::Device& device : node.devices) device.sys_image_guid = std::string("0000:0000:0000:0000");
  EXPECT_THAT(find_rails(node), SizeIs(4));
}

TEST(Rails, NameNoLimitWhenPcieIsUnknown) {
  NodeFacts node = sample::gb10();
  sample::device(node, "rocep1s0f0").pci.value().bandwidth_gbit_s = Missing{Why::permission, ""};
  const Rail rail = find_rails(node)[0];
  EXPECT_THAT(rail.bound_gbit_s, Optional(DoubleNear(196.07, 0.01)));
  EXPECT_EQ(rail.limited_by, std::nullopt);
  EXPECT_THAT(rail.bound_why, HasSubstr("PCIe of rocep1s0f0 could not be read"));
}

TEST(Rails, InferThePathMtuWhereLibibverbsCouldNotTell) {
  NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) device.ports[0].active_mtu = Missing{Why::permission, "uverbs0"};
  const Rail rail = find_rails(node)[0];
  EXPECT_EQ(rail.path_mtu, std::nullopt);
  EXPECT_THAT(rail.bound_gbit_s, Optional(DoubleNear(196.07, 0.01)));
  EXPECT_THAT(rail.bound_why, HasSubstr("as follows from the netdev's MTU"));
}

TEST(Rails, GiveNoBoundWithoutARate) {
  NodeFacts node = sample::gb10();
  for (const char* name : {"rocep1s0f0", "roceP2p1s0f0"}) sample::port(node, name).rate_gbit_s = Missing{};
  for (const char* name : {"enp1s0f0np0", "enP2p1s0f0np0"}) sample::netdev(node, name).speed_mbit_s = -1;
  const Rail rail = find_rails(node)[0];
  EXPECT_EQ(rail.bound_gbit_s, std::nullopt);
  EXPECT_THAT(rail.bound_why, HasSubstr("rate could not be read"));
}

TEST(Rails, AreEightOnAServerWithEightCards) {
  NodeFacts node;
  for (int i = 0; i < 8; ++i) {
    add_roce(node, fmt::format("mlx5_{}", i), fmt::format("0000:{:02x}:00.0", 0x18 + 0x10 * i),
             fmt::format("a088:c203:00aa:{:04x}", i), fmt::format("ens{}np0", i), 400);
  }
  const std::vector<Rail> rails = find_rails(node);
  ASSERT_THAT(rails, SizeIs(8));
  EXPECT_EQ(rails[7].nccl_hca, "mlx5_7");
  EXPECT_EQ(rails[0].cage, "port 1 of 0000:18:00.0");
  EXPECT_FALSE(rails[0].twins);
  EXPECT_THAT(rails[0].bound_gbit_s, Optional(DoubleNear(392.1, 0.1)));
  EXPECT_EQ(rails[0].limited_by, "link");
}

TEST(Rails, KeepThePortsOfADualPortCardApart) {
  NodeFacts node;
  add_roce(node, "mlx5_0", "0000:18:00.0", "a088:c203:00aa:0001", "ens1f0np0", 100);
  add_roce(node, "mlx5_1", "0000:18:00.1", "a088:c203:00aa:0001", "ens1f1np1", 100);
  const std::vector<Rail> rails = find_rails(node);
  ASSERT_THAT(rails, SizeIs(2));
  EXPECT_EQ(rails[0].cage, "port 1 of 0000:18:00.0");
  EXPECT_EQ(rails[1].cage, "port 2 of 0000:18:00.0");
  EXPECT_FALSE(rails[0].twins);
}

TEST(Rails, JoinTheHalvesOfASocketDirectCard) {
  NodeFacts node;
  add_roce(node, "mlx5_0", "0000:05:00.0", "a088:c203:00aa:0001", "ens1np0", 200);
  add_roce(node, "mlx5_1", "0000:82:00.0", "a088:c203:00aa:0001", "ens2np0", 200);
  for (facts::Device& device : node.devices) device.pci.value().bandwidth_gbit_s = 8.0 * 16 * 128 / 130;
  const std::vector<Rail> rails = find_rails(node);
  ASSERT_THAT(rails, SizeIs(1));
  EXPECT_TRUE(rails[0].twins);
  EXPECT_EQ(rails[0].cage, "port 1 of 0000:05:00.0 and 0000:82:00.0");
  EXPECT_EQ(rails[0].limited_by, "link");
  EXPECT_THAT(rails[0].link_gbit_s, Optional(200.0));
}

TEST(Rails, JoinSocketDirectHalvesOfOtherFunctionNumbersByTheirSwitch) {
  NodeFacts node;
  add_roce(node, "mlx5_0", "0000:05:00.0", "a088:c203:00aa:0001", "ens1", 200);
  add_roce(node, "mlx5_1", "0000:82:00.1", "a088:c203:00aa:0001", "ens2", 200);
  EXPECT_THAT(find_rails(node), SizeIs(2));
  for (facts::Netdev& netdev : node.netdevs) {
    netdev.phys_port_name = std::string("p0");
    netdev.phys_switch_id = std::string("0100aa0003c288a0");
  }
  EXPECT_THAT(find_rails(node), SizeIs(1));
}

TEST(Rails, TellPortsApartByTheEndOfTheNetdevsName) {
  NodeFacts node;
  add_roce(node, "mlx5_0", "0000:05:00.0", "a088:c203:00aa:0001", "ens1np0", 200);
  add_roce(node, "mlx5_1", "0000:82:00.0", "a088:c203:00aa:0001", "ens2np1", 200);
  EXPECT_THAT(find_rails(node), SizeIs(2));
}

TEST(Rails, KeepVirtualFunctionsApart) {
  NodeFacts node;
  add_roce(node, "mlx5_0", "0000:18:00.2", "a088:c203:00aa:0001", "eth0", 200);
  add_roce(node, "mlx5_1", "0000:18:01.2", "a088:c203:00aa:0001", "eth1", 200);
  for (facts::Device& device : node.devices) device.pci.value().device_id = 0x101e;
  EXPECT_THAT(find_rails(node), SizeIs(2));
}

TEST(Rails, AddUpTheMembersOfABond) {
  NodeFacts node;
  add_roce(node, "mlx5_bond_0", "0000:18:00.0", "a088:c203:00aa:0001", "bond0", 100);
  facts::Netdev& bond = node.netdevs[0];
  bond.type = std::string("bond");
  bond.lower = {"ens1f0np0", "ens1f1np1"};
  bond.speed_mbit_s = Missing{Why::not_supported, ""};
  for (const char* name : {"ens1f0np0", "ens1f1np1"}) {
    facts::Netdev member;
    member.name = name;
    member.speed_mbit_s = 100000;
    member.upper = "bond0";
    node.netdevs.push_back(member);
  }
  const std::vector<Rail> rails = find_rails(node);
  ASSERT_THAT(rails, SizeIs(1));
  EXPECT_EQ(rails[0].cage, "bond bond0 of ens1f0np0 and ens1f1np1");
  EXPECT_THAT(rails[0].link_gbit_s, Optional(200.0));
  EXPECT_THAT(rails[0].bound_gbit_s, Optional(DoubleNear(196.07, 0.01)));
  // An active-backup bond sends over one member only, and its own speed says so.
  node.netdevs[0].speed_mbit_s = 100000;
  EXPECT_THAT(find_rails(node)[0].link_gbit_s, Optional(100.0));
}

TEST(Rails, GiveSoftRoceNoBoundAndSayWhy) {
  const std::vector<Rail> rails = find_rails(sample::soft_roce());
  ASSERT_THAT(rails, SizeIs(2));
  EXPECT_EQ(rails[0].cage, "soft-roce on enp1s0f0np0");
  EXPECT_EQ(rails[0].kind, DeviceKind::soft_roce);
  EXPECT_TRUE(rails[0].active);
  EXPECT_EQ(rails[0].link_gbit_s, std::nullopt);
  EXPECT_EQ(rails[0].bound_gbit_s, std::nullopt);
  EXPECT_THAT(rails[0].bound_why, HasSubstr("Soft-RoCE is software"));
}

TEST(Rails, GiveEachPortOfAnInfiniBandDeviceItsOwn) {
  NodeFacts node;
  facts::Device device;
  device.name = "mlx4_0";
  device.kind = DeviceKind::infiniband;
  device.pci = pci_at("0000:18:00.0", 8, 8);
  for (const int number : {1, 2}) {
    facts::Port port;
    port.number = number;
    port.state = std::string("ACTIVE");
    port.link_layer = std::string("InfiniBand");
    port.rate_gbit_s = 56;
    port.active_mtu = 4096;
    device.ports.push_back(port);
  }
  node.devices.push_back(device);
  const std::vector<Rail> rails = find_rails(node);
  ASSERT_THAT(rails, SizeIs(2));
  EXPECT_EQ(rails[0].nccl_hca, "mlx4_0:1");
  EXPECT_EQ(rails[1].cage, "port 2 of 0000:18:00.0");
  EXPECT_THAT(rails[0].bound_gbit_s, Optional(DoubleNear(56 * 4096.0 / (4096 + 26), 0.01)));
  EXPECT_EQ(rails[0].limited_by, "link");
}

TEST(Rails, GiveInfiniBandOfOldLineCodingAndOtherKindsNoBound) {
  NodeFacts node;
  facts::Device device;
  device.name = "mlx4_0";
  device.kind = DeviceKind::infiniband;
  facts::Port port;
  port.state = std::string("ACTIVE");
  port.link_layer = std::string("InfiniBand");
  port.rate_gbit_s = 40;
  port.active_mtu = 4096;
  device.ports.push_back(port);
  node.devices.push_back(device);
  EXPECT_THAT(find_rails(node)[0].bound_why, HasSubstr("line coding"));
  EXPECT_EQ(find_rails(node)[0].cage, "port 1 of mlx4_0");
  for (const DeviceKind kind : {DeviceKind::iwarp, DeviceKind::omni_path, DeviceKind::unknown}) {
    node.devices[0].kind = kind;
    EXPECT_EQ(find_rails(node)[0].bound_gbit_s, std::nullopt);
    EXPECT_THAT(find_rails(node)[0].bound_why, HasSubstr(to_string(kind)));
  }
}

TEST(Rails, HoldEveryPortOnce) {
  for (const NodeFacts& node : {sample::gb10(), sample::soft_roce()}) {
    std::size_t ports = 0;
    for (const facts::Device& device : node.devices) ports += device.ports.size();
    std::size_t members = 0;
    for (const Rail& rail : find_rails(node)) members += rail.members.size();
    EXPECT_EQ(members, ports);
  }
  EXPECT_TRUE(find_rails(NodeFacts{}).empty());
}

TEST(Gb10, IsKnownByAnyOfItsSigns) {
  NodeFacts node = sample::gb10();
  EXPECT_TRUE(is_gb10(node));
  node.host.machine = Missing{};
  node.gpus.clear();
  EXPECT_TRUE(is_gb10(node));  // by the adapter's board ID
  for (facts::Device& device : node.devices) device.board_id = Missing{};
  EXPECT_FALSE(is_gb10(node));
  EXPECT_FALSE(is_gb10(sample::soft_roce()));
}

}  // namespace
}  // namespace rocekit::derived
