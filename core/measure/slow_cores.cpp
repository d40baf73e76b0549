#include "core/measure/slow_cores.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/measure/distribution.h"

namespace rocekit::measure {
namespace {

constexpr double slowed_from = 1.2;
constexpr double matters_from = 1.05;
constexpr double matters_below_us = 100;
constexpr std::size_t enough_blocks = 3;
constexpr std::size_t most_names = 3;

}  // namespace

void FastestCores::add(const CoreWork& work) {
  for (const auto& [rank, blocks] : work) {
    for (const double ns : blocks) {
      double& fastest = fastest_ns_.emplace(rank, ns).first->second;
      fastest = std::min(fastest, ns);
    }
  }
}

std::vector<double> FastestCores::slowdowns(const CoreWork& work) const {
  std::vector<double> slowdowns;
  for (const auto& [rank, blocks] : work) {
    const auto fastest = fastest_ns_.find(rank);
    if (fastest == fastest_ns_.end() || fastest->second <= 0) continue;
    slowdowns.resize(std::max(slowdowns.size(), blocks.size()), 1.0);
    for (std::size_t block = 0; block < blocks.size(); ++block)
      slowdowns[block] = std::max(slowdowns[block], blocks[block] / fastest->second);
  }
  return slowdowns;
}

std::optional<Warning> FastestCores::examine(std::span<const double> block_us, const CoreWork& work,
                                             const std::function<std::string(int rank)>& name) const {
  const std::vector<double> slowdown = slowdowns(work);
  std::vector<double> slowed_us;
  std::vector<double> others_us;
  std::vector<double> factors;
  for (std::size_t block = 0; block < std::min(block_us.size(), slowdown.size()); ++block) {
    const bool slowed = slowdown[block] >= slowed_from;
    (slowed ? slowed_us : others_us).push_back(block_us[block]);
    if (slowed) factors.push_back(slowdown[block]);
  }
  if (slowed_us.size() < enough_blocks) return std::nullopt;
  const double typical_us = median(slowed_us);
  const double factor = median(factors);
  const double effect = others_us.empty() ? 1 : typical_us / median(others_us);
  if (others_us.empty()) {
    if (typical_us > matters_below_us) return std::nullopt;
  } else if (others_us.size() < enough_blocks || effect < matters_from || effect > factor * factor) {
    // What takes far longer than the core does has another cause.
    return std::nullopt;
  }

  std::vector<std::string> names;
  for (const auto& [rank, blocks] : work) {
    const std::vector<double> own = slowdowns({{rank, blocks}});
    if (std::any_of(own.begin(), own.end(), [](double slowed) { return slowed >= slowed_from; }))
      names.push_back(name(rank));
  }
  const std::size_t named = std::min(names.size(), most_names);
  std::string who =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(named), ", "));
  if (named < names.size()) who += fmt::format(" and {} more", names.size() - named);
  const std::size_t blocks = slowed_us.size() + others_us.size();
  const std::string where = others_us.empty() ? fmt::format("all {} blocks", blocks)
                                              : fmt::format("{} of {} blocks, {:.2f} times as long as the others,",
                                                            slowed_us.size(), blocks, effect);
  return Warning{
      Warning::Kind::slow_core,
      fmt::format("in {} a core was {:.1f} times slower than at its best ({}): its other hardware thread was "
                  "busy (with another process or guest), or its clock fell",
                  where, factor, who)};
}

}  // namespace rocekit::measure
