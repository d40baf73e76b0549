// Cores that were slower for a while than they can be, and what that did to a measurement.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/measure/warnings.h"

namespace rocekit::measure {

/// core_work_ns() of one series by rank and block, the worse of before and after the block.
using CoreWork = std::map<int, std::vector<double>>;

/// What each rank's core did at its best in a run: what is slow is known when all series are there.
class FastestCores {
 public:
  void add(const CoreWork& work);

  /// By block: how many times slower than at its best the slowest of the ranks' cores was; at least 1.
  std::vector<double> slowdowns(const CoreWork& work) const;

  /// When cores were slowed (1.2 times: quiet ones differ by 1.05, a busy neighbour costs more) in some blocks, at
  /// least three, and those took longer than the others, by 5 % at least and by no more than slowed cores explain; or
  /// in all blocks, of operations short enough (100 us) for a core to matter.
  std::optional<Warning> examine(std::span<const double> block_us, const CoreWork& work,
                                 const std::function<std::string(int rank)>& name) const;

 private:
  std::map<int, double> fastest_ns_;  ///< by rank
};

/// Of all results of a run (with core_work, block_core_slowdowns and warnings), whose times of blocks in us are the
/// member `block_us`: fills slowdowns, and appends what slowed cores did to the warnings.
template <class Result>
void add_core_warnings(std::vector<Result>& results, std::vector<double> Result::*block_us,
                       const std::function<std::string(int rank)>& name) {
  FastestCores cores;
  for (const Result& result : results) cores.add(result.core_work);
  for (Result& result : results) {
    result.block_core_slowdowns = cores.slowdowns(result.core_work);
    if (auto warning = cores.examine(result.*block_us, result.core_work, name))
      result.warnings.push_back(std::move(*warning));
  }
}

}  // namespace rocekit::measure
