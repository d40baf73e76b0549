// What makes a measurement suspect.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rocekit::measure {

struct Warning {
  enum class Kind {
    outliers,
    drift,
    bimodal,
    slow_first,
    governor,
    wrong_numa_node,
    too_few_samples,
    dropped_samples,
    slow_core,
    launch_bound
  };
  Kind kind;
  std::string text;  ///< one sentence with the numbers
  friend bool operator==(const Warning&, const Warning&) = default;
};
/// "outliers", "drift", "bimodal", "slow-first", "governor", "wrong-numa-node", "too-few-samples", "dropped-samples",
/// "slow-core", "launch-bound"
const char* to_string(Warning::Kind kind);

/// Samples in the order they were taken, block after block; `block_medians` in that order too (both in one unit).
/// Either may be empty (a stream has rates of blocks, no samples): what needs it is then not looked for.
std::vector<Warning> examine_samples(std::span<const double> samples, std::span<const double> block_medians);
/// Of Samples::size() and Samples::dropped().
std::optional<Warning> examine_dropped(std::size_t kept, std::size_t dropped);

/// Of operations that a CPU enqueues for a GPU one after the other: `share` of their time the CPU was busy with that.
/// When it is nearly all (90 %) the time is the CPU's.
std::optional<Warning> examine_launches(double share, double one_us);

/// Where the measuring thread ran.
struct CpuPlace {
  int cpu = -1;
  std::optional<std::string> governor;  ///< "powersave", "performance", ...
  std::optional<int> numa_node;         ///< of the CPU
  std::optional<int> device_numa_node;  ///< of the device measured; -1: it has none
  std::optional<std::string> device;
  std::optional<std::string> frequency_driver;  ///< "intel_pstate", "cppc_cpufreq", ...
};
std::vector<Warning> examine_place(const CpuPlace& place);

}  // namespace rocekit::measure
