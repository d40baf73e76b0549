#include "tools/nccl-pattern/plan/cells.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/measure/comparison.h"
#include "core/measure/stop_rule.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t rounds = measure::latency_plan.rounds;
/// With nothing to compare, blocks tell only whether the figure holds still: few long ones disturb the transport least.
constexpr std::size_t rounds_alone = 12;
/// Where blocks hold so many there may be more of them: what disturbs a core for a moment then spoils fewer.
constexpr std::size_t iterations_of_a_full_block = 1'000;
constexpr milliseconds shortest_block = measure::latency_plan.block_time;
constexpr milliseconds longest_block{250};
constexpr std::uint64_t most_iterations_a_block = 1'000'000;

std::vector<Timing> timings_of(const Settings& settings, const std::vector<bool>& records) {
  const bool graphs = std::find(records.begin(), records.end(), true) != records.end();
  if (settings.timings.empty()) {
    if (graphs) return {Timing::isolated, Timing::back_to_back, Timing::graph};
    return {Timing::isolated, Timing::back_to_back};
  }
  const bool asked =
      std::find(settings.timings.begin(), settings.timings.end(), Timing::graph) != settings.timings.end();
  if (asked && !graphs) throw InputError("--timing graph: CUDA graphs are of GPUs, and none takes part");
  return settings.timings;
}

}  // namespace

std::vector<Cell> plan_cells(const Settings& settings, const std::vector<Measured>& subjects,
                             const std::vector<SidePlan>& sides, const std::vector<bool>& records) {
  std::vector<Cell> cells;
  for (std::size_t subject = 0; subject < subjects.size(); ++subject) {
    if (subjects[subject].same_as) continue;
    const bool whole_step = subjects[subject].subject.whole_step;
    for (const Timing timing : timings_of(settings, records)) {
      Cell cell{subject, timing, {}};
      for (std::size_t side = 0; side < sides.size(); ++side) {
        if (sides[side].floor && (whole_step || timing != Timing::isolated)) continue;
        if (timing == Timing::graph && !records[side]) continue;
        cell.sides.push_back(side);
      }
      if (!cell.sides.empty()) cells.push_back(std::move(cell));
    }
  }
  return cells;
}

CellTime time_of(const Settings& settings, const std::vector<Cell>& cells, std::size_t index, nanoseconds left) {
  const auto sides = static_cast<int>(std::max<std::size_t>(1, cells[index].sides.size()));
  const std::size_t wanted_rounds = sides > 1 ? rounds : rounds_alone;
  CellTime time;
  if (settings.iterations) {
    const auto asked = static_cast<std::size_t>(*settings.iterations);
    const std::size_t full = std::min(asked / iterations_of_a_full_block, rounds);
    time.most_rounds = time.least_rounds = std::min(asked, std::max(full, wanted_rounds));
    time.iterations_a_block = (asked + time.most_rounds - 1) / time.most_rounds;
    time.total = std::chrono::hours(1);
    time.block = longest_block;
    return time;
  }
  if (settings.duration) {
    const nanoseconds each = *settings.duration;
    time.total = each * sides;
    time.block = std::clamp<nanoseconds>(each / static_cast<int>(wanted_rounds),
                                         std::min<nanoseconds>(each, shortest_block), longest_block);
    time.most_rounds = static_cast<std::size_t>((each + time.block - nanoseconds(1)) / time.block);
    time.least_rounds = std::min(time.least_rounds, time.most_rounds);
    return time;
  }
  std::size_t weight = 0;
  for (std::size_t i = index; i < cells.size(); ++i) weight += cells[i].sides.size();
  time.total = std::max(nanoseconds(0), left) * sides / static_cast<int>(std::max<std::size_t>(1, weight));
  time.block =
      std::clamp<nanoseconds>(time.total / sides / static_cast<int>(wanted_rounds), shortest_block, longest_block);
  time.most_rounds = wanted_rounds;
  return time;
}

std::uint64_t iterations_for(const CellTime& time, double iteration_ns) {
  if (time.iterations_a_block > 0) return time.iterations_a_block;
  return measure::iterations_for(time.block, iteration_ns, most_iterations_a_block);
}

}  // namespace rocekit::pattern
