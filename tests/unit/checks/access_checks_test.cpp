#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::Why;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* access_ids[] = {"ROCE-ACC-001", "ROCE-ACC-002", "ROCE-ACC-003", "ROCE-ACC-004",
                                      "ROCE-ACC-005", "ROCE-ACC-006", "ROCE-ACC-007"};

facts::NodeFacts in_podman() {
  facts::NodeFacts node = sample::gb10();
  sample::move_into_podman(node);
  return node;
}

facts::NodeFacts with_discrete_gpu(bool dma_buf, bool peermem) {
  facts::NodeFacts node = sample::gb10();
  node.gpus.at(0).integrated = false;
  node.gpus.at(0).name = std::string("NVIDIA H100");
  node.gpus.at(0).gpu_direct_rdma_supported = true;
  node.gpus.at(0).dma_buf_supported = dma_buf;
  if (peermem) node.host.modules.value()["nvidia_peermem"] = "580.95.05";
  return node;
}

TEST(AccessChecks, AreOkOnAHealthyNode) {
  for (const char* id : access_ids) EXPECT_EQ(sample::worst(sample::run(id, sample::gb10())), Severity::ok) << id;
}

TEST(AccessChecks, AreSkippedWithoutRdmaDevices) {
  facts::NodeFacts node = sample::gb10();
  node.devices.clear();
  node.process.memlock = facts::Memlock{8U << 20, 8U << 20};
  for (const char* id : access_ids) EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::skipped) << id;
}

TEST(Acc001, FiresInAContainerWithoutNodes) {
  facts::NodeFacts node = in_podman();
  sample::hide_all_uverbs(node);
  const auto findings = sample::run("ROCE-ACC-001", node);
  EXPECT_EQ(sample::worst(findings), Severity::critical);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("podman run --device /dev/infiniband ..."));
  for (const char* id : {"ROCE-ACC-002", "ROCE-ACC-005", "ROCE-ACC-006"}) {
    EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::skipped) << id;
  }
}

TEST(Acc001, FiresWhenOnlyNodesOfPortsThatAreDownArePassed) {
  facts::NodeFacts node = in_podman();
  sample::hide_uverbs(node, {"rocep1s0f0", "roceP2p1s0f0"});
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-001", node)), Severity::critical);
}

TEST(Acc001, NamesTheModuleWhenTheKernelOffersNoNodes) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) device.uverbs = Missing{Why::absent, "/sys/class/infiniband_verbs"};
  const auto findings = sample::run("ROCE-ACC-001", node);
  EXPECT_EQ(sample::worst(findings), Severity::critical);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo modprobe ib_uverbs"));
}

TEST(Acc001, IsUnknownWhenNobodyAsked) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) device.uverbs.value().openable = Missing{};
  node.process.infiniband_nodes = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-001", node)), Severity::unknown);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-002", node)), Severity::unknown);
}

TEST(Acc002, FiresOnARefusal) {
  facts::NodeFacts node = in_podman();
  for (facts::Device& device : node.devices) {
    device.uverbs.value().openable = Missing{Why::permission, device.uverbs->path + ": Operation not permitted"};
  }
  const auto findings = sample::run("ROCE-ACC-002", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("rocep1s0f0, roceP2p1s0f0"));
  EXPECT_THAT(sample::text_of(findings), HasSubstr("uverbs2: Operation not permitted"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("--device /dev/infiniband"));
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-001", node)), Severity::ok);

  node.host.container = std::string("none");
  node.process.euid = 1000;
  EXPECT_THAT(sample::remedies(sample::run("ROCE-ACC-002", node)), HasSubstr("/etc/udev/rules.d/"));
}

TEST(Acc002, FiresOnANodeWithoutDriver) {
  facts::NodeFacts node = sample::gb10();
  // ENXIO: the node is listed, its driver is gone.
  sample::device(node, "rocep1s0f0").uverbs.value().openable =
      Missing{Why::absent, "/dev/infiniband/uverbs0: No such device or address"};
  EXPECT_THAT(sample::subjects(sample::run("ROCE-ACC-002", node), Severity::critical), ElementsAre("rocep1s0f0"));
}

TEST(Acc003, IsCriticalBelow64MiB) {
  facts::NodeFacts node = in_podman();
  node.process.memlock = facts::Memlock{8U << 20, 8U << 20};
  const auto findings = sample::run("ROCE-ACC-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::critical);
  EXPECT_THAT(sample::text_of(findings), HasSubstr("only 8 MiB of memory may be locked"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("podman run --ulimit memlock=-1:-1 ..."));
}

TEST(Acc003, WarnsBelowOneGibibyteOnly) {
  facts::NodeFacts node = sample::gb10();
  node.process.memlock = facts::Memlock{64U << 20, std::nullopt};
  const auto findings = sample::run("ROCE-ACC-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings),
              AllOf(HasSubstr("ulimit -l unlimited"), HasSubstr("/etc/security/limits.d/")));
  node.process.memlock = facts::Memlock{(1ULL << 30) - 1, std::nullopt};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-003", node)), Severity::warning);
  node.process.memlock = facts::Memlock{1ULL << 30, std::nullopt};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-003", node)), Severity::ok);
}

TEST(Acc003, IsLiftedByTheCapability) {
  facts::NodeFacts node = sample::gb10();
  node.process.memlock = facts::Memlock{8U << 20, 8U << 20};
  node.process.capabilities = std::vector<std::string>{"CAP_IPC_LOCK"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-003", node)), Severity::ok);
}

TEST(Acc003, IsUnknownWithoutLimitOrCapabilities) {
  facts::NodeFacts no_limit = sample::gb10();
  no_limit.process.memlock = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-003", no_limit)), Severity::unknown);
  facts::NodeFacts no_capabilities = sample::gb10();
  no_capabilities.process.memlock = facts::Memlock{8U << 20, 8U << 20};
  no_capabilities.process.capabilities = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-003", no_capabilities)), Severity::unknown);
}

TEST(Acc004, FiresWhenMoreIsFreeThanThereIs) {
  facts::NodeFacts node = sample::gb10();
  node.host.cma_free_bytes = *node.host.cma_total_bytes + 4096;
  const auto findings = sample::run("ROCE-ACC-004", node);
  EXPECT_EQ(sample::worst(findings), Severity::critical);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("kho=off"));
}

TEST(Acc004, IsSkippedWithoutCmaAndUnknownWhenUnread) {
  facts::NodeFacts node = sample::gb10();
  node.host.cma_total_bytes = Missing{Why::absent, ""};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-004", node)), Severity::skipped);
  node.host.cma_total_bytes = Missing{Why::permission, "/proc/meminfo: Permission denied"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-004", node)), Severity::unknown);
}

TEST(Acc005, FiresWhenTheTwinsNodeIsNotPassed) {
  facts::NodeFacts node = in_podman();
  sample::hide_uverbs(node, {"rocep1s0f1", "roceP2p1s0f0", "roceP2p1s0f1"});
  const auto findings = sample::run("ROCE-ACC-005", node);
  EXPECT_THAT(sample::subjects(findings, Severity::warning), ElementsAre("roceP2p1s0f0"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("podman run --device /dev/infiniband ..."));
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-001", node)), Severity::ok);
}

TEST(Acc005, DoesNotMindTheEmptyCage) {
  facts::NodeFacts node = in_podman();
  sample::hide_uverbs(node, {"rocep1s0f1", "roceP2p1s0f1"});
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-005", node)), Severity::ok);
}

TEST(Acc006, TellsMissingFromRefused) {
  facts::NodeFacts node = sample::gb10();
  node.process.rdma_cm_openable = Missing{Why::absent, "/dev/infiniband/rdma_cm: No such file or directory"};
  auto findings = sample::run("ROCE-ACC-006", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo modprobe rdma_ucm"));
  node.process.rdma_cm_openable = Missing{Why::permission, "/dev/infiniband/rdma_cm: Permission denied"};
  findings = sample::run("ROCE-ACC-006", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("/etc/udev/rules.d/"));
  node.process.rdma_cm_openable = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-006", node)), Severity::unknown);
}

TEST(Acc007, SaysThatGb10HasNoneByDesign) {
  const auto findings = sample::run("ROCE-ACC-007", sample::gb10());
  EXPECT_EQ(sample::worst(findings), Severity::ok);
  EXPECT_THAT(sample::text_of(findings), HasSubstr("by design"));
}

TEST(Acc007, WarnsOnADiscreteGpuWithoutAnyWay) {
  const auto findings = sample::run("ROCE-ACC-007", with_discrete_gpu(false, false));
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo modprobe nvidia_peermem"));
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-007", with_discrete_gpu(true, false))), Severity::ok);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-007", with_discrete_gpu(false, true))), Severity::ok);
}

TEST(Acc007, IsUnknownWithoutTheDriversAnswerAndSkippedOnSoftRoce) {
  facts::NodeFacts node = with_discrete_gpu(false, false);
  node.gpus.at(0).dma_buf_supported = Missing{Why::failed, "libcuda.so.1: cannot open"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-007", node)), Severity::unknown);
  facts::NodeFacts soft = sample::soft_roce();
  soft.gpus = with_discrete_gpu(false, false).gpus;
  EXPECT_EQ(sample::worst(sample::run("ROCE-ACC-007", soft)), Severity::skipped);
}

}  // namespace
}  // namespace rocekit::checks
