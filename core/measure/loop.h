// The one loop that every transport is measured with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/measure/clock.h"
#include "core/measure/samples.h"

namespace rocekit::measure {

/// Calls `step` `iterations` times and stores the time between the ends of neighbouring calls: one clock reading an
/// iteration, nothing falls between two samples. `step` is one whole operation (a round trip, a read). Exceptions of
/// `step` pass through; the samples so far stay.
template <class Step>
void sample_loop(const Clock& clock, std::size_t iterations, Samples& samples, Step&& step) {
  std::uint64_t before = clock.ticks();
  for (std::size_t i = 0; i < iterations; ++i) {
    step();
    const std::uint64_t after = clock.ticks();
    samples.add(after - before);
    before = after;
  }
}

}  // namespace rocekit::measure
