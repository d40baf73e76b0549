#include "collectives/host/host_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "collectives/communicator/numbers.h"
#include "collectives/host/reduction.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using traffic::DataType;

const Wait no_wait{Deadline(Deadline::Clock::time_point::max())};

TEST(Numbers, Fp16IsIeeeBinary16) {
  // Value and its nearest number, ties to even: IEEE 754-2019, 4.3.1.
  const std::pair<float, std::uint16_t> cases[] = {
      {0.0f, 0x0000},     {-0.0f, 0x8000},       {1.0f, 0x3c00},         {-2.0f, 0xc000},        {65504.0f, 0x7bff},
      {65519.0f, 0x7bff}, {65520.0f, 0x7c00},    {1e30f, 0x7c00},        {0x1p-14f, 0x0400},     {0x1p-24f, 0x0001},
      {0x1p-25f, 0x0000}, {0x1.8p-25f, 0x0001},  {0x1.ff8p-15f, 0x03ff}, {0x1.ffcp-15f, 0x0400}, {2049.0f, 0x6800},
      {2051.0f, 0x6802},  {0x1.0018p0f, 0x3c00}, {-INFINITY, 0xfc00},    {0x1.0038p0f, 0x3c01}};
  for (const auto& [value, bits] : cases) EXPECT_EQ(to_fp16(value).bits, bits) << value;
  EXPECT_TRUE(std::isnan(to_float(to_fp16(NAN))));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = to_float(Fp16{static_cast<std::uint16_t>(bits)});
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_fp16(value).bits, bits);
  }
  EXPECT_EQ(to_float(Fp16{0x3555}), 0x1.554p-2f);
}

TEST(Numbers, Bf16IsTheUpperHalfOfAFloatRoundedToEven) {
  EXPECT_EQ(to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bf16(257.0f).bits, to_bf16(256.0f).bits);
  EXPECT_EQ(to_bf16(259.0f).bits, to_bf16(260.0f).bits);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(NAN))));
  EXPECT_EQ(to_float(Bf16{0xc080}), -4.0f);
}

template <class T>
std::vector<const std::byte*> pointers(const std::vector<std::vector<T>>& data) {
  std::vector<const std::byte*> all;
  for (const auto& one : data) all.push_back(reinterpret_cast<const std::byte*>(one.data()));
  return all;
}

TEST(Reduction, AddsAnyNumberOfSourcesInTheirOrder) {
  // fp32: adding the small ones first would keep them.
  const std::vector<std::vector<float>> data{{1e8f, 1.0f}, {3.0f, 1.0f}, {-1e8f, 0.5f}};
  std::vector<float> result(2);
  sum(reinterpret_cast<std::byte*>(result.data()), pointers(data), 2, DataType::fp32);
  EXPECT_THAT(result, ElementsAre(1e8f + 3.0f - 1e8f, 2.5f));
}

TEST(Reduction, SixteenBitNumbersAreRoundedOnceAtTheEnd) {
  const Bf16 large = to_bf16(256);
  const Bf16 one = to_bf16(1);
  const std::vector<std::vector<Bf16>> data{{large}, {one}, {one}};
  std::vector<Bf16> result(1);
  sum(reinterpret_cast<std::byte*>(result.data()), pointers(data), 1, DataType::bf16);
  EXPECT_EQ(to_float(result[0]), 258.0f);  // 256 + 1 alone would have stayed 256
}

TEST(Reduction, IntegersWrapAround) {
  const std::vector<std::vector<std::int32_t>> data{{std::numeric_limits<std::int32_t>::max()}, {1}};
  std::vector<std::int32_t> result(1);
  sum(reinterpret_cast<std::byte*>(result.data()), pointers(data), 1, DataType::int32);
  EXPECT_EQ(result[0], std::numeric_limits<std::int32_t>::min());
}

class HostDeviceOfType : public testing::TestWithParam<DataType> {};
INSTANTIATE_TEST_SUITE_P(, HostDeviceOfType,
                         testing::Values(DataType::bf16, DataType::fp16, DataType::fp32, DataType::int32,
                                         DataType::bytes),
                         [](const auto& type) { return to_string(type.param); });

TEST_P(HostDeviceOfType, WhatWasFilledIsFoundAndEveryStrayElementCounted) {
  const DataType type = GetParam();
  constexpr std::uint64_t elements = 5000;
  const std::size_t size = traffic::size_of(type);
  const std::unique_ptr<Device> device = make_host_device();
  device->reserve(256 + elements * size, 256 + elements * size);
  device->clear_receive();
  device->fill(256, elements, type, 3, 7);
  const std::vector<Segment> segments{{256, 2000, 3, 0}, {256 + 2000 * size, 3000, 3, 2000}};
  EXPECT_GT(device->check(segments, type, 4, 7, no_wait).elements, elements / 2);
  std::memcpy(device->receive_buffer() + 256, device->send_buffer() + 256, elements * size);
  EXPECT_EQ(device->check(segments, type, 4, 7, no_wait).elements, 0u);
  EXPECT_GT(device->check(segments, type, 4, 8, no_wait).elements, elements / 2);

  for (const std::uint64_t wrong : {2345u, 4999u})
    std::memset(device->receive_buffer() + 256 + wrong * size, 0x7f, size);
  const Mismatch mismatch = device->check(segments, type, 4, 7, no_wait);
  EXPECT_EQ(mismatch.elements, 2u);
  EXPECT_EQ(mismatch.first_element, 2345u);
  EXPECT_EQ(mismatch.expected, input_number(3, 2345, 7));
  EXPECT_NE(mismatch.found, mismatch.expected);
}

TEST(HostDevice, SumsAreComparedWithinTheirTolerance) {
  constexpr int ranks = 40;
  const std::unique_ptr<Device> device = make_host_device();
  device->reserve(1, 2048);
  const Segment segment{0, 1000, Segment::sum_of_ranks, 5};
  auto* const found = reinterpret_cast<Bf16*>(device->receive_buffer());
  for (std::uint64_t i = 0; i < 1000; ++i)
    found[i] = to_bf16(static_cast<float>(expected_number(segment, i, ranks, 2)));
  EXPECT_EQ(device->check({&segment, 1}, DataType::bf16, ranks, 2, no_wait).elements, 0u);
  found[10] = to_bf16(to_float(found[10]) + static_cast<float>(sum_tolerance(DataType::bf16, ranks)) / 2);
  EXPECT_EQ(device->check({&segment, 1}, DataType::bf16, ranks, 2, no_wait).elements, 0u);
  found[10] = to_bf16(to_float(found[10]) + 2 * static_cast<float>(sum_tolerance(DataType::bf16, ranks)));
  EXPECT_EQ(device->check({&segment, 1}, DataType::bf16, ranks, 2, no_wait).elements, 1u);
}

TEST(HostDevice, MemoryThatIsNotThereIsRefusedAndTheDefaultCapStaysBelowAGibibyte) {
  const std::unique_ptr<Device> device = make_host_device();
  EXPECT_THAT([&] { device->reserve(std::size_t{1} << 60, 1); },
              testing::ThrowsMessage<InputError>(HasSubstr("give smaller sizes")));
  EXPECT_THAT([&] { device->reserve(~std::size_t{0}, ~std::size_t{0}); }, testing::Throws<InputError>());
  EXPECT_GT(device->default_memory_cap(), 0u);
  EXPECT_LE(device->default_memory_cap(), 1u << 30);
}

TEST(HostDevice, ComputingTakesItsTimeAndWatchesAreCalledWhileWaiting) {
  const std::unique_ptr<Device> device = make_host_device();
  const auto start = std::chrono::steady_clock::now();
  device->compute(2000);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::microseconds(2000));
  int calls = 0;
  device->add_watch([&] { ++calls; });
  device->synchronize(no_wait);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace rocekit::collectives
