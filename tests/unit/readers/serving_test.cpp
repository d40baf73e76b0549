// Another process read from outside: its files, what its rights allow, and what may not be looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "probes/facts/read_node.h"
#include "probes/facts/readers/proc_files.h"
#include "probes/facts/readers/readers.h"
#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::facts::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::string_view no_capabilities = "0000000000000000";
constexpr std::string_view all_capabilities = "000001ffffffffff";

std::string status(std::string_view state, int uid, std::string_view capabilities, bool memory = true) {
  return "Name:\tpython3\nState:\t" + std::string(state) + "\nUid:\t" + std::to_string(uid) + "\t" +
         std::to_string(uid) + "\t" + std::to_string(uid) + "\t" + std::to_string(uid) +
         "\nGid:\t7\t7\t7\t7\nGroups:\t44 110 \nCapEff:\t" + std::string(capabilities) + "\n" +
         (memory ? "VmSize:\t 100 kB\n" : "");
}

/// A process 42 of user 1000 beside this tool, with one uverbs node.
class ServingProcess : public ::testing::Test {
 protected:
  ServingProcess() {
    machine_.file("/sys/class/net/lo/mtu", "65536\n")
        .file("/sys/class/infiniband_verbs/uverbs0/ibdev", "mlx5_0\n")
        .file("/proc/42/comm", "python3\n")
        .file("/proc/42/status", status("S (sleeping)", 1000, no_capabilities))
        .file("/proc/42/stat", "42 (py) thon)) S 1 " + zeros(17) + "777 0\n")
        .file("/proc/42/uid_map", "         0          0 4294967295\n")
        .file("/proc/42/limits", "Max locked memory         8388608              unlimited            bytes     \n")
        .file("/proc/42/environ", std::string("NCCL_DEBUG=INFO\0HF_TOKEN=hf_secret\0HOME=/nowhere\0", 50))
        .file("/proc/42/cgroup", "0::/user.slice\n")
        .link("/proc/42/ns/net", "net:[1]")
        .link("/proc/self/ns/net", "net:[1]")
        .link("/proc/42/cwd", "/srv")
        .file("/proc/42/root/etc/passwd", "root:x:0:0::/root:/bin/sh\nserve:x:1000:1000::/home/serve:/bin/sh\n")
        .file("/proc/42/root/dev/infiniband/uverbs0", "")
        .directory("/proc/42/root/sys/class/infiniband/mlx5_0");
    answers_.serving = ServingAnswers{};
    answers_.serving.value().pid = 42;
    answers_.serving.value().infiniband_nodes = std::vector<DeviceNodeAnswers>{{"uverbs0", 0666, 0, 0}};
    answers_.serving.value().infiniband_volume = false;
    answers_.serving.value().open_nodes = std::vector<std::string>{};
    answers_.serving.value().libraries = std::vector<Library>{};
  }

  static std::string zeros(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "0 ";
    return text;
  }

  ServingAnswers& serving_answers() { return answers_.serving.value(); }
  Serving read() const { return read_serving(FileTree::open(machine_.root()), answers_, 42); }
  void set_mode(int mode, int uid, int gid) {
    serving_answers().infiniband_nodes = std::vector<DeviceNodeAnswers>{{"uverbs0", mode, uid, gid}};
  }
  Fact<bool> openable() const { return read().uverbs.at(0).openable; }

  testing::TemporaryTree machine_;
  KernelAnswers answers_;
};

TEST_F(ServingProcess, RightsComeFromItsOwnFilesAndNotFromThisTool) {
  answers_.memlock = Memlock{};
  const Serving serving = read();
  EXPECT_EQ(serving.command, "python3");
  EXPECT_TRUE(serving.process.euid.is(1000));
  EXPECT_TRUE(serving.process.memlock.is(Memlock{8388608, std::nullopt}));
  EXPECT_TRUE(serving.process.capabilities.is({}));
  EXPECT_TRUE(serving.container.is("none"));
  EXPECT_TRUE(serving.same_network.is(true));
  EXPECT_TRUE(serving.user_namespace.is(false));
}

TEST_F(ServingProcess, SecretsOfItsEnvironmentAreNotKept) {
  const Serving serving = read();
  EXPECT_THAT(serving.process.nccl_env, ElementsAre(Pair("NCCL_DEBUG", "INFO")));
}

TEST_F(ServingProcess, ConfFilesAreThoseOfItsRootAndOfItsUsersHome) {
  machine_.file("/etc/nccl.conf", "NCCL_IB_HCA=of_the_host\n")
      .file("/proc/42/root/opt/conf", "NCCL_IB_DISABLE=1\n")
      .link("/proc/42/root/etc/nccl.conf", "/opt/conf")
      .file("/proc/42/root/home/serve/.nccl.conf", "NCCL_NET=Socket\n");
  const Serving serving = read();
  EXPECT_THAT(serving.process.conf_files, ElementsAre("/home/serve/.nccl.conf", "/etc/nccl.conf"));
  ASSERT_EQ(serving.process.settings.size(), 3U);
  EXPECT_EQ(serving.process.settings[1], (Setting{"NCCL_NET", "Socket", "/home/serve/.nccl.conf:1"}));
  EXPECT_EQ(serving.process.settings[2], (Setting{"NCCL_IB_DISABLE", "1", "/etc/nccl.conf:1"}));
}

TEST_F(ServingProcess, ConfFileOfARelativeNameStartsAtItsWorkingDirectory) {
  machine_.file("/proc/42/environ", std::string("NCCL_CONF_FILE=my.conf\0", 23))
      .file("/proc/42/root/srv/my.conf", "NCCL_NET=IB\n");
  EXPECT_THAT(read().process.conf_files, ElementsAre("/srv/my.conf"));
}

TEST_F(ServingProcess, NodeIsOpenableByModeOwnerGroupAndCapability) {
  EXPECT_TRUE(openable().is(true));
  set_mode(0600, 1000, 0);
  EXPECT_TRUE(openable().is(true));
  set_mode(0660, 0, 110);
  EXPECT_TRUE(openable().is(true));
  set_mode(0660, 0, 5);
  ASSERT_FALSE(openable());
  EXPECT_EQ(openable().missing().why, Why::permission);
  EXPECT_THAT(openable().missing().detail, HasSubstr("mode 0660"));
  machine_.file("/proc/42/status", status("S (sleeping)", 1000, all_capabilities));
  EXPECT_TRUE(openable().is(true));
}

TEST_F(ServingProcess, CapabilitiesOfARootlessContainerOpenNothing) {
  set_mode(0600, 0, 0);
  machine_.file("/proc/42/status", status("S (sleeping)", 1000, all_capabilities))
      .file("/proc/42/uid_map", "         0       1000          1\n         1     100000      65536\n");
  EXPECT_TRUE(read().user_namespace.is(true));
  ASSERT_FALSE(openable());
  EXPECT_EQ(openable().missing().why, Why::permission);
}

TEST_F(ServingProcess, NodeOfAVolumeIsNotJudgedUnlessItIsHeldOpen) {
  machine_.file("/proc/42/root/run/.containerenv", "");
  serving_answers().infiniband_volume = true;
  ASSERT_FALSE(openable());
  EXPECT_EQ(openable().missing().why, Why::not_read);
  serving_answers().open_nodes = std::vector<std::string>{"uverbs0"};
  EXPECT_TRUE(openable().is(true));
  EXPECT_TRUE(read().uverbs.at(0).open);
}

TEST_F(ServingProcess, NodeThatIsNotInItsRootIsAbsent) {
  std::filesystem::remove(machine_.at("/proc/42/root/dev/infiniband/uverbs0"));
  ASSERT_FALSE(openable());
  EXPECT_EQ(openable().missing().why, Why::absent);
}

TEST_F(ServingProcess, WhatMayNotBeLookedAtIsNeverAnAnswer) {
  machine_.file("/fixture.json", R"({"errors": {"/proc/42/root": {"why": "permission", "detail": "Permission denied"},
    "/proc/42/environ": {"why": "permission", "detail": "Permission denied"}}})");
  std::filesystem::remove_all(machine_.at("/proc/42/root"));
  std::filesystem::remove(machine_.at("/proc/42/environ"));
  answers_.serving = Missing{};
  const Serving serving = read();
  ASSERT_FALSE(serving.environment);
  EXPECT_EQ(serving.environment.missing().why, Why::permission);
  EXPECT_FALSE(serving.container);
  EXPECT_FALSE(serving.libibverbs);
  EXPECT_FALSE(serving.open_files);
  EXPECT_FALSE(serving.nccl_libraries);
  ASSERT_FALSE(serving.uverbs.at(0).openable);
  EXPECT_EQ(serving.uverbs.at(0).openable.missing().why, Why::not_read);
}

TEST_F(ServingProcess, LibrariesAreWhatItHasMappedOrWhereItsLoaderLooks) {
  EXPECT_EQ(read().libibverbs.missing().why, Why::absent);
  machine_.file("/proc/42/root/usr/lib/x86_64-linux-gnu/libibverbs.so.1.14.50.0", "")
      .link("/proc/42/root/usr/lib/x86_64-linux-gnu/libibverbs.so.1", "libibverbs.so.1.14.50.0");
  EXPECT_TRUE(read().libibverbs.is(Library{"/usr/lib/x86_64-linux-gnu/libibverbs.so.1.14.50.0", std::string("50.0")}));
  EXPECT_FALSE(read().verbs_mapped);
  const Library verbs{"/opt/libibverbs.so.1", std::string("44.0")};
  const Library nccl{"/opt/libnccl.so.2", std::string("2.28.9")};
  serving_answers().libraries = std::vector<Library>{nccl, verbs};
  EXPECT_TRUE(read().verbs_mapped);
  EXPECT_TRUE(read().libibverbs.is(verbs));
  EXPECT_TRUE(read().nccl_libraries.is({nccl}));
  EXPECT_TRUE(read().nccl_plugins.is({}));
}

TEST_F(ServingProcess, LibrariesOfAnotherArchitectureAreForCrossCompiling) {
  for (const char* architecture : {"aarch64", "x86_64"}) {
    const std::string directory = std::string("/proc/42/root/usr/lib/") + architecture + "-linux-gnu/";
    machine_.file(directory + "libibverbs.so.1.14.50.0", "")
        .link(directory + "libibverbs.so.1", "libibverbs.so.1.14.50.0");
  }
  for (const char* architecture : {"aarch64", "x86_64"}) {
    answers_.architecture = std::string(architecture);
    const auto found = read().libibverbs;
    ASSERT_TRUE(found) << architecture;
    EXPECT_NE(found->path.find(architecture), std::string::npos) << found->path;
  }
}

TEST_F(ServingProcess, OwnNetworkNamespaceHasItsInterfacesAndAddresses) {
  std::filesystem::remove(machine_.at("/proc/42/ns/net"));
  machine_.link("/proc/42/ns/net", "net:[2]")
      .file("/proc/42/net/dev", "Inter-| x\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n")
      .file("/proc/42/net/route",
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
            "eth0\t00000000\t0100580A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
            "eth0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
      .file("/proc/42/net/fib_trie",
            "Local:\n  |-- 10.88.0.5\n    /32 host LOCAL\n  |-- 127.0.0.1\n    /32 host LOCAL\n")
      .file("/proc/42/net/if_inet6", "fe800000000000000000000000000001 02 40 20 80     eth0\n")
      .file("/proc/42/root/sys/class/net/eth0/operstate", "up\n");
  const Serving serving = read();
  EXPECT_TRUE(serving.same_network.is(false));
  ASSERT_TRUE(serving.netdevs);
  ASSERT_EQ(serving.netdevs->size(), 2U);
  const Netdev& eth0 = serving.netdevs->at(1);
  EXPECT_EQ(eth0.name, "eth0");
  EXPECT_TRUE(eth0.operstate.is("up"));
  EXPECT_TRUE(eth0.addresses.is({{"inet", "10.88.0.5", 16, "global"}, {"inet6", "fe80::1", 64, "link"}}));
  EXPECT_TRUE(serving.netdevs->at(0).addresses.is({{"inet", "127.0.0.1", 8, "host"}}));
}

TEST_F(ServingProcess, ProcessesThatCannotServeAreRefusedInASentence) {
  const auto refusal = [&](int pid) {
    try {
      require_process(FileTree::open(machine_.root()), pid);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("(accepted)");
  };
  EXPECT_EQ(refusal(42), "(accepted)");
  EXPECT_EQ(require_process(FileTree::open(machine_.root()), 42), 777U);
  EXPECT_THAT(refusal(43), HasSubstr("process 43 is not in this saved node"));
  machine_.file("/proc/44/status", status("Z (zombie)", 0, no_capabilities, false));
  EXPECT_THAT(refusal(44), HasSubstr("zombie"));
  machine_.file("/proc/45/status", status("I (idle)", 0, all_capabilities, false));
  EXPECT_THAT(refusal(45), HasSubstr("thread of the kernel"));
}

TEST(ProcFiles, HostileTextGivesNothingAndDoesNotCrash) {
  EXPECT_EQ(parse_memlock("Max locked memory"), std::nullopt);
  EXPECT_EQ(parse_memlock("Max locked memory lots bytes"), std::nullopt);
  EXPECT_EQ(parse_start_ticks("1 (a) S 0 0"), std::nullopt);
  EXPECT_THAT(parse_environ(std::string_view("=x\0\0NCCL_NET\0", 12)), IsEmpty());
  EXPECT_THAT(parse_if_inet6("zz 1 1 1 1 eth0\nfe80 1 40 20 80 eth0\n"), IsEmpty());
  EXPECT_THAT(parse_on_link_routes("eth0 xx 0 0 0 0 0 FF\n"), IsEmpty());
  EXPECT_THAT(parse_net_dev_counters("eth0: 1 2 3\nbroken\n"), IsEmpty());
  EXPECT_EQ(home_of("serve:x:1000", 1000), std::nullopt);
  EXPECT_EQ(home_of("serve:x:1000:1000:::", 1000), std::nullopt);
  EXPECT_FALSE(maps_all_users("0 0 4294967295\n1 1 1"));
}

TEST(ProcFiles, CountersOfInterfacesStandInTheirColumns) {
  const auto counters = parse_net_dev_counters("  eth0: 100 2 0 0 0 0 0 0 300 4 0 0 0 0 0 0\n");
  EXPECT_THAT(counters.at("eth0"), UnorderedElementsAre(Pair("rx_bytes", 100U), Pair("rx_packets", 2U),
                                                        Pair("tx_bytes", 300U), Pair("tx_packets", 4U)));
}

}  // namespace
}  // namespace rocekit::facts::readers
