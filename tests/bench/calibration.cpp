// How often a comparison finds a difference that is not there, and one that is: an endpoint against itself, and against
// itself slowed by a known amount, in interleaved blocks as the tools measure. What it prints is the reason for the
// plans in core/measure/comparison.h; it depends on how disturbed the machine is.
//
//   calibration [--endpoint work|tcp] [--work US] [--slowdown FRACTION] [--runs N] [--rounds N] [--block MS]
//               [--raw FILE]
//
// work: a busy loop of --work microseconds, slowed by a longer loop. tcp: messages of 8 B over the loopback device,
// between two threads of this process, slowed by waiting after each. --raw writes the block medians (us), a line a run
// and side, on which other plans can be tried afterwards.
// Exit code 1 when more than 5 % of the runs differ without cause, or less than 95 % see the slowdown.
#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/deadline.h"
#include "core/measure/affinity.h"
#include "core/measure/clock.h"
#include "core/measure/comparison.h"
#include "core/measure/distribution.h"
#include "core/measure/loop.h"
#include "core/measure/samples.h"
#include "core/measure/stop_rule.h"
#include "verbs/endpoint.h"
#include "verbs/latency.h"

namespace {

using namespace rocekit::measure;
namespace verbs = rocekit::verbs;

struct Options {
  std::string endpoint = "work";
  int runs = 100;
  double work_us = 5;
  double slowdown = 0.03;
  int rounds = latency_plan.rounds;
  double block_ms = static_cast<double>(latency_plan.block_time.count());
  std::string raw;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const char* value = arguments[i + 1];
    if (name == "--endpoint") options.endpoint = value;
    if (name == "--runs") options.runs = std::atoi(value);
    if (name == "--work") options.work_us = std::atof(value);
    if (name == "--slowdown") options.slowdown = std::atof(value);
    if (name == "--rounds") options.rounds = std::atoi(value);
    if (name == "--block") options.block_ms = std::atof(value);
    if (name == "--raw") options.raw = value;
  }
  return options;
}

/// A chain of multiplications that no compiler or CPU can shorten.
void work(std::uint64_t steps) {
  std::uint64_t value = steps | 1;
  for (std::uint64_t i = 0; i < steps; ++i) {
    value = value * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : "+r"(value));
  }
}

/// Steps that take `us`, by the fastest of many trials: disturbances only ever slow them.
std::uint64_t steps_for(double us, const Clock& clock) {
  constexpr std::uint64_t trial = 100'000;
  double best_ns = 1e18;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t before = clock.ticks();
    work(trial);
    best_ns = std::min(best_ns, static_cast<double>(clock.ticks() - before) * clock.ns_per_tick());
  }
  return static_cast<std::uint64_t>(us * 1e3 * static_cast<double>(trial) / best_ns);
}

/// What is compared: an operation as it is, or slowed.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void run_block(bool slowed, std::size_t iterations, const Clock& clock, Samples& samples) = 0;
};

class Work final : public Subject {
 public:
  Work(double us, double slowdown, const Clock& clock)
      : steps_(steps_for(us, clock)),
        slow_steps_(static_cast<std::uint64_t>(static_cast<double>(steps_) * (1 + slowdown))) {}

  void run_block(bool slowed, std::size_t iterations, const Clock& clock, Samples& samples) override {
    const std::uint64_t steps = slowed ? slow_steps_ : steps_;
    sample_loop(clock, iterations, samples, [steps] { work(steps); });
  }

 private:
  std::uint64_t steps_;
  std::uint64_t slow_steps_;
};

class TcpLoopback final : public Subject {
 public:
  TcpLoopback(double slowdown, const Clock& clock) {
    verbs::EndpointOptions options;
    options.ip = "127.0.0.1";
    pinger_ = verbs::make_tcp_endpoint(options);
    ponger_ = verbs::make_tcp_endpoint(options);
    const std::string ponger_address = ponger_->address();
    const std::string pinger_address = pinger_->address();
    peer_ = std::thread([this, pinger_address] {
      ponger_->connect(pinger_address, "pinger", false, wait_);
      pin_this_thread(choose_cpu(allowed_cpus(), {}, 1));
      for (;;) {
        meet_.arrive_and_wait();
        if (iterations_ == 0) return;
        ponger_->begin_latency(shape_, false, wait_);
        meet_.arrive_and_wait();
        verbs::run_latency_block(*ponger_, shape_, false, iterations_, Clock::monotonic_raw(), nothing_);
        ponger_->end_block();
      }
    });
    pinger_->connect(ponger_address, "ponger", true, wait_);
    Samples samples(20'000);
    run_block(false, samples.capacity(), clock, samples);
    const double median_ticks = distribution_of(samples.ticks(), 1).p50.value_or(0);
    extra_ticks_ = static_cast<std::uint64_t>(median_ticks * slowdown);
    median_us_ = median_ticks * clock.ns_per_tick() / 1e3;
  }
  ~TcpLoopback() override {
    iterations_ = 0;
    meet_.arrive_and_wait();
    peer_.join();
  }
  TcpLoopback(const TcpLoopback&) = delete;
  TcpLoopback& operator=(const TcpLoopback&) = delete;

  double median_us() const { return median_us_; }

  void run_block(bool slowed, std::size_t iterations, const Clock& clock, Samples& samples) override {
    iterations_ = iterations;
    meet_.arrive_and_wait();
    pinger_->begin_latency(shape_, true, wait_);
    meet_.arrive_and_wait();
    if (slowed) {
      for (std::size_t i = 0; i < verbs::untimed_iterations(iterations); ++i) pinger_->ping();
      sample_loop(clock, iterations, samples, [&] {
        pinger_->ping();
        const std::uint64_t arrived = clock.ticks();
        while (clock.ticks() - arrived < extra_ticks_) continue;
      });
    } else {
      verbs::run_latency_block(*pinger_, shape_, true, iterations, clock, samples);
    }
    pinger_->end_block();
  }

 private:
  const verbs::Shape shape_;
  const rocekit::Wait wait_{rocekit::Deadline::after(std::chrono::hours(1))};
  Samples nothing_{0};
  std::unique_ptr<verbs::Endpoint> pinger_;
  std::unique_ptr<verbs::Endpoint> ponger_;
  std::barrier<> meet_{2};
  std::thread peer_;
  std::size_t iterations_ = 0;
  std::uint64_t extra_ticks_ = 0;
  double median_us_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const Options options = parse(count, arguments);
  const Clock clock = Clock::calibrated();
  const int cpu = choose_cpu(allowed_cpus(), {}, 0);

  std::unique_ptr<Subject> subject;
  double operation_us = options.work_us;
  if (options.endpoint == "tcp") {
    auto tcp = std::make_unique<TcpLoopback>(options.slowdown, clock);
    operation_us = tcp->median_us();
    subject = std::move(tcp);
  } else {
    subject = std::make_unique<Work>(options.work_us, options.slowdown, clock);
  }
  if (pin_this_thread(cpu) != 0) std::fprintf(stderr, "calibration: not pinned to a CPU\n");
  const std::size_t iterations = iterations_for(
      std::chrono::nanoseconds(static_cast<std::int64_t>(options.block_ms * 1e6)), operation_us * 1e3, 10'000'000);
  Samples samples(iterations);

  std::printf("%s; CPU %d; %s of %.1f us, slowed by %.1f %%; %d rounds of blocks of %.1f ms (%zu iterations)\n",
              clock.description().c_str(), cpu, options.endpoint.c_str(), operation_us, options.slowdown * 100,
              options.rounds, options.block_ms, iterations);
  std::ofstream raw;
  if (!options.raw.empty()) raw.open(options.raw);
  int false_alarms = 0;
  int seen = 0;
  double widths = 0;
  for (int run = 0; run < options.runs; ++run) {
    std::array<std::vector<double>, 3> medians;  // as it is, as it is once more, slowed
    for (const int side : alternate(3, options.rounds)) {
      samples.clear();
      subject->run_block(side == 2, iterations, clock, samples);
      medians[static_cast<std::size_t>(side)].push_back(
          distribution_of(samples.ticks(), clock.ns_per_tick() / 1e3).p50.value_or(0));
    }
    const Ratio same = ratio_of_pairs(medians[0], medians[1]);
    const Ratio slowed = ratio_of_pairs(medians[0], medians[2]);
    false_alarms += same.differs();
    seen += slowed.low > 1;
    widths += std::log(same.high / same.low) / 2 / options.runs;
    for (std::size_t side = 0; raw.is_open() && side < medians.size(); ++side) {
      raw << run << ' ' << side;
      for (const double median : medians[side]) raw << ' ' << median;
      raw << '\n';
    }
  }
  std::printf("A against A: differs in %d of %d runs; interval +-%.2f %% on average\n", false_alarms, options.runs,
              widths * 100);
  std::printf("A against A slowed: seen in %d of %d runs\n", seen, options.runs);
  return false_alarms * 20 <= options.runs && seen * 20 >= options.runs * 19 ? 0 : 1;
}
