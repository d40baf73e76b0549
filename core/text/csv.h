// Comma-separated values, for spreadsheets and scripts.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::text {

/// RFC 4180 with '\n' as line end: quoted where it holds a comma, a quote or a line end.
std::string csv_field(std::string_view text);
/// With its line end.
std::string csv_line(const std::vector<std::string>& fields);

template <class T>
std::string csv_number(const T& value) {
  return fmt::format("{}", value);
}
/// What is not there is an empty field.
template <class T>
std::string csv_number(const std::optional<T>& value) {
  return value ? csv_number(*value) : std::string();
}

}  // namespace rocekit::text
