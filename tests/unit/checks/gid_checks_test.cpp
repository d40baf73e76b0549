#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::Why;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(GidChecks, AreOkOnHealthyNodes) {
  for (const char* id : {"ROCE-GID-001", "ROCE-GID-002", "ROCE-GID-003"}) {
    EXPECT_EQ(sample::worst(sample::run(id, sample::gb10())), Severity::ok) << id;
    EXPECT_EQ(sample::worst(sample::run(id, sample::soft_roce())), Severity::ok) << id;
  }
}

TEST(GidChecks, AreSkippedWithoutRoce) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) {
    device.kind = facts::DeviceKind::infiniband;
    device.ports.at(0).link_layer = std::string("InfiniBand");
  }
  for (const char* id : {"ROCE-GID-001", "ROCE-GID-002", "ROCE-GID-003"}) {
    EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::skipped) << id;
  }
}

TEST(Gid001, FiresWhenAnAddressHasNoRoceV2Gid) {
  facts::NodeFacts node = sample::gb10();
  std::erase_if(sample::port(node, "rocep1s0f0").gids,
                [](const facts::Gid& gid) { return gid.ipv4 && gid.type.is("RoCE v2"); });
  const auto findings = sample::run("ROCE-GID-001", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("rocep1s0f0"));
  EXPECT_THAT(sample::subjects(findings, Severity::ok), ElementsAre("roceP2p1s0f0"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo ip link set enp1s0f0np0 down"));
}

TEST(Gid001, IsUnknownWhenTypesOrAddressesCannotBeRead) {
  facts::NodeFacts types = sample::gb10();
  for (facts::Gid& gid : sample::port(types, "rocep1s0f0").gids) gid.type = Missing{Why::permission, "types: denied"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-GID-001", types)), Severity::unknown);

  facts::NodeFacts addresses = sample::gb10();
  sample::remove_ipv4(addresses, "rocep1s0f0");
  sample::netdev(addresses, "enp1s0f0np0").addresses = Missing{Why::failed, "RTM_GETADDR: timed out"};
  EXPECT_EQ(sample::worst(sample::run("ROCE-GID-001", addresses)), Severity::unknown);
}

TEST(Gid001, LeavesAnInterfaceWithoutAddressToNet001) {
  facts::NodeFacts node = sample::gb10();
  sample::remove_ipv4(node, "roceP2p1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-GID-001", node)), Severity::ok);
}

TEST(Gid002, WarnsWhenThePinnedIndexIsRightToday) {
  facts::NodeFacts node = sample::gb10();
  sample::set_env(node, "NCCL_IB_GID_INDEX", "3");
  const auto findings = sample::run("ROCE-GID-002", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("unset NCCL_IB_GID_INDEX"));
}

TEST(Gid002, IsCriticalForAnEmptyAVersion1AndALinkLocalSlot) {
  for (const char* index : {"5", "2", "0", "1", "0x5", "none at all"}) {
    facts::NodeFacts node = sample::gb10();
    sample::set_env(node, "NCCL_IB_GID_INDEX", index);
    EXPECT_EQ(sample::worst(sample::run("ROCE-GID-002", node)), Severity::critical) << index;
  }
}

TEST(Gid002, TakesMinusOneAndEmptyAsUnset) {
  for (const char* index : {"-1", ""}) {
    facts::NodeFacts node = sample::gb10();
    sample::set_env(node, "NCCL_IB_GID_INDEX", index);
    EXPECT_EQ(sample::worst(sample::run("ROCE-GID-002", node)), Severity::ok) << index;
  }
}

TEST(Gid002, NamesTheLineOfAConfFileToEdit) {
  facts::NodeFacts node = sample::gb10();
  sample::set_conf(node, "NCCL_IB_GID_INDEX", "5", "/etc/nccl.conf:3");
  EXPECT_THAT(sample::remedies(sample::run("ROCE-GID-002", node)), HasSubstr("sudo sed -i '3s/^/# /' /etc/nccl.conf"));
}

TEST(Gid003, FiresWhenTheInterfaceBelongsToAnotherNamespace) {
  facts::NodeFacts node = sample::gb10();
  sample::move_into_podman(node);
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.rdma_device.has_value(); });
  const auto findings = sample::run("ROCE-GID-003", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("rocep1s0f0, roceP2p1s0f0"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("podman run --network=host ..."));
}

TEST(Gid003, FiresWhenTheKernelHidesGidsAndInterface) {
  facts::NodeFacts node = sample::gb10();
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.rdma_device.has_value(); });
  for (const char* name : {"rocep1s0f0", "roceP2p1s0f0"}) {
    sample::port(node, name).gids.clear();
    sample::port(node, name).netdev = Missing{Why::absent, ""};
  }
  const auto findings = sample::run("ROCE-GID-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::critical);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo lsns -t net"));
}

TEST(Gid003, IsUnknownWhenNoInterfaceCouldBeListed) {
  facts::NodeFacts node = sample::gb10();
  node.netdevs.clear();
  EXPECT_EQ(sample::worst(sample::run("ROCE-GID-003", node)), Severity::unknown);
}

}  // namespace
}  // namespace rocekit::checks
