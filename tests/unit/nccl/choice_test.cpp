#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/derived/nccl_choice.h"
#include "tests/unit/nccl/node_of.h"

namespace rocekit::test {
namespace {

using derived::NameFilter;
using derived::NcclChoice;
using derived::predict_nccl;
using facts::Library;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;

std::string why_rejected(const NcclChoice& choice, const std::string& device) {
  for (const auto& rejected : choice.rejected) {
    if (rejected.device == device) return rejected.why;
  }
  return "";
}

// --- names ---------------------------------------------------------------------------------------------------------

TEST(NameFilter, NameIsAPrefix) {
  const auto filter = NameFilter::parse("mlx5_1");
  EXPECT_TRUE(filter.accepts("mlx5_1", 1));
  EXPECT_TRUE(filter.accepts("mlx5_10", 1));
  EXPECT_FALSE(filter.accepts("mlx5_0", 1));
  EXPECT_FALSE(filter.accepts("mlx5_", 1));
  EXPECT_FALSE(filter.accepts("MLX5_1", 1));
}

TEST(NameFilter, EqualsSignMakesEveryNameExact) {
  const auto filter = NameFilter::parse("=mlx5_1,mlx5_2");
  EXPECT_TRUE(filter.accepts("mlx5_1", 1));
  EXPECT_FALSE(filter.accepts("mlx5_10", 1));
  EXPECT_TRUE(filter.accepts("mlx5_2", 1));
  EXPECT_FALSE(filter.accepts("mlx5_20", 1));
}

TEST(NameFilter, CaretExcludesAndComesBeforeTheEqualsSign) {
  EXPECT_FALSE(NameFilter::parse("^mlx5_1").accepts("mlx5_10", 1));
  EXPECT_TRUE(NameFilter::parse("^=mlx5_1").accepts("mlx5_10", 1));
  EXPECT_FALSE(NameFilter::parse("^=mlx5_1").accepts("mlx5_1", 1));
  EXPECT_TRUE(NameFilter::parse("=^mlx5_1").accepts("^mlx5_1", 1));
}

TEST(NameFilter, NoEntryAcceptsAllAndCaretAloneNone) {
  EXPECT_TRUE(NameFilter::parse("").accepts("mlx5_0", 1));
  EXPECT_TRUE(NameFilter::parse("=").accepts("mlx5_0", 1));
  EXPECT_TRUE(NameFilter::parse(",,").accepts("mlx5_0", 1));
  EXPECT_FALSE(NameFilter::parse("^").accepts("mlx5_0", 1));
}

TEST(NameFilter, PortNarrowsAnEntry) {
  const auto filter = NameFilter::parse("mlx5_0:2,mlx5_3");
  EXPECT_FALSE(filter.accepts("mlx5_0", 1));
  EXPECT_TRUE(filter.accepts("mlx5_0", 2));
  EXPECT_TRUE(filter.accepts("mlx5_3", 1));
  EXPECT_TRUE(filter.accepts("mlx5_0"));
}

TEST(NameFilter, PortIsReadAsAtoiReadsIt) {
  EXPECT_FALSE(NameFilter::parse("mlx5_0:x").accepts("mlx5_0", 1));
  EXPECT_TRUE(NameFilter::parse("mlx5_0:1x").accepts("mlx5_0", 1));
  EXPECT_TRUE(NameFilter::parse("mlx5_0:-1").accepts("mlx5_0", 7));
  EXPECT_TRUE(NameFilter::parse("mlx5_0:1:2,mlx5_4").accepts("mlx5_4", 1));
  EXPECT_TRUE(NameFilter::parse(":3,mlx5_4").accepts("mlx5_4", 1));
}

TEST(NameFilter, BlanksBelongToTheName) {
  const auto filter = NameFilter::parse("mlx5_0, mlx5_1");
  EXPECT_TRUE(filter.accepts("mlx5_0", 1));
  EXPECT_FALSE(filter.accepts("mlx5_1", 1));
}

TEST(NameFilter, EntriesBeyondTheLimitAreDropped) {
  std::string text;
  for (int i = 0; i < 33; ++i) text += "=d" + std::to_string(100 + i) + ",";
  const auto filter = NameFilter::parse(text.substr(1));
  EXPECT_EQ(filter.entries.size(), 32U);
  EXPECT_EQ(NameFilter::parse(text, 16).entries.size(), 16U);
}

// --- ports ---------------------------------------------------------------------------------------------------------

TEST(NcclHcas, TakesEveryActivePortInTheListsOrder) {
  const NcclChoice choice = predict_nccl(healthy());
  EXPECT_THAT(choice.hcas, ElementsAre("rocep1s0f0:1", "roceP2p1s0f0:1"));
  EXPECT_EQ(choice.net, "IB");
  EXPECT_FALSE(choice.falls_back_to_socket);
  EXPECT_EQ(choice.why, "NET/IB takes rocep1s0f0:1, roceP2p1s0f0:1");
}

TEST(NcclHcas, PassesOverPortsThatAreNotActive) {
  NodeFacts node = healthy();
  node.devices[1].ports[0].state = std::string("DOWN");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.hcas, ElementsAre("rocep1s0f0:1"));
  EXPECT_EQ(why_rejected(choice, "roceP2p1s0f0"), "port is DOWN");
}

TEST(NcclHcas, LooksAtEachPortOfADevice) {
  NodeFacts node = healthy();
  node.devices[0].ports.push_back(port(table(mapped_2), 2));
  set(node, "NCCL_IB_HCA", "rocep1s0f0:2");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.hcas, ElementsAre("rocep1s0f0:2"));
  ASSERT_EQ(choice.rejected.size(), 2U);
  EXPECT_EQ(choice.rejected[0].port, 1);
  EXPECT_EQ(choice.rejected[0].why, "not named by NCCL_IB_HCA=rocep1s0f0:2 (environment)");
}

TEST(NcclHcas, SaysThatAnExclusionLeftAPortOut) {
  NodeFacts node = healthy();
  set(node, "NCCL_IB_HCA", "^roceP2");
  EXPECT_EQ(why_rejected(predict_nccl(node), "roceP2p1s0f0"), "excluded by NCCL_IB_HCA=^roceP2 (environment)");
}

TEST(NcclHcas, SkipsDevicesThatCannotBeOpened) {
  NodeFacts node = healthy();
  node.devices[0].uverbs = facts::Uverbs{"/dev/infiniband/uverbs0",
                                         Missing{Why::permission, "/dev/infiniband/uverbs0: Operation not permitted"}};
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.hcas, ElementsAre("roceP2p1s0f0:1"));
  EXPECT_EQ(why_rejected(choice, "rocep1s0f0"), "uverbs0 cannot be opened: Operation not permitted");
}

TEST(NcclHcas, ThatCannotBeOpenedForOneReasonAreNamedTogether) {
  NodeFacts node = healthy();
  for (Device& each : node.devices) {
    each.uverbs.value().openable = Missing{Why::absent, each.uverbs->path + ": No such file or directory"};
  }
  EXPECT_EQ(
      predict_nccl(node).why,
      "sockets carry the traffic: no RDMA port is usable (rocep1s0f0:1, roceP2p1s0f0:1: uverbs cannot be opened: No "
      "such file or directory)");
}

TEST(NcclHcas, AssumesAccessThatNobodyTriedAndSaysSo) {
  NodeFacts node = healthy();
  node.host.libibverbs = Missing{};
  for (Device& each : node.devices) each.uverbs = Missing{};
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "IB");
  EXPECT_THAT(choice.why, HasSubstr("assumed, as libibverbs, access to the devices could not be asked"));
}

TEST(NcclHcas, NeedsAProviderForTheDriver) {
  NodeFacts node = healthy();
  node.host.verbs_providers = std::vector<std::string>{"rxe"};
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.hcas, IsEmpty());
  EXPECT_EQ(why_rejected(choice, "rocep1s0f0"), "libibverbs has no provider \"mlx5\" for driver mlx5_core");
}

TEST(NcclHcas, TakesInfiniBandAndLeavesUnspecifiedLinkLayers) {
  NodeFacts node = healthy();
  node.devices[0].ports[0].link_layer = std::string("InfiniBand");
  node.devices[1].ports[0].link_layer = std::string("Unspecified");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.hcas, ElementsAre("rocep1s0f0:1"));
  EXPECT_THAT(why_rejected(choice, "roceP2p1s0f0"), HasSubstr("link layer Unspecified"));
}

TEST(NcclHcas, TakesNoMoreThan32Ports) {
  NodeFacts node = healthy();
  node.devices.clear();
  for (int i = 0; i < 33; ++i) node.devices.push_back(device("mlx5_" + std::to_string(i), i));
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.hcas.size(), 32U);
  EXPECT_EQ(why_rejected(choice, "mlx5_32"), "NCCL takes no more than 32 ports");
}

TEST(NcclHcas, AreSortedByPciAddressFrom2297On) {
  NodeFacts node = healthy();
  node.devices[0].pci = facts::Pci{};
  node.devices[0].pci.value().address = "0002:01:00.0";
  node.devices[1].pci = facts::Pci{};
  node.devices[1].pci.value().address = "0000:01:00.0";
  const auto order_with = [&](const std::string& version) {
    node.host.nccl_libraries = {Library{"/usr/lib/libnccl.so.2", version}};
    return predict_nccl(node).hcas;
  };
  EXPECT_THAT(order_with("2.28.9"), ElementsAre("rocep1s0f0:1", "roceP2p1s0f0:1"));
  EXPECT_THAT(order_with("2.29.3"), ElementsAre("rocep1s0f0:1", "roceP2p1s0f0:1"));
  EXPECT_THAT(order_with("2.29.7"), ElementsAre("roceP2p1s0f0:1", "rocep1s0f0:1"));
  set(node, "NCCL_IB_DEVICE_PCI_ORDER", "0");
  EXPECT_THAT(order_with("2.30.3"), ElementsAre("rocep1s0f0:1", "roceP2p1s0f0:1"));
}

// --- GID -----------------------------------------------------------------------------------------------------------

derived::GidChoice gid_of(NodeFacts node, std::vector<Gid> gids,
                          const std::vector<std::pair<std::string, std::string>>& settings = {}) {
  node.devices.resize(1);
  node.devices[0].ports = {port(std::move(gids))};
  for (const auto& [name, value] : settings) set(node, name, value);
  return predict_nccl(node).gids.at("rocep1s0f0:1");
}

TEST(NcclGid, IsTheRoceV2EntryOfTheFirstIpv4Address) {
  const auto choice = gid_of(healthy(), table(mapped_1));
  EXPECT_EQ(choice.index, 3);
  EXPECT_EQ(choice.gid, mapped_1);
  EXPECT_EQ(choice.type, "RoCE v2");
  EXPECT_FALSE(choice.pinned);
  EXPECT_TRUE(choice.usable) << choice.why;
}

TEST(NcclGid, StaysAtTheFirstIpv4AddressWhenThereAreTwo) {
  auto gids = table(mapped_1);
  gids.push_back(gid(4, mapped_2, "IB/RoCE v1"));
  gids.push_back(gid(5, mapped_2, "RoCE v2"));
  EXPECT_EQ(gid_of(healthy(), gids).index, 3);
}

TEST(NcclGid, IsFoundWhereIndicesHaveDrifted) {
  EXPECT_EQ(gid_of(healthy(), {gid(0, fe80, "IB/RoCE v1"), gid(1, fe80, "RoCE v2"), gid(4, mapped_1, "IB/RoCE v1"),
                               gid(5, mapped_1, "RoCE v2")})
                .index,
            5);
}

TEST(NcclGid, TakesAnIpv4EntryOfAnotherFamilyWithoutLookingAtItsVersion) {
  // Rule (a): only the family counts; a table with v1 alone ends at v1.
  const auto choice = gid_of(healthy(), {gid(0, fe80, "IB/RoCE v1"), gid(1, mapped_1, "IB/RoCE v1")});
  EXPECT_EQ(choice.index, 1);
  EXPECT_FALSE(choice.usable);
  EXPECT_THAT(choice.why, HasSubstr("it is RoCE v1"));
}

TEST(NcclGid, OfSoftRoceIsItsOnlyIpv4Entry) {
  EXPECT_EQ(gid_of(healthy(), {gid(0, fe80, "RoCE v2"), gid(1, mapped_1, "RoCE v2")}).index, 1);
}

TEST(NcclGid, WithoutIpv4StaysAtIndexZeroWhichFails) {
  const auto choice = gid_of(healthy(), {gid(0, fe80, "IB/RoCE v1"), gid(1, fe80, "RoCE v2")});
  EXPECT_EQ(choice.index, 0);
  EXPECT_FALSE(choice.usable);
  EXPECT_EQ(
      choice.why,
      "the port has no IPv4-mapped GID: index 0 stays; it is link-local and RoCE v1, and connecting with it fails");
}

TEST(NcclGid, OfAnEmptyTableIsAnEmptySlot) {
  const auto choice = gid_of(healthy(), {});
  EXPECT_EQ(choice.index, 0);
  EXPECT_EQ(choice.gid, "");
  EXPECT_FALSE(choice.usable);
  EXPECT_THAT(choice.why, HasSubstr("slot of the GID table is empty"));
}

TEST(NcclGid, PinnedIndexIsUsedUnchecked) {
  const auto right = gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "3"}});
  EXPECT_TRUE(right.pinned);
  EXPECT_EQ(right.index, 3);
  EXPECT_TRUE(right.usable);
  EXPECT_EQ(right.why, "pinned by NCCL_IB_GID_INDEX=3 (environment)");
  const auto empty = gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "5"}});
  EXPECT_EQ(empty.index, 5);
  EXPECT_EQ(empty.gid, "");
  EXPECT_FALSE(empty.usable);
  EXPECT_FALSE(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "2"}}).usable);
  EXPECT_THAT(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "1"}}).why, HasSubstr("it is link-local"));
}

TEST(NcclGid, EmptyOrNegativePinIsNone) {
  EXPECT_FALSE(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", ""}}).pinned);
  EXPECT_FALSE(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "-1"}}).pinned);
  EXPECT_EQ(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", ""}}).index, 3);
}

TEST(NcclGid, PinThatIsNoNumberIsIndexZero) {
  const auto choice = gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "auto"}});
  EXPECT_TRUE(choice.pinned);
  EXPECT_EQ(choice.index, 0);
  EXPECT_EQ(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "0x3"}}).index, 3);
  EXPECT_FALSE(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_GID_INDEX", "99999999999999999999"}}).pinned);
}

TEST(NcclGid, FollowsTheWantedRoceVersion) {
  EXPECT_EQ(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_ROCE_VERSION_NUM", "1"}}).index, 2);
}

TEST(NcclGid, FollowsTheWantedFamily) {
  auto gids = table(mapped_1);
  gids.push_back(gid(4, global_6, "IB/RoCE v1"));
  gids.push_back(gid(5, global_6, "RoCE v2"));
  const auto choice = gid_of(healthy(), gids, {{"NCCL_IB_ADDR_FAMILY", "AF_INET6"}});
  EXPECT_EQ(choice.index, 5);
  EXPECT_TRUE(choice.usable);
  // Rule (b) wants a valid GID: link-local ones are never taken.
  EXPECT_EQ(gid_of(healthy(), table(mapped_1), {{"NCCL_IB_ADDR_FAMILY", "AF_INET6"}}).index, 0);
  EXPECT_EQ(gid_of(healthy(), gids, {{"NCCL_IB_ADDR_FAMILY", "inet6"}}).index, 3);
}

TEST(NcclGid, FollowsTheWantedRange) {
  auto gids = table(mapped_1);
  gids.push_back(gid(4, mapped_2, "IB/RoCE v1"));
  gids.push_back(gid(5, mapped_2, "RoCE v2"));
  const auto index_in = [&](const std::string& range) {
    return gid_of(healthy(), gids, {{"NCCL_IB_ADDR_RANGE", range}}).index;
  };
  EXPECT_EQ(index_in("192.168.101.0/24"), 5);
  EXPECT_EQ(index_in("192.168.100.0/24"), 3);
  EXPECT_EQ(index_in("192.168.101.10/32"), 5);
  EXPECT_EQ(index_in("10.0.0.0/8"), 0);
  EXPECT_EQ(index_in("192.168.101.0/23"), 3);
}

TEST(NcclGid, IgnoresARangeThatIsNone) {
  auto gids = table(mapped_1);
  const auto index_in = [&](const std::string& range) {
    return gid_of(healthy(), gids, {{"NCCL_IB_ADDR_RANGE", range}}).index;
  };
  EXPECT_EQ(index_in("10.0.0.0"), 3);
  EXPECT_EQ(index_in("10.0.0/8"), 3);
  EXPECT_EQ(index_in("10.0.0.0/33"), 3);
  EXPECT_EQ(index_in("fd00::/64"), 3);
  // A negative length matches nothing.
  EXPECT_EQ(index_in("192.168.100.0/-1"), 0);
}

TEST(NcclGid, FollowsAnIpv6Range) {
  auto gids = table(mapped_1);
  gids.push_back(gid(4, "fd00:0000:0000:0002:0000:0000:0000:000a", "RoCE v2"));
  gids.push_back(gid(5, global_6, "RoCE v2"));
  const auto index_in = [&](const std::string& range) {
    return gid_of(healthy(), gids, {{"NCCL_IB_ADDR_FAMILY", "AF_INET6"}, {"NCCL_IB_ADDR_RANGE", range}}).index;
  };
  EXPECT_EQ(index_in("fd00:0:0:1::/64"), 5);
  EXPECT_EQ(index_in("fd00:0:0:2::/64"), 4);
  EXPECT_EQ(index_in("fd00::/44"), 4);
}

TEST(NcclGid, OfInfiniBandIsIndexZeroUnlessAFlidIsRoutable) {
  NodeFacts node = healthy();
  node.devices.resize(1);
  Port ib = port({gid(0, "fe80:0000:0000:0000:0002:c903:0031:2345", "IB"),
                  gid(1, "fec0:0000:0000:0001:0002:c903:0031:2345", "IB")});
  ib.link_layer = std::string("InfiniBand");
  node.devices[0].ports = {ib};
  set(node, "NCCL_IB_GID_INDEX", "3");
  const auto choice = predict_nccl(node).gids.at("rocep1s0f0:1");
  EXPECT_EQ(choice.index, 0);
  EXPECT_TRUE(choice.usable);
  EXPECT_FALSE(choice.pinned);
  node.devices[0].ports[0].gids[1].gid = "fec0:0000:0017:0001:0002:c903:0031:2345";
  EXPECT_EQ(predict_nccl(node).gids.at("rocep1s0f0:1").index, 1);
}

TEST(NcclGid, SurvivesANonsenseTableSize) {
  NodeFacts node = healthy();
  node.devices[0].ports[0].gid_table_size = 2147483647;
  EXPECT_EQ(predict_nccl(node).gids.at("rocep1s0f0:1").index, 3);
  node.devices[0].ports[0].gid_table_size = -5;
  EXPECT_EQ(predict_nccl(node).gids.at("rocep1s0f0:1").index, 0);
}

// --- interfaces ----------------------------------------------------------------------------------------------------

Names ifnames(const NodeFacts& node) { return predict_nccl(node).socket_ifnames; }

TEST(NcclSockets, AreAllButDockerLoopbackAndVirbrWithWifiAndVpnAmongThem) {
  NodeFacts node = healthy();
  node.netdevs.push_back(netdev("docker0", 6, {inet("172.17.0.1")}));
  node.netdevs.push_back(netdev("virbr0", 7, {inet("192.168.122.1")}));
  node.netdevs.push_back(netdev("wlP9s9", 8, {inet("192.168.2.7")}));
  node.netdevs.push_back(netdev("tailscale0", 9, {inet("100.64.0.3", 32)}));
  EXPECT_THAT(ifnames(node), ElementsAre("enP7s7", "enp1s0f0np0", "enP2p1s0f0np0", "wlP9s9", "tailscale0"));
}

TEST(NcclSockets, ComeInTheOrderOfInterfaceIndices) {
  NodeFacts node = healthy();
  node.netdevs[1].ifindex = 40;
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0", "enP2p1s0f0np0", "enP7s7"));
}

TEST(NcclSockets, WithIpv6AloneComeAfterAllWithIpv4) {
  NodeFacts node = healthy();
  node.netdevs[1].addresses = std::vector<Address>{inet6("fe80::1")};
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0", "enP2p1s0f0np0", "enP7s7"));
}

TEST(NcclSockets, NamedIbComeFirstAndAlone) {
  NodeFacts node = healthy();
  node.netdevs.push_back(netdev("ibp24s0", 9, {inet("10.0.0.1")}));
  EXPECT_THAT(ifnames(node), ElementsAre("ibp24s0"));
}

TEST(NcclSockets, MustBeRunning) {
  NodeFacts node = healthy();
  node.netdevs[1].running = false;
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0", "enP2p1s0f0np0"));
}

TEST(NcclSockets, AreRunningByTheirStateWhereFlagsWereNotAsked) {
  NodeFacts node = healthy();
  node.netdevs[1].running = Missing{};
  node.netdevs[1].operstate = std::string("down");
  node.netdevs[2].running = Missing{};
  node.netdevs[2].operstate = std::string("unknown");
  node.netdevs[3].running = Missing{};
  node.netdevs[3].operstate = std::string("up");
  node.netdevs[3].admin_up = false;
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0"));
}

TEST(NcclSockets, FallToDockerThenLoopbackThenVirbr) {
  NodeFacts node = healthy();
  node.netdevs = {netdev("lo", 1, {inet("127.0.0.1", 8)}), netdev("virbr0", 2, {inet("192.168.122.1")}),
                  netdev("docker0", 3, {inet("172.17.0.1")})};
  EXPECT_THAT(ifnames(node), ElementsAre("docker0"));
  node.netdevs.pop_back();
  EXPECT_THAT(ifnames(node), ElementsAre("lo"));
  node.netdevs.erase(node.netdevs.begin());
  EXPECT_THAT(ifnames(node), ElementsAre("virbr0"));
}

TEST(NcclSockets, SkipIpv6Loopback) {
  NodeFacts node = healthy();
  node.netdevs = {netdev("lo", 1, {inet6("::1", 128)})};
  EXPECT_THAT(ifnames(node), IsEmpty());
}

TEST(NcclSockets, FollowTheNamedPrefixesAndExactNames) {
  NodeFacts node = healthy();
  set(node, "NCCL_SOCKET_IFNAME", "enp1s0f0");
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0"));
  node.process.settings[0].value = "=enp1s0f0";
  EXPECT_THAT(ifnames(node), IsEmpty());
  node.process.settings[0].value = "^enp,enP2";
  EXPECT_THAT(ifnames(node), ElementsAre("lo", "enP7s7"));
  node.process.settings[0].value = "^=lo,enP7s7";
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0", "enP2p1s0f0np0"));
}

TEST(NcclSockets, IgnoreANameOfOneCharacter) {
  NodeFacts node = healthy();
  set(node, "NCCL_SOCKET_IFNAME", "^");
  EXPECT_THAT(ifnames(node), ElementsAre("enP7s7", "enp1s0f0np0", "enP2p1s0f0np0"));
}

TEST(NcclSockets, ThatMatchNothingKeepNcclFromStarting) {
  NodeFacts node = healthy();
  set(node, "NCCL_SOCKET_IFNAME", "eth9");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "none");
  EXPECT_FALSE(choice.falls_back_to_socket);
  EXPECT_EQ(
      choice.why,
      "NCCL cannot start, its bootstrap finds no interface: NCCL_SOCKET_IFNAME=eth9 (environment) matches no running "
      "interface with an address");
}

TEST(NcclSockets, FollowTheFamily) {
  NodeFacts node = healthy();
  set(node, "NCCL_SOCKET_FAMILY", "AF_INET6");
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0"));
  node.process.settings[0].value = "ipv6";
  EXPECT_THAT(ifnames(node), ElementsAre("enP7s7", "enp1s0f0np0", "enP2p1s0f0np0"));
}

TEST(NcclSockets, AreAtMost16) {
  NodeFacts node = healthy();
  for (int i = 0; i < 20; ++i) node.netdevs.push_back(netdev("veth" + std::to_string(i), 10 + i, {inet("10.0.0.1")}));
  EXPECT_EQ(ifnames(node).size(), 16U);
}

TEST(NcclSockets, FollowTheSubnetOfCommId) {
  NodeFacts node = healthy();
  set(node, "NCCL_COMM_ID", "192.168.101.11:29500");
  EXPECT_THAT(ifnames(node), ElementsAre("enP2p1s0f0np0"));
  EXPECT_EQ(predict_nccl(node).net, "IB");
}

TEST(NcclSockets, BootstrapFollowsCommIdWhateverIfnameSays) {
  NodeFacts node = healthy();
  set(node, "NCCL_COMM_ID", "192.168.101.11:29500");
  set(node, "NCCL_SOCKET_IFNAME", "enp1s0f0np0");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_THAT(choice.socket_ifnames, ElementsAre("enp1s0f0np0"));
  EXPECT_THAT(choice.socket_why, HasSubstr("bootstrap takes enP2p1s0f0np0"));
}

TEST(NcclSockets, CommIdOutsideEverySubnetOrMalformedKeepsNcclFromStarting) {
  NodeFacts node = healthy();
  set(node, "NCCL_COMM_ID", "10.9.8.7:29500");
  EXPECT_EQ(predict_nccl(node).net, "none");
  EXPECT_THAT(predict_nccl(node).why, HasSubstr("no interface is in the subnet of NCCL_COMM_ID=10.9.8.7:29500"));
  node.process.settings[0].value = "";
  EXPECT_EQ(predict_nccl(node).net, "none");
  node.process.settings[0].value = "[fe80::1";
  EXPECT_EQ(predict_nccl(node).net, "none");
}

TEST(NcclSockets, CommIdOfAnIpv6LinkNeedsItsInterface) {
  NodeFacts node = healthy();
  set(node, "NCCL_COMM_ID", "[fe80::99%enp1s0f0np0]:29500");
  EXPECT_THAT(ifnames(node), ElementsAre("enp1s0f0np0"));
  node.process.settings[0].value = "[fe80::99]:29500";
  EXPECT_EQ(predict_nccl(node).net, "none");
}

TEST(NcclSockets, CommIdByHostNameIsNotGuessed) {
  NodeFacts node = healthy();
  set(node, "NCCL_COMM_ID", "head-node:29500");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "IB");
  EXPECT_THAT(choice.socket_why, HasSubstr("a name that was not resolved"));
}

TEST(NcclSockets, ThatWereNotReadAreAssumedAndSaidSo) {
  NodeFacts node = healthy();
  node.netdevs.clear();
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "IB");
  EXPECT_THAT(choice.why, HasSubstr("assumed, as interface addresses could not be asked"));
}

// --- network -------------------------------------------------------------------------------------------------------

TEST(NcclNet, IsSocketWithoutRdmaDevices) {
  NodeFacts node = healthy();
  node.devices.clear();
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "Socket");
  EXPECT_TRUE(choice.falls_back_to_socket);
  EXPECT_EQ(choice.why, "sockets carry the traffic: this node has no RDMA device");
}

TEST(NcclNet, IsSocketWithoutLibibverbs) {
  NodeFacts node = healthy();
  node.host.libibverbs = Missing{Why::absent, "libibverbs.so.1: cannot open shared object file"};
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "Socket");
  EXPECT_THAT(choice.hcas, IsEmpty());
  EXPECT_THAT(choice.gids, IsEmpty());
  EXPECT_THAT(choice.why, HasSubstr("libibverbs cannot be loaded: libibverbs.so.1: cannot open"));
}

TEST(NcclNet, IsSocketWhenNoPortIsLeftAndNamesEachReasonOnce) {
  NodeFacts node = healthy();
  set(node, "NCCL_IB_HCA", "mlx5_0");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_TRUE(choice.falls_back_to_socket);
  EXPECT_EQ(choice.why,
            "sockets carry the traffic: no RDMA port is usable (rocep1s0f0:1, roceP2p1s0f0:1: not named by "
            "NCCL_IB_HCA=mlx5_0 (environment))");
}

TEST(NcclNet, IbDisableIsANumber) {
  for (const auto& [value, disabled] : std::vector<std::pair<std::string, bool>>{
           {"1", true}, {"0", false}, {"", false}, {"true", false}, {"0x1", true}, {"-1", true}, {"2", true}}) {
    NodeFacts node = healthy();
    set(node, "NCCL_IB_DISABLE", value);
    EXPECT_EQ(predict_nccl(node).net, disabled ? "Socket" : "IB") << value;
  }
}

TEST(NcclNet, NamesTheSettingThatDisablesRdma) {
  NodeFacts node = healthy();
  node.process.settings.push_back({"NCCL_IB_DISABLE", "1", "/etc/nccl.conf:3"});
  EXPECT_THAT(predict_nccl(node).why, HasSubstr("NCCL_IB_DISABLE=1 (/etc/nccl.conf:3) switches RDMA off"));
}

TEST(NcclNet, DemandedByNameIsComparedWithoutCase) {
  NodeFacts node = healthy();
  set(node, "NCCL_NET", "SOCKET");
  EXPECT_EQ(predict_nccl(node).net, "Socket");
  EXPECT_TRUE(predict_nccl(node).falls_back_to_socket);
  node.process.settings[0].value = "ib";
  EXPECT_EQ(predict_nccl(node).net, "IB");
}

TEST(NcclNet, DemandedIbWithoutDevicesStopsNccl) {
  NodeFacts node = healthy();
  node.devices.clear();
  set(node, "NCCL_NET", "IB");
  const NcclChoice choice = predict_nccl(node);
  EXPECT_EQ(choice.net, "none");
  EXPECT_FALSE(choice.falls_back_to_socket);
  EXPECT_EQ(
      choice.why,
      "NCCL stops with \"Failed to initialize any NET plugin\": NCCL_NET=IB (environment) demands RDMA, but this node "
      "has no RDMA device");
}

TEST(NcclNet, ThatNobodyOffersStopsNcclEvenWhenItsNameIsEmpty) {
  for (const std::string name : {"IBext_v11", "RoCE", ""}) {
    NodeFacts node = healthy();
    set(node, "NCCL_NET", name);
    EXPECT_EQ(predict_nccl(node).net, "none") << name;
  }
}

TEST(NcclNet, ExternalPluginComesFirst) {
  NodeFacts node = healthy();
  node.host.nccl_plugins = std::vector<Library>{{"/opt/hpcx/nccl_rdma_sharp_plugin/lib/libnccl-net.so", Missing{}}};
  EXPECT_EQ(predict_nccl(node).net, "libnccl-net.so");
  set(node, "NCCL_NET", "IBext_v11");
  EXPECT_EQ(predict_nccl(node).net, "IBext_v11");
  node.process.settings[0].value = "IB";
  EXPECT_EQ(predict_nccl(node).net, "IB");
}

TEST(NcclNet, PluginOverVerbsNeedsAPortToo) {
  NodeFacts node = healthy();
  node.host.nccl_plugins = std::vector<Library>{{"/opt/hpcx/nccl_rdma_sharp_plugin/lib/libnccl-net.so", Missing{}}};
  node.devices.clear();
  EXPECT_EQ(predict_nccl(node).net, "Socket");
  node.host.nccl_plugins = std::vector<Library>{{"/opt/amazon/ofi-nccl/lib/libnccl-net.so", Missing{}}};
  EXPECT_EQ(predict_nccl(node).net, "libnccl-net.so");
}

TEST(NcclNet, PluginsAreSkippedOnNoneOrAnEmptyList) {
  for (const std::string value : {"none", "NONE", ""}) {
    NodeFacts node = healthy();
    node.host.nccl_plugins = std::vector<Library>{{"/usr/lib/libnccl-net.so", Missing{}}};
    set(node, "NCCL_NET_PLUGIN", value);
    EXPECT_EQ(predict_nccl(node).net, "IB") << value;
  }
}

TEST(NcclNet, PluginThatIsNotThereIsNamedAndNcclGoesOn) {
  NodeFacts node = healthy();
  set(node, "NCCL_NET_PLUGIN", "ofi");
  EXPECT_EQ(predict_nccl(node).net, "IB");
  EXPECT_THAT(predict_nccl(node).why, HasSubstr("NCCL_NET_PLUGIN=ofi (environment) names no library"));
}

TEST(NcclSettings, EmptyValueCountsAsUnset) {
  NodeFacts node = healthy();
  set(node, "NCCL_IB_HCA", "");
  EXPECT_EQ(derived::setting(node, "NCCL_IB_HCA"), std::nullopt);
  EXPECT_NE(derived::find_setting(node, "NCCL_IB_HCA"), nullptr);
  EXPECT_EQ(derived::find_setting(node, "NCCL_IB"), nullptr);
}

TEST(NcclPrediction, OfANodeWithoutAnyFactDoesNotThrow) {
  const NcclChoice choice = predict_nccl(NodeFacts{});
  EXPECT_EQ(choice.net, "Socket");
  EXPECT_TRUE(choice.falls_back_to_socket);
}

}  // namespace
}  // namespace rocekit::test
