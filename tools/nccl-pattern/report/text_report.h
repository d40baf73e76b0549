// What people read: the plan, the predictions, and what was measured.
#pragma once

#include <string>

#include "core/text/style.h"
#include "tools/nccl-pattern/plan/plan.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// Of --dry-run and predict.
std::string render_text(const Plan& plan, const text::Style& style, int width);

struct TextOptions {
  bool verbose = false;  ///< all percentiles and timings, counters, log lines, assumptions
  int width = 100;       ///< columns
};

/// The whole report: the answer first, the verdict last. The report has been judged.
std::string render_text(const Report& report, const text::Style& style, const TextOptions& options = {});

}  // namespace rocekit::pattern
