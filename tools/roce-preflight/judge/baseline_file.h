// Files of --save-baseline and --baseline (docs/schema/baseline.schema.json).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tools/roce-preflight/judge/baseline.h"

namespace rocekit::preflight {

inline constexpr const char* baseline_schema_version = "1.0.0";

std::string render_baseline(const Baseline& baseline);

/// Throws InputError: one sentence that begins with `name`.
Baseline parse_baseline(std::string_view text, const std::string& name);

/// Throws InputError where there is none, or it cannot be read.
Baseline read_baseline(const std::string& path);

/// What further runs are added to; nullopt: no such file, or an empty one. Throws InputError where it holds something
/// else, or could not be written.
std::optional<Baseline> read_baseline_to_extend(const std::string& path);

}  // namespace rocekit::preflight
