#include "core/measure/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::measure {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using testing::TemporaryTree;

TEST(ParseCpulist, TakesWhatTheKernelPrints) {
  EXPECT_THAT(parse_cpulist("0-3,8\n"), Optional(ElementsAre(0, 1, 2, 3, 8)));
  EXPECT_THAT(parse_cpulist("5"), Optional(ElementsAre(5)));
  EXPECT_THAT(parse_cpulist("\n"), Optional(IsEmpty()));
  EXPECT_THAT(parse_cpulist(""), Optional(IsEmpty()));
  EXPECT_THAT(parse_cpulist("4-5,0,4"), Optional(ElementsAre(0, 4, 5)));
}

TEST(ParseCpulist, RefusesWhatItIsNot) {
  for (const char* text :
       {"a", "1-", "-1", "3-1", "1,,2", "1,", ",1", "1 2", "0x1", "99999", "0-4294967296", "1-2-3"}) {
    EXPECT_FALSE(parse_cpulist(text)) << text;
  }
}

TEST(Affinity, AThreadThatIsPinnedRunsThereAndMayRunNowhereElse) {
  std::thread([] {
    const std::vector<int> before = allowed_cpus();
    ASSERT_FALSE(before.empty());
    const int cpu = before.back();
    EXPECT_EQ(pin_this_thread(cpu), 0);
    EXPECT_EQ(current_cpu(), cpu);
    EXPECT_THAT(allowed_cpus(), ElementsAre(cpu));
    EXPECT_EQ(pin_this_thread(before), 0);
    EXPECT_EQ(allowed_cpus(), before);
  }).join();
}

TEST(Affinity, SaysThatThereIsNoSuchCpu) {
  EXPECT_EQ(pin_this_thread(-1), EINVAL);
  EXPECT_EQ(pin_this_thread(65'535), EINVAL);
  EXPECT_EQ(pin_this_thread(1'000'000), EINVAL);
  EXPECT_EQ(pin_this_thread(std::vector<int>{}), EINVAL);
}

TEST(ChooseCpu, PrefersTheDevicesNodeAndLeavesCpu0ForTheRest) {
  const TemporaryTree none;
  const std::vector<int> allowed{0, 1, 2, 3};
  EXPECT_EQ(choose_cpu(allowed, {}, 0, none.root()), 1);
  EXPECT_EQ(choose_cpu(allowed, {}, 1, none.root()), 2);
  EXPECT_EQ(choose_cpu(allowed, {}, 3, none.root()), 0);
  EXPECT_EQ(choose_cpu(allowed, {}, 4, none.root()), 1);
  EXPECT_EQ(choose_cpu(allowed, std::vector<int>{2, 3}, 0, none.root()), 2);
  EXPECT_EQ(choose_cpu(allowed, std::vector<int>{2, 3}, 2, none.root()), 1);
  EXPECT_EQ(choose_cpu(allowed, std::vector<int>{7}, 0, none.root()), 1);
  EXPECT_EQ(choose_cpu(std::vector<int>{0}, {}, 0, none.root()), 0);
  EXPECT_EQ(choose_cpu({}, {}, 0, none.root()), -1);
}

TEST(ChooseCpu, TakesFastCoresBeforeSlowOnes) {
  TemporaryTree tree;
  for (const char* slow : {"0", "1"})
    tree.file(std::string("/devices/system/cpu/cpu") + slow + "/cpu_capacity", "718\n");
  for (const char* fast : {"2", "3"})
    tree.file(std::string("/devices/system/cpu/cpu") + fast + "/cpu_capacity", "1024\n");
  const std::vector<int> allowed{0, 1, 2, 3};
  std::vector<int> chosen;
  for (std::size_t i = 0; i < 4; ++i) chosen.push_back(choose_cpu(allowed, {}, i, tree.root()));
  EXPECT_THAT(chosen, ElementsAre(2, 3, 1, 0));
}

TEST(ChooseCpu, TakesOneHardwareThreadOfEachCoreBeforeTheOthers) {
  TemporaryTree tree;
  for (const char* cpu : {"0", "1", "2", "3"}) {
    const bool first_core = std::string(cpu) < "2";
    tree.file(std::string("/devices/system/cpu/cpu") + cpu + "/topology/thread_siblings_list",
              first_core ? "0-1\n" : "2-3\n");
  }
  const std::vector<int> allowed{0, 1, 2, 3};
  std::vector<int> chosen;
  for (std::size_t i = 0; i < 4; ++i) chosen.push_back(choose_cpu(allowed, {}, i, tree.root()));
  EXPECT_THAT(chosen, ElementsAre(2, 0, 1, 3));
  // Of a cpuset without the first threads of the cores, those that it has are free.
  EXPECT_EQ(choose_cpu(std::vector<int>{1, 3}, {}, 1, tree.root()), 3);
}

TEST(CpuPlace, IsReadFromSysfs) {
  TemporaryTree tree;
  tree.file("/devices/system/cpu/cpu3/cpufreq/scaling_governor", "schedutil\n");
  tree.file("/devices/system/cpu/cpu3/cpufreq/scaling_driver", "cppc_cpufreq\n");
  tree.file("/devices/system/cpu/cpu3/node1/cpulist", "2-3\n");
  const CpuPlace place = cpu_place(3, tree.root());
  EXPECT_EQ(place.cpu, 3);
  EXPECT_EQ(place.governor, "schedutil");
  EXPECT_EQ(place.frequency_driver, "cppc_cpufreq");
  EXPECT_EQ(place.numa_node, 1);
  EXPECT_FALSE(place.device_numa_node);
}

TEST(CpuPlace, LeavesOutWhatIsNotThere) {
  const TemporaryTree tree;
  const CpuPlace place = cpu_place(3, tree.root());
  EXPECT_EQ(place.cpu, 3);
  EXPECT_FALSE(place.governor);
  EXPECT_FALSE(place.numa_node);
  EXPECT_EQ(cpu_place(-1, tree.root()).cpu, -1);
}

}  // namespace
}  // namespace rocekit::measure
