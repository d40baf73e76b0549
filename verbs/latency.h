// The ping-pong engine.
#pragma once

#include <cstddef>

#include "core/deadline.h"
#include "core/measure/clock.h"
#include "core/measure/samples.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {

/// Iterations that a block begins with and does not time: the first waits for the other end to come from the barrier,
/// and finds caches that the barrier has used. None in a block of few iterations, which they would lengthen.
constexpr std::size_t untimed_iterations(std::size_t iterations) { return iterations >= 8 ? 1 : 0; }

/// The timed part of a block, on both ends, after begin_latency() and a barrier. The initiator's samples are ticks of
/// whole round trips (one-sided operations: of whole operations), one an iteration; the other end's stay empty.
void run_latency_block(Endpoint& endpoint, const Shape& shape, bool initiator, std::size_t iterations,
                       const measure::Clock& clock, measure::Samples& samples);

/// What the loop itself costs, in nanoseconds an iteration: the median over blocks of the null endpoint.
double loop_overhead_ns(const measure::Clock& clock);

}  // namespace rocekit::verbs
