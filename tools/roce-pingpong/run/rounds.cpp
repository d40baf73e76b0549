#include "tools/roce-pingpong/run/rounds.h"

#include <algorithm>
#include <set>

namespace rocekit::pingpong {
namespace {

/// Pairs in the order of the circle method: one rank stays, the others turn; an odd count gets a rank that is nobody.
std::vector<std::vector<RankPair>> circle(int ranks) {
  const int seats = ranks + ranks % 2;
  std::vector<std::vector<RankPair>> rounds;
  for (int turn = 0; turn + 1 < seats; ++turn) {
    std::vector<RankPair> pairs;
    const auto seated = [&](int seat) { return seat == 0 ? 0 : 1 + (seat - 1 + turn) % (seats - 1); };
    for (int seat = 0; seat < seats / 2; ++seat) {
      const int one = seated(seat);
      const int other = seated(seats - 1 - seat);
      if (one < ranks && other < ranks) pairs.emplace_back(std::min(one, other), std::max(one, other));
    }
    std::sort(pairs.begin(), pairs.end());
    rounds.push_back(std::move(pairs));
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds;
}

}  // namespace

std::vector<std::vector<RankPair>> tournament(const std::vector<std::string>& machine_of) {
  const std::vector<std::vector<RankPair>> wished = circle(static_cast<int>(machine_of.size()));
  // Where a machine has several ranks, a pair goes into the first round that has none of its machines yet.
  std::vector<std::vector<RankPair>> rounds;
  std::vector<std::set<std::string>> busy;
  for (std::size_t wish = 0; wish < wished.size(); ++wish) {
    for (const RankPair& pair : wished[wish]) {
      const std::string& one = machine_of[static_cast<std::size_t>(pair.first)];
      const std::string& other = machine_of[static_cast<std::size_t>(pair.second)];
      std::size_t round = 0;
      while (round < rounds.size() && (busy[round].contains(one) || busy[round].contains(other))) ++round;
      if (round == rounds.size()) {
        rounds.emplace_back();
        busy.emplace_back();
      }
      rounds[round].push_back(pair);
      busy[round].insert(one);
      busy[round].insert(other);
    }
  }
  return rounds;
}

}  // namespace rocekit::pingpong
