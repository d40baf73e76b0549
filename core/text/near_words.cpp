#include "core/text/near_words.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/text/ascii.h"

namespace rocekit::text {
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::vector<std::string> near_words(std::string_view word, const std::vector<std::string>& known, std::size_t most) {
  constexpr std::size_t longest_word = 64;  // beyond it nobody mistyped one of ours
  if (word.size() > longest_word) return {};
  const std::string wanted = lower_case(word);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(wanted, lower_case(candidate));
    if (distance * 3 <= std::max(wanted.size(), candidate.size())) found.emplace_back(distance, candidate);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (!found.empty()) {
    // A word much closer than the others is the one that was meant.
    const std::size_t best = found.front().first;
    std::erase_if(found, [&](const auto& item) { return item.first > best + 1; });
  }
  if (found.size() > most) found.resize(most);
  std::vector<std::string> words;
  words.reserve(found.size());
  for (auto& item : found) words.push_back(std::move(item.second));
  return words;
}

}  // namespace rocekit::text
