// What ranks tell each other while they measure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// What rank 0 has all ranks do next.
struct Order {
  enum class Kind { block, gather, finish };
  Kind kind = Kind::block;
  std::uint32_t side = 0;
  std::uint32_t subject = 0;
  collectives::Timing timing = collectives::Timing::isolated;
  std::uint64_t iterations = 1;
  bool verify = false;
  std::uint32_t seed = 1;
  std::uint64_t patience_ns = 0;  ///< the block may take this long before it counts as stuck
  /// Each so many-th sample of an isolated block is kept for Kind::gather; 0: none.
  std::uint64_t keep_each = 0;
  std::string what;  ///< completes "while measuring ..."
};

/// A block on one rank, in short.
struct BlockNote {
  std::uint64_t iterations = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t enqueue_ns = 0;
  double core_work_ns = 0;
  std::uint64_t wall_ns = 0;  ///< of the whole block, as this rank's thread saw it
  std::uint64_t samples = 0;  ///< that were kept
  std::uint64_t calls = 0;
  std::uint64_t wrong_calls = 0;
  std::string first_wrong;
};

/// What a rank knows at the end.
struct RankRecord {
  std::string cpu;                                  ///< model name
  std::vector<std::vector<CounterDelta>> counters;  ///< by side; of one rank of each host
  std::vector<std::string> logs;                    ///< by side
};

}  // namespace rocekit::pattern
