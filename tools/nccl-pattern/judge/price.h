// What the measured latencies mean in tokens per second.
#pragma once

#include <string>
#include <vector>

#include "collectives/predict/latency_table.h"
#include "tools/nccl-pattern/result.h"
#include "tools/nccl-pattern/settings.h"

namespace rocekit::pattern {

/// Latencies of all operations by themselves in every way of timing, by the names of the sides: the figures that
/// predict::read_latencies reads from the report's JSON.
predict::LatencyTable latencies_of(const Report& report);

/// Predicts each step from one way of timing that both transports have. Appends to predictions; where they cannot be
/// made, to notes, with the reason. Where one transport alone was measured, that is told to those who asked for a
/// price.
void add_predictions(const Settings& settings, Report& report);

}  // namespace rocekit::pattern
