// Time for measurements.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace rocekit::measure {

/// CLOCK_MONOTONIC_RAW: not slewed by NTP, some 20 ns a reading.
inline std::uint64_t monotonic_raw_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Ticks and their length. The CPU's counter (TSC, CNTVCT_EL0) where it runs at one rate on all cores and was
/// calibrated against CLOCK_MONOTONIC_RAW (its stated frequency is taken where that agrees), else CLOCK_MONOTONIC_RAW
/// itself (1 tick = 1 ns).
class Clock {
 public:
  enum class Source { monotonic_raw, cycle_counter };

  static Clock monotonic_raw() { return Clock(); }
  /// Takes about 20 ms. Falls back to monotonic_raw() where the counter is absent, not constant, or its calibration
  /// does not agree with itself within 100 ppm.
  static Clock calibrated();

  std::uint64_t ticks() const {
    if (source_ == Source::cycle_counter) {
#if defined(__x86_64__)
      return __rdtsc();
#elif defined(__aarch64__)
      // The counter may be read early, before the instructions that precede it are done ("Arm Architecture Reference
      // Manual", CNTVCT_EL0: speculatively and out of order); ISB ends that, as in Linux' vdso. What follows needs
      // none: a later instruction that overtakes this read by its own latency moves a sample by nanoseconds.
      std::uint64_t value;
      asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
      return value;
#endif
    }
    return monotonic_raw_ns();
  }
  Source source() const { return source_; }
  double ns_per_tick() const { return ns_per_tick_; }
  /// What the CPU states its counter's frequency to be, in Hz (CNTFRQ_EL0, which firmware sets); 0 where it states
  /// none.
  static std::uint64_t stated_hz();
  /// Bound of the relative error of ns_per_tick(), from repeated calibrations: 1e-5 is 10 ppm. 0 for monotonic_raw.
  double relative_error() const { return relative_error_; }
  /// "CPU counter at 2095.2 MHz, calibrated within 3 ppm" or "CLOCK_MONOTONIC_RAW".
  std::string description() const;

 private:
  Clock() = default;
  Source source_ = Source::monotonic_raw;
  double ns_per_tick_ = 1.0;
  double relative_error_ = 0.0;
};

}  // namespace rocekit::measure
