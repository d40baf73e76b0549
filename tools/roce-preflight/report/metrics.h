// For monitoring and continuous integration: Prometheus' text format and JUnit's XML.
#pragma once

#include <cstdint>
#include <string>

#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

/// For node_exporter's textfile collector (Prometheus text format 0.0.4): the verdict, one series a check and host, one
/// a rail. `now_unix_s`: the time of the run, so that a run that no longer happens can be alarmed on.
std::string render_prometheus(const Report& report, std::int64_t now_unix_s);

/// One test case a check: warnings and critical findings fail, unknown ones are errors.
std::string render_junit(const Report& report);

}  // namespace rocekit::preflight
