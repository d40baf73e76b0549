// From evidence and results to the report: proofs, budgets and prices. On rank 0.
#pragma once

#include <optional>
#include <vector>

#include "tools/nccl-pattern/run/record.h"
#include "tools/nccl-pattern/run/setup.h"

namespace rocekit::pattern {

/// Payload bound of each side's rails in Gb/s; only where each rank has its machine to itself, so that a bus bandwidth
/// is that of its rails.
std::vector<std::optional<double>> bounds_of(const Setup& setup);

/// `records`: by rank.
void conclude(const Setup& setup, const std::vector<RankRecord>& records, Report& report);

}  // namespace rocekit::pattern
