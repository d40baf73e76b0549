#include "tools/roce-preflight/run/budget.h"

#include <algorithm>

namespace rocekit::preflight {
namespace {

using std::chrono::milliseconds;

struct Need {
  Step step;
  milliseconds least;     ///< below it there is no point in beginning
  milliseconds overhead;  ///< connecting, warming up and gathering on a real node
  int weight;             ///< of the time for measuring
};
constexpr Need needs[] = {
    {Step::probe, milliseconds(200), milliseconds(300), 0},
    {Step::compare, milliseconds(20), milliseconds(20), 0},
    {Step::reach, milliseconds(300), milliseconds(300), 0},
    {Step::rails, milliseconds(700), milliseconds(400), 2},
    {Step::collectives, milliseconds(900), milliseconds(700), 3},
};
/// Judging and writing.
constexpr milliseconds last_words{300};

}  // namespace

const char* to_string(Step step) {
  switch (step) {
    case Step::probe:
      return "probe";
    case Step::compare:
      return "compare";
    case Step::reach:
      return "reach";
    case Step::rails:
      return "rails";
    case Step::collectives:
      return "collectives";
  }
  return "";
}

const char* doing(Step step) {
  switch (step) {
    case Step::probe:
      return "reading the nodes";
    case Step::compare:
      return "comparing the nodes";
    case Step::reach:
      return "reaching the other end of each rail";
    case Step::rails:
      return "measuring the rails";
    case Step::collectives:
      return "measuring the collectives";
  }
  return "";
}

Times times_of(const Settings& settings) {
  Times times{milliseconds(18'000), milliseconds(58'000)};
  if (settings.effort == Effort::quick) times = {milliseconds(5'000), milliseconds(30'000)};
  if (settings.effort == Effort::full) times = {milliseconds(100'000), milliseconds(240'000)};
  if (settings.budget_ms) {
    const milliseconds budget(*settings.budget_ms);
    const milliseconds most = budget * 8 / 10;
    times = {settings.effort == Effort::normal ? most : std::min(times.target, most), budget};
  }
  return times;
}

Share share_of(Step step, milliseconds elapsed, const Times& times) {
  const Need* need = std::find_if(std::begin(needs), std::end(needs), [&](const Need& n) { return n.step == step; });
  milliseconds kept = last_words;
  milliseconds overhead{0};
  int weight = 0;
  for (const Need* later = need; later != std::end(needs); ++later) {
    if (later != need) kept += later->least;
    overhead += later->overhead;
    weight += later->weight;
  }
  Share share;
  share.limit = std::max(milliseconds(0), times.limit - elapsed - kept);
  share.fits = share.limit >= need->least;
  const milliseconds free = std::max(milliseconds(0), times.target - elapsed - last_words - overhead);
  if (weight > 0) share.measuring = free * need->weight / weight;
  return share;
}

}  // namespace rocekit::preflight
