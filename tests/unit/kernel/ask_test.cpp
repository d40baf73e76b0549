#include "probes/facts/kernel/ask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "probes/facts/kernel/ethtool_ioctl.h"
#include "probes/facts/kernel/ethtool_netlink.h"
#include "probes/facts/kernel/netlink.h"
#include "probes/facts/kernel/quiet_stderr.h"
#include "probes/facts/kernel/uverbs.h"
#include "probes/facts/readers/library_version.h"
#include "tests/unit/emulated.h"

namespace rocekit::facts::kernel {
namespace {

using readers::rdma_core_version;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* no_such_netdev = "no-such0";

TEST(Netlink, KernelsErrorIsTheErrno) {
  NetlinkSocket socket(NETLINK_ROUTE);
  ifinfomsg header{};
  header.ifi_index = 1 << 30;
  const MessagePtr message = new_message(RTM_GETLINK, 0, header);
  bool answered = false;
  EXPECT_EQ(socket.request(*message, [&](nlmsghdr&) { answered = true; }), ENODEV);
  EXPECT_FALSE(answered);
}

TEST(Netlink, SocketIsUsableAfterAnError) {
  NetlinkSocket socket(NETLINK_ROUTE);
  ifinfomsg header{};
  header.ifi_index = 1 << 30;
  const MessagePtr failing = new_message(RTM_GETLINK, 0, header);
  EXPECT_EQ(socket.request(*failing, [](nlmsghdr&) {}), ENODEV);
  header.ifi_index = 1;
  const MessagePtr good = new_message(RTM_GETLINK, 0, header);
  int answers = 0;
  EXPECT_EQ(socket.request(*good, [&](nlmsghdr&) { ++answers; }), 0);
  EXPECT_EQ(answers, 1);
}

TEST(Netlink, UnknownProtocolIsAnErrorOfTheSocketAndOfEachRequest) {
  NetlinkSocket socket(31);
  EXPECT_EQ(socket.error(), EPROTONOSUPPORT);
  const MessagePtr message = new_message(RTM_GETLINK, 0);
  EXPECT_EQ(socket.request(*message, [](nlmsghdr&) {}), EPROTONOSUPPORT);
}

TEST(Netlink, SilenceEndsAtTheDeadline) {
  // The connector drops a message that is too short for it without an answer.
  NetlinkSocket socket(NETLINK_CONNECTOR, std::chrono::milliseconds(50));
  if (socket.error() != 0) GTEST_SKIP() << "this kernel has no connector";
  const auto start = std::chrono::steady_clock::now();
  const MessagePtr message = new_message(NLMSG_MIN_TYPE, 0);
  EXPECT_EQ(socket.request(*message, [](nlmsghdr&) {}), ETIMEDOUT);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Ethtool, UnknownNetdevIsAbsentByNetlinkAndByIoctl) {
  ROCEKIT_SKIP_WHERE_EMULATED("no generic netlink");
  EthtoolNetlink netlink;
  const EthtoolIoctl ioctl;
  const std::vector<Missing> reasons = {
      netlink.link_modes(no_such_netdev).missing(), netlink.link_state(no_such_netdev).missing(),
      netlink.fec(no_such_netdev).missing(),        netlink.pause(no_such_netdev).missing(),
      ioctl.link_modes(no_such_netdev).missing(),   ioctl.link_state(no_such_netdev).missing(),
      ioctl.fec(no_such_netdev).missing(),          ioctl.pause(no_such_netdev).missing(),
      ioctl.statistics(no_such_netdev).missing(),   ioctl.module_eeprom_hex(no_such_netdev).missing(),
  };
  for (const Missing& reason : reasons) {
    EXPECT_EQ(reason.why, Why::absent) << reason.detail;
    EXPECT_THAT(reason.detail, HasSubstr(no_such_netdev));
    EXPECT_THAT(reason.detail, HasSubstr("ETHTOOL_"));
  }
}

TEST(Ethtool, OverlongNetdevNameIsAbsent) {
  const EthtoolIoctl ioctl;
  EXPECT_EQ(ioctl.statistics("a-name-longer-than-a-netdev-can-have").missing().why, Why::absent);
}

TEST(Ethtool, NetlinkAndIoctlAgree) {
  EthtoolNetlink netlink;
  const EthtoolIoctl ioctl;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net")) {
    const std::string netdev = entry.path().filename();
    const auto modes = netlink.link_modes(netdev);
    const auto modes_by_ioctl = ioctl.link_modes(netdev);
    ASSERT_EQ(modes.has_value(), modes_by_ioctl.has_value()) << netdev;
    if (modes) {
      EXPECT_EQ(modes->supported_bits, modes_by_ioctl->supported_bits) << netdev;
      EXPECT_EQ(modes->advertised_bits, modes_by_ioctl->advertised_bits) << netdev;
      EXPECT_EQ(modes->speed_mbit_s, modes_by_ioctl->speed_mbit_s) << netdev;
    }
    const auto state = netlink.link_state(netdev);
    const auto state_by_ioctl = ioctl.link_state(netdev);
    if (state && state_by_ioctl) {
      EXPECT_EQ(state->up, state_by_ioctl->up) << netdev;
    }
  }
}

TEST(Ethtool, CountersOfSingleQueuesAreLeftOut) {
  for (const char* name : {"rx0_packets", "tx12_bytes", "ch3_poll", "tx_queue_0_packets", "rx_queue_7_drops",
                           "rx-1.packets", "queue_3_tx_cnt"}) {
    EXPECT_TRUE(is_queue_counter(name)) << name;
  }
  for (const char* name : {"rx_packets", "rx_prio0_pause", "rx_crc_errors_phy", "tx_bytes_phy", "rx_discards_phy",
                           "rx_pcs_symbol_err_phy", "rx_err_lane_0_phy", "link_down_events_phy", "tx3", "ch_poll",
                           "rx_64_bytes_phy", "outbound_pci_stalled_wr", "module_unplug"}) {
    EXPECT_FALSE(is_queue_counter(name)) << name;
  }
}

TEST(LibraryVersion, RdmaCoreStandsAfterTheAbi) {
  EXPECT_TRUE(rdma_core_version("/usr/lib/aarch64-linux-gnu/libibverbs.so.1.14.50.0").is("50.0"));
  EXPECT_TRUE(rdma_core_version("libibverbs.so.1.14.44.0").is("44.0"));
  EXPECT_TRUE(rdma_core_version("/usr/lib64/libibverbs.so.1.14.2404mlnx51.0").is("2404mlnx51.0"));
}

TEST(LibraryVersion, OtherNamesHaveNone) {
  for (const char* path : {"/lib/libibverbs.so.1", "/lib/libibverbs.so.1.14", "/lib/libibverbs.so.1.14.",
                           "/opt/verbs/libmlx5.so.1.24.50.0", ""}) {
    const auto version = rdma_core_version(path);
    ASSERT_FALSE(version) << path;
    EXPECT_EQ(version.missing().why, Why::not_supported);
  }
}

TEST(QuietStderr, HidesWhatIsPrintedWhileItLives) {
  testing::internal::CaptureStderr();
  std::fprintf(stderr, "before ");
  {
    const QuietStderr quiet;
    std::fprintf(stderr, "hidden ");
  }
  std::fprintf(stderr, "after");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "before after");
}

TEST(Openable, SaysWhyANodeCannotBeOpened) {
  EXPECT_TRUE(ask_openable("/dev/null").is(true));
  const auto absent = ask_openable("/dev/infiniband/uverbs4095");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.missing().why, Why::absent);
  EXPECT_THAT(absent.missing().detail, HasSubstr("/dev/infiniband/uverbs4095"));
}

TEST(Verbs, SilentAndWithReasonsOnAnyMachine) {
  testing::internal::CaptureStderr();
  const VerbsAnswers answers = ask_verbs();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  if (answers.library) {
    EXPECT_THAT(answers.library->path, HasSubstr("libibverbs.so.1"));
  } else {
    EXPECT_THAT(answers.library.missing().detail, HasSubstr("libibverbs.so.1"));
  }
  if (std::filesystem::exists("/sys/class/infiniband")) {
    ASSERT_TRUE(answers.devices) << answers.devices.missing().detail;
    EXPECT_GE(answers.devices->size(), uverbs_nodes().size());
  } else {
    ASSERT_FALSE(answers.devices);
    EXPECT_EQ(answers.devices.missing().why, Why::absent);
  }
}

TEST(RdmaNetns, ModeOrReason) {
  const auto mode = ask_rdma_netns_mode();
  if (std::filesystem::exists("/sys/class/infiniband")) {
    ASSERT_TRUE(mode) << mode.missing().detail;
    EXPECT_THAT(*mode, ::testing::AnyOf("shared", "exclusive"));
  } else {
    EXPECT_EQ(mode.missing().why, Why::absent);
  }
}

TEST(Process, HostNameLimitsAndRightsOfThisProcess) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &old), 0);
  rlimit lower = old;
  lower.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &lower), 0);
  KernelAnswers answers;
  ask_process(answers);
  setrlimit(RLIMIT_MEMLOCK, &old);

  ASSERT_TRUE(answers.memlock);
  EXPECT_EQ(answers.memlock->soft_bytes, 4096U);
  EXPECT_EQ(answers.memlock->hard_bytes,
            old.rlim_max == RLIM_INFINITY ? std::nullopt : std::optional<std::uint64_t>(old.rlim_max));

  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  EXPECT_TRUE(answers.hostname.is(name.data()));
  EXPECT_THAT(answers.kernel.value_or(""), Not(IsEmpty()));
  EXPECT_THAT(answers.architecture.value_or(""), Not(IsEmpty()));
  EXPECT_TRUE(answers.page_size_bytes.is(static_cast<int>(getpagesize())));
  EXPECT_TRUE(answers.euid.is(static_cast<int>(geteuid())));
  EXPECT_THAT(answers.capabilities_hex.value_or(""), ::testing::MatchesRegex("[0-9a-f]+"));
}

TEST(Process, OnlyTransportVariablesOfTheEnvironment) {
  setenv("NCCL_IB_HCA", "=rocep1s0f0,roceP2p1s0f0", 1);
  setenv("ROCEKIT_TEST_SECRET", "do not read", 1);
  KernelAnswers answers;
  ask_process(answers);
  unsetenv("NCCL_IB_HCA");
  unsetenv("ROCEKIT_TEST_SECRET");
  ASSERT_TRUE(answers.environment);
  EXPECT_EQ(answers.environment->at("NCCL_IB_HCA"), "=rocep1s0f0,roceP2p1s0f0");
  EXPECT_EQ(answers.environment->count("ROCEKIT_TEST_SECRET"), 0U);
  EXPECT_EQ(answers.environment->count("PATH"), 0U);
}

}  // namespace
}  // namespace rocekit::facts::kernel
