// Parts of the rocekit/pattern document that a plan and a measured run have in common.
#pragma once

#include <string>
#include <vector>

#include "core/text/json.h"
#include "tools/nccl-pattern/plan/plan.h"

namespace rocekit::pattern {

using json::finite;
using json::Json;
using json::list_of;
using json::or_null;

/// What every document begins with: schema, schema_version, tool, started_at.
Json document_head(const std::string& started_at);
Json plan_json(const Plan& plan);
/// One for each step, in their order.
Json predictions_json(const std::vector<predict::Prediction>& predictions, const std::vector<traffic::Step>& steps);

}  // namespace rocekit::pattern
