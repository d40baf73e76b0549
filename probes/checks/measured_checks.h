// Checks that roce-pingpong and nccl-pattern judge: they need two ends and traffic. roce-probe explains them and does
// not run them.
#pragma once

#include <span>

#include "probes/checks/check.h"

namespace rocekit::checks {

/// ROCE-PAIR and ROCE-PERF; Check::run of each is null.
std::span<const Check> measured_checks();

}  // namespace rocekit::checks
