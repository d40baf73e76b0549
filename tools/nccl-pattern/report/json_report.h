// The rocekit/pattern document (docs/schema/pattern.schema.json).
#pragma once

#include <string>

#include "tools/nccl-pattern/plan/plan.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

inline constexpr const char* pattern_schema_version = "1.2.0";

/// Indented JSON, ending in a line end.
std::string render_json(const Plan& plan, const std::string& started_at);
std::string render_json(const Report& report);

}  // namespace rocekit::pattern
