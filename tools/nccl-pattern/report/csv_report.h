// Results as comma-separated values, for spreadsheets and scripts.
#pragma once

#include <string>

#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// A header line, then one line a result (a subject on a side in one way of timing); what a result has not is an empty
/// field. `nccl-pattern predict --latencies` reads it too.
std::string render_csv(const Report& report);

}  // namespace rocekit::pattern
