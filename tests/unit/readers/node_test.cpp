// read_node over small trees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/error.h"
#include "probes/facts/read_node.h"
#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::facts {
namespace {

using rocekit::testing::TemporaryTree;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const std::string root_port = "/sys/devices/pci0000:00/0000:00:01.0";
const std::string function = root_port + "/0000:01:00.0";
const std::string zero_gid = "0000:0000:0000:0000:0000:0000:0000:0000";

class Node : public ::testing::Test {
 protected:
  Node() {
    link_speed(root_port, "32.0 GT/s PCIe", "16");
    link_speed(function, "32.0 GT/s PCIe", "16");
    machine.file(function + "/vendor", "0x15b3\n")
        .file(function + "/device", "0x1021\n")
        .file(function + "/numa_node", "1\n")
        .file(function + "/local_cpulist", "0-9,15\n")
        .link(function + "/iommu_group", "../../../../kernel/iommu_groups/17")
        .link(function + "/driver", "../../../../bus/pci/drivers/mlx5_core")
        .link("/sys/class/infiniband/mlx5_0", "../../devices/pci0000:00/0000:00:01.0/0000:01:00.0/infiniband/mlx5_0")
        .link(device + "/device", "../../../0000:01:00.0")
        .file(device + "/fw_ver", "28.45.4028\n")
        .file(device + "/board_id", "NVD0000000087\n")
        .file(device + "/hca_type", "MT4129\n")
        .file(device + "/node_type", "1: CA\n")
        .file(device + "/node_guid", "4cbb:4703:002c:ac10\n")
        .file(device + "/sys_image_guid", "4cbb:4703:002c:ac10\n")
        .file(port + "/state", "4: ACTIVE\n")
        .file(port + "/phys_state", "5: LinkUp\n")
        .file(port + "/link_layer", "Ethernet\n")
        .file(port + "/rate", "400 Gb/sec (4X NDR)\n")
        .file(port + "/gids/0", "fe80:0000:0000:0000:4ebb:47ff:fe2c:ac10\n")
        .file(port + "/gids/1", zero_gid + "\n")
        .file(port + "/gids/10", "0000:0000:0000:0000:0000:ffff:c0a8:0075\n")
        .file(port + "/gid_attrs/types/0", "IB/RoCE v1\n")
        .file(port + "/gid_attrs/types/10", "RoCE v2\n")
        .file(port + "/gid_attrs/ndevs/0", "eth0\n")
        .file(port + "/gid_attrs/ndevs/10", "eth0\n")
        .file(port + "/counters/port_xmit_data", "18446744073709551615\n")
        .file(port + "/counters/VL15_dropped", "N/A (no PMA)\n")
        .file(port + "/hw_counters/out_of_sequence", "7\n")
        .file(port + "/hw_counters/lifespan", "10\n")
        .link("/sys/class/infiniband_verbs/uverbs0", "../../devices/uverbs0")
        .file("/sys/devices/uverbs0/ibdev", "mlx5_0\n")
        .file("/dev/infiniband/uverbs0", "")
        .link("/sys/class/net/eth0", "../../devices/pci0000:00/0000:00:01.0/0000:01:00.0/net/eth0")
        .file(netdev + "/mtu", "9000\n")
        .file(netdev + "/type", "1\n")
        .file(netdev + "/flags", "0x1003\n")
        .file(netdev + "/operstate", "up\n")
        .file(netdev + "/carrier", "1\n")
        .file(netdev + "/speed", "400000\n")
        .file(netdev + "/address", "4c:bb:47:2c:ac:10\n")
        .link(netdev + "/device", "../../../0000:01:00.0");
    VerbsDeviceAnswers verbs;
    verbs.name = "mlx5_0";
    verbs.openable = true;
    verbs.vendor_id = 0x2c9;
    verbs.vendor_part_id = 4129;
    verbs.ports = {{1, 4096, 4096, {}, {}}};
    answers.verbs_devices = std::vector<VerbsDeviceAnswers>{verbs};
  }
  void link_speed(const std::string& path, const char* speed, const char* width) {
    machine.file(path + "/current_link_speed", speed)
        .file(path + "/current_link_width", width)
        .file(path + "/max_link_speed", "32.0 GT/s PCIe")
        .file(path + "/max_link_width", "16");
  }
  NodeFacts read() { return read_node(FileTree::open(machine.root()), answers); }
  Device read_device() { return read().devices.at(0); }
  Port read_port() { return read_device().ports.at(0); }

  const std::string device = function + "/infiniband/mlx5_0";
  const std::string port = device + "/ports/1";
  const std::string netdev = function + "/net/eth0";
  TemporaryTree machine;
  KernelAnswers answers;
};

TEST_F(Node, Device) {
  const Device mlx = read_device();
  EXPECT_EQ(mlx.kind, DeviceKind::roce);
  EXPECT_TRUE(mlx.driver.is("mlx5_core"));
  EXPECT_TRUE(mlx.fw_version.is("28.45.4028"));
  EXPECT_TRUE(mlx.board_id.is("NVD0000000087"));
  EXPECT_TRUE(mlx.node_guid.is("4cbb:4703:002c:ac10"));
  EXPECT_TRUE(mlx.vendor_id.is(0x2c9));
  EXPECT_TRUE(mlx.vendor_part_id.is(4129));
  EXPECT_EQ(mlx.uverbs.value(), (Uverbs{"/dev/infiniband/uverbs0", true}));
  EXPECT_EQ(mlx.parent_netdev.missing().why, Why::absent);
}

TEST_F(Node, Port) {
  const Port one = read_port();
  EXPECT_TRUE(one.state.is("ACTIVE"));
  EXPECT_TRUE(one.phys_state.is("LinkUp"));
  EXPECT_TRUE(one.rate_gbit_s.is(400));
  EXPECT_TRUE(one.width.is("4X"));
  EXPECT_TRUE(one.active_mtu.is(4096));
  EXPECT_TRUE(one.netdev.is("eth0"));
  EXPECT_THAT(*one.counters, UnorderedElementsAre(Pair("port_xmit_data", 18446744073709551615ULL)));
  EXPECT_THAT(*one.hw_counters, UnorderedElementsAre(Pair("out_of_sequence", 7U)));
}

TEST_F(Node, GidsAreReadInNumericOrderWithoutEmptyOnes) {
  const Port one = read_port();
  EXPECT_TRUE(one.gid_table_size.is(3));
  ASSERT_EQ(one.gids.size(), 2U);
  EXPECT_EQ(one.gids[0].index, 0);
  EXPECT_TRUE(one.gids[0].type.is("RoCE v1"))
      << "one word of the kernel for IB and RoCE v1, told apart by the link layer";
  EXPECT_EQ(one.gids[1].index, 10);
  EXPECT_TRUE(one.gids[1].type.is("RoCE v2"));
  EXPECT_EQ(one.gids[1].ipv4, "192.168.0.117");
}

TEST_F(Node, OnlyTheGidsThatLibibverbsCallsValidAreOpened) {
  answers.verbs_devices.value().front().ports.front().gid_indexes = std::vector<int>{10};
  machine.file(port + "/gids/1", "would be malformed");
  const Port one = read_port();
  EXPECT_TRUE(one.gid_table_size.is(3));
  ASSERT_EQ(one.gids.size(), 1U);
  EXPECT_EQ(one.gids[0].ipv4, "192.168.0.117");
}

TEST_F(Node, AGidTableOfKnownSizeIsNotListed) {
  answers.verbs_devices.value().front().ports.front().gid_indexes = std::vector<int>{10};
  answers.verbs_devices.value().front().ports.front().gid_table_size = 1024;
  const Port one = read_port();
  EXPECT_TRUE(one.gid_table_size.is(1024));
  EXPECT_EQ(one.gids.size(), 1U);
}

TEST_F(Node, AGidThatIsNoGidMakesTheTableUnknown) {
  machine.file(port + "/gids/1", "fe80");
  const Port one = read_port();
  EXPECT_THAT(one.gid_table_size.missing().detail, HasSubstr("gids/1: \"fe80\" where a GID is expected"));
  EXPECT_EQ(one.gids.size(), 2U);
}

TEST_F(Node, InfiniBandGidsAreIb) {
  machine.file(port + "/link_layer", "InfiniBand");
  EXPECT_TRUE(read_port().gids[0].type.is("IB"));
  EXPECT_EQ(read_device().kind, DeviceKind::infiniband);
}

TEST_F(Node, TruncatedAndBinaryFilesAreMalformed) {
  machine.file(port + "/state", "")
      .file(port + "/rate", std::string_view("\x00\xff\x01", 3))
      .file(port + "/link_layer", "\xff\xfe")
      .file(device + "/fw_ver", "\x01\x02")
      .file(device + "/board_id", "")
      .file(function + "/numa_node", "one")
      .file(function + "/local_cpulist", "many")
      .file(netdev + "/mtu", "99999999999");
  const NodeFacts node = read();
  const Device& mlx = node.devices.at(0);
  EXPECT_EQ(mlx.ports[0].state.missing().why, Why::malformed);
  EXPECT_THAT(mlx.ports[0].state.missing().detail, HasSubstr("state: empty, expected a port state"));
  EXPECT_EQ(mlx.ports[0].rate_gbit_s.missing().why, Why::malformed);
  EXPECT_EQ(mlx.ports[0].link_layer.missing().why, Why::malformed);
  EXPECT_EQ(mlx.fw_version.missing().why, Why::malformed);
  EXPECT_EQ(mlx.board_id.missing().why, Why::absent) << "drivers leave it empty";
  EXPECT_EQ(mlx.pci->numa_node.missing().why, Why::malformed);
  EXPECT_EQ(mlx.pci->local_cpulist.missing().why, Why::malformed);
  EXPECT_EQ(node.netdevs.at(0).mtu.missing().why, Why::malformed);
  EXPECT_EQ(mlx.kind, DeviceKind::unknown);
}

TEST_F(Node, PciPath) {
  const Pci pci = read_device().pci.value();
  EXPECT_EQ(pci.address, "0000:01:00.0");
  EXPECT_TRUE(pci.vendor_id.is(0x15b3));
  EXPECT_TRUE(pci.numa_node.is(1));
  EXPECT_TRUE(pci.local_cpulist.is("0-9,15"));
  EXPECT_TRUE(pci.iommu_group.is("17"));
  ASSERT_EQ(pci.hops.size(), 2U);
  EXPECT_EQ(pci.hops[0].address, "0000:00:01.0");
  EXPECT_EQ(pci.hops[1].address, "0000:01:00.0");
  EXPECT_NEAR(pci.bandwidth_gbit_s.value(), 504.12, 0.01);
  EXPECT_TRUE(pci.slowest_hop.is("0000:01:00.0"));
}

TEST_F(Node, TheSlowestHopBoundsThePciPath) {
  link_speed(root_port, "2.5 GT/s PCIe", "16");
  const Pci pci = read_device().pci.value();
  EXPECT_TRUE(pci.slowest_hop.is("0000:00:01.0"));
  EXPECT_DOUBLE_EQ(pci.bandwidth_gbit_s.value(), 32.0);
  EXPECT_TRUE(pci.speed_gt_s.is(32.0)) << "the function's own link";
}

TEST_F(Node, APciFunctionWithoutItsOwnLinkUsesItsBridges) {
  link_speed(function, "Unknown", "0");
  const Pci pci = read_device().pci.value();
  EXPECT_EQ(pci.speed_gt_s.missing().why, Why::not_supported);
  EXPECT_EQ(pci.width.missing().why, Why::not_supported);
  EXPECT_TRUE(pci.slowest_hop.is("0000:00:01.0"));
  link_speed(root_port, "Unknown", "255");
  EXPECT_EQ(read_device().pci->bandwidth_gbit_s.missing().why, Why::not_supported);
}

TEST_F(Node, AnImpossiblePciWidthIsMalformed) {
  link_speed(function, "fast", "7");
  const Pci pci = read_device().pci.value();
  EXPECT_EQ(pci.width.missing().why, Why::malformed);
  EXPECT_EQ(pci.speed_gt_s.missing().why, Why::malformed);
}

TEST_F(Node, DevicesComeInLibibverbsOrderThenByNumber) {
  for (const char* name : {"mlx5_10", "mlx5_2"}) {
    machine.file(std::string("/sys/class/infiniband/") + name + "/node_type", "1: CA");
  }
  std::vector<std::string> names;
  for (const Device& found : read().devices) names.push_back(found.name);
  EXPECT_THAT(names, ElementsAre("mlx5_0", "mlx5_2", "mlx5_10"));
  VerbsDeviceAnswers tenth;
  tenth.name = "mlx5_10";
  answers.verbs_devices.value().insert(answers.verbs_devices.value().begin(), tenth);
  names.clear();
  for (const Device& found : read().devices) names.push_back(found.name);
  EXPECT_THAT(names, ElementsAre("mlx5_10", "mlx5_0", "mlx5_2"));
}

TEST_F(Node, WithoutLibibverbsItsFactsSayWhy) {
  answers.verbs_devices = Missing{Why::failed, "libibverbs.so.1: cannot open shared object file"};
  const Device mlx = read_device();
  EXPECT_EQ(mlx.vendor_id.missing(), answers.verbs_devices.missing());
  EXPECT_EQ(mlx.ports[0].active_mtu.missing(), answers.verbs_devices.missing());
  EXPECT_EQ(mlx.uverbs->openable.missing(), answers.verbs_devices.missing());
}

TEST_F(Node, ADeviceThatCannotBeOpenedSaysWhyEverywhere) {
  auto& verbs = answers.verbs_devices.value().at(0);
  verbs.openable = Missing{Why::permission, "open /dev/infiniband/uverbs0: Permission denied"};
  verbs.ports.clear();
  const Device mlx = read_device();
  EXPECT_EQ(mlx.uverbs->openable.missing().why, Why::permission);
  EXPECT_EQ(mlx.ports[0].active_mtu.missing().why, Why::permission);
}

TEST_F(Node, AUverbsNodeThatIsNotInDevIsAbsent) {
  std::filesystem::remove(machine.at("/dev/infiniband/uverbs0"));
  EXPECT_EQ(read_device().uverbs->openable.missing(),
            (Missing{Why::absent, "/dev/infiniband/uverbs0: No such file or directory"}));
  std::filesystem::remove_all(machine.at("/sys/class/infiniband_verbs"));
  EXPECT_EQ(read_device().uverbs.missing().why, Why::absent);
}

TEST_F(Node, WithoutAGidThePortsNetdevIsThatOfItsFunction) {
  std::filesystem::remove_all(machine.at(port + "/gid_attrs"));
  EXPECT_TRUE(read_port().netdev.is("eth0"));
  machine.file(netdev + "/dev_port", "0").file(function + "/net/eth1/dev_port", "1");
  EXPECT_TRUE(read_port().netdev.is("eth0")) << "of two, that with the port's number";
  machine.file(function + "/net/eth1/dev_port", "0");
  EXPECT_EQ(read_port().netdev.missing().why, Why::failed);
  machine.file(function + "/net/eth1/phys_port_name", "pf0vf0");
  EXPECT_TRUE(read_port().netdev.is("eth0")) << "a representor carries no port";
}

TEST_F(Node, NetdevsKnowTheirRdmaDevice) {
  const Netdev eth0 = read().netdevs.at(0);
  EXPECT_EQ(eth0.rdma_device, "mlx5_0");
  EXPECT_TRUE(eth0.pci_address.is("0000:01:00.0"));
  EXPECT_TRUE(eth0.driver.is("mlx5_core"));
  EXPECT_TRUE(eth0.type.is("physical"));
  EXPECT_TRUE(eth0.speed_mbit_s.is(400000));
  EXPECT_TRUE(eth0.admin_up.is(true));
  EXPECT_TRUE(eth0.running.is(true)) << "up and operational";
  EXPECT_EQ(eth0.addresses.missing().why, Why::not_read);
}

TEST_F(Node, ANetdevThatDoesNotTellItsStateIsRunningWhileItIsUp) {
  machine.file(netdev + "/operstate", "unknown");
  EXPECT_TRUE(read().netdevs.at(0).running.is(true)) << "loopback and tun";
  machine.file(netdev + "/operstate", "down");
  EXPECT_TRUE(read().netdevs.at(0).running.is(false));
  machine.file(netdev + "/operstate", "up").file(netdev + "/flags", "0x1002");
  EXPECT_TRUE(read().netdevs.at(0).running.is(false)) << "administratively down";
}

TEST_F(Node, NetlinksAnswersDescribeTheNetdev) {
  NetdevAnswers eth0;
  eth0.name = "eth0";
  eth0.ifindex = 3;
  eth0.flags = 0x1003U;  // IFF_UP, but not IFF_RUNNING
  eth0.link_modes = LinkModesAnswer{{66, 6}, {66}, {}, std::nullopt, 4, std::nullopt};
  eth0.link_state = LinkStateAnswer{false, 2, std::nullopt};
  eth0.fec = FecAnswer{{50}, 49};
  eth0.eeprom_hex = std::string("zz");
  answers.netdevs = std::vector<NetdevAnswers>{eth0};
  const Netdev read_back = read().netdevs.at(0);
  EXPECT_TRUE(read_back.ifindex.is(3));
  EXPECT_TRUE(read_back.admin_up.is(true));
  EXPECT_TRUE(read_back.running.is(false));
  EXPECT_THAT(read_back.link_modes->supported, ElementsAre("200000baseCR4/Full")) << "without autonegotiation's bit";
  EXPECT_TRUE(read_back.link_modes->lanes.is(4));
  EXPECT_EQ(read_back.link_modes->autoneg.missing().why, Why::not_supported);
  EXPECT_FALSE(read_back.link_state->up);
  EXPECT_TRUE(read_back.link_state->reason.has_value());
  EXPECT_EQ(read_back.fec->active, "Off");
  EXPECT_THAT(read_back.fec->configured, ElementsAre("RS"));
  EXPECT_EQ(read_back.module.missing().why, Why::malformed);
}

TEST_F(Node, WhatNetlinkToldComesBeforeTheFiles) {
  NetdevAnswers eth0;
  eth0.name = "eth0";
  eth0.mtu = 1500;
  eth0.operstate = std::string("dormant");
  eth0.phys_port_name = Missing{Why::not_supported, "no port name"};
  answers.netdevs = std::vector<NetdevAnswers>{eth0};
  machine.file(netdev + "/phys_port_name", "p0\n");
  const Netdev read_netdev = read().netdevs.at(0);
  EXPECT_TRUE(read_netdev.mtu.is(1500));
  EXPECT_TRUE(read_netdev.operstate.is("dormant"));
  EXPECT_EQ(read_netdev.phys_port_name.missing().detail, "no port name");
  EXPECT_TRUE(read_netdev.mac.is("4c:bb:47:2c:ac:10")) << "from the file: netlink was not asked";
}

TEST_F(Node, TypesOfNetdevs) {
  const auto add = [&](const char* name, const char* file, const char* content) {
    machine.file(std::string("/sys/class/net/") + name + "/type", "1")
        .file(std::string("/sys/class/net/") + name + "/" + file, content);
  };
  add("bond0", "bonding/mode", "802.3ad 4");
  add("br0", "bridge/stp_state", "0");
  add("vlan7", "uevent", "DEVTYPE=vlan\nINTERFACE=vlan7");
  add("wlan0", "phy80211/name", "phy0");
  add("tailscale0", "tun_flags", "0x1001");
  add("wg0", "uevent", "DEVTYPE=wireguard");
  add("veth1", "mtu", "1500");
  add("dummy0", "mtu", "1500");
  machine.file("/sys/class/net/lo/type", "772").file("/sys/class/net/bonding_masters", "bond0");
  machine.link("/sys/class/net/bond0/lower_eth0", "../eth0")
      .link(netdev + "/master", "../../../../../../class/net/bond0");
  NetdevAnswers veth;
  veth.name = "veth1";
  veth.link_kind = std::string("veth");
  answers.netdevs = std::vector<NetdevAnswers>{veth};
  std::map<std::string, std::string> types;
  for (const Netdev& found : read().netdevs) types[found.name] = found.type.value_or("missing");
  EXPECT_THAT(types, UnorderedElementsAre(Pair("bond0", "bond"), Pair("br0", "bridge"), Pair("vlan7", "vlan"),
                                          Pair("wlan0", "wifi"), Pair("tailscale0", "tun"), Pair("wg0", "tun"),
                                          Pair("veth1", "veth"), Pair("dummy0", "virtual"), Pair("lo", "loopback"),
                                          Pair("eth0", "physical")));
  EXPECT_THAT(read().find_netdev("bond0")->lower, ElementsAre("eth0"));
  EXPECT_EQ(read().find_netdev("eth0")->upper, "bond0");
}

class SoftwareDevice : public ::testing::Test {
 protected:
  Device read_device() {
    const FileTree tree = FileTree::open(machine.root());
    return read_node(tree, {}).devices.at(0);
  }
  TemporaryTree machine;
};

TEST_F(SoftwareDevice, SoftRoceIsKnownByItsParent) {
  machine.file("/sys/class/infiniband/rocep1s0f0/parent", "enp1s0f0np0")
      .file("/sys/class/infiniband/rocep1s0f0/fw_ver", "")
      .file("/sys/class/infiniband/rocep1s0f0/node_type", "1: CA")
      .file("/sys/class/infiniband/rocep1s0f0/ports/1/link_layer", "Ethernet");
  const Device rxe = read_device();
  EXPECT_EQ(rxe.kind, DeviceKind::soft_roce);
  EXPECT_TRUE(rxe.driver.is("rdma_rxe"));
  EXPECT_TRUE(rxe.parent_netdev.is("enp1s0f0np0"));
  EXPECT_TRUE(rxe.ports.at(0).netdev.is("enp1s0f0np0"));
  EXPECT_EQ(rxe.fw_version.missing().why, Why::absent);
  EXPECT_EQ(rxe.pci.missing().why, Why::absent);
}

TEST_F(SoftwareDevice, SoftIwarpIsKnownByItsDescription) {
  machine.file("/sys/class/infiniband/siw0/node_desc", "Software iWARP stack")
      .file("/sys/class/infiniband/siw0/node_type", "4: RNIC");
  EXPECT_EQ(read_device().kind, DeviceKind::iwarp);
  EXPECT_TRUE(read_device().driver.is("siw"));
}

TEST_F(SoftwareDevice, AnRnicIsIwarpWhateverItsDriver) {
  machine.file("/sys/class/infiniband/irdma0/node_type", "4: RNIC")
      .file("/sys/class/infiniband/irdma0/ports/1/link_layer", "Ethernet");
  EXPECT_EQ(read_device().kind, DeviceKind::iwarp);
}

TEST(ReadNode, AnEmptyMachineIsFullOfReasons) {
  TemporaryTree machine;
  machine.directory("/sys");
  const NodeFacts node = read_node(FileTree::open(machine.root()), {});
  EXPECT_EQ(node.infiniband_class.missing(),
            (Missing{Why::absent, "/sys/class/infiniband: No such file or directory"}));
  EXPECT_THAT(node.devices, IsEmpty());
  EXPECT_THAT(node.netdevs, IsEmpty());
  EXPECT_EQ(node.host.os.missing().why, Why::absent);
  EXPECT_EQ(node.host.container.missing().why, Why::absent);
  EXPECT_EQ(node.process.infiniband_nodes.missing().why, Why::absent);
}

TEST(ReadNode, Host) {
  TemporaryTree machine;
  machine.file("/etc/os-release", "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\n")
      .file("/proc/sys/kernel/hostname", "spark-1\n")
      .file("/proc/device-tree/model", std::string_view("NVIDIA DGX Spark\0", 17))
      .file("/proc/meminfo", "MemTotal: 1024 kB\nCmaTotal: 8 kB\nHugepagesize: 2048 kB\n")
      .file("/etc/libibverbs.d/mlx5.driver", "driver mlx5\n")
      .file("/etc/libibverbs.d/rxe.driver", "# comment\ndriver rxe\n")
      .file("/proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95.05  Release\n")
      .file("/sys/module/mlx5_core/version", "24.10-1.1.4\n")
      .directory("/sys/module/ib_uverbs")
      .file("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "performance\n")
      .file("/sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "powersave\n")
      .file("/sys/devices/system/cpu/cpufreq/policy1/scaling_driver", "intel_pstate\n")
      .file("/sys/devices/system/cpu/cpufreq/policy2/scaling_governor", "performance\n")
      .file("/proc/1/cgroup", "0::/init.scope\n");
  const Host host = read_node(FileTree::open(machine.root()), {}).host;
  EXPECT_TRUE(host.os.is("Ubuntu 24.04.3 LTS"));
  EXPECT_TRUE(host.hostname.is("spark-1"));
  EXPECT_TRUE(host.machine.is("NVIDIA DGX Spark"));
  EXPECT_TRUE(host.memory_total_bytes.is(1048576));
  EXPECT_EQ(host.cma_free_bytes.missing(), (Missing{Why::absent, "/proc/meminfo: no line CmaFree"}));
  EXPECT_THAT(*host.verbs_providers, ElementsAre("mlx5", "rxe"));
  EXPECT_TRUE(host.nvidia_driver.is("580.95.05"));
  EXPECT_THAT(*host.modules, UnorderedElementsAre(Pair("mlx5_core", "24.10-1.1.4"), Pair("ib_uverbs", "")));
  EXPECT_THAT(*host.cpu_governors, ElementsAre("performance", "powersave"));
  EXPECT_THAT(*host.cpu_frequency_drivers, ElementsAre("intel_pstate"));
  EXPECT_TRUE(host.container.is("none"));
}

TEST(ReadNode, Containers) {
  const auto container = [](const char* path, std::string_view content) {
    TemporaryTree machine;
    machine.directory("/sys").file("/proc/1/cgroup", "0::/\n").file(path, content);
    return read_node(FileTree::open(machine.root()), {}).host.container.value_or("missing");
  };
  EXPECT_EQ(container("/run/.containerenv", ""), "podman");
  EXPECT_EQ(container("/.dockerenv", ""), "docker");
  EXPECT_EQ(container("/run/systemd/container", "lxc\n"), "lxc");
  EXPECT_EQ(container("/proc/1/environ", std::string_view("A=b\0container=lxc\0", 18)), "lxc");
  EXPECT_EQ(container("/var/run/secrets/kubernetes.io/serviceaccount/token", "x"), "kubernetes");
  EXPECT_EQ(container("/proc/1/cgroup", "5:devices:/docker/4f2a\n"), "docker");
  EXPECT_EQ(container("/proc/1/cgroup", "0::/kubepods.slice/kubepods-pod1\n"), "kubernetes");
  EXPECT_EQ(container("/proc/1/comm", "systemd"), "none");
}

TEST(ReadNode, Process) {
  TemporaryTree machine;
  machine.directory("/sys").file("/dev/infiniband/uverbs0", "").file("/etc/nccl.conf", "NCCL_IB_HCA=mlx5_0\n");
  KernelAnswers answers;
  answers.euid = 1000;
  answers.capabilities_hex = std::string("4000");
  answers.rdma_cm_openable = true;
  answers.environment = std::map<std::string, std::string>{{"NCCL_DEBUG", "INFO"}};
  const auto read = [&] { return read_node(FileTree::open(machine.root()), answers).process; };
  const Process process = read();
  EXPECT_THAT(*process.capabilities, ElementsAre("CAP_IPC_LOCK"));
  EXPECT_THAT(*process.infiniband_nodes, ElementsAre("uverbs0"));
  EXPECT_EQ(process.rdma_cm_openable.missing().why, Why::absent)
      << "there is no node, whatever another machine answered";
  EXPECT_THAT(process.nccl_env, UnorderedElementsAre(Pair("NCCL_DEBUG", "INFO")));
  EXPECT_THAT(process.conf_files, ElementsAre("/etc/nccl.conf"));
  answers.capabilities_hex = std::string("none");
  EXPECT_EQ(read().capabilities.missing().why, Why::malformed);
}

TEST(LoadAnswers, JoinsTheLayersByMergePatch) {
  TemporaryTree machine;
  machine
      .file("/base/facts-extra.json", R"({"hostname": "base", "kernel": "6.17", "environment": {"A": "1", "B": "2"}})")
      .file("/top/fixture.json", R"({"base": "../base"})")
      .file("/top/facts-extra.json", R"({"hostname": "top", "environment": {"B": null, "C": "3"}})");
  const KernelAnswers answers = load_answers(FileTree::open(machine.at("/top")));
  EXPECT_TRUE(answers.hostname.is("top"));
  EXPECT_TRUE(answers.kernel.is("6.17"));
  EXPECT_THAT(*answers.environment, UnorderedElementsAre(Pair("A", "1"), Pair("C", "3")));
  EXPECT_EQ(answers.euid.missing().why, Why::not_read);
}

TEST(LoadAnswers, RefusesWhatIsMalformed) {
  TemporaryTree machine;
  const auto refusal = [&](const std::string& text) -> std::string {
    machine.file("/m/facts-extra.json", text);
    try {
      load_answers(FileTree::open(machine.at("/m")));
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("{}"), "accepted");
  EXPECT_THAT(refusal(""), HasSubstr("facts-extra.json: not JSON"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(refusal(std::string(100000, '[')), HasSubstr("nested more than 64 levels"));
  EXPECT_THAT(refusal(R"({"hostname": 3})"), HasSubstr("hostname"));
  EXPECT_THAT(refusal(std::string("\xff\xfe{", 3)), HasSubstr("not JSON"));
}

TEST(LoadAnswers, AFifoDoesNotBlock) {
  TemporaryTree machine;
  machine.directory("/sys");
  ASSERT_EQ(::mkfifo(machine.at("/facts-extra.json").c_str(), 0600), 0);
  EXPECT_THROW(load_answers(FileTree::open(machine.root())), InputError);
}

TEST(ReadNode, RealMachinesOfOtherArchitectures) {
  const char* fixtures = std::getenv("ROCEKIT_SHARED_FIXTURES");
  if (fixtures == nullptr) GTEST_SKIP() << "ROCEKIT_SHARED_FIXTURES names no directory with the public sysfs samples";
  const std::filesystem::path shared = std::filesystem::path(fixtures) / "procfs-infiniband";
  if (!std::filesystem::exists(shared / "sys")) GTEST_SKIP() << shared << " is not here";
  const NodeFacts node = read_node(FileTree::open(shared), {});
  ASSERT_EQ(node.devices.size(), 3U);
  EXPECT_EQ(node.devices[0].name, "hfi1_0");
  EXPECT_EQ(node.devices[0].kind, DeviceKind::omni_path);
  EXPECT_EQ(node.devices[1].kind, DeviceKind::infiniband);
  EXPECT_EQ(node.devices[1].ports.size(), 2U);
  EXPECT_TRUE(node.devices[1].ports[1].rate_gbit_s.is(40));
  EXPECT_TRUE(node.devices[1].fw_version.is("2.31.5050"));
  EXPECT_TRUE(node.devices[2].ports[0].width.is("1X"));
  EXPECT_EQ(node.devices[1].ports[1].counters->at("port_xmit_wait"), 3846U);
  EXPECT_EQ(node.devices[2].pci.missing().why, Why::absent);
}

}  // namespace
}  // namespace rocekit::facts
