#include "tools/roce-preflight/run/plans.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "tools/roce-pingpong/run/plan.h"

namespace rocekit::preflight {
namespace {

using std::chrono::milliseconds;

/// Requests that decode together: one is what latency is about.
constexpr std::uint64_t batch = 1;
/// vLLM's default chunk where memory is short (max_num_batched_tokens).
constexpr std::uint64_t prefill_tokens = 2048;

pattern::Options options_of(const Settings& settings, int ranks) {
  pattern::Options options;
  options.mode = settings.mode.empty() ? fmt::format("tp{}", ranks) : settings.mode;
  options.parallelism = traffic::parse_parallelism(options.mode);
  if (options.parallelism->ranks() != static_cast<std::uint64_t>(ranks)) {
    throw InputError(fmt::format("--mode {} takes {} ranks, and there {} {}", options.mode,
                                 options.parallelism->ranks(), ranks == 1 ? "is" : "are", ranks));
  }
  options.ranks = static_cast<std::uint64_t>(ranks);
  options.model = settings.model;
  options.step.mode = *options.parallelism;
  options.step.batch = batch;
  options.step.prefill_tokens = prefill_tokens;
  // Of the three forms of expert parallelism the one with most launches stands for all.
  const auto forms = traffic::forms_of(*options.parallelism);
  if (!forms.empty()) options.form = forms.back();
  return options;
}

bool same(const traffic::Operation& a, const traffic::Operation& b) {
  return a.kind == b.kind && a.group == b.group && a.size_bytes() == b.size_bytes() && a.pairs == b.pairs;
}

void add_prefill(pattern::Plan& plan) {
  traffic::StepRequest request = plan.steps.front().request;
  request.phase = traffic::Phase::prefill;
  request.draft_tokens = 0;
  const traffic::Step step = traffic::plan_step(request);
  // The largest alone: it tells what the rails carry.
  const auto largest = std::max_element(step.operations.begin(), step.operations.end(),
                                        [](const auto& a, const auto& b) { return a.size_bytes() < b.size_bytes(); });
  if (largest == step.operations.end()) return;
  const auto& decode = plan.steps.front().operations;
  if (std::any_of(decode.begin(), decode.end(), [&](const auto& other) { return same(other, *largest); })) return;
  plan.operations.push_back(*largest);
  plan.operations.back().what = "prefill: " + largest->what;
}

std::size_t cells_of(const pattern::Plan& plan) {
  std::size_t cells = plan.operations.size();
  for (const traffic::Step& step : plan.steps) cells += step.operations.size() + 1;
  return std::max<std::size_t>(1, cells);
}

}  // namespace

pingpong::Settings rails_request(std::size_t paths, int ranks, Effort effort, milliseconds measuring) {
  pingpong::Settings settings;
  settings.sizes = {8, std::size_t{1} << 20U};
  paths = std::max<std::size_t>(1, paths);
  const std::size_t rounds = static_cast<std::size_t>(std::max(1, ranks % 2 == 0 ? ranks - 1 : ranks));
  settings.each_direction = effort != Effort::quick;
  if (settings.each_direction) {
    const milliseconds directions = static_cast<int>(rounds * paths) * pingpong::directions_time();
    measuring = std::max(milliseconds(0), measuring - directions);
  }
  // Two latencies and a bandwidth each, and all at once; two transports.
  const std::size_t series = rounds * 2 * (3 * paths + (paths > 1 ? 2 : 0));
  settings.duration = std::clamp(measuring / static_cast<int>(series), milliseconds(50), milliseconds(1'000));
  return settings;
}

pattern::Plan collectives_request(const Settings& settings, int ranks, bool gpus, milliseconds measuring) {
  pattern::Plan plan;
  if (settings.model.empty()) {
    for (const std::uint64_t size : {std::uint64_t{4} << 10U, std::uint64_t{64} << 10U, std::uint64_t{4} << 20U}) {
      traffic::PatternRequest request;
      request.ranks = static_cast<std::uint64_t>(ranks);
      request.size_bytes = size;
      plan.operations.push_back(traffic::plan_pattern(request));
    }
    plan.options.mode = "allreduce";
    plan.options.pattern = traffic::Pattern::all_reduce;
    plan.options.ranks = static_cast<std::uint64_t>(ranks);
  } else {
    plan = pattern::make_plan(options_of(settings, ranks));
    add_prefill(plan);
  }
  pattern::Settings& how = plan.options.settings;
  how.max_memory = settings.max_memory;
  how.floor = false;
  // With GPUs what they can is found out on the way; without, one way of timing is enough.
  const int timings = gpus ? 3 : 1;
  if (!gpus) how.timings = {collectives::Timing::back_to_back};
  constexpr int sides = 2;
  how.duration = std::clamp(measuring / (static_cast<int>(cells_of(plan)) * sides * timings), milliseconds(20),
                            milliseconds(1'000));
  return plan;
}

void require_traffic(const Settings& settings, int ranks) {
  if (settings.model.empty()) return;
  if (ranks == 0 && !settings.mode.empty()) {
    ranks = static_cast<int>(traffic::parse_parallelism(settings.mode).ranks());
  }
  pattern::make_plan(options_of(settings, std::max(2, ranks)));
}

}  // namespace rocekit::preflight
