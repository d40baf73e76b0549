#include "collectives/nccl/nccl_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "collectives/nccl/gpu_device.h"
#include "core/error.h"
#include "tests/unit/gpu/fake_nccl.h"

namespace {

using namespace rocekit;
using namespace rocekit::collectives;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string refusal(const std::string& path) {
  try {
    NcclLibrary::load(path);
  } catch (const InputError& error) {
    return error.what();
  }
  return "loaded";
}

void set_version(const char* path, int version) {
  FakeNccl fake;
  fake.version = version;
  dynlib::SharedLibrary(path).function<void(const FakeNccl*)>("fake_nccl_tell")(&fake);
}

TEST(NcclLibrary, TellsItsVersionAndPath) {
  set_version(FAKE_NCCL, 22809);
  const NcclLibrary library = NcclLibrary::load(FAKE_NCCL);
  EXPECT_EQ(library.version(), "2.28.9");
  EXPECT_THAT(library.description(), HasSubstr("NCCL 2.28.9 (/"));
  EXPECT_THAT(library.notes(), IsEmpty());
  EXPECT_TRUE(library.chooses_network());
}

TEST(NcclLibrary, OlderOnesCostOnlyTheirFeatures) {
  set_version(FAKE_OLD_NCCL, 21602);
  const NcclLibrary library = NcclLibrary::load(FAKE_OLD_NCCL);
  EXPECT_EQ(library.functions().all_to_all, nullptr);
  EXPECT_FALSE(library.chooses_network());
  EXPECT_THAT(library.notes(),
              UnorderedElementsAre(HasSubstr("NCCL 2.16.2 takes no network by name"), HasSubstr("gives no text")));
}

TEST(NcclLibrary, SettingsThatSlowEveryOperationAreNoted) {
  setenv("NCCL_COMM_BLOCKING", "0", 1);
  EXPECT_THAT(NcclLibrary::load(FAKE_NCCL).notes(), testing::ElementsAre(HasSubstr("a thread for each operation")));
  unsetenv("NCCL_COMM_BLOCKING");
}

TEST(NcclLibrary, WithoutAConfigurationIsRefused) {
  set_version(FAKE_OLD_NCCL, 21304);
  EXPECT_THAT(refusal(FAKE_OLD_NCCL), HasSubstr("NCCL 2.13.4"));
  set_version(FAKE_OLD_NCCL, 2804);
  EXPECT_THAT(refusal(FAKE_OLD_NCCL), HasSubstr("NCCL 2.8.4"));
}

TEST(NcclLibrary, PathsThatLeadNowhereAreNamed) {
  EXPECT_THAT(refusal("/nonexistent/libnccl.so.2"), HasSubstr("--nccl-lib /nonexistent/libnccl.so.2"));
  EXPECT_THAT(refusal("libm.so.6"), HasSubstr("no function ncclGetVersion"));
}

TEST(NcclLibrary, VariableOfVllmIsFollowed) {
  setenv("VLLM_NCCL_SO_PATH", FAKE_NCCL, 1);
  EXPECT_EQ(NcclLibrary::find(), FAKE_NCCL);
  EXPECT_EQ(NcclLibrary::find(FAKE_OLD_NCCL), FAKE_OLD_NCCL) << "--nccl-lib goes first";
  setenv("VLLM_NCCL_SO_PATH", "/nonexistent.so", 1);
  EXPECT_THAT(refusal(""), HasSubstr("VLLM_NCCL_SO_PATH=/nonexistent.so"));
  unsetenv("VLLM_NCCL_SO_PATH");
}

TEST(NcclConfig, HoldsWhatTheLibrarysVersionKnows) {
  const nccl::Config old = nccl::config_for(nccl::version_code(2, 16, 5), "IB");
  EXPECT_EQ(old.size, 24U) << "sizeof(ncclConfig_t) of 2.14 to 2.16";
  EXPECT_EQ(old.version, 21400U);
  EXPECT_EQ(old.net_name, nullptr);
  for (const int version : {nccl::version_code(2, 17, 1), nccl::version_code(2, 28, 9), nccl::version_code(2, 30, 7)}) {
    const nccl::Config config = nccl::config_for(version, "IB");
    // Fields behind netName came later: 2.18 takes its own defaults for what lies beyond `size`.
    EXPECT_EQ(config.size, 40U);
    EXPECT_EQ(config.version, 21700U);
    EXPECT_EQ(config.magic, 0xcafebeefU);
    EXPECT_EQ(config.blocking, 1);
    EXPECT_EQ(config.min_ctas, nccl::undefined);
    EXPECT_STREQ(config.net_name, "IB");
  }
}

TEST(GpuDevice, ThatIsNotThereIsNamed) {
  try {
    make_gpu_device(999);
    FAIL() << "GPU 999 was found";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("driver is not here"), HasSubstr("no GPU can be used here"),
                                             HasSubstr("there is no GPU 999 here")));
  }
}

TEST(NcclLibrary, InstalledOneIsUnderstood) {
  std::string path;
  try {
    path = NcclLibrary::find();
  } catch (const InputError& error) {
    GTEST_SKIP() << error.what();
  }
  const NcclLibrary library = NcclLibrary::load();
  EXPECT_GE(library.version_code(), nccl::oldest_version);
  EXPECT_THAT(library.version(), testing::MatchesRegex("2\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(nccl::describe(library.functions(), "ncclSend", nccl::invalid_usage, nullptr),
              HasSubstr("ncclSend: invalid usage"));
}

}  // namespace
