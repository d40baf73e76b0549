// A cheap look at a document of unknown origin before anything is built of it.
#pragma once

#include <cstddef>
#include <string_view>

namespace rocekit::text {

/// Whether brackets outside strings nest deeper than `limit`: what parses, merges or reads JSON is recursive.
inline bool nests_deeper_than(std::string_view json, int limit) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace rocekit::text
