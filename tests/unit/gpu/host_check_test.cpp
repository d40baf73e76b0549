#include "collectives/nccl/host_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace {

using namespace rocekit;
using namespace rocekit::collectives;
using traffic::DataType;

class HostCheckTest : public testing::TestWithParam<DataType> {
 protected:
  /// What rank 1 put into its buffer.
  std::vector<std::byte> filled(std::uint64_t elements) const {
    std::vector<std::byte> data(elements * traffic::size_of(GetParam()));
    fill_by_host(elements, GetParam(), 1, 7, [&](std::size_t at, const std::byte* piece, std::size_t size) {
      std::memcpy(data.data() + at, piece, size);
    });
    return data;
  }
  HostCheck check_of(const std::vector<std::byte>& data) const {
    return HostCheck(GetParam(), 2, 7, [&data](std::size_t at, std::byte* to, std::size_t size) {
      ASSERT_LE(at + size, data.size());
      std::memcpy(to, data.data() + at, size);
    });
  }
  const Wait wait{Deadline::after(std::chrono::seconds(20))};
};

TEST_P(HostCheckTest, TakesWhatWasFilledForRight) {
  // More than one piece of every type.
  const std::uint64_t elements = 1'100'000;
  const std::vector<std::byte> data = filled(elements);
  const Segment all[] = {{0, elements, 1, 0}};
  EXPECT_EQ(check_of(data).check(all, wait).elements, 0U);
}

TEST_P(HostCheckTest, SeesOtherRanksOtherElementsAndUnwrittenMemory) {
  const std::vector<std::byte> data = filled(1000);
  const Segment other_rank[] = {{0, 1000, 0, 0}};
  EXPECT_GT(check_of(data).check(other_rank, wait).elements, 800U);
  const Segment shifted[] = {{0, 999, 1, 1}};
  EXPECT_GT(check_of(data).check(shifted, wait).elements, 800U);
  const std::vector<std::byte> cleared(data.size(), std::byte{0xff});
  const Segment right[] = {{0, 1000, 1, 0}};
  const Mismatch unwritten = check_of(cleared).check(right, wait);
  // The integer of these bytes is -1, one of the numbers.
  const bool integer = GetParam() == DataType::int32 || GetParam() == DataType::bytes;
  EXPECT_GE(unwritten.elements, integer ? 900U : 1000U);
}

TEST_P(HostCheckTest, NamesTheFirstWrongElementOverAllSegments) {
  std::vector<std::byte> data = filled(1000);
  const std::uint64_t size = traffic::size_of(GetParam());
  std::memset(data.data() + 700 * size, 0x41, size);
  std::memset(data.data() + 800 * size, 0x41, size);
  const Segment halves[] = {{0, 500, 1, 0}, {500 * size, 500, 1, 500}};
  const Mismatch found = check_of(data).check(halves, wait);
  EXPECT_EQ(found.elements, 2U);
  EXPECT_EQ(found.first_element, 700U);
  EXPECT_EQ(found.expected, input_number(1, 700, 7));
  const Mismatch again = check_of(data).element(halves, 700);
  EXPECT_EQ(again.first_element, 700U);
  EXPECT_EQ(again.expected, found.expected);
  EXPECT_EQ(again.found, found.found);
}

INSTANTIATE_TEST_SUITE_P(Types, HostCheckTest,
                         testing::Values(DataType::bf16, DataType::fp16, DataType::fp32, DataType::int32,
                                         DataType::bytes),
                         [](const auto& type) { return traffic::to_string(type.param); });

}  // namespace
