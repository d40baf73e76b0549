#include "verbs/buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace rocekit::verbs {
namespace {

using testing::HasSubstr;

TEST(Buffer, PagesAreAlignedZeroedAndOfTheSizeAskedFor) {
  const Buffer buffer(MemoryKind::host, 100'000);
  EXPECT_EQ(buffer.size(), 100'000u);
  EXPECT_TRUE(buffer.is_host());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)), 0u);
  for (std::size_t i = 0; i < buffer.size(); ++i) ASSERT_EQ(buffer.data()[i], std::byte{0}) << i;
  EXPECT_EQ(buffer.export_dma_buf(), std::nullopt);
}

TEST(Buffer, CopiesInAndOut) {
  Buffer buffer(MemoryKind::host, 64);
  buffer.fill(0, 64, 0x5a);
  buffer.copy_in(8, "message", 7);
  std::array<char, 9> found{};
  buffer.copy_out(7, found.data(), found.size());
  EXPECT_EQ(std::string(found.data(), found.size()), "Zmessage" + std::string("Z"));
}

TEST(Buffer, AMoveTakesTheMemoryAlong) {
  Buffer first(MemoryKind::host, 64);
  std::byte* const data = first.data();
  Buffer second(MemoryKind::host, 64);
  second = std::move(first);
  EXPECT_EQ(second.data(), data);
}

TEST(Buffer, MoreThanHalfOfFreeMemoryIsRefused) {
  try {
    const Buffer buffer(MemoryKind::host, std::size_t{1} << 50);
    FAIL() << "2^50 bytes were given";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("more than half of the memory that is free"));
  }
}

TEST(Buffer, HugePagesThatAreNotThereAreNamedWithTheirRemedy) {
  try {
    const Buffer buffer(MemoryKind::hugepages, std::size_t{1} << 44);
    FAIL() << "2^44 bytes of huge pages were given";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("sudo sysctl vm.nr_hugepages="));
  }
}

TEST(Buffer, AGpuThatIsNotThereIsOneSentence) {
  for (const MemoryKind kind : {MemoryKind::gpu, MemoryKind::gpu_host}) {
    try {
      const Buffer buffer(kind, 4096, 1000);
      FAIL() << "GPU 1000 gave memory";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("on GPU 1000"));
    }
  }
}

}  // namespace
}  // namespace rocekit::verbs
