// What is measured one after the other, and how a run's time is shared out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "tools/nccl-pattern/plan/sides.h"
#include "tools/nccl-pattern/plan/subjects.h"
#include "tools/nccl-pattern/settings.h"

namespace rocekit::pattern {

/// One subject in one way of timing: its sides are measured in alternating blocks.
struct Cell {
  std::size_t subject = 0;
  collectives::Timing timing = collectives::Timing::isolated;
  std::vector<std::size_t> sides;
};

/// `records`: by side, whether it can replay graphs. Floors take part in isolated single operations alone. Throws
/// InputError: a timing that no side can do.
std::vector<Cell> plan_cells(const Settings& settings, const std::vector<Measured>& subjects,
                             const std::vector<SidePlan>& sides, const std::vector<bool>& records);

struct CellTime {
  std::chrono::nanoseconds block{0};  ///< of one side
  std::size_t most_rounds = 0;        ///< a round is one block of each side
  std::size_t least_rounds = 3;
  std::chrono::nanoseconds total{0};     ///< rounds end when it has passed
  std::uint64_t iterations_a_block = 0;  ///< --iterations; 0: as many as fit into a block
};

/// `left`: of the run's budget, for cells[index] and those after it.
CellTime time_of(const Settings& settings, const std::vector<Cell>& cells, std::size_t index,
                 std::chrono::nanoseconds left);

/// Runs that fill a block, from the time of one; at least 1.
std::uint64_t iterations_for(const CellTime& time, double iteration_ns);

}  // namespace rocekit::pattern
