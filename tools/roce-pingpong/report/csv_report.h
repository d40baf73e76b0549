// Results as comma-separated values, one line a result, for spreadsheets and scripts.
#pragma once

#include <string>
#include <string_view>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// RFC 4180 with '\n' as line end: quoted where it holds a comma, a quote or a line end.
std::string csv_field(std::string_view text);

/// A header line, then one line a result; what a result has not is an empty field.
std::string render_csv(const Report& report);

}  // namespace rocekit::pingpong
