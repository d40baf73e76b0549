#include "core/measure/clock.h"

#include <fmt/format.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "core/measure/calibration.h"

namespace rocekit::measure {

namespace {

constexpr int stretches = 4;
constexpr std::chrono::milliseconds stretch_length{5};
/// The narrowest of so many: an interrupt between two readings of the counter widens one, hardly all.
constexpr int tries_per_reading = 64;

#if defined(__x86_64__)
/// The counter runs at one rate in all power states (invariant TSC, AMD64 manual volume 2, 13.2.4; Intel SDM volume 3,
/// 18.17.1), and the kernel has found it to be equal on all cores: otherwise it takes "tsc" off its list of clocks.
bool counter_is_constant() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0x80000007u, &eax, &ebx, &ecx, &edx) == 0 || (edx & (1u << 8)) == 0) return false;
  std::ifstream list("/sys/devices/system/clocksource/clocksource0/available_clocksource");
  for (std::string name; list >> name;) {
    if (name == "tsc") return true;
  }
  return false;
}
#elif defined(__aarch64__)
/// CNTVCT_EL0 is one counter for the whole system by definition (Arm ARM, "The Generic Timer").
bool counter_is_constant() { return true; }
#else
bool counter_is_constant() { return false; }
#endif

CounterReading narrowest_reading(const Clock& counter) {
  CounterReading best;
  for (int i = 0; i < tries_per_reading; ++i) {
    CounterReading reading;
    reading.before = counter.ticks();
    reading.ns = monotonic_raw_ns();
    reading.after = counter.ticks();
    if (i == 0 || reading.after - reading.before < best.after - best.before) best = reading;
  }
  return best;
}

double middle(const CounterReading& reading) { return static_cast<double>(reading.after - reading.before) / 2; }

/// Counter ticks from the middle of `a` to the middle of `b`.
double ticks_between(const CounterReading& a, const CounterReading& b) {
  return static_cast<double>(b.before - a.before) + middle(b) - middle(a);
}

}  // namespace

std::optional<CounterRate> counter_rate(std::span<const CounterReading> readings, double tolerance) {
  if (readings.size() < 3) return std::nullopt;
  const auto rate_between = [](const CounterReading& a, const CounterReading& b) -> std::optional<double> {
    const bool advanced = a.after >= a.before && b.after >= b.before && b.before > a.after && b.ns > a.ns;
    if (!advanced) return std::nullopt;
    return static_cast<double>(b.ns - a.ns) / ticks_between(a, b);
  };
  const CounterReading& first = readings.front();
  const CounterReading& last = readings.back();
  const auto whole = rate_between(first, last);
  if (!whole) return std::nullopt;
  double disagreement = 0;
  for (std::size_t i = 1; i < readings.size(); ++i) {
    const auto stretch = rate_between(readings[i - 1], readings[i]);
    if (!stretch) return std::nullopt;
    disagreement = std::max(disagreement, std::abs(*stretch / *whole - 1));
  }
  if (disagreement > tolerance) return std::nullopt;
  // A counter that stands still between two looks has moved by up to a tick.
  const double left_open = (middle(first) + middle(last) + 1) / ticks_between(first, last);
  return CounterRate{*whole, std::max(disagreement, left_open)};
}

CounterRate stated_or_measured(const CounterRate& measured, std::uint64_t stated_hz) {
  if (stated_hz == 0) return measured;
  const double stated_ns = 1e9 / static_cast<double>(stated_hz);
  const bool agrees = std::abs(stated_ns / measured.ns_per_tick - 1) <= measured.relative_error;
  return agrees ? CounterRate{stated_ns, measured.relative_error} : measured;
}

std::uint64_t Clock::stated_hz() {
#if defined(__aarch64__)
  std::uint64_t hz;
  asm("mrs %0, cntfrq_el0" : "=r"(hz));
  return hz & 0xffffffffu;  // the upper half is reserved
#else
  return 0;
#endif
}

Clock Clock::calibrated() {
  if (!counter_is_constant()) return monotonic_raw();
  Clock counter;
  counter.source_ = Source::cycle_counter;
  std::array<CounterReading, stretches + 1> readings;
  for (CounterReading& reading : readings) {
    if (&reading != &readings.front()) std::this_thread::sleep_for(stretch_length);
    reading = narrowest_reading(counter);
  }
  const auto measured = counter_rate(readings);
  if (!measured) return monotonic_raw();
  const CounterRate rate = stated_or_measured(*measured, stated_hz());
  counter.ns_per_tick_ = rate.ns_per_tick;
  counter.relative_error_ = rate.relative_error;
  return counter;
}

std::string Clock::description() const {
  if (source_ == Source::monotonic_raw) return "CLOCK_MONOTONIC_RAW";
  return fmt::format("CPU counter at {:.1f} MHz, calibrated within {:.0f} ppm", 1e3 / ns_per_tick_,
                     std::ceil(relative_error_ * 1e6));
}

}  // namespace rocekit::measure
