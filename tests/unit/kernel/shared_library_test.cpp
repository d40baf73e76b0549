#include "core/dynlib/shared_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <utility>

namespace rocekit::dynlib {
namespace {

using ::testing::HasSubstr;

TEST(SharedLibrary, NamesTheFileThatTheLoaderChose) {
  const SharedLibrary library("libm.so.6");
  ASSERT_TRUE(library) << library.error();
  EXPECT_TRUE(library.error().empty());
  EXPECT_THAT(library.path(), HasSubstr("libm.so.6"));
  EXPECT_TRUE(std::filesystem::path(library.real_path()).is_absolute());
  EXPECT_FALSE(std::filesystem::is_symlink(library.real_path()));
}

TEST(SharedLibrary, CallsAFunction) {
  const SharedLibrary library("libm.so.6");
  auto* const cube_root = library.function<double(double)>("cbrt");
  ASSERT_NE(cube_root, nullptr);
  EXPECT_DOUBLE_EQ(cube_root(27.0), 3.0);
}

TEST(SharedLibrary, UnknownSymbolOrVersionIsNull) {
  const SharedLibrary library("libm.so.6");
  EXPECT_EQ(library.symbol("no_such_function"), nullptr);
  EXPECT_EQ(library.symbol("cbrt", "NO_SUCH_VERSION"), nullptr);
}

TEST(SharedLibrary, MissingLibraryNamesItself) {
  const SharedLibrary library("libno-such-library.so.1");
  EXPECT_FALSE(library);
  EXPECT_THAT(library.error(), HasSubstr("libno-such-library.so.1"));
  EXPECT_EQ(library.symbol("main"), nullptr);
  EXPECT_TRUE(library.path().empty());
}

TEST(SharedLibrary, MovedFromHoldsNothing) {
  SharedLibrary first("libm.so.6");
  const SharedLibrary second(std::move(first));
  EXPECT_TRUE(second);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
}

TEST(SharedLibrary, CodeStaysMappedAfterDestruction) {
  double (*cube_root)(double) = nullptr;
  {
    const SharedLibrary library("libm.so.6");
    cube_root = library.function<double(double)>("cbrt");
  }
  ASSERT_NE(cube_root, nullptr);
  EXPECT_DOUBLE_EQ(cube_root(8.0), 2.0);
}

}  // namespace
}  // namespace rocekit::dynlib
