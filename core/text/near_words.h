// "did you mean": words close to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rocekit::text {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
/// alignment distance).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The closest words, at most `most`, none farther than a third of the length; closest first. Case is ignored.
std::vector<std::string> near_words(std::string_view word, const std::vector<std::string>& known, std::size_t most = 3);

}  // namespace rocekit::text
