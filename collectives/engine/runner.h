// Runs programs on a device: the loops that are timed, and the check of what operations left in memory.
#pragma once

#include <memory>
#include <vector>

#include "collectives/engine/equipment.h"
#include "core/measure/clock.h"

namespace rocekit::collectives {

class Runner {
 public:
  /// Device and seats outlive it.
  Runner(Device& device, const std::vector<Seat>& seats, int world_rank)
      : device_(device), seats_(seats), rank_(world_rank), clock_(measure::Clock::calibrated()) {}

  /// Throws InputError: more memory than the device has, a group that this side has no seat for.
  void load(std::vector<Program> programs);
  BlockRecord run(const BlockRequest& block, const Wait& wait);

 private:
  /// What this rank does of one action, ready to be issued.
  struct Step {
    Communicator* communicator = nullptr;  ///< none: compute
    std::span<const Call> calls;
    double compute_us = 0;
    const Seat* seat = nullptr;
    std::size_t action = 0;      ///< index in Program::actions
    bool first_of_kind = false;  ///< no action before it is alike: verified
  };
  struct Prepared {
    Program program;
    std::vector<Step> steps;
    std::unique_ptr<Recording> recording;
    std::uint64_t copies = 0;  ///< in the recording
  };

  Prepared prepare(Program program) const;
  void issue(const Prepared& prepared, const Wait& wait) {
    for (const Step& step : prepared.steps) {
      if (step.communicator != nullptr) {
        step.communicator->enqueue(step.calls, wait);
      } else {
        device_.compute(step.compute_us);
      }
    }
  }
  void record(Prepared& prepared, const Wait& wait);
  void time(Prepared& prepared, const BlockRequest& block, BlockRecord& record, const Wait& wait);
  void align(const Prepared& prepared, std::uint64_t runs, const Wait& wait);
  void run_isolated(const Prepared& prepared, BlockRecord& record, const Wait& wait);
  void verify(const Prepared& prepared, const BlockRequest& block, BlockRecord& record, const Wait& wait);

  Device& device_;
  const std::vector<Seat>& seats_;
  const int rank_;
  const measure::Clock clock_;
  std::vector<Prepared> programs_;
};

}  // namespace rocekit::collectives
