// Checks that need several nodes or traffic: roce-pingpong, nccl-pattern and roce-preflight judge them. roce-probe
// explains them and does not run them; Check::run of each is null.
#pragma once

#include <span>

#include "probes/checks/check.h"

namespace rocekit::checks {

std::span<const Check> pair_checks();      ///< ROCE-PAIR: what does not fit between nodes
std::span<const Check> measured_checks();  ///< ROCE-PERF: what traffic shows

}  // namespace rocekit::checks
