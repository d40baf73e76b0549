// What each end of a pair noted of a cell; rank 0 makes results of both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/measure/distribution.h"
#include "core/measure/warnings.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// The direction of a stream that this end counted: what it received, of one-sided operations what it sent.
struct StreamRecord {
  std::vector<double> block_gbit_s;
  std::vector<double> window_gbit_s;  ///< all lanes together
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::uint64_t messages = 0;
};

/// One transport in one cell.
struct SeriesRecord {
  verbs::Operation operation = verbs::Operation::send;
  std::uint64_t iterations = 0;  ///< of latency blocks, with those that were not timed; equal on both ends
  measure::Distribution latency_us;
  std::vector<double> block_medians_us;
  std::vector<double> core_work_ns;  ///< of latency: measure::core_work_ns() by block, the worse of before and after
  StreamRecord stream;
  std::uint64_t messages_sent = 0;  ///< of streams, by this end
  std::vector<measure::Warning> warnings;
  std::uint64_t corrupt_messages = 0;
  std::string first_corruption;
  std::uint64_t lost_messages = 0;  ///< UD: datagrams of this end, or their answers, that were sent again
  std::vector<CounterDelta> counters;
};

struct CellRecord {
  std::vector<SeriesRecord> series;  ///< in the order of the cell's transports; empty: this rank took no part
};

}  // namespace rocekit::pingpong
