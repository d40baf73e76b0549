#include "tools/roce-preflight/run/serving.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/dynlib/nccl_search.h"
#include "tools/nccl-pattern/plan/gpus.h"

namespace rocekit::preflight {
namespace {

ServingNames pids(std::vector<int> list) {
  ServingNames names;
  names.pids = std::move(list);
  return names;
}

std::string refusal(const ServingNames& own, const ServingNames& of_rank_0, std::size_t nodes) {
  try {
    find_serving_process(own, of_rank_0, 0, nodes);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ServingProcess, NothingIsJudgedInPlaceWhereNothingIsNamed) {
  EXPECT_EQ(find_serving_process({}, {}, 0, 2), std::nullopt);
}

TEST(ServingProcess, ARankThatNamesOneHasTheSayOverItsNode) {
  EXPECT_EQ(find_serving_process(pids({815}), pids({4711}), 1, 2), 815);
  EXPECT_EQ(find_serving_process(pids({815}), {}, 1, 2), 815);
}

TEST(ServingProcess, AListHasOneForEachNodeInTheOrderOfRanks) {
  EXPECT_EQ(find_serving_process(pids({4711, 815}), pids({4711, 815}), 0, 2), 4711);
  EXPECT_EQ(find_serving_process({}, pids({4711, 815}), 1, 2), 815);
  EXPECT_NE(refusal(pids({1, 2, 3}), {}, 2).find("--pid names 3, and there are 2 nodes"), std::string::npos);
}

TEST(ServingProcess, ANumberOfAnotherNodeIsNotTakenHere) {
  EXPECT_NE(refusal({}, pids({4711}), 2).find("process 4711 is one of rank 0's node"), std::string::npos);
}

TEST(ServingNccl, IsReachedBelowTheRootOfTheProcessWhereThatIsAnother) {
  facts::Serving serving;
  serving.pid = ::getpid();
  EXPECT_EQ(reachable_nccl(serving), "");
  serving.nccl_libraries = std::vector<facts::Library>{};
  EXPECT_EQ(reachable_nccl(serving), "");
  const std::string here = std::filesystem::read_symlink("/proc/self/exe");
  serving.nccl_libraries = std::vector<facts::Library>{{here, std::string("2.28.9")}};
  EXPECT_EQ(reachable_nccl(serving), here);
  serving.nccl_libraries = std::vector<facts::Library>{{"/image/libnccl.so.2", std::string("2.28.9")}};
  EXPECT_EQ(reachable_nccl(serving), "/proc/" + std::to_string(::getpid()) + "/root/image/libnccl.so.2");
}

TEST(ServingNccl, IsTriedInAProcessOfItsOwnAlsoBelowARoot) {
  EXPECT_NE(pattern::why_not_loadable("/no/such/libnccl.so.2").find("/no/such/libnccl.so.2"), std::string::npos);
  const auto here = dynlib::find_nccl();
  if (!here) GTEST_SKIP() << "no libnccl is installed";
  EXPECT_EQ(pattern::why_not_loadable("/proc/self/root" + std::filesystem::canonical(*here).string()), "");
}

}  // namespace
}  // namespace rocekit::preflight
