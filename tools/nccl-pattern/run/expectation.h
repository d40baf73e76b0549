// How long a run may take that has not been measured yet.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "tools/nccl-pattern/plan/subjects.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// Time of one run of a subject on a side by what is known so far: by another way of timing it, of a step by its
/// operations (one after the other, with `compute_us` for each microbatch; of a pipeline that is more than it takes).
/// 0: nothing is known.
std::chrono::nanoseconds expected_time(const std::vector<Measured>& subjects, std::size_t subject, std::size_t side,
                                       const Report& report, double compute_us);

/// How long `runs` of a program may take of which nothing is known, before it counts as stuck: connections are made in
/// the first, and its data move at 10 MB/s at least.
std::chrono::nanoseconds first_patience(const collectives::Program& program, std::size_t runs);

}  // namespace rocekit::pattern
