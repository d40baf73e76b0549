#include "probes/report/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/checks/sample_node.h"

namespace rocekit::report {
namespace {

using checks::sample::gb10;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> places(const std::vector<Difference>& differences, Weight weight) {
  std::vector<std::string> found;
  for (const Difference& difference : differences) {
    if (difference.weight == weight) found.push_back(difference.where);
  }
  return found;
}

/// The places that matter when `change` is done to one of two equal nodes.
template <class Change>
std::vector<std::string> that_matter(Change&& change) {
  facts::NodeFacts other = gb10();
  change(other);
  return places(compare(gb10(), other), Weight::matters);
}

TEST(Compare, EqualNodesDifferInNothing) { EXPECT_THAT(compare(gb10(), gb10()), IsEmpty()); }

TEST(Compare, MtuMattersAndSaysWhy) {
  facts::NodeFacts other = gb10();
  checks::sample::netdev(other, "enp1s0f0np0").mtu = 1500;
  const auto differences = compare(gb10(), other);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].where, "netdevs[enp1s0f0np0].mtu");
  EXPECT_EQ(differences[0].a, "9000");
  EXPECT_EQ(differences[0].b, "1500");
  EXPECT_EQ(differences[0].weight, Weight::matters);
  EXPECT_THAT(differences[0].why, HasSubstr("smaller MTU"));
}

TEST(Compare, MtuOfTheLanIsExpectedToDiffer) {
  facts::NodeFacts other = gb10();
  checks::sample::netdev(other, "enP7s7").mtu = 9000;
  EXPECT_THAT(places(compare(gb10(), other), Weight::expected), ElementsAre("netdevs[enP7s7].mtu"));
}

TEST(Compare, AddressesSerialNumbersAndCountersAreExpected) {
  facts::NodeFacts other = gb10();
  other.host.hostname = std::string("spark-2");
  auto& netdev = checks::sample::netdev(other, "enp1s0f0np0");
  netdev.addresses.value()[0].ip = "192.168.100.11";
  netdev.mac = std::string("4c:bb:47:00:00:99");
  netdev.module.value().serial = std::string("APF2");
  auto& port = checks::sample::port(other, "rocep1s0f0");
  port.gids[3].ipv4 = "192.168.100.11";
  port.gids[3].gid = "0000:0000:0000:0000:0000:ffff:c0a8:640b";
  port.counters.value()["port_rcv_data"] = 7;
  const auto differences = compare(gb10(), other);
  EXPECT_EQ(places(differences, Weight::expected).size(), differences.size());
  EXPECT_EQ(heaviest(differences), Weight::expected);
  EXPECT_GE(differences.size(), 5U);
}

TEST(Compare, DevicesArePairedByNameNotByPosition) {
  EXPECT_THAT(that_matter([](auto& node) { std::swap(node.devices[1], node.devices[3]); }), IsEmpty());
}

TEST(Compare, DeviceOnOneSideIsSaidOnce) {
  const auto found = that_matter([](auto& node) {
    node.devices.erase(node.devices.begin() + 3);
    node.netdevs.erase(node.netdevs.begin() + 3);
  });
  EXPECT_THAT(found, ElementsAre("devices[roceP2p1s0f1]", "netdevs[enP2p1s0f1np1]"));
}

TEST(Compare, AccessMemlockAndSettingsMatter) {
  EXPECT_THAT(that_matter([](auto& node) {
                checks::sample::device(node, "rocep1s0f1").uverbs = facts::Missing{facts::Why::absent, ""};
              }),
              ElementsAre("devices[rocep1s0f1].uverbs"));
  EXPECT_THAT(that_matter([](auto& node) { node.process.memlock.value().soft_bytes = 8U << 20U; }),
              ElementsAre("process.memlock.soft_bytes"));
  EXPECT_THAT(that_matter([](auto& node) { checks::sample::set_env(node, "NCCL_PROTO", "LL"); }),
              ElementsAre("process.settings[NCCL_PROTO]"));
}

TEST(Compare, SettingsThatDifferByNatureOrAreNotNcclsDoNotMatter) {
  facts::NodeFacts other = gb10();
  checks::sample::set_env(other, "NCCL_DEBUG", "INFO");
  checks::sample::set_env(other, "VLLM_HOST_IP", "192.168.100.11");
  checks::sample::set_env(other, "GLOO_SOCKET_IFNAME", "enp1s0f0np0");
  const auto differences = compare(gb10(), other);
  EXPECT_THAT(places(differences, Weight::matters), IsEmpty());
  EXPECT_THAT(places(differences, Weight::noted), ElementsAre("process.settings[GLOO_SOCKET_IFNAME]"));
}

TEST(Compare, SettingShowsItsValueOnEachSide) {
  facts::NodeFacts other = gb10();
  checks::sample::set_env(other, "NCCL_SOCKET_IFNAME", "enP7s7");
  checks::sample::set_env(other, "NCCL_PROTO", "LL");
  const auto differences = compare(gb10(), other);
  ASSERT_GE(differences.size(), 2U);
  EXPECT_EQ(differences[0].where + ": " + differences[0].a + " / " + differences[0].b,
            "process.settings[NCCL_PROTO]: none / LL");
  EXPECT_EQ(differences[1].where + ": " + differences[1].a + " / " + differences[1].b,
            "process.settings[NCCL_SOCKET_IFNAME]: enp1s0f0np0 / enP7s7");
}

TEST(Compare, BeingRefusedTheDeviceNodeIsADifferenceNotAGap) {
  EXPECT_THAT(that_matter([](auto& node) {
                checks::sample::device(node, "rocep1s0f1").uverbs.value().openable =
                    facts::Missing{facts::Why::permission, "EPERM"};
              }),
              ElementsAre("devices[rocep1s0f1].uverbs.openable"));
}

TEST(Compare, NcclVersionsMatter) {
  EXPECT_THAT(that_matter([](auto& node) { node.host.nccl_libraries[0].version = std::string("2.30.1"); }),
              ElementsAre("host.nccl_libraries[0].version"));
}

TEST(Compare, GidIndexMattersOnlyWhenPinned) {
  const auto shift = [](facts::NodeFacts& node) {
    for (auto& gid : checks::sample::port(node, "rocep1s0f0").gids) {
      if (gid.index == 3) gid.index = 5;
    }
  };
  facts::NodeFacts other = gb10();
  shift(other);
  EXPECT_THAT(places(compare(gb10(), other), Weight::noted),
              ElementsAre("devices[rocep1s0f0].ports[1].ipv4_gid.index"));
  facts::NodeFacts pinned = gb10();
  checks::sample::set_env(pinned, "NCCL_IB_GID_INDEX", "3");
  checks::sample::set_env(other, "NCCL_IB_GID_INDEX", "3");
  EXPECT_THAT(places(compare(pinned, other), Weight::matters),
              ::testing::Contains("devices[rocep1s0f0].ports[1].ipv4_gid.index"));
}

TEST(Compare, ValueThatMattersAndWasNotReadIsNotCalledEqual) {
  facts::NodeFacts other = gb10();
  checks::sample::netdev(other, "enp1s0f0np0").mtu = facts::Missing{facts::Why::permission, "EACCES"};
  auto differences = compare(gb10(), other);
  EXPECT_THAT(places(differences, Weight::not_compared), ElementsAre("netdevs[enp1s0f0np0].mtu"));
  EXPECT_EQ(heaviest(differences), Weight::not_compared);
  differences = compare(other, other);
  EXPECT_THAT(places(differences, Weight::not_compared), ElementsAre("netdevs[enp1s0f0np0].mtu"));
}

TEST(Compare, WhatOnlyAnOpenDeviceTellsFollowsFromItsNode) {
  facts::NodeFacts closed = gb10();
  auto& device = checks::sample::device(closed, "rocep1s0f1");
  device.uverbs.value().openable = facts::Missing{facts::Why::absent, "ENOENT"};
  device.vendor_id = device.ports[0].active_mtu = facts::Missing{facts::Why::absent, "uverbs0"};
  for (const auto& differences : {compare(gb10(), closed), compare(closed, gb10())}) {
    ASSERT_EQ(differences.size(), 1U);
    EXPECT_EQ(differences[0].where, "devices[rocep1s0f1].uverbs.openable");
  }
}

TEST(Compare, LongListsShowWhatOneSideHasAlone) {
  facts::NodeFacts a = gb10();
  a.process.capabilities = std::vector<std::string>{"CAP_A", "CAP_B", "CAP_C"};
  facts::NodeFacts b = a;
  b.process.capabilities = std::vector<std::string>{"CAP_A", "CAP_C"};
  const auto differences = compare(a, b);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].a, "only here: CAP_B");
  EXPECT_EQ(differences[0].b, "none of its own");
}

TEST(Compare, HeaviestStandsFirst) {
  facts::NodeFacts other = gb10();
  other.host.hostname = std::string("a");
  other.host.kernel = std::string("6.14.0");
  checks::sample::netdev(other, "enp1s0f0np0").mtu = 1500;
  const auto differences = compare(gb10(), other);
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_EQ(differences[0].weight, Weight::matters);
  EXPECT_EQ(differences[1].weight, Weight::noted);
  EXPECT_EQ(differences[2].weight, Weight::expected);
}

Comparison sample_comparison() {
  facts::NodeFacts other = gb10();
  other.host.hostname = std::string("spark-2");
  other.host.kernel = std::string("6.14.0");
  checks::sample::netdev(other, "enp1s0f0np0").mtu = 1500;
  checks::sample::netdev(other, "enP2p1s0f0np0").mtu = 1500;
  return {name_of(gb10(), "this node"), name_of(other, "b.json"), compare(gb10(), other)};
}

TEST(DiffText, SaysWhatMattersFirstAndConcludes) {
  EXPECT_EQ(render_diff_text(sample_comparison(), text::Style()),
            R"(A  spark-1 (this node)
B  spark-2 (b.json)

MATTERS
  WHERE                       A     B
  netdevs[enP2p1s0f0np0].mtu  9000  1500
  netdevs[enp1s0f0np0].mtu    9000  1500
      frames above the smaller MTU are dropped, and its RDMA path MTU shrinks with it: large
      messages fail or slow down

WORTH KNOWING
  WHERE        A                   B
  host.kernel  6.17.0-1014-nvidia  6.14.0

1 difference of the kind that any two nodes have (addresses, serial numbers, counters); -v lists them

2 differences matter
)");
}

TEST(DiffText, LongValuesStandBelowEachOther) {
  const std::string text = render_diff_text(
      {"a", "b", {{"nccl.hcas", "rocep1s0f0:1, roceP2p1s0f0:1", "none", Weight::noted, ""}}}, text::Style());
  EXPECT_THAT(text, HasSubstr("  nccl.hcas\n      A  rocep1s0f0:1, roceP2p1s0f0:1\n      B  none\n"));
}

TEST(DiffText, EqualNodesEndInOneCalmLine) {
  const std::string text = render_diff_text({"a", "b", {}}, text::Style());
  EXPECT_EQ(text, "A  a\nB  b\n\nNothing that matters differs\n");
}

TEST(DiffText, VerboseListsWhatIsExpected) {
  DiffTextOptions options;
  options.verbose = true;
  EXPECT_THAT(render_diff_text(sample_comparison(), text::Style(), options), HasSubstr("host.hostname"));
  EXPECT_THAT(render_diff_text(sample_comparison(), text::Style()), Not(HasSubstr("host.hostname")));
}

TEST(DiffJson, HoldsEveryDifference) {
  const nlohmann::ordered_json json = render_diff_json(sample_comparison(), "2026-01-02T03:04:05Z");
  EXPECT_EQ(json.at("schema"), "rocekit/diff");
  EXPECT_EQ(json.at("counts").at("matters"), 2);
  EXPECT_EQ(json.at("differences").size(), 4U);
  EXPECT_EQ(json.at("differences").at(0).at("weight"), "matters");
}

}  // namespace
}  // namespace rocekit::report
