// Every pair of ranks once, in rounds in which no two pairs share a machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rocekit::pingpong {

using RankPair = std::pair<int, int>;

/// `machine_of` by rank. With one rank a machine these are n - 1 rounds for even n and n for odd (circle method).
std::vector<std::vector<RankPair>> tournament(const std::vector<std::string>& machine_of);

}  // namespace rocekit::pingpong
