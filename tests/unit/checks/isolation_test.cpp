// One fault, one ID: each fault is built onto a healthy node, and exactly the named checks fire, of all areas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::NodeFacts;
using facts::Why;

struct Fault {
  const char* name;
  std::set<std::string> ids;
  std::function<void(NodeFacts&)> build;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

std::vector<Fault> faults() {
  using sample::set_env;
  return {
      {"NoGidForTheAddress",
       {"ROCE-GID-001"},
       [](NodeFacts& node) {
         std::erase_if(sample::port(node, "rocep1s0f0").gids, [](const facts::Gid& gid) { return gid.ipv4; });
       }},
      {"GidIndexPinned", {"ROCE-GID-002"}, [](NodeFacts& node) { set_env(node, "NCCL_IB_GID_INDEX", "3"); }},
      {"GidIndexPinnedWrong", {"ROCE-GID-002"}, [](NodeFacts& node) { set_env(node, "NCCL_IB_GID_INDEX", "5"); }},
      {"ForeignNamespace",
       {"ROCE-GID-003"},
       [](NodeFacts& node) {
         sample::move_into_podman(node);
         sample::unset_env(node, "NCCL_SOCKET_IFNAME");
         std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.rdma_device.has_value(); });
         std::erase_if(node.routes.value(), [&](const facts::Route& route) { return route.netdev != "enP7s7"; });
       }},
      {"NoUverbs",
       {"ROCE-ACC-001", "ROCE-ENV-006"},
       [](NodeFacts& node) {
         sample::move_into_podman(node);
         sample::hide_all_uverbs(node);
       }},
      {"UverbsRefused",
       {"ROCE-ACC-002", "ROCE-ENV-006"},
       [](NodeFacts& node) {
         sample::move_into_podman(node);
         for (facts::Device& device : node.devices) {
           device.uverbs.value().openable = Missing{Why::permission, device.uverbs->path + ": Operation not permitted"};
         }
         node.process.rdma_cm_openable = Missing{Why::permission, "/dev/infiniband/rdma_cm: Operation not permitted"};
       }},
      {"Memlock8MiB",
       {"ROCE-ACC-003"},
       [](NodeFacts& node) {
         sample::move_into_podman(node);
         node.process.memlock = facts::Memlock{8U << 20, 8U << 20};
       }},
      {"CmaMiscounted",
       {"ROCE-ACC-004"},
       [](NodeFacts& node) { node.host.cma_free_bytes = *node.host.cma_total_bytes + 4096; }},
      {"HalfOfTheUverbs",
       {"ROCE-ACC-005"},
       [](NodeFacts& node) {
         sample::move_into_podman(node);
         sample::hide_uverbs(node, {"rocep1s0f1", "roceP2p1s0f0", "roceP2p1s0f1"});
       }},
      {"NoRdmaCm",
       {"ROCE-ACC-006"},
       [](NodeFacts& node) {
         node.process.rdma_cm_openable = Missing{Why::absent, "/dev/infiniband/rdma_cm: No such file or directory"};
       }},
      {"TwinWithoutAddress", {"ROCE-NET-001"}, [](NodeFacts& node) { sample::remove_ipv4(node, "roceP2p1s0f0"); }},
      {"TwinsInOneSubnet",
       {"ROCE-NET-002"},
       [](NodeFacts& node) { sample::give_address(node, "enP2p1s0f0np0", "192.168.100.11", 24, "192.168.100.0/24"); }},
      {"StaleRoute",
       {"ROCE-NET-003"},
       [](NodeFacts& node) {
         node.routes.value().push_back({"192.168.100.11", "enP7s7", "192.168.1.1", std::nullopt, 0});
       }},
      {"IbDisabled", {"ROCE-ENV-001", "ROCE-ENV-006"}, [](NodeFacts& node) { set_env(node, "NCCL_IB_DISABLE", "1"); }},
      {"HcaAbsent", {"ROCE-ENV-002", "ROCE-ENV-006"}, [](NodeFacts& node) { set_env(node, "NCCL_IB_HCA", "mlx5_0"); }},
      {"OneHcaListed", {"ROCE-ENV-004"}, [](NodeFacts& node) { set_env(node, "NCCL_IB_HCA", "rocep1s0f0"); }},
      {"SocketInterfaceGone",
       {"ROCE-ENV-005", "ROCE-ENV-006"},
       [](NodeFacts& node) { set_env(node, "NCCL_SOCKET_IFNAME", "eth9"); }},
      {"SocketInterfaceLoopback", {"ROCE-ENV-005"}, [](NodeFacts& node) { set_env(node, "NCCL_SOCKET_IFNAME", "lo"); }},
      {"ConfFile",
       {"ROCE-ENV-007"},
       [](NodeFacts& node) { sample::set_conf(node, "NCCL_IB_TC", "106", "/etc/nccl.conf:4"); }},
      {"ConfFileThatDisables",
       {"ROCE-ENV-001", "ROCE-ENV-006", "ROCE-ENV-007"},
       [](NodeFacts& node) { sample::set_conf(node, "NCCL_IB_DISABLE", "1", "/etc/nccl.conf:4"); }},
      {"SocketsDemanded",
       {"ROCE-ENV-006", "ROCE-ENV-008"},
       [](NodeFacts& node) { set_env(node, "NCCL_NET", "Socket"); }},
      {"RayOnLan", {"ROCE-ENV-009"}, [](NodeFacts& node) { set_env(node, "VLLM_HOST_IP", "192.168.1.117"); }},
      {"NcclAndRdmaCore",
       {"ROCE-ENV-010"},
       [](NodeFacts& node) { node.host.nccl_libraries.at(0).version = std::string("2.29.1"); }},
      {"Loss",
       {"ROCE-CTR-001"},
       [](NodeFacts& node) { sample::port(node, "rocep1s0f0").hw_counters.value()["out_of_sequence"] = 48211; }},
      {"WireErrors",
       {"ROCE-CTR-002"},
       [](NodeFacts& node) { sample::netdev(node, "enp1s0f0np0").statistics.value()["rx_crc_errors_phy"] = 48211; }},
      {"SlowReceiver",
       {"ROCE-CTR-003"},
       [](NodeFacts& node) { sample::port(node, "rocep1s0f0").hw_counters.value()["rnr_nak_retry_err"] = 48211; }},
  };
}

class SingleFault : public testing::TestWithParam<Fault> {};

TEST_P(SingleFault, FiresItsOwnChecksOnly) {
  NodeFacts node = sample::gb10();
  GetParam().build(node);
  const std::vector<Finding> findings = sample::run_all(node);
  EXPECT_EQ(sample::fired(findings), GetParam().ids);
  for (const Finding& finding : findings) {
    if (finding.severity != Severity::warning && finding.severity != Severity::critical) continue;
    EXPECT_FALSE(finding.evidence.empty()) << finding.id;
    EXPECT_FALSE(finding.cause.empty()) << finding.id;
    EXPECT_FALSE(finding.remedy.empty()) << finding.id;
    for (const std::string& line : finding.remedy) {
      EXPECT_EQ(line.find('\n'), std::string::npos) << finding.id << ": one command a line: " << line;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, SingleFault, testing::ValuesIn(faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

TEST(CheckTexts, AreCompleteSentencesThatNameNoOtherMachine) {
  for (const Check& check : all_checks()) {
    for (const std::string_view text : {check.title, check.meaning, check.judged, check.remedy}) {
      EXPECT_FALSE(text.empty()) << check.id;
    }
    EXPECT_NE(check.title.back(), '.') << check.id << ": a title is no sentence";
    for (const std::string_view text : {check.meaning, check.judged, check.remedy}) {
      EXPECT_EQ(text.back(), '.') << check.id << ": " << text;
    }
  }
}

}  // namespace
}  // namespace rocekit::checks
