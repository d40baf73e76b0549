// The rocekit/preflight document (docs/schema/preflight.schema.json).
#pragma once

#include <string>

#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

inline constexpr const char* preflight_schema_version = "1.1.0";

std::string render_json(const Report& report);

}  // namespace rocekit::preflight
