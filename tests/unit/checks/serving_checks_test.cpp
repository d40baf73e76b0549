// ROCE-SRV, and that a serving process is judged in place of this tool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/derived/serving_view.h"
#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::NodeFacts;
using facts::Serving;
using facts::Why;
using sample::fired;
using sample::worst;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

/// A GB10 node with a worker in podman that has what the node has.
NodeFacts gb10_serving() {
  NodeFacts node = sample::gb10();
  Serving serving;
  serving.pid = 4711;
  serving.command = "worker";
  serving.process = node.process;
  serving.environment = true;
  serving.user_namespace = false;
  serving.same_network = true;
  serving.container = std::string("podman");
  std::vector<std::string> names;
  for (const facts::Device& device : node.devices) {
    const std::string& path = device.uverbs->path;
    const bool active = device.ports.at(0).state.is("ACTIVE");
    serving.uverbs.push_back({path.substr(path.rfind('/') + 1), true, active});
    names.push_back(device.name);
  }
  serving.rdma_devices = names;
  serving.open_files = true;
  serving.nccl_libraries = std::vector<facts::Library>{{"/opt/libnccl.so.2", std::string("2.28.9")}};
  serving.verbs_mapped = true;
  serving.libibverbs = node.host.libibverbs;
  serving.verbs_providers = node.host.verbs_providers;
  serving.nccl_plugins = std::vector<facts::Library>{};
  node.serving = serving;
  return node;
}

/// As report::examine has it.
std::vector<Finding> judge_serving(const NodeFacts& node) {
  const NodeFacts seen = derived::as_seen_by_serving(node);
  NodeFacts alone = node;
  alone.serving.reset();
  const auto rails = derived::find_rails(node);
  const Expectations expect;
  const derived::NcclChoice here = derived::predict_nccl(alone);
  const derived::NcclChoice there = derived::predict_serving_nccl(seen);
  const NodeView node_side{alone, rails, here, expect};
  std::vector<const Check*> checks;
  for (const Check& check : all_checks()) checks.push_back(&check);
  return run_checks(checks, {seen, rails, there, expect, &node_side});
}

std::vector<Finding> only(std::vector<Finding> findings, std::string_view id) {
  std::erase_if(findings, [&](const Finding& finding) { return finding.id != id; });
  return findings;
}

TEST(ServingChecks, HealthyWorkerRaisesNothing) {
  const auto findings = judge_serving(gb10_serving());
  EXPECT_THAT(fired(findings), IsEmpty()) << sample::text_of(findings);
  for (const char* id : {"ROCE-SRV-001", "ROCE-SRV-002", "ROCE-SRV-003", "ROCE-SRV-004"}) {
    EXPECT_EQ(worst(only(findings, id)), Severity::ok) << id;
  }
}

TEST(ServingChecks, AreSkippedWhereNoProcessIsNamed) {
  for (const char* id : {"ROCE-SRV-001", "ROCE-SRV-002", "ROCE-SRV-003", "ROCE-SRV-004"}) {
    EXPECT_EQ(worst(sample::run(id, sample::gb10())), Severity::skipped) << id;
  }
}

TEST(ServingChecks, LimitsAndSettingsAreThoseOfTheProcess) {
  NodeFacts node = gb10_serving();
  node.process.memlock = facts::Memlock{65536, 65536};
  sample::set_env(node, "NCCL_IB_DISABLE", "1");
  EXPECT_THAT(fired(judge_serving(node)), IsEmpty());

  node = gb10_serving();
  node.serving->process.memlock = facts::Memlock{65536, 65536};
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), ::testing::ElementsAre("ROCE-ACC-003"));
  const Finding finding = only(findings, "ROCE-ACC-003").at(0);
  EXPECT_EQ(finding.subject, "process 4711 (worker)");
  EXPECT_EQ(finding.evidence.at(0).source, "/proc/4711/limits");
  EXPECT_THAT(sample::remedies({finding}), HasSubstr("podman run --ulimit memlock=-1:-1"));
}

TEST(ServingChecks, RootlessCapabilitiesDoNotLiftTheLimit) {
  NodeFacts node = gb10_serving();
  node.serving->process.memlock = facts::Memlock{65536, 65536};
  node.serving->process.capabilities = std::vector<std::string>{"CAP_IPC_LOCK"};
  EXPECT_THAT(fired(judge_serving(node)), IsEmpty());
  node.serving->user_namespace = true;
  EXPECT_THAT(fired(judge_serving(node)), Contains("ROCE-ACC-003"));
}

TEST(ServingChecks, EnvironmentThatMayNotBeReadLeavesSettingsUnjudged) {
  NodeFacts node = gb10_serving();
  node.serving->environment = Missing{Why::permission, "/proc/4711/environ: Permission denied"};
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), IsEmpty());
  for (const Finding& finding : findings) {
    const bool of_settings = finding.id.rfind("ROCE-ENV-", 0) == 0 && finding.id != "ROCE-ENV-010";
    if (of_settings || finding.id == "ROCE-GID-002" || finding.id == "ROCE-SRV-001") {
      EXPECT_EQ(finding.severity, Severity::unknown) << finding.id;
      EXPECT_THAT(finding.remedy, Contains(HasSubstr("sudo roce-probe --pid 4711")));
    }
  }
  EXPECT_EQ(judge(findings), Verdict::unknown);
  EXPECT_EQ(derived::predict_serving_nccl(derived::as_seen_by_serving(node)).net, "unknown");
}

TEST(ServingChecks, RefusalToThisToolIsNoFaultOfTheProcess) {
  NodeFacts node = gb10_serving();
  const Missing refused{Why::permission, "/proc/4711/root: Permission denied"};
  node.serving->process.infiniband_nodes = refused;
  node.serving->process.rdma_cm_openable = Missing{Why::not_read, refused.detail};
  for (facts::NodeAccess& access : node.serving->uverbs) access = {access.node, Missing{Why::not_read, ""}, false};
  node.serving->libibverbs = refused;
  node.serving->verbs_providers = refused;
  node.serving->container = refused;
  node.serving->same_network = refused;
  node.serving->open_files = refused;
  node.serving->nccl_libraries = refused;
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), IsEmpty()) << sample::text_of(findings);
  for (const char* id : {"ROCE-ACC-001", "ROCE-ACC-002", "ROCE-ACC-005", "ROCE-ACC-006", "ROCE-GID-003", "ROCE-SRV-001",
                         "ROCE-SRV-002", "ROCE-SRV-003", "ROCE-SRV-004"}) {
    EXPECT_EQ(worst(only(findings, id)), Severity::unknown) << id;
  }
}

TEST(ServingChecks, ContainerWithoutDevicesIsTheFaultAndTheNodeIsFine) {
  NodeFacts node = gb10_serving();
  const Missing absent{Why::absent, "/dev/infiniband: No such file or directory"};
  node.serving->process.infiniband_nodes = absent;
  node.serving->process.rdma_cm_openable = absent;
  for (facts::NodeAccess& access : node.serving->uverbs) access = {access.node, absent, false};
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), ::testing::ElementsAre("ROCE-ACC-001", "ROCE-ENV-006", "ROCE-SRV-004"));
  EXPECT_EQ(worst(only(findings, "ROCE-SRV-004")), Severity::critical);
}

TEST(ServingChecks, HalfOfTheDevicesIsAWarning) {
  NodeFacts node = gb10_serving();
  facts::NodeAccess& twin = node.serving->uverbs.at(2);
  const std::string path = "/dev/infiniband/" + twin.node;
  twin = {twin.node, Missing{Why::absent, path + ": No such file or directory"}, false};
  std::erase(node.serving->process.infiniband_nodes.value(), twin.node);
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), IsSupersetOf({"ROCE-ACC-005", "ROCE-SRV-004"}));
  EXPECT_EQ(worst(only(findings, "ROCE-SRV-004")), Severity::warning);
}

TEST(ServingChecks, OwnNetworkNamespaceTakesTheInterfacesAway) {
  NodeFacts node = gb10_serving();
  node.serving->same_network = false;
  facts::Netdev eth0;
  eth0.name = "eth0";
  eth0.addresses = std::vector<facts::Address>{{"inet", "10.88.0.5", 16, "global"}};
  node.serving->netdevs = std::vector<facts::Netdev>{eth0};
  node.serving->process.settings.clear();
  const auto findings = judge_serving(node);
  EXPECT_THAT(fired(findings), IsSupersetOf({"ROCE-GID-003", "ROCE-SRV-004"})) << sample::text_of(findings);
  EXPECT_THAT(only(findings, "ROCE-SRV-004").at(0).cause, HasSubstr("another network namespace"));
}

TEST(ServingChecks, DevicesHeldOpenAreComparedWithNcclsChoice) {
  NodeFacts node = gb10_serving();
  for (facts::NodeAccess& access : node.serving->uverbs) access.open = false;
  EXPECT_EQ(worst(only(judge_serving(node), "ROCE-SRV-002")), Severity::warning);
  node.serving->verbs_mapped = false;
  EXPECT_EQ(worst(only(judge_serving(node), "ROCE-SRV-002")), Severity::skipped);
  node.serving->nccl_libraries = std::vector<facts::Library>{};
  EXPECT_EQ(worst(only(judge_serving(node), "ROCE-SRV-002")), Severity::skipped);

  node = gb10_serving();
  for (facts::NodeAccess& access : node.serving->uverbs) access.open = access.node == "uverbs0";
  const auto findings = only(judge_serving(node), "ROCE-SRV-002");
  EXPECT_EQ(worst(findings), Severity::warning);
  EXPECT_THAT(findings.at(0).title, HasSubstr("not roceP2p1s0f0"));
}

TEST(ServingChecks, SecondOrReplacedNcclIsAWarning) {
  NodeFacts node = gb10_serving();
  node.serving->nccl_libraries = std::vector<facts::Library>{{"/a/libnccl.so.2", std::string("2.28.9")},
                                                             {"/b/libnccl.so.2", std::string("2.27.3")}};
  EXPECT_EQ(worst(only(judge_serving(node), "ROCE-SRV-003")), Severity::warning);
  node.serving->nccl_libraries = std::vector<facts::Library>{{"/a/libnccl.so.2.28.9 (deleted)", std::string("2.28.9")}};
  const auto findings = only(judge_serving(node), "ROCE-SRV-003");
  EXPECT_EQ(worst(findings), Severity::warning);
  EXPECT_THAT(findings.at(0).title, HasSubstr("replaced"));
}

}  // namespace
}  // namespace rocekit::checks
