// Nodes that are alike but for one thing: exactly its check fires, on the right node, and healthy nodes raise none.
#include "probes/pair/compare_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "probes/derived/rails.h"
#include "probes/derived/serving_view.h"
#include "tests/unit/checks/faults.h"

namespace rocekit::pair {
namespace {

namespace sample = checks::sample;
using checks::Finding;
using checks::Severity;
using facts::Missing;
using facts::NodeFacts;
using facts::Why;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

/// Some nodes with all that is derived from them.
struct Cluster {
  std::vector<NodeFacts> nodes;
  std::vector<std::string> tool_versions;
  std::vector<std::optional<std::int64_t>> clocks_ms;

  std::vector<Finding> compare() const {
    std::vector<std::vector<derived::Rail>> rails;
    std::vector<derived::NcclChoice> choices;
    std::vector<NodeOfPair> ends;
    for (const NodeFacts& node : nodes) {
      rails.push_back(derived::find_rails(node));
      choices.push_back(node.serving ? derived::predict_serving_nccl(derived::as_seen_by_serving(node))
                                     : derived::predict_nccl(node));
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ends.push_back({static_cast<int>(i), "rank " + std::to_string(i) + " (spark-" + std::to_string(i + 1) + ")",
                      nodes[i], rails[i], choices[i], tool_versions[i], clocks_ms[i]});
    }
    return compare_nodes(ends);
  }
};

void move_to(NodeFacts& node, const std::string& netdev, const std::string& ip) {
  sample::give_address(node, netdev, ip, 24, ip.substr(0, ip.rfind('.')) + ".0/24");
}

Cluster sparks(int count) {
  Cluster cluster;
  for (int i = 0; i < count; ++i) {
    NodeFacts node = sample::gb10();
    const std::string number = std::to_string(10 + i);
    node.host.hostname = "spark-" + std::to_string(i + 1);
    move_to(node, "enp1s0f0np0", "192.168.100." + number);
    move_to(node, "enP2p1s0f0np0", "192.168.101." + number);
    sample::netdev(node, "enP7s7").addresses.value().front().ip = "192.168.1." + number;
    cluster.nodes.push_back(std::move(node));
    cluster.tool_versions.emplace_back("1.0.0");
    cluster.clocks_ms.emplace_back(5 * i);
  }
  return cluster;
}

std::set<std::string> ids(const std::vector<Finding>& findings, Severity severity) {
  std::set<std::string> found;
  for (const Finding& finding : findings) {
    if (finding.severity == severity) found.insert(finding.id.substr(10));
  }
  return found;
}

std::vector<Finding> faults_of(const std::vector<Finding>& findings) {
  std::vector<Finding> found;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::warning || finding.severity == Severity::critical) found.push_back(finding);
  }
  return found;
}

auto passed(const std::vector<Finding>& findings, const std::string& id) {
  return std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.severity == Severity::ok && finding.id == "ROCE-PAIR-" + id;
  });
}

std::string all_text(const std::vector<Finding>& findings) { return sample::text_of(findings); }

TEST(CompareNodes, HealthyNodesPassEveryCheck) {
  for (const int count : {2, 3, 8}) {
    const std::vector<Finding> findings = sparks(count).compare();
    EXPECT_THAT(faults_of(findings), IsEmpty()) << all_text(findings);
    EXPECT_THAT(ids(findings, Severity::unknown), IsEmpty()) << all_text(findings);
    EXPECT_THAT(ids(findings, Severity::ok), ElementsAre("001", "002", "004", "005", "006", "007", "008", "009", "010",
                                                         "011", "012", "013", "014", "015", "016", "017", "018"))
        << all_text(findings);
  }
}

TEST(CompareNodes, HealthySoftRoceNodesRaiseNone) {
  Cluster cluster = sparks(2);
  cluster.nodes = {sample::soft_roce(), sample::soft_roce()};
  move_to(cluster.nodes[1], "enp1s0f0np0", "10.10.0.2");
  move_to(cluster.nodes[1], "enP2p1s0f0np0", "10.10.1.2");
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_THAT(faults_of(findings), IsEmpty()) << all_text(findings);
  EXPECT_THAT(ids(findings, Severity::unknown), IsEmpty()) << all_text(findings);
  EXPECT_THAT(ids(findings, Severity::skipped), IsSupersetOf({"004", "005", "016"}));
}

TEST(CompareNodes, OneNodeAloneGivesNothing) { EXPECT_THAT(sparks(1).compare(), IsEmpty()); }

struct Fault {
  const char* name;
  std::set<std::string> warnings;
  std::set<std::string> criticals;
  std::function<void(NodeFacts&)> build;  ///< breaks the last node
  const char* told;                       ///< stands in the text of the findings
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

std::vector<Fault> faults() {
  const auto set = [](const char* name, const char* value) {
    return [=](NodeFacts& node) { sample::set_env(node, name, value); };
  };
  return {
      {"NothingInCommon",
       {},
       {"001"},
       [](NodeFacts& node) {
         move_to(node, "enp1s0f0np0", "172.16.0.11");
         move_to(node, "enP2p1s0f0np0", "172.16.1.11");
         sample::set_env(node, "NCCL_SOCKET_IFNAME", "enP7s7");
         // The bootstrap would differ too, which is another fault.
         sample::netdev(node, "enP7s7").addresses.value().front() = {"inet", "192.168.100.99", 24, "global"};
       },
       "ip address add 192.168.100.11/24 dev enp1s0f0np0"},
      {"TwinInAnotherSubnet",
       {"001"},
       {},
       [](NodeFacts& node) { move_to(node, "enP2p1s0f0np0", "172.16.1.11"); },
       "ip address add 192.168.101.11/24 dev enP2p1s0f0np0"},
      {"TwinWithoutAddress",
       {"001"},
       {},
       [](NodeFacts& node) { sample::remove_ipv4(node, "roceP2p1s0f0"); },
       "no partner"},
      {"MtuOnOneSide",
       {"002"},
       {},
       [](NodeFacts& node) {
         sample::netdev(node, "enp1s0f0np0").mtu = 1500;
         sample::port(node, "rocep1s0f0").active_mtu = 1024;
       },
       "ip link set dev enp1s0f0np0 mtu 9000"},
      {"PathMtuAlone",
       {"002"},
       {},
       [](NodeFacts& node) { sample::port(node, "rocep1s0f0").active_mtu = 1024; },
       "RDMA path MTU in 192.168.100.0/24"},
      {"LinkRate",
       {"004"},
       {},
       [](NodeFacts& node) { sample::port(node, "roceP2p1s0f0").rate_gbit_s = 100.0; },
       "100 Gb/s"},
      {"NcclVersion",
       {},
       {"005"},
       [](NodeFacts& node) { node.host.nccl_libraries[0].version = std::string("2.27.3"); },
       "with NCCL 2.28.9"},
      {"Firmware",
       {"006"},
       {},
       [](NodeFacts& node) {
         for (facts::Device& device : node.devices) device.fw_version = std::string("28.44.1000");
       },
       "28.44.1000"},
      {"KernelSeries",
       {"007"},
       {},
       [](NodeFacts& node) { node.host.kernel = std::string("6.14.0-1014-nvidia"); },
       "6.14.0-1014-nvidia"},
      {"DriverBranch",
       {"007"},
       {},
       [](NodeFacts& node) { node.host.nvidia_driver = std::string("590.48.01"); },
       "590.48.01"},
      {"RdmaCore",
       {"007"},
       {},
       [](NodeFacts& node) { node.host.libibverbs.value().version = std::string("44.0"); },
       "rdma-core differs"},
      {"VendorsDriver",
       {"007"},
       {},
       [](NodeFacts& node) { node.host.modules.value()["mlx5_core"] = "24.10-1.1.4"; },
       "the kernel's own"},
      {"GidOfRoceV1", {}, {"009"}, set("NCCL_IB_GID_INDEX", "2"), "RoCE v1 over IPv4"},
      {"SocketsOnOneNode", {}, {"010"}, set("NCCL_IB_DISABLE", "1"), "NCCL's network differs"},
      {"CopiedHcaListMatchesNothing", {}, {"010"}, set("NCCL_IB_HCA", "=mlx5_0"), "NCCL's network differs"},
      {"OneRailLeftOut", {"011"}, {}, set("NCCL_IB_HCA", "=rocep1s0f0"), "not named by NCCL_IB_HCA"},
      {"BootstrapOnTheLan", {"012"}, {}, set("NCCL_SOCKET_IFNAME", "enP7s7"), "export NCCL_SOCKET_IFNAME==enp1s0f0np0"},
      {"ProtocolSet", {"013"}, {}, set("NCCL_PROTO", "Simple"), "NCCL_PROTO"},
      {"Crosswise",
       {},
       {"014"},
       [](NodeFacts& node) {
         move_to(node, "enp1s0f0np0", "192.168.101.77");
         move_to(node, "enP2p1s0f0np0", "192.168.100.77");
         // Bootstrap stays where the other nodes have theirs.
         sample::set_env(node, "NCCL_SOCKET_IFNAME", "enP2p1s0f0np0");
       },
       "ip address add 192.168.100.77/24 dev enp1s0f0np0"},
      {"NarrowPcie",
       {"016"},
       {},
       [](NodeFacts& node) { sample::device(node, "roceP2p1s0f0").pci.value().bandwidth_gbit_s = 63.0; },
       "63.0 Gb/s"},
      {"Memlock",
       {"017"},
       {},
       [](NodeFacts& node) {
         node.process.memlock = facts::Memlock{8U << 20U, 8U << 20U};
       },
       "8 MiB"},
      {"InAContainer", {"017"}, {}, [](NodeFacts& node) { node.host.container = std::string("podman"); }, "podman"},
  };
}

class OneFault : public ::testing::TestWithParam<Fault> {};

TEST_P(OneFault, FiresExactlyItsCheckBetweenTwoNodesAndSaysThatNeitherCanBeNamed) {
  Cluster cluster = sparks(2);
  GetParam().build(cluster.nodes[1]);
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_EQ(ids(findings, Severity::critical), GetParam().criticals) << all_text(findings);
  EXPECT_EQ(ids(findings, Severity::warning), GetParam().warnings) << all_text(findings);
  EXPECT_THAT(all_text(faults_of(findings)), HasSubstr(GetParam().told));
  for (const Finding& finding : faults_of(findings)) {
    EXPECT_THAT(finding.subject, AllOf(HasSubstr("rank 0 (spark-1)"), HasSubstr("rank 1 (spark-2)")));
    EXPECT_THAT(finding.cause, HasSubstr("From two nodes alone it cannot be told"));
    EXPECT_THAT(all_text({finding}), AllOf(HasSubstr("of rank 0 (spark-1) ="), HasSubstr("of rank 1 (spark-2) =")));
    EXPECT_FALSE(finding.remedy.empty());
  }
}

TEST_P(OneFault, NamesTheOddNodeOfFour) {
  Cluster cluster = sparks(4);
  GetParam().build(cluster.nodes[3]);
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_EQ(ids(findings, Severity::critical), GetParam().criticals) << all_text(findings);
  EXPECT_EQ(ids(findings, Severity::warning), GetParam().warnings) << all_text(findings);
  for (const Finding& finding : faults_of(findings)) {
    EXPECT_EQ(finding.host, "spark-4");
    EXPECT_THAT(finding.subject, AllOf(HasSubstr("rank 3 (spark-4)"), Not(HasSubstr("spark-1"))));
    EXPECT_THAT(finding.cause, Not(HasSubstr("cannot be told")));
    EXPECT_FALSE(finding.remedy.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(CompareNodes, OneFault, ::testing::ValuesIn(faults()),
                         [](const auto& item) { return std::string(item.param.name); });

TEST(CompareNodes, TwinsOfEveryNodeInOneSubnet) {
  Cluster cluster = sparks(2);
  move_to(cluster.nodes[0], "enP2p1s0f0np0", "192.168.100.20");
  move_to(cluster.nodes[1], "enP2p1s0f0np0", "192.168.100.21");
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_THAT(ids(findings, Severity::warning), ElementsAre("015")) << all_text(findings);
  EXPECT_THAT(ids(findings, Severity::critical), IsEmpty());
}

TEST(CompareNodes, ASetupCopiedWithItsAddresses) {
  Cluster cluster = sparks(2);
  move_to(cluster.nodes[1], "enp1s0f0np0", "192.168.100.10");
  move_to(cluster.nodes[1], "enP2p1s0f0np0", "192.168.101.10");
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_THAT(ids(findings, Severity::critical), ElementsAre("001")) << all_text(findings);
  EXPECT_THAT(ids(findings, Severity::warning), ElementsAre("012")) << all_text(findings);
  EXPECT_THAT(all_text(findings), AllOf(HasSubstr("192.168.100.10 stands on more than one node"),
                                        HasSubstr("all have the address 192.168.100.10"),
                                        HasSubstr("ip address add 192.168.100.11/24 dev enp1s0f0np0")));
}

TEST(CompareNodes, OneMtuOnOneSideIsOneFinding) {
  Cluster cluster = sparks(2);
  sample::netdev(cluster.nodes[1], "enp1s0f0np0").mtu = 1500;
  sample::port(cluster.nodes[1], "rocep1s0f0").active_mtu = 1024;
  EXPECT_EQ(faults_of(cluster.compare()).size(), 1U);
}

TEST(CompareNodes, NcclListsWithoutACommonRailAreCritical) {
  Cluster cluster = sparks(2);
  sample::set_env(cluster.nodes[0], "NCCL_IB_HCA", "=rocep1s0f0");
  sample::set_env(cluster.nodes[1], "NCCL_IB_HCA", "=roceP2p1s0f0");
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_THAT(ids(findings, Severity::critical), ElementsAre("011")) << all_text(findings);
}

TEST(CompareNodes, OtherNamesOfDevicesAreNoFaultWhenTheRailsFit) {
  Cluster cluster = sparks(2);
  NodeFacts& node = cluster.nodes[1];
  sample::device(node, "rocep1s0f0").name = "mlx5_0";
  sample::netdev(node, "enp1s0f0np0").rdma_device = "mlx5_0";
  sample::set_env(cluster.nodes[0], "NCCL_IB_HCA", "=rocep1s0f0,roceP2p1s0f0");
  sample::set_env(node, "NCCL_IB_HCA", "=mlx5_0,roceP2p1s0f0");
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty()) << all_text(cluster.compare());

  sample::set_env(node, "NCCL_IB_HCA", "=rocep1s0f0,roceP2p1s0f0");
  EXPECT_THAT(ids(cluster.compare(), Severity::warning), ElementsAre("011")) << all_text(cluster.compare());
}

TEST(CompareNodes, LaterNumbersOfAVersionAreToldAndPass) {
  Cluster cluster = sparks(2);
  cluster.nodes[1].host.kernel = std::string("6.17.0-1018-nvidia");
  cluster.nodes[1].host.nccl_libraries[0].version = std::string("2.28.9+cuda13.0");
  const std::vector<Finding> findings = cluster.compare();
  EXPECT_THAT(faults_of(findings), IsEmpty()) << all_text(findings);
  EXPECT_THAT(all_text(findings), HasSubstr("6.17.0-1018-nvidia on rank 1 (spark-2), which does no harm by itself"));
}

TEST(CompareNodes, LimitsThatHinderNothingAreAlike) {
  Cluster cluster = sparks(2);
  cluster.nodes[1].process.memlock = facts::Memlock{15ULL << 30U, 15ULL << 30U};
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty());
  cluster.nodes[1].process.memlock = facts::Memlock{64ULL << 10U, 64ULL << 10U};
  cluster.nodes[1].process.capabilities = std::vector<std::string>{"CAP_IPC_LOCK"};
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty());
}

TEST(CompareNodes, ToolVersions) {
  Cluster cluster = sparks(2);
  cluster.tool_versions[1] = "1.1.0";
  EXPECT_THAT(ids(cluster.compare(), Severity::warning), ElementsAre("008"));
}

TEST(CompareNodes, ClocksMoreThanAMinuteApart) {
  Cluster cluster = sparks(2);
  cluster.clocks_ms[1] = 60'000;
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty());
  cluster.clocks_ms[1] = -60'001;
  std::vector<Finding> found = faults_of(cluster.compare());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, "ROCE-PAIR-018");
  EXPECT_THAT(found[0].cause, HasSubstr("cannot be told"));

  // The clock of rank 0, against which all are told, may be the wrong one.
  cluster = sparks(4);
  for (std::size_t i = 1; i < 4; ++i) cluster.clocks_ms[i] = 7'200'000;
  found = faults_of(cluster.compare());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].title, "clock of rank 0 (spark-1) is 7200 s behind the others");
}

TEST(CompareNodes, RoutedRailsNeedNoCommonSubnet) {
  Cluster cluster = sparks(2);
  for (std::size_t i = 0; i < 2; ++i) {
    NodeFacts& node = cluster.nodes[i];
    const std::string own = i == 0 ? "10.1." : "10.2.";
    for (const auto& [netdev, rail] : {std::pair("enp1s0f0np0", "0"), std::pair("enP2p1s0f0np0", "1")}) {
      move_to(node, netdev, own + rail + ".2");
      const std::string other = (i == 0 ? "10.2." : "10.1.") + std::string(rail) + ".0/24";
      node.routes.value().push_back({other, netdev, own + rail + ".1", std::nullopt, 0});
    }
  }
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty()) << all_text(cluster.compare());
}

TEST(CompareNodes, WhatANodeDoesNotTellIsUnknownAndNeverOk) {
  const Missing refused{Why::permission, "Permission denied"};
  struct Hidden {
    const char* id;
    std::function<void(NodeFacts&)> hide;
  };
  const std::vector<Hidden> hidden{
      {"001", [&](NodeFacts& node) { sample::netdev(node, "enp1s0f0np0").addresses = refused; }},
      {"001", [&](NodeFacts& node) { sample::port(node, "rocep1s0f0").state = refused; }},
      {"002", [&](NodeFacts& node) { sample::netdev(node, "enp1s0f0np0").mtu = refused; }},
      {"002", [&](NodeFacts& node) { sample::port(node, "rocep1s0f0").active_mtu = refused; }},
      {"004", [&](NodeFacts& node) { sample::port(node, "rocep1s0f0").rate_gbit_s = refused; }},
      {"005", [&](NodeFacts& node) { node.host.nccl_libraries.clear(); }},
      {"006",
       [&](NodeFacts& node) {
         for (facts::Device& device : node.devices) device.fw_version = refused;
       }},
      {"007", [&](NodeFacts& node) { node.host.kernel = refused; }},
      {"007", [&](NodeFacts& node) { node.host.modules = refused; }},
      {"016", [&](NodeFacts& node) { sample::device(node, "rocep1s0f0").pci.value().bandwidth_gbit_s = refused; }},
      {"017", [&](NodeFacts& node) { node.process.memlock = refused; }},
      {"017", [&](NodeFacts& node) { node.host.container = refused; }},
  };
  for (const Hidden& item : hidden) {
    Cluster cluster = sparks(2);
    item.hide(cluster.nodes[1]);
    const std::vector<Finding> findings = cluster.compare();
    EXPECT_LT(passed(findings, item.id), passed(sparks(2).compare(), item.id)) << all_text(findings);
    EXPECT_EQ(ids(findings, Severity::unknown).count(item.id), 1U) << item.id << "\n" << all_text(findings);
    EXPECT_THAT(ids(findings, Severity::critical), IsEmpty()) << item.id << "\n" << all_text(findings);
  }
  Cluster cluster = sparks(2);
  cluster.clocks_ms[1].reset();
  cluster.tool_versions[1].clear();
  EXPECT_THAT(ids(cluster.compare(), Severity::unknown), ElementsAre("008", "018"));
}

/// Two nodes, a container with a process that serves on each.
Cluster serving_sparks() {
  Cluster cluster = sparks(2);
  for (NodeFacts& node : cluster.nodes) {
    facts::Serving serving;
    serving.pid = 4711;
    serving.process = node.process;
    serving.environment = true;
    serving.same_network = true;
    serving.container = std::string("podman");
    serving.nccl_libraries = std::vector<facts::Library>{{"/opt/nccl/libnccl.so.2", std::string("2.27.7")}};
    serving.libibverbs = node.host.libibverbs;
    node.serving = serving;
  }
  return cluster;
}

TEST(CompareNodes, TheServingProcessStandsForItsNode) {
  Cluster cluster = serving_sparks();
  EXPECT_THAT(faults_of(cluster.compare()), IsEmpty()) << all_text(cluster.compare());
  cluster.nodes[1].serving->nccl_libraries.value()[0].version = std::string("2.26.2");
  cluster.nodes[1].serving->process.memlock = facts::Memlock{64U << 10U, 64U << 10U};
  EXPECT_THAT(ids(cluster.compare(), Severity::critical), ElementsAre("005"));
  EXPECT_THAT(ids(cluster.compare(), Severity::warning), ElementsAre("017"));
  cluster.nodes[1].serving->environment = Missing{Why::permission, "/proc/4711/environ: Permission denied"};
  EXPECT_THAT(ids(cluster.compare(), Severity::unknown), ElementsAre("010", "012", "013"));
}

TEST(CompareNodes, TheBootstrapIsThatOfTheServingProcessesNetworkNamespace) {
  Cluster cluster = serving_sparks();
  for (NodeFacts& node : cluster.nodes) {
    facts::Netdev bridged = sample::netdev(node, "enP7s7");
    bridged.name = "eth0";
    bridged.addresses.value().front().ip = "10.88.0.2";
    node.serving->same_network = false;
    node.serving->netdevs = std::vector<facts::Netdev>{bridged};
    sample::set_env(node, "NCCL_SOCKET_IFNAME", "eth0");
    node.serving->process.settings = node.process.settings;
  }
  // The nodes' own interfaces have addresses that differ, the containers' have not.
  EXPECT_THAT(all_text(cluster.compare()), HasSubstr("all have the address 10.88.0.2"));
  cluster.nodes[1].serving->netdevs.value().front().addresses.value().front().ip = "10.88.0.3";
  EXPECT_GT(passed(cluster.compare(), "012"), 0) << all_text(cluster.compare());
  cluster.nodes[1].serving->netdevs = Missing{Why::permission, "/proc/4711/net: Permission denied"};
  EXPECT_EQ(ids(cluster.compare(), Severity::unknown).count("012"), 1U) << all_text(cluster.compare());
}

}  // namespace
}  // namespace rocekit::pair
