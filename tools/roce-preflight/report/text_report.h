// The report people read: what is wrong, what was measured, and the verdict.
#pragma once

#include <string>

#include "core/text/style.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

struct TextOptions {
  bool verbose = false;  ///< also what passed
  bool timings = false;  ///< where the time went
  int width = 100;
};

std::string render_text(const Report& report, const text::Style& style, const TextOptions& options = {});

/// "READY", "DEGRADED", "NOT READY", "UNKNOWN"
const char* verdict_word(checks::Verdict verdict);
/// The last line, without its word: "rocep1s0f0 carries 108.1 Gb/s (98 % of the bound); ..., 61 checks passed".
std::string verdict_words(const Report& report);

}  // namespace rocekit::preflight
