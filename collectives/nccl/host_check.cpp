#include "collectives/nccl/host_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "collectives/communicator/numbers.h"

namespace rocekit::collectives {
namespace {

constexpr std::uint64_t piece_bytes = 1U << 20;

template <class T>
void put(T value, std::byte* to) {
  std::memcpy(to, &value, sizeof value);
}
template <class T>
T get(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void encode(std::int32_t number, traffic::DataType type, std::byte* to) {
  switch (type) {
    case traffic::DataType::bf16:
      return put(to_bf16(static_cast<float>(number)), to);
    case traffic::DataType::fp16:
      return put(to_fp16(static_cast<float>(number)), to);
    case traffic::DataType::fp32:
      return put(static_cast<float>(number), to);
    case traffic::DataType::int32:
      return put(number, to);
    case traffic::DataType::bytes:
      return put(static_cast<std::int8_t>(number), to);
  }
}

double decode(traffic::DataType type, const std::byte* from) {
  switch (type) {
    case traffic::DataType::bf16:
      return to_float(get<Bf16>(from));
    case traffic::DataType::fp16:
      return to_float(get<Fp16>(from));
    case traffic::DataType::fp32:
      return get<float>(from);
    case traffic::DataType::int32:
      return get<std::int32_t>(from);
    case traffic::DataType::bytes:
      return get<std::int8_t>(from);
  }
  return 0;
}

/// Whole elements of a piece.
std::uint64_t piece_of(traffic::DataType type) { return piece_bytes / traffic::size_of(type); }

}  // namespace

void fill_by_host(std::uint64_t elements, traffic::DataType type, int rank, std::uint32_t seed,
                  const std::function<void(std::size_t, const std::byte*, std::size_t)>& write) {
  const std::uint64_t size = traffic::size_of(type);
  const std::uint64_t most = std::min(elements, piece_of(type));
  std::vector<std::byte> piece(most * size);
  for (std::uint64_t at = 0; at < elements; at += most) {
    const std::uint64_t count = std::min(most, elements - at);
    for (std::uint64_t i = 0; i < count; ++i)
      encode(input_number(static_cast<std::uint32_t>(rank), at + i, seed), type, piece.data() + i * size);
    write(at * size, piece.data(), count * size);
  }
}

Mismatch HostCheck::check(std::span<const Segment> segments, const Wait& wait) const {
  const std::uint64_t size = traffic::size_of(type_);
  const std::uint64_t most = piece_of(type_);
  std::vector<std::byte> piece;
  Mismatch mismatch;
  std::uint64_t base = 0;
  for (const Segment& segment : segments) {
    const double tolerance = segment.source == Segment::sum_of_ranks ? sum_tolerance(type_, ranks_) : 0;
    for (std::uint64_t at = 0; at < segment.elements; at += most) {
      if (wait.is_called_off() || wait.deadline.passed())
        throw CollectiveError("checking what was received did not end in time");
      const std::uint64_t count = std::min(most, segment.elements - at);
      piece.resize(count * size);
      read_(segment.offset_bytes + at * size, piece.data(), piece.size());
      for (std::uint64_t i = 0; i < count; ++i) {
        const double expected = expected_number(segment, at + i, ranks_, seed_);
        const double found = decode(type_, piece.data() + i * size);
        // Not a number is wrong too.
        if (std::abs(found - expected) <= tolerance) continue;
        if (mismatch.elements++ == 0) mismatch = {1, base + at + i, expected, found};
      }
    }
    base += segment.elements;
  }
  return mismatch;
}

Mismatch HostCheck::element(std::span<const Segment> segments, std::uint64_t number) const {
  std::uint64_t base = 0;
  for (const Segment& segment : segments) {
    if (number - base < segment.elements) {
      const std::uint64_t size = traffic::size_of(type_);
      std::byte data[8];
      read_(segment.offset_bytes + (number - base) * size, data, size);
      return {1, number, expected_number(segment, number - base, ranks_, seed_), decode(type_, data)};
    }
    base += segment.elements;
  }
  return {1, number, 0, 0};
}

}  // namespace rocekit::collectives
