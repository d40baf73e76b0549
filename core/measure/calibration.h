// How long a tick of the CPU's counter is, from readings of it beside CLOCK_MONOTONIC_RAW.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace rocekit::measure {

/// The counter just before and just after one reading of CLOCK_MONOTONIC_RAW: that reading was taken somewhere between.
struct CounterReading {
  std::uint64_t before = 0;
  std::uint64_t ns = 0;
  std::uint64_t after = 0;
};

struct CounterRate {
  double ns_per_tick = 0;
  /// Bound of the relative error of ns_per_tick: what the width of the first and last readings and the length of a tick
  /// (40 ns on some Arm CPUs) leave open, or, if larger, the farthest that the stretch between two neighbouring
  /// readings lies from the whole.
  double relative_error = 0;
};

/// Rate from the first to the last of at least three readings, in order of time. nullopt when time or counter did not
/// advance between two of them, or when the stretches disagree by more than `tolerance`: no constant counter.
std::optional<CounterRate> counter_rate(std::span<const CounterReading> readings, double tolerance = 100e-6);

/// `measured`, with the rate that the CPU states where measuring could not tell the two apart: the stated one is exact,
/// and the same in each run and on each node. Firmware that states nonsense (or nothing, 0 Hz) is not believed.
CounterRate stated_or_measured(const CounterRate& measured, std::uint64_t stated_hz);

}  // namespace rocekit::measure
