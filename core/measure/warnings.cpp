#include "core/measure/warnings.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "core/measure/detectors.h"

namespace rocekit::measure {

namespace {

/// p99 wants so many (distribution.h).
constexpr std::size_t enough_for_p99 = 1'000;
constexpr double launch_bound = 0.9;

std::string percent(double fraction) {
  const double value = std::abs(fraction) * 100;
  return fmt::format("{:.{}f} %", value, value < 10 ? 1 : 0);
}

/// These choose the frequency by load under "powersave" too: there it is the name of the normal governor (kernel,
/// admin-guide/pm/intel_pstate and amd-pstate).
bool powersave_follows_load(const CpuPlace& place) {
  return place.frequency_driver == "intel_pstate" || place.frequency_driver == "amd-pstate-epp";
}

}  // namespace

const char* to_string(Warning::Kind kind) {
  switch (kind) {
    case Warning::Kind::outliers:
      return "outliers";
    case Warning::Kind::drift:
      return "drift";
    case Warning::Kind::bimodal:
      return "bimodal";
    case Warning::Kind::slow_first:
      return "slow-first";
    case Warning::Kind::governor:
      return "governor";
    case Warning::Kind::wrong_numa_node:
      return "wrong-numa-node";
    case Warning::Kind::too_few_samples:
      return "too-few-samples";
    case Warning::Kind::dropped_samples:
      return "dropped-samples";
    case Warning::Kind::slow_core:
      return "slow-core";
    case Warning::Kind::launch_bound:
      return "launch-bound";
  }
  return "unknown";
}

std::vector<Warning> examine_samples(std::span<const double> samples, std::span<const double> block_medians) {
  std::vector<Warning> warnings;
  const auto warn = [&](Warning::Kind kind, std::string text) { warnings.push_back({kind, std::move(text)}); };

  if (!samples.empty() && samples.size() < enough_for_p99) {
    warn(Warning::Kind::too_few_samples,
         fmt::format("{} samples are too few for a 99th percentile, which takes {}", samples.size(), enough_for_p99));
  }
  if (const auto found = find_outliers(samples)) {
    warn(Warning::Kind::outliers,
         fmt::format("{} of {} samples lie above {:.1f} times the median and hold {} of the time: something else ran "
                     "on this CPU, or the path stalled",
                     found->count, samples.size(), found->fence / found->median, percent(found->share_of_time)));
  }
  if (const auto found = find_modes(samples)) {
    warn(Warning::Kind::bimodal,
         fmt::format("two modes: {} of the samples take about {:.2f} times as long as the others, so the median may "
                     "stand for neither",
                     percent(found->high_share), found->high / found->low));
  }
  auto steady = block_medians;
  if (const auto found = find_slow_first(block_medians)) {
    warn(Warning::Kind::slow_first, fmt::format("the first block lies {} {} the others: not warm when it began",
                                                percent(found->change), found->change > 0 ? "above" : "below"));
    steady = block_medians.subspan(1);
  }
  if (const auto found = find_drift(steady)) {
    warn(Warning::Kind::drift, fmt::format("{} by {} from the first block to the last",
                                           found->change > 0 ? "rose" : "fell", percent(found->change)));
  }
  return warnings;
}

std::optional<Warning> examine_dropped(std::size_t kept, std::size_t dropped) {
  if (dropped == 0) return std::nullopt;
  return Warning{Warning::Kind::dropped_samples,
                 fmt::format("{} of {} samples did not fit into the memory set aside and are not counted", dropped,
                             kept + dropped)};
}

std::optional<Warning> examine_launches(double share, double one_us) {
  if (share < launch_bound) return std::nullopt;
  return Warning{
      Warning::Kind::launch_bound,
      fmt::format("the CPU was busy enqueueing for {} of the time: the {:.1f} us are what launching costs it, and the "
                  "transport may be faster; replayed from a CUDA graph it shows",
                  percent(share), one_us)};
}

std::vector<Warning> examine_place(const CpuPlace& place) {
  std::vector<Warning> warnings;
  if (place.governor && *place.governor != "performance" &&
      !(*place.governor == "powersave" && powersave_follows_load(place))) {
    warnings.push_back({Warning::Kind::governor,
                        fmt::format("CPU {} runs under the frequency governor {}: latencies may show its clock, not "
                                    "the wire (cpupower frequency-set -g performance)",
                                    place.cpu, *place.governor)});
  }
  if (place.numa_node && place.device_numa_node && *place.device_numa_node >= 0 &&
      *place.numa_node != *place.device_numa_node) {
    warnings.push_back(
        {Warning::Kind::wrong_numa_node,
         fmt::format("CPU {} is on NUMA node {}, {} on node {}: every message crosses between them", place.cpu,
                     *place.numa_node, place.device.value_or("the device"), *place.device_numa_node)});
  }
  return warnings;
}

}  // namespace rocekit::measure
