// Results as comma-separated values, one line a result, for spreadsheets and scripts.
#pragma once

#include <string>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// A header line, then one line a result; what a result has not is an empty field.
std::string render_csv(const Report& report);

}  // namespace rocekit::pingpong
