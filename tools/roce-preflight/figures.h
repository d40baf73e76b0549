// What was measured, line by line, each with its bound.
#pragma once

#include <string>
#include <vector>

#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

/// Rails first, each alone and then all at once; then operations by size, then whole steps.
std::vector<Figure> figures_of(const Report& report);

/// Seconds in measuring windows.
double measuring_s(const pingpong::Report& report);
double measuring_s(const pattern::Report& report);

}  // namespace rocekit::preflight
