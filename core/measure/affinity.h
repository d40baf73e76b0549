// Which CPU a thread measures on, and what the kernel says of that CPU.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/measure/warnings.h"

namespace rocekit::measure {

/// CPUs that this thread may run on (affinity mask, which a cpuset or `taskset` narrows), ascending. Empty when the
/// kernel does not say.
std::vector<int> allowed_cpus();

/// CPU that this thread runs on now; -1 when unknown.
int current_cpu();

/// From now on this thread runs on `cpu` alone. Returns 0, else the errno of sched_setaffinity (EINVAL: no such CPU, or
/// not an allowed one).
int pin_this_thread(int cpu);
/// As pin_this_thread, to any of `cpus`.
int pin_this_thread(std::span<const int> cpus);

/// While it lives, this thread runs on one CPU; afterwards on `before` again.
class Pinned {
 public:
  /// `cpu` -1: stays where it is. `before` must outlive this.
  Pinned(int cpu, const std::vector<int>& before) : before_(before), pinned_(cpu >= 0 && pin_this_thread(cpu) == 0) {}
  ~Pinned() {
    if (pinned_) pin_this_thread(before_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  const std::vector<int>& before_;
  bool pinned_;
};

/// "0-3,8" as the kernel prints CPU lists (an end of line is fine): ascending, each once. nullopt when it is none;
/// numbers above 65535 are none either.
std::optional<std::vector<int>> parse_cpulist(std::string_view text);

/// The CPU for the `index`-th measuring thread of this host, of `allowed`: those in `near` (of the device's NUMA node;
/// empty: no preference) before others, faster cores (cpu_capacity, where a machine has slow and fast ones) before slow
/// ones, one hardware thread of each core before second ones (two that measure take half as long again), CPU 0, where
/// interrupts and housekeeping gather, last of its kind. Wraps around when there are fewer CPUs than threads; -1 when
/// `allowed` is empty. `sysfs`: where /sys is.
int choose_cpu(std::span<const int> allowed, std::span<const int> near, std::size_t index,
               const std::filesystem::path& sysfs = "/sys");

/// `cpu` with its frequency governor and NUMA node, for examine_place(); the device's part is the caller's.
CpuPlace cpu_place(int cpu, const std::filesystem::path& sysfs = "/sys");

}  // namespace rocekit::measure
