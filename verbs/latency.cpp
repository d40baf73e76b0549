#include "verbs/latency.h"

#include <algorithm>
#include <vector>

#include "core/measure/loop.h"

namespace rocekit::verbs {

void run_latency_block(Endpoint& endpoint, const Shape& shape, bool initiator, std::size_t iterations,
                       const measure::Clock& clock, measure::Samples& samples) {
  const std::size_t untimed = untimed_iterations(iterations);
  if (initiator) {
    for (std::size_t i = 0; i < untimed; ++i) endpoint.ping();
    measure::sample_loop(clock, iterations, samples, [&endpoint] { endpoint.ping(); });
  } else if (!is_one_sided_latency(shape.operation)) {
    for (std::size_t i = 0; i < untimed + iterations; ++i) endpoint.pong();
  }
}

double loop_overhead_ns(const measure::Clock& clock) {
  constexpr std::size_t iterations = 2000;
  constexpr std::size_t blocks = 101;
  const std::unique_ptr<Endpoint> endpoint = make_null_endpoint();
  const Shape shape;
  measure::Samples samples(iterations);
  std::vector<double> ns_an_iteration(blocks);
  for (double& block : ns_an_iteration) {
    samples.clear();
    const std::uint64_t before = clock.ticks();
    run_latency_block(*endpoint, shape, true, iterations, clock, samples);
    block = static_cast<double>(clock.ticks() - before) * clock.ns_per_tick() /
            static_cast<double>(iterations + untimed_iterations(iterations));
  }
  const auto middle = ns_an_iteration.begin() + blocks / 2;
  std::nth_element(ns_an_iteration.begin(), middle, ns_an_iteration.end());
  return *middle;
}

}  // namespace rocekit::verbs
