// The rocekit/probe document (docs/schema/probe.schema.json).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "probes/report/probe_report.h"

namespace rocekit::report {

inline constexpr const char* probe_schema_version = "1.1.0";

/// {"name", "version", "commit"}: the `tool` of every document.
nlohmann::ordered_json tool_json(const char* name);

/// An item of the `findings` of every document.
nlohmann::ordered_json finding_json(const checks::Finding& finding);

/// An item of the `hosts`: all facts, the rails, and what NCCL will choose for each process.
nlohmann::ordered_json host_json(const ProbeReport& report);

nlohmann::ordered_json render_json(const ProbeReport& report, const std::string& started_at);

/// The node of a rocekit/probe document. Throws InputError naming `document` and what is wrong:
/// not JSON, another schema, a schema version of another major number, no host or several.
facts::NodeFacts node_from_document(const std::string& text, const std::string& document);

}  // namespace rocekit::report
