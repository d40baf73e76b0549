// ROCE-DEV and ROCE-LNK: each rule fires, is content, steps aside, and says when it cannot know.
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
using sample::text_of;
using sample::worst;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

NodeFacts without_devices(NodeFacts node) {
  node.devices.clear();
  for (facts::Netdev& netdev : node.netdevs) netdev.rdma_device.reset();
  return node;
}

facts::LinkModes& modes(NodeFacts& node, const char* netdev) { return sample::netdev(node, netdev).link_modes.value(); }

// ---- ROCE-DEV-001 -------------------------------------------------------------------------------------------------

TEST(NoDevice, IsCriticalAndNamesTheModuleToLoad) {
  NodeFacts node = without_devices(sample::gb10());
  node.infiniband_class = absent;
  const std::vector<Finding> findings = run("ROCE-DEV-001", node);
  ASSERT_EQ(worst(findings), Severity::critical);
  EXPECT_THAT(text_of(findings),
              AllOf(HasSubstr("sudo modprobe mlx5_ib"), HasSubstr("enp1s0f0np0 (driver mlx5_core)")));
}

TEST(NoDevice, SpeaksOfThePowerDrainWhenGb10HasLostItsAdapter) {
  NodeFacts node = without_devices(sample::gb10());
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.driver.is("mlx5_core"); });
  const std::string text = text_of(run("ROCE-DEV-001", node));
  EXPECT_THAT(text, AllOf(HasSubstr("ConnectX-7 is not seen"), HasSubstr("unplug their power supplies")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("rescan")), Not(HasSubstr("mlxfwreset"))));
}

TEST(NoDevice, SpeaksOfNamespacesInExclusiveMode) {
  NodeFacts node = without_devices(sample::gb10());
  node.process.netns_mode = std::string("exclusive");
  EXPECT_THAT(text_of(run("ROCE-DEV-001", node)), HasSubstr("--network host"));
}

TEST(NoDevice, OffersSoftRoceWhereThereIsNoHardware) {
  NodeFacts node = without_devices(sample::soft_roce());
  node.infiniband_class = absent;
  EXPECT_THAT(text_of(run("ROCE-DEV-001", node)), HasSubstr("rdma link add rxe0 type rxe netdev enp1s0f0np0"));
}

TEST(NoDevice, IsUnknownWhenSysfsCouldNotBeRead) {
  NodeFacts node = without_devices(sample::gb10());
  node.infiniband_class = denied;
  EXPECT_EQ(worst(run("ROCE-DEV-001", node)), Severity::unknown);
}

TEST(NoDevice, IsContentWithDevicesAndNamesTheirKind) {
  const std::vector<Finding> findings = run("ROCE-DEV-001", sample::soft_roce());
  EXPECT_EQ(worst(findings), Severity::ok);
  EXPECT_THAT(text_of(findings), HasSubstr("rocep1s0f0 = Soft-RoCE"));
}

// ---- ROCE-DEV-002 -------------------------------------------------------------------------------------------------

TEST(Libibverbs, MissingIsCriticalWithTheInstallCommand) {
  NodeFacts node = sample::gb10();
  for (const Why why : {Why::absent, Why::failed}) {
    node.host.libibverbs = Missing{why, "libibverbs.so.1: cannot open shared object file"};
    const std::vector<Finding> findings = run("ROCE-DEV-002", node);
    EXPECT_EQ(worst(findings), Severity::critical);
    EXPECT_THAT(text_of(findings), HasSubstr("sudo apt-get install -y libibverbs1 ibverbs-providers"));
  }
  node.host.os = std::string("Rocky Linux 9.4 (Blue Onyx)");
  EXPECT_THAT(text_of(run("ROCE-DEV-002", node)), HasSubstr("dnf install -y libibverbs"));
}

TEST(Libibverbs, MissingInAContainerIsMendedInItsImage) {
  NodeFacts node = sample::gb10();
  node.host.container = std::string("podman");
  node.host.libibverbs = absent;
  EXPECT_THAT(text_of(run("ROCE-DEV-002", node)), HasSubstr("RUN apt-get install"));
}

TEST(Libibverbs, WithoutTheDevicesProviderIsCritical) {
  NodeFacts node = sample::soft_roce();
  node.host.verbs_providers = std::vector<std::string>{"mlx5"};
  EXPECT_THAT(text_of(run("ROCE-DEV-002", node)), HasSubstr("has no provider rxe for rocep1s0f0"));
  node.host.verbs_providers = absent;
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::critical);
}

TEST(Libibverbs, IsUnknownWhenItsFactsAre) {
  NodeFacts node = sample::gb10();
  node.host.libibverbs = Missing{};
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::unknown);
  node = sample::gb10();
  node.host.verbs_providers = denied;
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::unknown);
  node = sample::gb10();
  sample::device(node, "rocep1s0f0").driver = absent;
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::unknown);
}

TEST(Libibverbs, StepsAsideForUnknownDriversAndWithoutDevices) {
  NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) device.driver = std::string("brand_new_ib");
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::skipped);
  node = without_devices(sample::gb10());
  node.host.libibverbs = absent;
  EXPECT_EQ(worst(run("ROCE-DEV-002", node)), Severity::skipped);
}

// ---- ROCE-DEV-003 -------------------------------------------------------------------------------------------------

TEST(Firmware, ThatDiffersWithinAnAdapterIsAWarning) {
  NodeFacts node = sample::gb10();
  sample::device(node, "roceP2p1s0f1").fw_version = std::string("28.43.1014");
  const std::vector<Finding> findings = run("ROCE-DEV-003", node);
  EXPECT_EQ(worst(findings), Severity::warning);
  EXPECT_THAT(findings, SizeIs(1));
  EXPECT_THAT(text_of(findings), HasSubstr("28.43.1014 and 28.45.4028"));
}

TEST(Firmware, OfTwoAdaptersMayDiffer) {
  NodeFacts node = sample::gb10();
  sample::device(node, "roceP2p1s0f1").fw_version = std::string("28.43.1014");
  sample::device(node, "roceP2p1s0f1").sys_image_guid = std::string("1111:2222:3333:4444");
  EXPECT_EQ(worst(run("ROCE-DEV-003", node)), Severity::ok);
}

TEST(Firmware, IsUnknownWhenAVersionIs) {
  NodeFacts node = sample::gb10();
  sample::device(node, "roceP2p1s0f1").fw_version = denied;
  EXPECT_EQ(worst(run("ROCE-DEV-003", node)), Severity::unknown);
  EXPECT_EQ(worst(run("ROCE-DEV-003", sample::soft_roce())), Severity::skipped);
}

// ---- ROCE-DEV-004 -------------------------------------------------------------------------------------------------

TEST(VanishedFunction, OfGb10IsCriticalAndNamed) {
  NodeFacts node = sample::gb10();
  std::erase_if(node.devices, [](const facts::Device& device) { return device.name == "roceP2p1s0f0"; });
  const std::vector<Finding> findings = run("ROCE-DEV-004", node);
  EXPECT_EQ(worst(findings), Severity::critical);
  EXPECT_THAT(text_of(findings), AllOf(HasSubstr("1 of the four functions of the ConnectX-7 is missing: 0002:01:00.0"),
                                       HasSubstr("lspci -nnk -s 0002:01:00.0")));
}

TEST(VanishedFunction, IsNotSeenInOneUnreadableFile) {
  NodeFacts node = sample::gb10();
  sample::device(node, "roceP2p1s0f0").pci = denied;
  EXPECT_EQ(worst(run("ROCE-DEV-004", node)), Severity::ok);
}

TEST(VanishedFunction, IsNotLookedForElsewhereNorAmongSharedOutDevices) {
  EXPECT_EQ(worst(run("ROCE-DEV-004", sample::soft_roce())), Severity::skipped);
  NodeFacts node = sample::gb10();
  node.devices.resize(1);
  node.process.netns_mode = std::string("exclusive");
  node.host.container = std::string("podman");
  EXPECT_EQ(worst(run("ROCE-DEV-004", node)), Severity::skipped);
}

// ---- ROCE-LNK-001 -------------------------------------------------------------------------------------------------

TEST(NoLink, IsCriticalOnceAndSaysWhatEachPortSays) {
  NodeFacts node = sample::gb10();
  sample::take_down(node, "rocep1s0f0");
  sample::take_down(node, "roceP2p1s0f0");
  const std::vector<Finding> findings = run("ROCE-LNK-001", node);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::critical);
  EXPECT_THAT(text_of(findings), AllOf(HasSubstr("No cable"), HasSubstr("cage 0 (next to the RJ45)"),
                                       HasSubstr("same cage on both nodes")));
  EXPECT_EQ(worst(run("ROCE-LNK-002", node)), Severity::skipped);
}

TEST(NoLink, OfNetdevsTakenDownIsMendedByBringingThemUp) {
  NodeFacts node = sample::soft_roce();
  for (const char* device : {"rocep1s0f0", "roceP2p1s0f0"}) sample::take_down(node, device);
  sample::netdev(node, "enp1s0f0np0").admin_up = false;
  const std::string text = text_of(run("ROCE-LNK-001", node));
  EXPECT_THAT(text, AllOf(HasSubstr("$ ip link set dev enp1s0f0np0 up"), Not(HasSubstr("dev enP2p1s0f0np0 up")),
                          Not(HasSubstr("QSFP"))));
}

TEST(NoLink, OfInfiniBandThatWaitsForASubnetManagerSaysSo) {
  NodeFacts node = sample::gb10();
  node.devices.resize(1);
  node.devices[0].kind = facts::DeviceKind::infiniband;
  facts::Port& port = node.devices[0].ports[0];
  port.state = std::string("INIT");
  port.phys_state = std::string("LinkUp");
  port.link_layer = std::string("InfiniBand");
  port.netdev = absent;
  EXPECT_THAT(text_of(run("ROCE-LNK-001", node)), HasSubstr("systemctl start opensm"));
}

TEST(NoLink, IsUnknownWhenAStateCouldNotBeRead) {
  NodeFacts node = sample::gb10();
  sample::take_down(node, "rocep1s0f0");
  sample::port(node, "roceP2p1s0f0").state = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-001", node)), Severity::unknown);
}

// ---- ROCE-LNK-002 -------------------------------------------------------------------------------------------------

TEST(DownPort, BesideItsActiveTwinIsCritical) {
  NodeFacts node = sample::gb10();
  sample::take_down(node, "roceP2p1s0f0");
  sample::netdev(node, "enP2p1s0f0np0").admin_up = false;
  const std::vector<Finding> findings = run("ROCE-LNK-002", node);
  EXPECT_THAT(sample::subjects(findings, Severity::critical), ElementsAre("roceP2p1s0f0"));
  EXPECT_THAT(text_of(findings), AllOf(HasSubstr("its twin rocep1s0f0 on the same cable is ACTIVE"),
                                       HasSubstr("sudo ip link set dev enP2p1s0f0np0 up")));
}

TEST(DownPort, OfAnEmptyCageIsNormalEvenWithAnAddress) {
  NodeFacts node = sample::gb10();
  EXPECT_EQ(worst(run("ROCE-LNK-002", node)), Severity::ok);
  sample::netdev(node, "enp1s0f1np1").addresses = std::vector<facts::Address>{{"inet", "192.168.102.10", 24, "global"}};
  EXPECT_EQ(worst(run("ROCE-LNK-002", node)), Severity::ok);
}

TEST(DownPort, WithAPluggedModuleIsAWarning) {
  NodeFacts node = sample::gb10();
  facts::Netdev& netdev = sample::netdev(node, "enp1s0f1np1");
  netdev.module = *sample::netdev(node, "enp1s0f0np0").module;
  netdev.link_state = facts::LinkState{false, "Autoneg"};
  EXPECT_THAT(sample::subjects(run("ROCE-LNK-002", node), Severity::warning), ElementsAre("rocep1s0f1"));
}

TEST(DownPort, OfSoftRoceIsCriticalWhileAnotherIsActive) {
  NodeFacts node = sample::soft_roce();
  sample::take_down(node, "roceP2p1s0f0");
  EXPECT_THAT(sample::subjects(run("ROCE-LNK-002", node), Severity::critical), ElementsAre("roceP2p1s0f0"));
}

TEST(DownPort, NamedForNcclIsLeftToTheEnvironmentCheck) {
  NodeFacts node = sample::soft_roce();
  sample::take_down(node, "roceP2p1s0f0");
  sample::set_env(node, "NCCL_IB_HCA", "=rocep1s0f0,roceP2p1s0f0");
  EXPECT_EQ(worst(run("ROCE-LNK-002", node)), Severity::skipped);
}

TEST(DownPort, IsUnknownWhenItsStateIs) {
  NodeFacts node = sample::gb10();
  sample::port(node, "rocep1s0f1").state = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-002", node)), Severity::unknown);
}

// ---- ROCE-LNK-003 -------------------------------------------------------------------------------------------------

void run_at_100(NodeFacts& node) {
  for (const char* name : {"enp1s0f0np0", "enP2p1s0f0np0"}) {
    sample::netdev(node, name).speed_mbit_s = 100000;
    modes(node, name).lanes = 2;
  }
  for (const char* name : {"rocep1s0f0", "roceP2p1s0f0"}) sample::port(node, name).rate_gbit_s = 100;
}

TEST(LinkRate, BelowTheModulesClassIsAWarningOncePerCable) {
  NodeFacts node = sample::gb10();
  run_at_100(node);
  const std::vector<Finding> findings = run("ROCE-LNK-003", node);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_EQ(findings[0].title, "enp1s0f0np0 runs at 100 Gb/s on 2 of 4 lanes, not 200 Gb/s");
}

TEST(LinkRate, OfACableOfThatClassIsLeftToTheModuleCheck) {
  NodeFacts node = sample::gb10();
  run_at_100(node);
  for (const char* name : {"enp1s0f0np0", "enP2p1s0f0np0"}) {
    sample::netdev(node, name).module.value().rate_class_gbit_s = 100;
    sample::netdev(node, name).module.value().compliance = std::string("100GBASE-CR4");
  }
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::ok);
  EXPECT_EQ(worst(run("ROCE-LNK-004", node)), Severity::warning);
}

TEST(LinkRate, FollowsTheUsersExpectation) {
  const Expectations wants_400{std::nullopt, 400.0};
  EXPECT_EQ(worst(run("ROCE-LNK-003", sample::gb10(), wants_400)), Severity::warning);
  NodeFacts node = sample::gb10();
  run_at_100(node);
  EXPECT_EQ(worst(run("ROCE-LNK-003", node, Expectations{std::nullopt, 100.0})), Severity::ok);
}

TEST(LinkRate, TakesTheSmallerOfCableAndPort) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").module.value().rate_class_gbit_s = 400;  // a 400G-CR4 cable in a 200G port
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::ok);
}

TEST(LinkRate, IsUnknownWithoutSpeedOrExpectation) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").speed_mbit_s = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::unknown);
  node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").link_modes = denied;
  sample::netdev(node, "enp1s0f0np0").module = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::unknown);
}

TEST(LinkRate, OfInfiniBandOnOneLaneIsAWarning) {
  NodeFacts node = sample::gb10();
  node.devices.resize(1);
  node.devices[0].kind = facts::DeviceKind::infiniband;
  facts::Port& port = node.devices[0].ports[0];
  port.link_layer = std::string("InfiniBand");
  port.netdev = absent;
  port.rate_gbit_s = 100;
  port.width = std::string("4X");
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::ok);
  EXPECT_EQ(worst(run("ROCE-LNK-003", node, Expectations{std::nullopt, 200.0})), Severity::warning);
  port.width = std::string("1X");
  EXPECT_EQ(worst(run("ROCE-LNK-003", node)), Severity::warning);
}

TEST(LinkRate, OfABondIsJudgedMemberByMember) {
  NodeFacts node = sample::gb10();
  facts::Netdev bond = *node.find_netdev("enp1s0f0np0");
  bond.name = "bond0";
  bond.type = std::string("bond");
  bond.lower = {"enp1s0f0np0", "enp1s0f1np1"};
  node.netdevs.push_back(bond);
  sample::port(node, "rocep1s0f0").netdev = std::string("bond0");
  sample::netdev(node, "enp1s0f0np0").speed_mbit_s = 100000;
  EXPECT_THAT(sample::subjects(run("ROCE-LNK-003", node), Severity::warning), ElementsAre("enp1s0f0np0"));
}

// ---- ROCE-LNK-004 -------------------------------------------------------------------------------------------------

TEST(Module, WithQsfp28IdentifierAnd200GCodeIsFine) {
  const std::vector<Finding> findings = run("ROCE-LNK-004", sample::gb10());
  EXPECT_EQ(worst(findings), Severity::ok);
  EXPECT_THAT(text_of(findings), HasSubstr("QSFP28 (0x11)"));
}

TEST(Module, ThatOnlyRootMayReadIsUnknownWithTheCommand) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").module = denied;
  const std::vector<Finding> findings = run("ROCE-LNK-004", node);
  EXPECT_EQ(worst(findings), Severity::unknown);
  EXPECT_FALSE(findings[0].essential);
  EXPECT_THAT(findings[0].remedy, ElementsAre("sudo roce-probe --check ROCE-LNK-004"));
}

TEST(Module, OfUnknownClassIsFineAtFullRateAndUnknownBelow) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").module.value().rate_class_gbit_s = Missing{Why::not_supported, "code 0x99"};
  EXPECT_EQ(worst(run("ROCE-LNK-004", node)), Severity::ok);
  sample::netdev(node, "enp1s0f0np0").speed_mbit_s = 100000;
  EXPECT_EQ(worst(run("ROCE-LNK-004", node)), Severity::unknown);
}

TEST(Module, IsNotLookedForWhereThereIsNone) {
  NodeFacts node = sample::gb10();
  for (facts::Netdev& netdev : node.netdevs) netdev.module = absent;
  EXPECT_EQ(worst(run("ROCE-LNK-004", node)), Severity::skipped);
}

// ---- ROCE-LNK-005 -------------------------------------------------------------------------------------------------

TEST(Flaps, FromTenCarrierChangesOnAreAWarning) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").carrier_changes = 9;
  EXPECT_EQ(worst(run("ROCE-LNK-005", node)), Severity::ok);
  sample::netdev(node, "enp1s0f0np0").carrier_changes = 21;
  EXPECT_THAT(sample::subjects(run("ROCE-LNK-005", node), Severity::warning), ElementsAre("enp1s0f0np0"));
  sample::netdev(node, "enp1s0f0np0").carrier_changes = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-005", node)), Severity::unknown);
}

// ---- ROCE-LNK-006 -------------------------------------------------------------------------------------------------

TEST(Fec, OffOn200GIsAWarning) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").fec = facts::Fec{"Off", {"Off"}};
  const std::vector<Finding> findings = run("ROCE-LNK-006", node);
  EXPECT_EQ(worst(findings), Severity::warning);
  EXPECT_THAT(text_of(findings), HasSubstr("sudo ethtool --set-fec enp1s0f0np0 encoding rs"));
}

TEST(Fec, OffOnLanesOf25GIsFine) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").fec = facts::Fec{"Off", {"Off"}};
  sample::netdev(node, "enp1s0f0np0").speed_mbit_s = 100000;
  EXPECT_EQ(worst(run("ROCE-LNK-006", node)), Severity::skipped);
  modes(node, "enp1s0f0np0").lanes = 2;
  EXPECT_EQ(worst(run("ROCE-LNK-006", node)), Severity::warning);
}

TEST(Fec, IsUnknownWhenNotRead) {
  NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").fec = denied;
  EXPECT_EQ(worst(run("ROCE-LNK-006", node)), Severity::unknown);
}

// ---- other kinds --------------------------------------------------------------------------------------------------

TEST(SoftRoce, HasNoCableToJudge) {
  NodeFacts node = sample::soft_roce();
  sample::netdev(node, "enp1s0f0np0").carrier_changes = 50;
  for (const char* id : {"ROCE-LNK-003", "ROCE-LNK-004", "ROCE-LNK-005", "ROCE-LNK-006"}) {
    const std::vector<Finding> findings = run(id, node, Expectations{std::nullopt, 400.0});
    EXPECT_EQ(worst(findings), Severity::skipped) << id;
    EXPECT_THAT(text_of(findings), HasSubstr("no cable: Soft-RoCE")) << id;
  }
}

}  // namespace
}  // namespace rocekit::checks
