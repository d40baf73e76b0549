// NodeFacts and KernelAnswers to JSON and back, without loss.
//
// Keys are the names in describe(). A missing fact is null, and its reason stands in the same object under
// "missing": {"active_mtu": {"why": "permission", "detail": "open /dev/infiniband/uverbs0: Permission denied"}}.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts {

/// NodeFacts in the shape of hosts[] of rocekit/probe; the members of Host stand at the top, beside devices[].
nlohmann::ordered_json to_json(const NodeFacts& node);
nlohmann::ordered_json to_json(const KernelAnswers& answers);

/// Unknown keys are ignored (a later version may have written them). Throws InputError that names the place
/// ("devices[1].ports[0].active_mtu") and what is wrong there; `document` names the file in that sentence.
NodeFacts node_from_json(const nlohmann::ordered_json& json, const std::string& document);
/// As above, but lists, maps and structs may be absent (empty then): fixtures are written by hand.
KernelAnswers answers_from_json(const nlohmann::ordered_json& json, const std::string& document);

/// Bounds of a document; a node of 8 rails takes some hundred kilobytes and ten levels.
inline constexpr std::size_t max_json_bytes = std::size_t{32} << 20U;
inline constexpr std::size_t max_json_depth = 64;
inline constexpr std::size_t max_json_values = 2'000'000;

/// The one way from text to JSON. Throws InputError naming `document`, line and column, or the bound that was passed.
nlohmann::ordered_json parse_json(std::string_view json_text, const std::string& document);

}  // namespace rocekit::facts
