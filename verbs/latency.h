// The ping-pong engine.
#pragma once

#include <cstddef>

#include "core/deadline.h"
#include "core/measure/clock.h"
#include "core/measure/samples.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {

/// The timed part of a block, on both ends, after begin_latency() and a barrier. The initiator's samples are ticks of
/// whole round trips (one-sided operations: of whole operations), one an iteration; the other end's stay empty.
void run_latency_block(Endpoint& endpoint, const Shape& shape, bool initiator, std::size_t iterations,
                       const measure::Clock& clock, measure::Samples& samples);

/// What the loop itself costs, in nanoseconds an iteration: the median over blocks of the null endpoint.
double loop_overhead_ns(const measure::Clock& clock);

}  // namespace rocekit::verbs
