// What is timed: each distinct operation by itself, and whole steps.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collectives/engine/program.h"
#include "collectives/traffic/patterns.h"
#include "collectives/traffic/step.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// The part of a plan that every rank needs.
struct Traffic {
  std::optional<traffic::Pattern> pattern;
  std::vector<traffic::Operation> operations;  ///< of the pattern, one a size
  std::vector<traffic::Step> steps;
  bool sizes_given = false;
};
Traffic traffic_of(const Plan& plan);

struct Measured {
  Subject subject;
  collectives::Program program;
  std::optional<std::size_t> same_as;  ///< index of the subject whose results are this one's too
};

/// The same on all ranks: of each step its distinct operations, then the step itself. An operation that an earlier step
/// has too is measured there. `compute_us`: as program_of()
/// takes it. Throws InputError.
std::vector<Measured> subjects_of(const Traffic& traffic, int world, double compute_us);

/// Leaves out sizes whose buffers exceed `cap` bytes together. Throws InputError with the cap where those were asked
/// for, or a step does not fit. Returns a note of what was left out; empty: nothing.
std::string leave_out_what_does_not_fit(std::vector<Measured>& subjects, const Traffic& traffic, std::uint64_t cap);

/// Groups of operations of this traffic, each with the members of every such group of the world.
struct Groups {
  traffic::Group group = traffic::Group::world;
  std::vector<std::vector<int>> members;  ///< those of more than one rank
};
std::vector<Groups> groups_of(const Traffic& traffic, int world);

}  // namespace rocekit::pattern
