// Synthetic patterns: one operation at a size, with no model behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::traffic {

enum class Pattern {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  all_to_all_v,
  ping_pong,      ///< rank 0 sends and waits for the answer of rank 1
  ring,           ///< every rank sends to the next and receives from the one before at once (nccl-tests' sendrecv)
  bidirectional,  ///< ranks 0 and 1 send to each other at once
  /// From rank 0. Timed as two, of which half is told: one from rank 0, and one back from the last rank. Alone, its
  /// root waits for nobody and would be done long before the data has arrived, and a run of them would stream.
  broadcast,
};
const char* to_string(Pattern pattern);  ///< "all-reduce", "send-recv ping-pong", "send-recv ring", ...

/// "allreduce", "all-to-all", "alltoallv", "sendrecv" (ping-pong), "sendrecv-ring", "sendrecv-bidirectional", ...
std::optional<Pattern> pattern_named(std::string_view word);
/// The words that --mode takes for patterns.
std::vector<std::string> pattern_words();

struct PatternRequest {
  Pattern pattern = Pattern::all_reduce;
  std::uint64_t ranks = 2;
  std::uint64_t size_bytes = 0;  ///< as nccl-tests counts it (Operation::size_bytes)
  DataType type = DataType::bf16;
  /// all_to_all_v: rank i is sent 1 / (i + 1)^skew of what rank 0 is sent; 0: all alike. Each rank hands in size_bytes.
  double skew = 1;
};

/// The smallest size: one element, or one for each rank where the data is parted among them.
std::uint64_t least_bytes(const PatternRequest& request);

/// Sizes are rounded down to whole elements, and to as many for each rank (but for all_to_all_v). Throws InputError:
/// fewer than 2 ranks or more than 1024, a size below least_bytes or above 2^40, a skew outside 0 to 10.
Operation plan_pattern(const PatternRequest& request);

}  // namespace rocekit::traffic
