// Our ping-pong loop over the mirror device (mirror_device.cpp), which is loaded in place of libibverbs.so.1: an RC
// endpoint connected to itself, so that each ping finds its answer at once.
//
//   LD_LIBRARY_PATH=<directory of the mirror's libibverbs.so.1> mirror_pingpong send|write BYTES ITERATIONS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/deadline.h"
#include "core/measure/clock.h"
#include "core/measure/samples.h"
#include "verbs/endpoint.h"
#include "verbs/latency.h"

int main(int count, char** arguments) {
  using namespace rocekit;
  const auto operation = count == 4 ? verbs::operation_from_string(arguments[1]) : std::nullopt;
  if (!operation) {
    std::fprintf(stderr, "usage: mirror_pingpong send|write BYTES ITERATIONS\n");
    return 3;
  }
  verbs::Shape shape;
  shape.operation = *operation;
  shape.size_bytes = std::strtoull(arguments[2], nullptr, 10);
  const std::size_t iterations = std::strtoull(arguments[3], nullptr, 10);
  try {
    verbs::EndpointOptions options;
    options.device = "mirror0";
    options.ip = "127.0.0.1";
    const Wait wait{Deadline::after(std::chrono::minutes(5))};
    const auto endpoint = verbs::make_rc_endpoint(options);
    endpoint->connect(endpoint->address(), "itself", true, wait);
    const measure::Clock clock = measure::Clock::calibrated();
    std::fprintf(stderr, "%s\n", clock.description().c_str());
    measure::Samples samples(iterations);
    endpoint->begin_latency(shape, true, wait);
    verbs::run_latency_block(*endpoint, shape, true, iterations, clock, samples);
    endpoint->end_block();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mirror_pingpong: %s\n", error.what());
    return 3;
  }
  return 0;
}
