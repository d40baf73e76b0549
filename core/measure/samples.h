// Durations as they were measured, in memory that was there before the measurement began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rocekit::measure {

/// Ticks of a Clock. add() never allocates: what exceeds the capacity is counted and dropped.
class Samples {
 public:
  /// Touches every page now, so that no page fault falls into a measurement.
  explicit Samples(std::size_t capacity) : ticks_(capacity, 0) {}

  void add(std::uint64_t ticks) {
    if (size_ < ticks_.size()) {
      ticks_[size_++] = ticks;
    } else {
      ++dropped_;
    }
  }
  void clear() { size_ = dropped_ = 0; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return ticks_.size(); }
  std::size_t dropped() const { return dropped_; }
  std::span<const std::uint64_t> ticks() const { return {ticks_.data(), size_}; }

 private:
  std::vector<std::uint64_t> ticks_;
  std::size_t size_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace rocekit::measure
