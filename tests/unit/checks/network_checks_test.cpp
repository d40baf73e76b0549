#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/checks/fabric.h"
#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::Why;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* network_ids[] = {"ROCE-NET-001", "ROCE-NET-002", "ROCE-NET-003"};

TEST(Ipv4, IsParsedStrictly) {
  EXPECT_EQ(parse_ipv4("192.168.100.10"), 0xc0a8640aU);
  for (const char* text :
       {"", "192.168.100", "192.168.100.256", "192.168.100.1.2", "a.b.c.d", "1.2.3.4 ", "1..2.3", "-1.2.3.4"}) {
    EXPECT_FALSE(parse_ipv4(text)) << text;
  }
  EXPECT_EQ(parse_subnet("192.168.100.77/24")->text(), "192.168.100.0/24");
  EXPECT_EQ(parse_subnet("10.0.0.1")->prefix_length, 32);
  EXPECT_EQ(parse_subnet("0.0.0.0/0")->prefix_length, 0);
  for (const char* text : {"default", "10.0.0.0/33", "10.0.0.0/", "fe80::/64"})
    EXPECT_FALSE(parse_subnet(text)) << text;
}

TEST(FreeAddress, StaysNearAndAvoidsAddressesAndRoutes) {
  facts::NodeFacts node = sample::gb10();
  EXPECT_EQ(free_address(node, "192.168.100.10"), "192.168.102.10/24");
  node.routes.value().push_back({"192.168.102.0/23", "enP7s7", "192.168.1.1", std::nullopt, 0});
  EXPECT_EQ(free_address(node, "192.168.100.10"), "192.168.104.10/24");
  EXPECT_EQ(free_address(node, "203.0.113.7"), "192.168.104.10/24");
  node.routes.value().push_back({"192.168.0.0/16", "enP7s7", std::nullopt, std::nullopt, 0});
  EXPECT_EQ(free_address(node, "192.168.100.10"), "10.100.1.10/24");
}

TEST(NetworkChecks, AreOkOnHealthyNodes) {
  for (const char* id : network_ids) {
    EXPECT_EQ(sample::worst(sample::run(id, sample::gb10())), Severity::ok) << id;
    EXPECT_EQ(sample::worst(sample::run(id, sample::soft_roce())), Severity::ok) << id;
  }
}

TEST(NetworkChecks, AreSkippedWithoutActiveRocePort) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) device.ports.at(0).state = std::string("DOWN");
  for (const char* id : network_ids) EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::skipped) << id;
}

TEST(Net001, ProposesAFreeSubnetForTheTwin) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "roceP2p1s0f0");
  const auto findings = sample::run("ROCE-NET-001", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("roceP2p1s0f0"));
  EXPECT_THAT(sample::text_of(findings), HasSubstr("twin of enp1s0f0np0"));
  EXPECT_THAT(sample::remedies(findings), AllOf(HasSubstr("sudo ip address add 192.168.101.10/24 dev enP2p1s0f0np0"),
                                                HasSubstr("| sudo tee /etc/netplan/90-roce-enP2p1s0f0np0-address.yaml"),
                                                HasSubstr("sudo netplan apply")));
}

TEST(Net001, KeepsTheAddressWithWhateverManagesTheNode) {
  struct Case {
    const char* manager;
    const char* file;
    const char* command;
  };
  for (const Case& item :
       {Case{"systemd-networkd", "/etc/systemd/network/20-cx7.network",
             "printf '[Network]\\nAddress=192.168.101.10/24\\n' | sudo tee "
             "/etc/systemd/network/20-cx7.network.d/90-address.conf"},
        Case{"NetworkManager", "/etc/NetworkManager/system-connections/cx7.nmconnection",
             "sudo nmcli connection add type ethernet ifname enP2p1s0f0np0"},
        Case{"ifupdown", "/etc/network/interfaces", "| sudo tee /etc/network/interfaces.d/enP2p1s0f0np0"}}) {
    facts::NodeFacts node = sample::gb10();
    sample::remove_ipv4(node, "roceP2p1s0f0");
    sample::netdev(node, "enP2p1s0f0np0").persistent =
        std::vector<facts::PersistentConfig>{{item.file, item.manager, 9000, {}}};
    EXPECT_THAT(sample::remedies(sample::run("ROCE-NET-001", node)), HasSubstr(item.command)) << item.manager;
  }
}

TEST(Net001, TellsAContainerToWorkOnTheHost) {
  facts::NodeFacts node = sample::gb10();
  sample::move_into_podman(node);
  sample::remove_ipv4(node, "roceP2p1s0f0");
  EXPECT_THAT(sample::remedies(sample::run("ROCE-NET-001", node)), HasSubstr("# on the host"));
}

TEST(Net001, OnlyWarnsWhenNcclLeavesTheTwinOut) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "roceP2p1s0f0");
  sample::set_env(node, "NCCL_IB_HCA", "rocep1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-001", node)), Severity::warning);
}

TEST(Net001, FiresForEachPortWhenNoneHasAnAddress) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "rocep1s0f0");
  sample::remove_ipv4(node, "roceP2p1s0f0");
  EXPECT_THAT(sample::subjects(sample::run("ROCE-NET-001", node), Severity::critical),
              ElementsAre("rocep1s0f0", "roceP2p1s0f0"));
}

TEST(Net001, AcceptsTheAddressOfABondOrVlanAbove) {
  for (const bool bond : {true, false}) {
    facts::NodeFacts node = sample::gb10();
    sample::remove_ipv4(node, "rocep1s0f0");
    facts::Netdev above = sample::netdev(node, "enp1s0f0np0");
    above.name = bond ? "bond0" : "enp1s0f0np0.7";
    above.rdma_device.reset();
    above.addresses = std::vector<facts::Address>{{"inet", "192.168.100.10", 24, "global"}};
    if (bond) {
      sample::netdev(node, "enp1s0f0np0").upper = above.name;
    } else {
      above.lower = {"enp1s0f0np0"};
    }
    node.netdevs.push_back(above);
    EXPECT_EQ(sample::worst(sample::run("ROCE-NET-001", node)), Severity::ok) << above.name;
  }
}

TEST(Net001, IsUnknownWhenAddressesCannotBeRead) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "rocep1s0f0");
  sample::netdev(node, "enp1s0f0np0").addresses = Missing{Why::failed, "RTM_GETADDR: timed out"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-001", node)), Severity::unknown);
}

TEST(Net001, IsSwitchedOffWhereIpv6IsWanted) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "rocep1s0f0");
  sample::remove_ipv4(node, "roceP2p1s0f0");
  sample::set_env(node, "NCCL_IB_ADDR_FAMILY", "AF_INET6");
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-001", node)), Severity::skipped);
}

TEST(Net002, FiresOnTwinsInOneSubnet) {
  facts::NodeFacts node = sample::gb10();
  sample::give_address(node, "enP2p1s0f0np0", "192.168.100.11", 24, "192.168.100.0/24");
  sample::netdev(node, "enP2p1s0f0np0").persistent.value().at(0).addresses = {"192.168.100.11/24"};
  const auto findings = sample::run("ROCE-NET-002", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("roceP2p1s0f0"));
  EXPECT_THAT(sample::remedies(findings),
              AllOf(HasSubstr("sudo ip address del 192.168.100.11/24 dev enP2p1s0f0np0"),
                    HasSubstr("sudo ip address add 192.168.101.11/24 dev enP2p1s0f0np0"),
                    HasSubstr("sudo sed -i 's|192.168.100.11/24|192.168.101.11/24|' /etc/netplan/40-cx7.yaml")));
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-003", node)), Severity::ok);
}

TEST(Net002, SeesAWiderSubnetAroundTheOther) {
  facts::NodeFacts node = sample::gb10();
  sample::give_address(node, "enP2p1s0f0np0", "192.168.7.11", 16, "192.168.0.0/16");
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-002", node)), Severity::critical);
}

TEST(Net002, IgnoresThePortThatIsDown) {
  facts::NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f1np1").addresses.value().push_back({"inet", "192.168.100.12", 24, "global"});
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-002", node)), Severity::ok);
}

TEST(Net003, FiresOnARouteOverAStaleBond) {
  facts::NodeFacts node = sample::gb10();
  facts::Netdev bond = sample::netdev(node, "enP7s7");
  bond.name = "bond0";
  bond.type = std::string("bond");
  bond.addresses = std::vector<facts::Address>{};
  bond.persistent = std::vector<facts::PersistentConfig>{{"/etc/netplan/99-bond.yaml", "netplan", 9000, {}}};
  node.netdevs.push_back(bond);
  // The kernel's own route has metric 0 and would win: a stale one is narrower, or the own one has a higher metric.
  for (facts::Route& route : node.routes.value()) {
    if (route.netdev == "enp1s0f0np0") route.metric = 101;
  }
  node.routes.value().push_back({"192.168.100.0/24", "bond0", std::nullopt, std::nullopt, 0});
  const auto findings = sample::run("ROCE-NET-003", node);
  EXPECT_THAT(sample::subjects(findings, Severity::warning), ElementsAre("rocep1s0f0"));
  EXPECT_THAT(sample::remedies(findings),
              AllOf(HasSubstr("sudo ip route del 192.168.100.0/24 dev bond0"), HasSubstr("sudo ip link delete bond0"),
                    HasSubstr("/etc/netplan/99-bond.yaml")));
}

TEST(Net003, FiresOnANarrowerRouteAndOnALostOne) {
  facts::NodeFacts narrower = sample::gb10();
  narrower.routes.value().push_back({"192.168.100.11", "enP7s7", "192.168.1.1", std::nullopt, 0});
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-003", narrower)), Severity::warning);

  facts::NodeFacts lost = sample::gb10();
  std::erase_if(lost.routes.value(), [](const facts::Route& route) { return route.netdev == "enp1s0f0np0"; });
  const auto findings = sample::run("ROCE-NET-003", lost);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings),
              AllOf(HasSubstr("sudo ip route add 192.168.100.0/24 dev enp1s0f0np0 src 192.168.100.10"),
                    Not(HasSubstr("ip route del"))));
}

TEST(Net003, AcceptsARouteThatLosesByMetric) {
  facts::NodeFacts node = sample::gb10();
  node.routes.value().push_back({"192.168.100.0/24", "enP7s7", std::nullopt, std::nullopt, 600});
  EXPECT_EQ(sample::worst(sample::run("ROCE-NET-003", node)), Severity::ok);
}

TEST(Net003, IsUnknownWithoutRoutes) {
  facts::NodeFacts node = sample::gb10();
  node.routes = Missing{Why::failed, "RTM_GETROUTE: timed out"};
  const auto findings = sample::run("ROCE-NET-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::unknown);
  EXPECT_THAT(sample::text_of(findings), HasSubstr("the routes of this node could not be read"));
}

}  // namespace
}  // namespace rocekit::checks
