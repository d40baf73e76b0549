// ASCII letters, whatever the locale: names and settings are compared by these.
#pragma once

#include <string>
#include <string_view>

namespace rocekit::text {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

}  // namespace rocekit::text
