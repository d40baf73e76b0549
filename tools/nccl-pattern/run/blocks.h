// One block on all ranks at once: rank 0 says what, all meet, measure, and meet again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "core/session/session.h"
#include "tools/nccl-pattern/judge/crossing.h"
#include "tools/nccl-pattern/plan/sides.h"
#include "tools/nccl-pattern/run/record.h"
#include "tools/roce-pingpong/nodes/counters.h"

namespace rocekit::pattern {

/// A side of this run on this rank.
struct LiveSide {
  SidePlan plan;
  std::unique_ptr<collectives::Side> side;
  int cpu = -1;                           ///< where the host backend's thread runs; -1: anywhere
  pingpong::Counters::Values growth;      ///< of this rank's counters, around its blocks
  Crossing expected;                      ///< of all its blocks
  std::vector<std::uint64_t> samples_ns;  ///< that were kept since the last gathering
};

class Blocks {
 public:
  /// `counters`: those that this rank reads for its host. `crossings`: by subject.
  Blocks(session::Session& session, std::vector<LiveSide>& sides, const pingpong::Counters& counters,
         std::vector<int> all_cpus);

  void set_crossings(std::vector<Crossing> crossings) { crossings_ = std::move(crossings); }

  /// What came of an order.
  struct Outcome {
    Order::Kind kind = Order::Kind::block;
    std::vector<BlockNote> notes;  ///< of a block, by rank
    /// Of a gathering: what was kept since the last one, by side and rank.
    std::vector<std::vector<std::vector<std::uint64_t>>> samples_ns;
  };

  /// Rank 0: all ranks do this. `step` completes "while ..." where a rank does not answer.
  Outcome lead(const Order& order);
  /// The others: does what rank 0 says next.
  Outcome follow();

 private:
  Outcome perform(const std::string& mine, const std::string& step);
  Outcome gather(const Order& order);
  BlockNote run_block(const Order& order);
  void count(LiveSide& side, const pingpong::Counters::Values& before);

  session::Session& session_;
  std::vector<LiveSide>& sides_;
  const pingpong::Counters& counters_;
  std::vector<int> all_cpus_;
  std::vector<Crossing> crossings_;
  std::string last_what_;
};

}  // namespace rocekit::pattern
