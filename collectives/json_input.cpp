#include "collectives/json_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text/json_depth.h"
#include "core/text/utf8.h"

namespace rocekit::collectives {
namespace {

constexpr std::size_t most_bytes = std::size_t{64} << 20U;
constexpr int deepest = 64;

std::string place_of(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t last = before.rfind('\n');
  const std::size_t column = last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return fmt::format("line {}, column {}", lines + 1, column + 1);
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& document) {
  if (text.size() > most_bytes) throw InputError(fmt::format("{}: larger than {} MiB", document, most_bytes >> 20U));
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    throw InputError(fmt::format("{}: empty, expected JSON", document));
  }
  if (text::nests_deeper_than(text, deepest))
    throw InputError(fmt::format("{}: nested deeper than {} levels", document, deepest));
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    throw InputError(fmt::format("{}: not JSON at {}", document, place_of(text, error.byte)));
  } catch (const nlohmann::json::exception&) {
    throw InputError(fmt::format("{}: holds a number that no computer's number can hold", document));
  }
}

std::string in_words(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) {
    return fmt::format("\"{}\"", text::shortened(text::printable(value.get_ref<const std::string&>()), 40));
  }
  return text::shortened(value.dump(), 40);
}

}  // namespace rocekit::collectives
