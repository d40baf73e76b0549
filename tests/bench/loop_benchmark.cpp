// What measuring itself costs: the loop on nothing (under 50 ns an iteration), and what is made of its samples.
//
//   loop_benchmark [options of Google Benchmark]
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/measure/clock.h"
#include "core/measure/comparison.h"
#include "core/measure/distribution.h"
#include "core/measure/loop.h"
#include "core/measure/samples.h"
#include "core/measure/warnings.h"
#include "verbs/endpoint.h"
#include "verbs/latency.h"

namespace {

using namespace rocekit::measure;
namespace verbs = rocekit::verbs;

constexpr std::size_t iterations_a_block = 10'000;

/// An iteration of Google Benchmark is a block; the counter gives the time of one iteration of the block.
void count_iterations(benchmark::State& state) {
  const auto iterations = static_cast<double>(state.iterations()) * static_cast<double>(iterations_a_block);
  state.counters["s_per_iteration"] =
      benchmark::Counter(iterations, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void clock_reading(benchmark::State& state, const Clock& clock) {
  for (auto _ : state) benchmark::DoNotOptimize(clock.ticks());
  state.SetLabel(clock.description());
}

/// The loop with an empty step.
void empty_loop(benchmark::State& state, const Clock& clock) {
  Samples samples(iterations_a_block);
  for (auto _ : state) {
    samples.clear();
    sample_loop(clock, iterations_a_block, samples, [] {});
    benchmark::ClobberMemory();
  }
  count_iterations(state);
}

/// The loop as the tools call it: over an endpoint that moves nothing.
void null_endpoint(benchmark::State& state, const Clock& clock) {
  const std::unique_ptr<verbs::Endpoint> endpoint = verbs::make_null_endpoint();
  Samples samples(iterations_a_block);
  for (auto _ : state) {
    samples.clear();
    verbs::run_latency_block(*endpoint, verbs::Shape{}, true, iterations_a_block, clock, samples);
    benchmark::ClobberMemory();
  }
  count_iterations(state);
}

/// Round trips of some 5 us with a tail: a cheap stand-in with the shape of the real thing.
std::vector<std::uint64_t> round_trips(std::size_t count) {
  std::vector<std::uint64_t> ticks(count);
  std::uint64_t state = 1;
  for (std::uint64_t& value : ticks) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double uniform = (static_cast<double>(state >> 11) + 0.5) / 9007199254740992.0;
    value = static_cast<std::uint64_t>(10'000 - 800 * std::log(uniform));
  }
  return ticks;
}

void distribution(benchmark::State& state) {
  const std::vector<std::uint64_t> ticks = round_trips(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(distribution_of(ticks, 0.2));
}

void examination(benchmark::State& state) {
  const std::vector<std::uint64_t> ticks = round_trips(static_cast<std::size_t>(state.range(0)));
  const std::vector<double> samples(ticks.begin(), ticks.end());
  const std::vector<double> blocks(samples.begin(), samples.begin() + latency_plan.rounds);
  for (auto _ : state) benchmark::DoNotOptimize(examine_samples(samples, blocks));
}

void ratio(benchmark::State& state) {
  const std::vector<std::uint64_t> ticks = round_trips(2 * static_cast<std::size_t>(state.range(0)));
  const std::vector<double> values(ticks.begin(), ticks.end());
  const std::span<const double> a(values.data(), values.size() / 2);
  const std::span<const double> b(values.data() + values.size() / 2, values.size() / 2);
  for (auto _ : state) benchmark::DoNotOptimize(ratio_of_pairs(a, b));
}

void calibrate(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Clock::calibrated());
}

}  // namespace

BENCHMARK_CAPTURE(clock_reading, cycle_counter, Clock::calibrated());
BENCHMARK_CAPTURE(clock_reading, monotonic_raw, Clock::monotonic_raw());
BENCHMARK_CAPTURE(empty_loop, cycle_counter, Clock::calibrated())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(empty_loop, monotonic_raw, Clock::monotonic_raw())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(null_endpoint, cycle_counter, Clock::calibrated())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(null_endpoint, monotonic_raw, Clock::monotonic_raw())->Unit(benchmark::kMicrosecond);
BENCHMARK(distribution)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(examination)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(ratio)->Arg(latency_plan.rounds)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(calibrate)->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
