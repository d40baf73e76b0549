// The rocekit/pingpong document (docs/schema/pingpong.schema.json).
#pragma once

#include <string>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

inline constexpr const char* pingpong_schema_version = "1.1.0";

/// Indented JSON, ending in a line end.
std::string render_json(const Report& report);

}  // namespace rocekit::pingpong
