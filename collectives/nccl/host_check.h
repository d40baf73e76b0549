// Fill and check of a GPU's memory by the CPU, in pieces: where no kernels are, and for the first wrong element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "collectives/communicator/device.h"

namespace rocekit::collectives {

/// Calls `write` with pieces of what Device::fill() puts into a buffer, each with its place there.
void fill_by_host(std::uint64_t elements, traffic::DataType type, int rank, std::uint32_t seed,
                  const std::function<void(std::size_t at, const std::byte* data, std::size_t size)>& write);

class HostCheck {
 public:
  /// `read` copies `size` bytes from place `at` of the receive buffer.
  using Read = std::function<void(std::size_t at, std::byte* data, std::size_t size)>;
  HostCheck(traffic::DataType type, int ranks, std::uint32_t seed, Read read)
      : type_(type), ranks_(ranks), seed_(seed), read_(std::move(read)) {}

  /// As Device::check(). Throws CollectiveError when the wait ends.
  Mismatch check(std::span<const Segment> segments, const Wait& wait) const;
  /// One element, counted over all segments, taken as the first that is wrong.
  Mismatch element(std::span<const Segment> segments, std::uint64_t number) const;

 private:
  traffic::DataType type_;
  int ranks_;
  std::uint32_t seed_;
  Read read_;
};

}  // namespace rocekit::collectives
