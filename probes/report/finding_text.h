// Findings as people read them, the same in every tool.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/style.h"
#include "probes/checks/finding.h"

namespace rocekit::report {

/// "CRITICAL", "WARNING", "UNKNOWN", "ok", "skipped"
const char* severity_word(checks::Severity severity);
text::Tone severity_tone(checks::Severity severity);

struct FindingsLayout {
  int width = 100;
  bool verbose = false;                      ///< unknown findings of one check in full, not one for all
  std::string_view evidence_label = "read";  ///< at most eight letters
};

/// Critical, warning and unknown findings in this order, each with evidence, cause and remedy, a blank line before each
/// check; findings of one check and severity stand together. Empty when there are none.
std::string render_findings(const std::vector<checks::Finding>& findings, const text::Style& style,
                            const FindingsLayout& layout = {});

/// The line that ends a measuring tool's report: "DEGRADED (ROCE-PERF-003): <figures>", wrapped, each line with its
/// end. In brackets stand the checks that made the verdict.
std::string render_measured_verdict(checks::Verdict verdict, const std::vector<checks::Finding>& findings,
                                    std::string_view figures, const text::Style& style, int width);

}  // namespace rocekit::report
