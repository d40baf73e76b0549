// rtnetlink against netdevs made in a network namespace of the test's own; needs root and iproute2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/netlink.h"
#include "probes/facts/readers/readers.h"
#include "tests/unit/emulated.h"

namespace rocekit::facts::kernel {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

/// Runs `body` on a thread that has moved to a new network namespace after the commands of ip(8); false when this
/// process may not, or the kernel has no such device.
bool in_own_network(const std::vector<std::string>& ip_commands, const std::function<void()>& body) {
  bool made = false;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    for (const std::string& command : ip_commands) {
      if (std::system(("ip " + command + " >/dev/null 2>&1").c_str()) != 0) return;
    }
    made = true;
    body();
  }).join();
  return made;
}

const NetdevAnswers* find(const Fact<std::vector<NetdevAnswers>>& netdevs, const std::string& name) {
  if (!netdevs) return nullptr;
  const auto found =
      std::find_if(netdevs->begin(), netdevs->end(), [&](const NetdevAnswers& netdev) { return netdev.name == name; });
  return found == netdevs->end() ? nullptr : &*found;
}

Fact<std::vector<NetdevAnswers>> links(const std::vector<std::string>& rdma_netdevs = {}) {
  NetlinkSocket socket(NETLINK_ROUTE);
  return ask_netdevs(socket, rdma_netdevs);
}

Fact<std::vector<Route>> routes_of_this_network() {
  NetlinkSocket socket(NETLINK_ROUTE);
  return ask_routes(socket, ask_netdevs(socket, {}).value_or({}));
}

constexpr const char* cannot_make_netdevs = "needs root, iproute2 and this kind of netdev in the kernel";

TEST(Links, LoopbackHasItsAddressesAndNoKind) {
  const auto netdevs = links();
  ASSERT_TRUE(netdevs) << netdevs.missing().detail;
  const NetdevAnswers* const loopback = find(netdevs, "lo");
  ASSERT_NE(loopback, nullptr);
  EXPECT_TRUE(loopback->ifindex.is(1));
  ASSERT_FALSE(loopback->link_kind);
  EXPECT_EQ(loopback->link_kind.missing().why, Why::absent);
  ASSERT_TRUE(loopback->addresses);
  EXPECT_THAT(*loopback->addresses, Contains(Address{"inet", "127.0.0.1", 8, "host"}));
  EXPECT_EQ(loopback->link_modes.missing().why, Why::not_read) << "ethtool is asked only for netdevs of RDMA devices";
}

TEST(Links, StateIsWhatSysfsTells) {
  KernelAnswers answers;
  answers.netdevs = links();
  const FileTree tree = FileTree::live();
  const auto from_files = readers::read_netdevs(tree, {});
  const auto from_answers = readers::read_netdevs(tree, answers);
  ASSERT_EQ(from_files.size(), from_answers.size());
  for (std::size_t i = 0; i < from_files.size(); ++i) {
    const Netdev& file = from_files[i];
    const Netdev& told = from_answers[i];
    ASSERT_EQ(told.name, file.name);
    EXPECT_EQ(told.ifindex, file.ifindex);
    EXPECT_EQ(told.mtu, file.mtu);
    EXPECT_EQ(told.operstate, file.operstate);
    EXPECT_EQ(told.carrier, file.carrier);
    EXPECT_EQ(told.carrier_changes, file.carrier_changes);
    EXPECT_EQ(told.mac, file.mac);
    EXPECT_EQ(told.type, file.type);
    EXPECT_EQ(told.phys_port_name.has_value(), file.phys_port_name.has_value()) << file.name;
    EXPECT_EQ(told.phys_switch_id.has_value(), file.phys_switch_id.has_value()) << file.name;
  }
  const NetdevAnswers* const loopback = find(answers.netdevs, "lo");
  ASSERT_NE(loopback, nullptr);
  EXPECT_TRUE(loopback->mtu) << "else the files above were compared with themselves";
  EXPECT_EQ(loopback->phys_switch_id.missing().why, Why::not_supported);
}

TEST(Links, ANetdevThatIsDownHasNoCarrierToTell) {
  const bool made = in_own_network({"link add one type veth peer name two"}, [] {
    const auto netdevs = links();
    const NetdevAnswers* const one = find(netdevs, "one");
    ASSERT_NE(one, nullptr);
    EXPECT_TRUE(one->operstate.is("down"));
    ASSERT_FALSE(one->carrier);
    EXPECT_EQ(one->carrier.missing().why, Why::not_read);
  });
  if (!made) GTEST_SKIP() << cannot_make_netdevs;
}

TEST(Links, VethHasKindMtuFlagsAndAddresses) {
  ROCEKIT_SKIP_WHERE_EMULATED("no generic netlink");
  const bool made =
      in_own_network({"link add one type veth peer name two", "link set one up", "link set two up",
                      "addr add 192.168.100.10/24 dev one", "addr add fd00::10/64 dev one nodad"},
                     [] {
                       const auto netdevs = links({"one"});
                       const NetdevAnswers* const one = find(netdevs, "one");
                       ASSERT_NE(one, nullptr);
                       EXPECT_TRUE(one->link_kind.is("veth"));
                       EXPECT_TRUE(one->max_mtu.is(65535));
                       EXPECT_NE(one->flags.value_or(0) & 1U, 0U) << "IFF_UP";
                       ASSERT_TRUE(one->addresses);
                       EXPECT_THAT(*one->addresses, Contains(Address{"inet", "192.168.100.10", 24, "global"}));
                       EXPECT_THAT(*one->addresses, Contains(Address{"inet6", "fd00::10", 64, "global"}));
                       ASSERT_TRUE(one->link_modes) << one->link_modes.missing().detail;
                       EXPECT_EQ(one->link_modes->speed_mbit_s, 10000);
                       ASSERT_TRUE(one->link_state);
                       EXPECT_TRUE(one->link_state->up);
                       ASSERT_FALSE(one->fec);
                       EXPECT_EQ(one->fec.missing().why, Why::not_supported);
                       ASSERT_FALSE(one->eeprom_hex);
                       EXPECT_THAT(one->eeprom_hex.missing().detail, Not(IsEmpty()));
                       EXPECT_TRUE(one->statistics);
                     });
  if (!made) GTEST_SKIP() << cannot_make_netdevs;
}

TEST(Links, PointToPointAddressIsTheOwnOne) {
  const bool made =
      in_own_network({"link add one type veth peer name two", "addr add 10.0.0.1 peer 10.0.0.2/32 dev one"}, [] {
        const auto netdevs = links();
        const NetdevAnswers* const one = find(netdevs, "one");
        ASSERT_NE(one, nullptr);
        EXPECT_TRUE(one->addresses.is({Address{"inet", "10.0.0.1", 32, "global"}}));
      });
  if (!made) GTEST_SKIP() << cannot_make_netdevs;
}

TEST(Links, KindsOfStackedNetdevs) {
  int kinds_made = 0;
  for (const std::string kind : {"bond", "bridge", "vlan", "macvlan", "dummy"}) {
    std::string command = "link add upper type " + kind;
    if (kind == "vlan") command = "link add link one name upper type vlan id 7";
    if (kind == "macvlan") command = "link add link one name upper type macvlan";
    const bool made = in_own_network({"link add one type veth peer name two", command}, [&] {
      const auto netdevs = links();
      const NetdevAnswers* const upper = find(netdevs, "upper");
      ASSERT_NE(upper, nullptr);
      EXPECT_TRUE(upper->link_kind.is(kind));
    });
    kinds_made += made ? 1 : 0;
  }
  if (kinds_made == 0) GTEST_SKIP() << cannot_make_netdevs;
}

TEST(Routes, MainTableWithGatewaySourceMetricAndMultipath) {
  const bool made = in_own_network(
      {"link add one type veth peer name two", "link set one up", "link set two up",
       "addr add 192.168.100.10/24 dev one", "addr add 192.168.101.10/24 dev two",
       "route add default via 192.168.100.1 dev one metric 50",
       "route add 10.9.0.0/16 nexthop via 192.168.100.2 dev one nexthop via 192.168.101.2 dev two",
       "route add 10.8.0.0/16 dev one table 77", "route add blackhole 10.7.0.0/16"},
      [] {
        const auto routes = routes_of_this_network();
        ASSERT_TRUE(routes) << routes.missing().detail;
        EXPECT_THAT(*routes,
                    ::testing::UnorderedElementsAre(Route{"default", "one", "192.168.100.1", std::nullopt, 50},
                                                    Route{"192.168.100.0/24", "one", std::nullopt, "192.168.100.10", 0},
                                                    Route{"192.168.101.0/24", "two", std::nullopt, "192.168.101.10", 0},
                                                    Route{"10.9.0.0/16", "one", "192.168.100.2", std::nullopt, 0},
                                                    Route{"10.9.0.0/16", "two", "192.168.101.2", std::nullopt, 0}));
      });
  if (!made) GTEST_SKIP() << cannot_make_netdevs;
}

TEST(Routes, EmptyTableIsAnAnswer) {
  const bool made = in_own_network({}, [] { EXPECT_TRUE(routes_of_this_network().is({})); });
  if (!made) GTEST_SKIP() << cannot_make_netdevs;
}

}  // namespace
}  // namespace rocekit::facts::kernel
