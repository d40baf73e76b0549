// The last line of the report: what it comes to.
#pragma once

#include <string>

#include "core/text/style.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// "MEASURED: RC p50 1.47 us at 8 B, TCP 11.6x slower; 2 paths carry 190.0 of 196.1 Gb/s", wrapped at the width.
std::string verdict_line(const Report& report, const text::Style& style, int width);

}  // namespace rocekit::pingpong
