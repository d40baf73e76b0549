// Parts of the rocekit/pattern document that a plan and a measured run have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/nccl-pattern/plan/plan.h"

namespace rocekit::pattern {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value);
/// JSON has no infinity: an end of an interval that is none is null.
Json finite(double value);

template <class T, class F>
Json list_of(const std::vector<T>& items, F&& to_json) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

Json sentences(const std::vector<std::string>& list);

/// What every document begins with: schema, schema_version, tool, started_at.
Json document_head(const std::string& started_at);
Json plan_json(const Plan& plan);
/// One for each step, in their order.
Json predictions_json(const std::vector<predict::Prediction>& predictions, const std::vector<traffic::Step>& steps);

}  // namespace rocekit::pattern
