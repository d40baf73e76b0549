// What every JSON document of the suite is written with.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/text/utf8.h"

namespace rocekit::json {

/// Members stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// A string that JSON can hold, whatever bytes a node or a peer gave.
inline std::string clean(const std::string& text) { return text::valid_utf8(text); }

/// Null when it is empty.
inline Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(clean(text)); }

/// JSON has no infinity: an end of an interval that is none is null.
inline Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

template <class T>
Json or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  if constexpr (std::is_same_v<T, std::string>) {
    return clean(*value);
  } else {
    return *value;
  }
}

template <class T, class F>
Json list_of(const std::vector<T>& items, F&& to_json) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

inline Json list_of(const std::vector<std::string>& items) { return list_of(items, clean); }

}  // namespace rocekit::json
