// JSON that a user names, read with errors in one sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rocekit::collectives {

/// Throws InputError "DOCUMENT: ...": empty, larger than 64 MiB, nested deeper than 64, or not JSON (with line and
/// column).
nlohmann::json parse_json(std::string_view text, const std::string& document);

/// "12", "\"text\"", "a list", "an object": a value as sentences name it.
std::string in_words(const nlohmann::json& value);

}  // namespace rocekit::collectives
