// NodeFacts and KernelAnswers to JSON and back, without loss.
//
// Keys are the names in describe(). A missing fact is null, and its reason stands in the same object under
// "missing": {"active_mtu": {"why": "permission", "detail": "open /dev/infiniband/uverbs0: Permission denied"}}.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts {

/// NodeFacts in the shape of hosts[] of rocekit/probe; the members of Host stand at the top, beside devices[].
nlohmann::ordered_json to_json(const NodeFacts& node);
nlohmann::ordered_json to_json(const KernelAnswers& answers);

/// Unknown keys are ignored (a later version may have written them). Throws InputError that names the place
/// ("devices[1].ports[0].active_mtu") and what is wrong there; `document` names the file in that sentence.
NodeFacts node_from_json(const nlohmann::ordered_json& json, const std::string& document);
KernelAnswers answers_from_json(const nlohmann::ordered_json& json, const std::string& document);

}  // namespace rocekit::facts
