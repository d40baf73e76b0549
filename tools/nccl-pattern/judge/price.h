// What the measured latencies mean in tokens per second.
#pragma once

#include <string>
#include <vector>

#include "collectives/predict/latency_table.h"
#include "tools/nccl-pattern/result.h"
#include "tools/nccl-pattern/settings.h"

namespace rocekit::pattern {

/// Latencies of all operations by themselves in one way of timing, by the names of the sides.
predict::LatencyTable latencies_of(const Report& report, collectives::Timing timing);

/// Predicts each step from the best timing that both transports have: graph, as decoding runs, else back to back, else
/// isolated. Appends to predictions and notes; nothing where one transport alone was measured. Throws InputError: a
/// transport of --measured-on or --predict-on that was not measured.
void add_predictions(const Settings& settings, Report& report);

}  // namespace rocekit::pattern
