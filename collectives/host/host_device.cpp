#include "collectives/host/host_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

#include "collectives/communicator/numbers.h"
#include "core/error.h"
#include "core/text/sizes.h"

namespace rocekit::collectives {
namespace {

constexpr std::uint64_t gib = 1u << 30;
/// Elements that are computed or compared at a time: loops over them become vector code.
constexpr std::size_t block = 1024;
using Numbers = std::array<std::int32_t, block>;

inline void put(std::int32_t number, Bf16& to) { to = to_bf16(static_cast<float>(number)); }
inline void put(std::int32_t number, Fp16& to) { to = to_fp16(static_cast<float>(number)); }
inline void put(std::int32_t number, float& to) { to = static_cast<float>(number); }
inline void put(std::int32_t number, std::int32_t& to) { to = number; }
inline void put(std::int32_t number, std::int8_t& to) { to = static_cast<std::int8_t>(number); }

inline double value_of(Bf16 number) { return to_float(number); }
inline double value_of(Fp16 number) { return to_float(number); }
template <class T>
inline double value_of(T number) {
  return number;
}

/// Calls `use` with a null pointer of the type's elements.
template <class Use>
auto with_type(traffic::DataType type, Use&& use) {
  switch (type) {
    case traffic::DataType::bf16:
      return use(static_cast<Bf16*>(nullptr));
    case traffic::DataType::fp16:
      return use(static_cast<Fp16*>(nullptr));
    case traffic::DataType::fp32:
      return use(static_cast<float*>(nullptr));
    case traffic::DataType::int32:
      return use(static_cast<std::int32_t*>(nullptr));
    case traffic::DataType::bytes:
      break;
  }
  return use(static_cast<std::int8_t*>(nullptr));
}

/// What expected_number() gives for `count` elements from source element `at` on.
void numbers_of(int source, std::uint64_t at, std::size_t count, int ranks, std::uint32_t seed, Numbers& numbers) {
  const int first = source == Segment::sum_of_ranks ? 0 : source;
  const int last = source == Segment::sum_of_ranks ? ranks - 1 : source;
  std::fill_n(numbers.begin(), count, 0);
  for (int rank = first; rank <= last; ++rank) {
    for (std::size_t i = 0; i < count; ++i) numbers[i] += input_number(static_cast<std::uint32_t>(rank), at + i, seed);
  }
}

/// Compares what a rank has with what it should have; counts over all segments.
class Comparison {
 public:
  Comparison(const std::byte* data, int ranks, std::uint32_t seed, const Wait& wait)
      : data_(data), ranks_(ranks), seed_(seed), wait_(wait) {}

  template <class T>
  void compare(const Segment& segment, double tolerance) {
    Numbers wanted;
    const T* const found = reinterpret_cast<const T*>(data_ + segment.offset_bytes);
    for (std::uint64_t at = 0; at < segment.elements; at += block) {
      if (wait_.is_called_off()) throw CollectiveError("comparing what was received: the run was called off");
      const std::size_t count = std::min<std::uint64_t>(block, segment.elements - at);
      numbers_of(segment.source, segment.source_element + at, count, ranks_, seed_, wanted);
      compare_block(found + at, count, wanted, tolerance, seen_ + at);
    }
    seen_ += segment.elements;
  }
  const Mismatch& result() const { return result_; }

 private:
  template <class T>
  void compare_block(const T* found, std::size_t count, const Numbers& wanted, double tolerance, std::uint64_t seen) {
    int wrong = 0;
    for (std::size_t i = 0; i < count; ++i) wrong += is_wrong(found[i], wanted[i], tolerance);
    if (wrong == 0) return;
    for (std::size_t i = 0; i < count && result_.elements == 0; ++i) {
      if (!is_wrong(found[i], wanted[i], tolerance)) continue;
      result_ = {0, seen + i, static_cast<double>(wanted[i]), value_of(found[i])};
      break;
    }
    result_.elements += static_cast<std::uint64_t>(wrong);
  }

  template <class T>
  static bool is_wrong(T found, std::int32_t wanted, double tolerance) {
    if constexpr (std::is_integral_v<T>) {
      return found != static_cast<T>(wanted);
    } else {
      // What is no number is near to none.
      return !(std::abs(value_of(found) - wanted) <= tolerance);
    }
  }

  const std::byte* data_;
  int ranks_;
  std::uint32_t seed_;
  const Wait& wait_;
  std::uint64_t seen_ = 0;
  Mismatch result_;
};

}  // namespace

std::uint64_t HostDevice::default_memory_cap() const {
  const std::uint64_t available = verbs::available_memory();
  return available == 0 ? gib / 4 : std::min(gib, available / 4);
}

void HostDevice::reserve(std::size_t send_bytes, std::size_t receive_bytes) {
  send_.reset();
  receive_.reset();
  const std::uint64_t available = verbs::available_memory();
  const std::uint64_t most = available == 0 ? std::numeric_limits<std::uint64_t>::max() : available / 2;
  if (send_bytes > most || receive_bytes > most - send_bytes) {
    throw InputError(fmt::format(
        "{} to send and {} to receive are more than half of the memory that is free ({}): give smaller sizes",
        text::rounded_size(static_cast<double>(send_bytes)), text::rounded_size(static_cast<double>(receive_bytes)),
        text::rounded_size(static_cast<double>(available))));
  }
  send_.emplace(verbs::MemoryKind::host, std::max<std::size_t>(send_bytes, 1));
  receive_.emplace(verbs::MemoryKind::host, std::max<std::size_t>(receive_bytes, 1));
  ++generation_;
}

std::vector<const verbs::Buffer*> HostDevice::buffers() const {
  if (!send_ || !receive_) return {};
  return {&*send_, &*receive_};
}

void HostDevice::fill(std::size_t offset, std::uint64_t elements, traffic::DataType type, int rank,
                      std::uint32_t seed) {
  if (elements == 0) return;
  with_type(type, [&](auto* none) {
    using T = std::remove_pointer_t<decltype(none)>;
    Numbers numbers;
    T* const to = reinterpret_cast<T*>(send_->data() + offset);
    for (std::uint64_t at = 0; at < elements; at += block) {
      const std::size_t count = std::min<std::uint64_t>(block, elements - at);
      numbers_of(rank, at, count, 1, seed, numbers);
      for (std::size_t i = 0; i < count; ++i) put(numbers[i], to[at + i]);
    }
  });
}

void HostDevice::clear_receive() {
  if (receive_) receive_->fill(0, receive_->size(), 0xff);
}

Mismatch HostDevice::check(std::span<const Segment> segments, traffic::DataType type, int ranks, std::uint32_t seed,
                           const Wait& wait) {
  synchronize(wait);
  Comparison comparison(receive_buffer(), ranks, seed, wait);
  for (const Segment& segment : segments) {
    const double tolerance = segment.source == Segment::sum_of_ranks ? sum_tolerance(type, ranks) : 0;
    with_type(type, [&](auto* none) { comparison.compare<std::remove_pointer_t<decltype(none)>>(segment, tolerance); });
  }
  return comparison.result();
}

void HostDevice::compute(double microseconds) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                             std::chrono::duration<double, std::micro>(std::max(microseconds, 0.0)));
  while (std::chrono::steady_clock::now() < end) {
  }
}

void HostDevice::synchronize(const Wait& wait) {
  for (const auto& watch : watches_) watch();
  if (wait.is_called_off()) throw CollectiveError("host memory: the run was called off");
}

std::unique_ptr<Device> make_host_device() { return std::make_unique<HostDevice>(); }

}  // namespace rocekit::collectives
