// ROCE-MTU, ROCE-PCI and ROCE-CFG: each rule fires, is content, steps aside, and says when it cannot know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::NodeFacts;
using facts::Why;
using sample::absent;
using sample::denied;
using sample::run;
using sample::subjects;
using sample::text_of;
using sample::worst;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

void set_mtu(NodeFacts& node, const char* device, int mtu, int active_mtu) {
  facts::Port& port = sample::port(node, device);
  port.active_mtu = active_mtu;
  sample::netdev(node, *port.netdev).mtu = mtu;
}

// ---- ROCE-MTU-001 -------------------------------------------------------------------------------------------------

TEST(Mtu, Of1500IsAWarningWithCommandsForThisNetdev) {
  NodeFacts node = sample::gb10();
  set_mtu(node, "rocep1s0f0", 1500, 1024);
  const std::vector<Finding> findings = run("ROCE-MTU-001", node);
  EXPECT_THAT(subjects(findings, Severity::warning), ElementsAre("enp1s0f0np0"));
  const std::string text = text_of(findings);
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("MTU of enp1s0f0np0 is 1500, not 9000"), HasSubstr("/sys/class/net/enp1s0f0np0/mtu"),
            HasSubstr("$ sudo ip link set dev enp1s0f0np0 mtu 9000"), HasSubstr("cut to 1024 bytes instead of 4096")));
  EXPECT_EQ(worst(run("ROCE-MTU-002", node)), Severity::ok);  // of the other twin
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::skipped);
  EXPECT_THAT(subjects(run("ROCE-CFG-001", node), Severity::warning), SizeIs(0));
}

TEST(Mtu, IsCriticalWhereTheUserDemandsOne) {
  NodeFacts node = sample::gb10();
  EXPECT_EQ(worst(run("ROCE-MTU-001", node, Expectations{9000, {}})), Severity::ok);
  EXPECT_EQ(worst(run("ROCE-MTU-001", node, Expectations{9978, {}})), Severity::critical);
  set_mtu(node, "rocep1s0f0", 1500, 1024);
  set_mtu(node, "roceP2p1s0f0", 1500, 1024);
  EXPECT_EQ(worst(run("ROCE-MTU-001", node, Expectations{1500, {}})), Severity::ok);
}

TEST(Mtu, OfPortsThatAreNotActiveDoesNotMatter) {
  const std::vector<Finding> findings = run("ROCE-MTU-001", sample::gb10());  // the empty cage has 1500
  EXPECT_THAT(subjects(findings, Severity::skipped), ElementsAre("enp1s0f1np1", "enP2p1s0f1np1"));
}

TEST(Mtu, OfSoftRoceIsBoundByItsNetdev) {
  NodeFacts node = sample::soft_roce();
  set_mtu(node, "rocep1s0f0", 1500, 1024);
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::warning);
  EXPECT_THAT(text_of(run("ROCE-MTU-001", node)), HasSubstr("$ ip link set dev enp1s0f0np0 mtu 9000"));
  sample::netdev(node, "enp1s0f0np0").max_mtu = 1500;
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::ok);
}

TEST(Mtu, IsUnknownWhenItCouldNotBeReadOrTheNetdevIsElsewhere) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").mtu = denied;
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::unknown);
  node = sample::gb10();
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.name == "enp1s0f0np0"; });
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::unknown);
  node = sample::gb10();
  sample::port(node, "rocep1s0f0").netdev = denied;
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::unknown);
  node = sample::gb10();
  sample::port(node, "rocep1s0f0").state = denied;
  EXPECT_EQ(worst(run("ROCE-MTU-001", node)), Severity::unknown);
}

TEST(Mtu, OfInfiniBandIsNobodysBusiness) {
  NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) {
    device.kind = facts::DeviceKind::infiniband;
    device.ports[0].link_layer = std::string("InfiniBand");
  }
  const std::vector<Finding> findings = run("ROCE-MTU-001", node);
  EXPECT_EQ(worst(findings), Severity::skipped);
  EXPECT_THAT(text_of(findings), HasSubstr("InfiniBand"));
}

TEST(Mtu, RemedyIsWrittenForTheHostWhenSeenFromAContainer) {
  NodeFacts node = sample::gb10();
  node.host.container = std::string("podman");
  node.process.euid = 0;
  set_mtu(node, "rocep1s0f0", 1500, 1024);
  EXPECT_THAT(text_of(run("ROCE-MTU-001", node)), AllOf(HasSubstr("# on the host, outside this container:"),
                                                        HasSubstr("sudo ip link set dev enp1s0f0np0")));
}

// ---- ROCE-MTU-002 -------------------------------------------------------------------------------------------------

TEST(ActiveMtu, ThatStayedSmallIsAWarning) {
  NodeFacts node = sample::gb10();
  sample::port(node, "rocep1s0f0").active_mtu = 1024;
  const std::vector<Finding> findings = run("ROCE-MTU-002", node);
  EXPECT_THAT(subjects(findings, Severity::warning), ElementsAre("rocep1s0f0"));
  EXPECT_THAT(text_of(findings), HasSubstr("active_mtu of rocep1s0f0 is 1024, though MTU 9000 allows 4096"));
}

TEST(ActiveMtu, IsBoundByTheDevice) {
  NodeFacts node = sample::gb10();
  sample::port(node, "rocep1s0f0").active_mtu = 2048;
  sample::port(node, "rocep1s0f0").max_mtu = 2048;
  EXPECT_EQ(worst(run("ROCE-MTU-002", node)), Severity::ok);
}

TEST(ActiveMtu, IsUnknownWithoutUverbs) {
  NodeFacts node = sample::gb10();
  sample::port(node, "rocep1s0f0").active_mtu = denied;
  const std::vector<Finding> findings = run("ROCE-MTU-002", node);
  EXPECT_EQ(worst(findings), Severity::unknown);
  EXPECT_FALSE(findings[0].essential);
}

// ---- ROCE-MTU-003 -------------------------------------------------------------------------------------------------

TEST(EqualMtu, IsAskedOfTwins) {
  NodeFacts node = sample::gb10();
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::ok);
  sample::netdev(node, "enP2p1s0f0np0").mtu = 9216;
  const std::vector<Finding> findings = run("ROCE-MTU-003", node);
  EXPECT_EQ(worst(findings), Severity::warning);
  EXPECT_THAT(text_of(findings), HasSubstr("sudo ip link set dev enp1s0f0np0 mtu 9216"));
}

TEST(EqualMtu, IsAskedOfVlansAndBondMembers) {
  NodeFacts node = sample::gb10();
  facts::Netdev vlan = *node.find_netdev("enp1s0f0np0");
  vlan.name = "enp1s0f0np0.100";
  vlan.type = std::string("vlan");
  vlan.lower = {"enp1s0f0np0"};
  vlan.mtu = 1500;
  node.netdevs.push_back(vlan);
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::warning);
  node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").type = std::string("bond");
  sample::netdev(node, "enp1s0f0np0").lower = {"enp1s0f1np1"};
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::warning);
}

TEST(EqualMtu, IsUnknownWhenOneIsNotReadAndSkippedForASingleNetdev) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").mtu = denied;
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::unknown);
  node = sample::gb10();
  sample::take_down(node, "roceP2p1s0f0");
  EXPECT_EQ(worst(run("ROCE-MTU-003", node)), Severity::skipped);
}

// ---- ROCE-PCI-001 -------------------------------------------------------------------------------------------------

/// The PCIe link of both functions of a domain, at root port and function, with the bandwidth that follows.
void set_link(NodeFacts& node, const std::string& domain, double speed_gt_s, int width) {
  for (facts::Device& device : node.devices) {
    facts::Pci& pci = device.pci.value();
    if (pci.address.rfind(domain, 0) != 0) continue;
    pci.speed_gt_s = speed_gt_s;
    pci.width = width;
    for (facts::PciHop& hop : pci.hops) {
      hop.speed_gt_s = speed_gt_s;
      hop.width = width;
    }
    pci.bandwidth_gbit_s = speed_gt_s * width * (speed_gt_s > 5 ? 128.0 / 130 : 0.8);
  }
}

TEST(Pcie, Gen5X4IsTheFullWidthOfAGb10Function) {
  const std::vector<Finding> findings = run("ROCE-PCI-001", sample::gb10());
  EXPECT_THAT(findings, SizeIs(2));  // one per slot: two functions share its path
  EXPECT_EQ(worst(findings), Severity::ok);
  EXPECT_THAT(text_of(findings), HasSubstr("PCIe Gen5 x4 along the whole path"));
}

TEST(Pcie, DowngradedToX2IsAWarningOncePerSlot) {
  NodeFacts node = sample::gb10();
  set_link(node, "0002", 32, 2);
  const std::vector<Finding> findings = run("ROCE-PCI-001", node);
  EXPECT_THAT(subjects(findings, Severity::warning), ElementsAre("roceP2p1s0f0, roceP2p1s0f1"));
  EXPECT_THAT(text_of(findings), AllOf(HasSubstr("is Gen5 x2, not Gen5 x4"), HasSubstr("63 Gb/s instead of 126 Gb/s"),
                                       HasSubstr("sudo lspci -vv -s 0002:01:00.0 | grep -E 'LnkCap|LnkSta'"),
                                       Not(HasSubstr("mlxfwreset"))));
}

TEST(Pcie, WithLessThanHalfOfTheLinkLeftIsCritical) {
  NodeFacts node = sample::gb10();
  set_link(node, "0002", 2.5, 4);
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::warning);  // the other twin still carries 115 of 200 Gb/s
  set_link(node, "0000", 2.5, 4);
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::critical);
}

TEST(Pcie, DegradedAtAParentOnlyNamesTheParent) {
  NodeFacts node = sample::gb10();
  for (const char* name : {"rocep1s0f0", "rocep1s0f1"}) {
    facts::Pci& pci = sample::device(node, name).pci.value();
    pci.hops[0].speed_gt_s = 2.5;
    pci.bandwidth_gbit_s = 8;
  }
  EXPECT_THAT(text_of(run("ROCE-PCI-001", node)), HasSubstr("PCIe link of 0000:00:00.0 is Gen1 x4, not Gen5 x4"));
}

TEST(Pcie, TakesWhatBothEndsOfALinkCanDo) {
  NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) {
    device.pci.value().hops[0].max_width = 16;  // a root port wider than the card
  }
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::ok);
}

TEST(Pcie, PairsTheEndsOfLinksBelowASwitch) {
  NodeFacts node = sample::gb10();
  node.devices.resize(1);
  facts::Pci& pci = node.devices[0].pci.value();
  // root port - switch upstream (x16), switch downstream - function (x4)
  pci.hops = {{"0000:00:00.0", 32.0, 16, 32.0, 16},
              {"0000:01:00.0", 32.0, 16, 32.0, 16},
              {"0000:02:00.0", 32.0, 4, 32.0, 16},
              {pci.address, 32.0, 4, 32.0, 4}};
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::ok);
  pci.hops[0].width = pci.hops[1].width = 8;
  EXPECT_THAT(text_of(run("ROCE-PCI-001", node)), HasSubstr("0000:00:00.0 is Gen5 x8, not Gen5 x16"));
}

TEST(Pcie, ASlotNarrowerThanTheLinkNeedsIsAWarning) {
  NodeFacts node = sample::gb10();
  node.devices.resize(1);
  facts::Pci& pci = node.devices[0].pci.value();
  pci.hops[1].max_width = 16;
  pci.max_width = 16;
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::warning);
  EXPECT_THAT(text_of(run("ROCE-PCI-001", node)), HasSubstr("slot of 0000:01:00.0 gives Gen5 x4"));
}

TEST(Pcie, IsUnknownWhenAHopIsNotReadAndSkippedOffTheBus) {
  NodeFacts node = sample::gb10();
  sample::device(node, "rocep1s0f0").pci.value().hops[0].width = denied;
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::unknown);
  node = sample::gb10();
  sample::device(node, "rocep1s0f0").pci = denied;
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::unknown);
  for (facts::Device& device : node.devices) device.pci = absent;
  EXPECT_EQ(worst(run("ROCE-PCI-001", node)), Severity::skipped);
  EXPECT_THAT(text_of(run("ROCE-PCI-001", sample::soft_roce())), HasSubstr("no PCIe path of its own: Soft-RoCE"));
}

// ---- ROCE-CFG-001 -------------------------------------------------------------------------------------------------

TEST(Persistence, OfAnMtuThatNoFileSetsIsAWarningWithANetplanFile) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").persistent = std::vector<facts::PersistentConfig>{};
  const std::vector<Finding> findings = run("ROCE-CFG-001", node);
  EXPECT_THAT(subjects(findings, Severity::warning), ElementsAre("enp1s0f0np0"));
  EXPECT_THAT(
      text_of(findings),
      AllOf(HasSubstr("$ printf 'network:\\n  version: 2\\n  ethernets:\\n    enp1s0f0np0:\\n      mtu: 9000\\n' | "
                      "sudo tee /etc/netplan/90-roce-enp1s0f0np0.yaml"),
            HasSubstr("$ sudo netplan apply")));
}

TEST(Persistence, OfAFileWithAnotherValueNamesTheFile) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").persistent.value()[0].mtu = 1500;
  // A second file would contradict the first.
  EXPECT_THAT(text_of(run("ROCE-CFG-001", node)), AllOf(HasSubstr("/etc/netplan/40-cx7.yaml sets 1500"),
                                                        HasSubstr("in /etc/netplan/40-cx7.yaml, set \"mtu: 9000\""),
                                                        Not(HasSubstr("tee /etc/netplan/90-roce"))));
}

TEST(Persistence, SpeaksTheWordsOfTheNodesNetworkManager) {
  NodeFacts node = sample::soft_roce();
  facts::Netdev& netdev = sample::netdev(node, "enp1s0f0np0");
  const auto remedy_with = [&](const char* manager, const char* file) {
    netdev.persistent = std::vector<facts::PersistentConfig>{{file, manager, std::nullopt, {}}};
    return text_of(run("ROCE-CFG-001", node));
  };
  EXPECT_THAT(remedy_with("systemd-networkd", "/etc/systemd/network/10-a.network"),
              HasSubstr("tee /etc/systemd/network/10-a.network.d/90-mtu.conf"));
  EXPECT_THAT(remedy_with("NetworkManager", "/etc/NetworkManager/system-connections/a.nmconnection"),
              HasSubstr("802-3-ethernet.mtu 9000"));
  EXPECT_THAT(remedy_with("ifupdown", "/etc/network/interfaces.d/a"), HasSubstr("/etc/network/interfaces.d/a"));
  netdev.persistent = std::vector<facts::PersistentConfig>{};
  EXPECT_THAT(text_of(run("ROCE-CFG-001", node)), HasSubstr("/etc/network/interfaces"));  // Debian
  node.host.os = std::string("Rocky Linux 9.4");
  EXPECT_THAT(text_of(run("ROCE-CFG-001", node)), HasSubstr("nmcli connection modify"));
}

TEST(Persistence, IsUnknownWithoutRootAndSkippedInAContainer) {
  NodeFacts node = sample::gb10();
  for (facts::Netdev& netdev : node.netdevs) netdev.persistent = denied;
  const std::vector<Finding> findings = run("ROCE-CFG-001", node);
  EXPECT_EQ(worst(findings), Severity::unknown);
  EXPECT_THAT(findings[0].remedy, ElementsAre("sudo roce-probe --check ROCE-CFG-001"));
  node.host.container = std::string("docker");
  EXPECT_EQ(worst(run("ROCE-CFG-001", node)), Severity::skipped);
}

// ---- ROCE-CFG-002 -------------------------------------------------------------------------------------------------

TEST(Governor, PowersaveIsAWarningWhereGovernorsAreSeen) {
  NodeFacts node = sample::gb10();
  EXPECT_EQ(worst(run("ROCE-CFG-002", node)), Severity::ok);
  node.host.cpu_governors = std::vector<std::string>{"performance", "powersave"};
  EXPECT_EQ(worst(run("ROCE-CFG-002", node)), Severity::warning);
  node.host.cpu_governors = absent;
  EXPECT_EQ(worst(run("ROCE-CFG-002", node)), Severity::skipped);
}

TEST(Governor, PowersaveOfDriversThatFollowTheLoadIsNormal) {
  NodeFacts node = sample::gb10();
  node.host.cpu_governors = std::vector<std::string>{"powersave"};
  node.host.cpu_frequency_drivers = std::vector<std::string>{"intel_pstate"};
  EXPECT_EQ(worst(run("ROCE-CFG-002", node)), Severity::ok);
  node.host.cpu_frequency_drivers = std::vector<std::string>{"acpi-cpufreq", "intel_pstate"};
  EXPECT_EQ(worst(run("ROCE-CFG-002", node)), Severity::warning);
}

}  // namespace
}  // namespace rocekit::checks
