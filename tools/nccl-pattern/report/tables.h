// The tables of the measured report.
#pragma once

#include <cstddef>
#include <vector>

#include "tools/nccl-pattern/report/writer.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

struct TableRequest {
  std::vector<std::size_t> subjects;  ///< indexes in Report::subjects; a whole step stands last
  bool of_step = false;               ///< counts and shares of a step; else bandwidths by size
  bool verbose = false;
};

/// A line a subject and side: latencies in every way of timing that was measured, bandwidth, and the ratio to the first
/// side.
void write_latencies(Writer& writer, const Report& report, const TableRequest& request);
/// Every statistic of every latency, and the ratio in every way of timing.
void write_statistics(Writer& writer, const Report& report, const TableRequest& request);
/// Where the time of one operation goes. Nothing where neither a bound nor a floor is known.
void write_budget(Writer& writer, const Report& report, const TableRequest& request);

}  // namespace rocekit::pattern
