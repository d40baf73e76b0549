// How the time of a run is shared out: what a step may take, and how much of it measures.
#pragma once

#include <array>
#include <chrono>

#include "tools/roce-preflight/settings.h"

namespace rocekit::preflight {

enum class Step { probe, compare, reach, rails, collectives };
inline constexpr std::array all_steps{Step::probe, Step::compare, Step::reach, Step::rails, Step::collectives};
const char* to_string(Step step);  ///< "probe", "compare", "reach", "rails", "collectives"
/// "reading the nodes"
const char* doing(Step step);

struct Times {
  std::chrono::milliseconds target{0};  ///< measuring windows are planned for this
  std::chrono::milliseconds limit{0};   ///< the run ends by then, whatever happens
};
/// --quick ends in about 5 s, the default run under 30 s, --full in about two minutes on real nodes; emulated ones take
/// longer and have until the limit. --budget is the limit, and is used up for measuring unless --quick says otherwise.
Times times_of(const Settings& settings);

struct Share {
  bool fits = true;
  std::chrono::milliseconds limit{0};      ///< the step is ended then
  std::chrono::milliseconds measuring{0};  ///< of it, for measuring windows
};
/// `elapsed`: since the run began. What later steps need at least is kept for them.
Share share_of(Step step, std::chrono::milliseconds elapsed, const Times& times);

}  // namespace rocekit::preflight
