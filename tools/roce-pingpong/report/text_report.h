// The report people read.
#pragma once

#include <string>

#include "core/text/style.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

struct TextOptions {
  bool verbose = false;  ///< all percentiles, latency budgets, every proof, and with more than two ranks every pair
  int width = 100;       ///< columns
};

/// The whole report, ending in the verdict line. The report has been judged.
std::string render_text(const Report& report, const text::Style& style, const TextOptions& options = {});

}  // namespace rocekit::pingpong
