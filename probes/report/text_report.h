// The report people read.
#pragma once

#include <string>

#include "core/text/style.h"
#include "probes/report/probe_report.h"

namespace rocekit::report {

struct TextOptions {
  bool verbose = false;  ///< also list checks that passed or were skipped
  int width = 100;       ///< columns
};

/// The whole report, ending in the verdict line.
std::string render_text(const ProbeReport& report, const text::Style& style, const TextOptions& options = {});

}  // namespace rocekit::report
