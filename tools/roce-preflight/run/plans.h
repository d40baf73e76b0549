// What roce-pingpong and nccl-pattern are asked to measure.
#pragma once

#include <chrono>

#include "tools/nccl-pattern/plan/plan.h"
#include "tools/roce-pingpong/settings.h"
#include "tools/roce-preflight/settings.h"

namespace rocekit::preflight {

/// `paths`: the most between two ranks. Each rail alone and all together, RC and TCP; RC in each direction, unless it
/// must be quick.
pingpong::Settings rails_request(std::size_t paths, int ranks, Effort effort, std::chrono::milliseconds measuring);

/// The model's decode step, and its prefill's operations one by one; without a model small all-reduces and one large
/// one. `gpus`: each node has some. Throws InputError: no such model or mode, or a mode of another number of ranks.
pattern::Plan collectives_request(const Settings& settings, int ranks, bool gpus, std::chrono::milliseconds measuring);

/// As collectives_request(), before anybody is waited for: what is wrong with --model and --mode. `ranks`: 0 is
/// unknown.
void require_traffic(const Settings& settings, int ranks);

}  // namespace rocekit::preflight
