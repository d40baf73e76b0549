#include "collectives/engine/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/measure/core_work.h"
#include "core/measure/loop.h"
#include "core/text/sizes.h"

namespace rocekit::collectives {
namespace {

/// Of a back-to-back block one run in so many more is made before the timed ones.
constexpr std::uint64_t untimed_share = 16;

/// Launches that a graph holds at least: starting a graph costs about as much as one small operation, which so many
/// share. nccl-tests -G captures its 20 iterations.
constexpr std::uint64_t graph_launches = 32;

/// Of an isolated block: 8 bytes each.
constexpr std::uint64_t most_samples = std::uint64_t{1} << 22U;

}  // namespace

Runner::Prepared Runner::prepare(Program program) const {
  Prepared prepared;
  prepared.program = std::move(program);
  using Kind = std::tuple<traffic::Group, std::uint32_t, int, int, std::vector<int>>;
  std::set<Kind> seen;
  const std::vector<Action>& actions = prepared.program.actions;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const Action& action = actions[i];
    if (action.launch.empty()) {
      if (takes_part(action, rank_, 0)) prepared.steps.push_back({nullptr, {}, action.compute_us, nullptr, i, false});
      continue;
    }
    if (!action.ranks.empty() && !std::binary_search(action.ranks.begin(), action.ranks.end(), rank_)) continue;
    const auto seat = std::find_if(seats_.begin(), seats_.end(), [&](const Seat& candidate) {
      return std::find(candidate.groups.begin(), candidate.groups.end(), action.group) != candidate.groups.end();
    });
    if (seat == seats_.end()) {
      throw InputError(fmt::format("{} needs a {} group, and rank {} is in none", prepared.program.name,
                                   traffic::to_string(action.group), rank_));
    }
    if (!takes_part(action, rank_, seat->rank)) continue;
    const Call& call = action.launch.front();
    const bool first = seen.emplace(action.group, action.operation, call.from, call.to, action.ranks).second;
    prepared.steps.push_back({seat->communicator.get(), action.launch, 0, &*seat, i, first});
  }
  return prepared;
}

void Runner::load(std::vector<Program> programs) {
  programs_.clear();
  std::size_t send = 0;
  std::size_t receive = 0;
  const Program* largest = nullptr;
  for (const Program& program : programs) {
    if (largest == nullptr || program.send_bytes + program.receive_bytes > largest->send_bytes + largest->receive_bytes)
      largest = &program;
    send = std::max(send, program.send_bytes);
    receive = std::max(receive, program.receive_bytes);
  }
  try {
    device_.reserve(send, receive);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{} ({} to send, {} to receive; {} is the largest): measure smaller sizes or batches",
                                 error.what(), text::rounded_size(static_cast<double>(send)),
                                 text::rounded_size(static_cast<double>(receive)),
                                 largest != nullptr ? largest->name : "nothing"));
  }
  programs_.reserve(programs.size());
  for (Program& program : programs) programs_.push_back(prepare(std::move(program)));
}

BlockRecord Runner::run(const BlockRequest& block, const Wait& wait) {
  if (block.program >= programs_.size()) {
    throw InputError(fmt::format("there is no program {} among {}", block.program, programs_.size()));
  }
  if (block.timing == Timing::isolated && block.iterations > most_samples) {
    throw InputError(fmt::format("an isolated block holds at most {} iterations", most_samples));
  }
  Prepared& prepared = programs_[block.program];
  BlockRecord record;
  record.iterations = block.iterations;
  if (block.verify) {
    verify(prepared, block, record, wait);
    return record;
  }
  const double core_before = measure::core_work_ns(clock_);
  time(prepared, block, record, wait);
  record.core_work_ns = std::max(core_before, measure::core_work_ns(clock_));
  return record;
}

void Runner::time(Prepared& prepared, const BlockRequest& block, BlockRecord& record, const Wait& wait) {
  const auto ns_of = [&](std::uint64_t ticks) {
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * clock_.ns_per_tick() / prepared.program.divisor);
  };
  switch (block.timing) {
    case Timing::isolated:
      return run_isolated(prepared, record, wait);
    case Timing::back_to_back: {
      align(prepared, 1 + block.iterations / untimed_share, wait);
      const std::uint64_t begin = clock_.ticks();
      for (std::uint64_t i = 0; i < block.iterations; ++i) issue(prepared, wait);
      const std::uint64_t enqueued = clock_.ticks();
      device_.synchronize(wait);
      record.total_ns = ns_of(clock_.ticks() - begin);
      // On the host an operation is done when it has been issued.
      if (device_.records()) record.enqueue_ns = ns_of(enqueued - begin);
      return;
    }
    case Timing::graph: {
      this->record(prepared, wait);
      const std::uint64_t replays = (block.iterations + prepared.copies - 1) / prepared.copies;
      record.iterations = replays * prepared.copies;
      align(prepared, 1, wait);
      const std::uint64_t begin = clock_.ticks();
      for (std::uint64_t i = 0; i < replays; ++i) device_.replay(*prepared.recording);
      device_.synchronize(wait);
      record.total_ns = ns_of(clock_.ticks() - begin);
      return;
    }
  }
}

/// What releases the ranks lets them go some ten microseconds apart, from a CPU that has slept; the operation itself
/// does it better.
void Runner::align(const Prepared& prepared, std::uint64_t runs, const Wait& wait) {
  for (std::uint64_t i = 0; i < runs; ++i) issue(prepared, wait);
  device_.synchronize(wait);
}

void Runner::run_isolated(const Prepared& prepared, BlockRecord& record, const Wait& wait) {
  measure::Samples samples(record.iterations);
  measure::sample_loop(clock_, record.iterations, samples, [&] {
    issue(prepared, wait);
    device_.synchronize(wait);
  });
  const double scale = clock_.ns_per_tick() / prepared.program.divisor;
  double total = 0;
  record.samples_ns.reserve(samples.size());
  for (const std::uint64_t ticks : samples.ticks()) {
    const double ns = static_cast<double>(ticks) * scale;
    total += ns;
    record.samples_ns.push_back(static_cast<std::uint64_t>(ns + 0.5));
  }
  record.total_ns = static_cast<std::uint64_t>(total);
}

void Runner::record(Prepared& prepared, const Wait& wait) {
  if (prepared.recording != nullptr) return;
  if (!device_.records()) {
    throw InputError(fmt::format("{} records no graphs: only GPUs do", device_.description()));
  }
  // All ranks count the program's actions, not their own: their graphs hold the same number of copies.
  const std::size_t actions = std::max<std::size_t>(1, prepared.program.actions.size());
  prepared.copies = std::max<std::uint64_t>(1, graph_launches / actions);
  device_.begin_recording();
  for (std::uint64_t i = 0; i < prepared.copies; ++i) issue(prepared, wait);
  prepared.recording = device_.end_recording();
  // The first launch of a graph uploads it; and ranks that took long to record meet again in it.
  device_.replay(*prepared.recording);
  device_.synchronize(wait);
}

void Runner::verify(const Prepared& prepared, const BlockRequest& block, BlockRecord& record, const Wait& wait) {
  const std::vector<Action>& actions = prepared.program.actions;
  for (std::uint64_t i = 0; i < block.iterations; ++i) {
    for (const Step& step : prepared.steps) {
      if (!step.first_of_kind) continue;
      const int ranks = step.seat->size();
      const int rank = step.seat->rank;
      // Each launch has its own data: what an earlier one left is no right answer. All ranks count alike.
      const auto seed = static_cast<std::uint32_t>(block.seed + i * actions.size() + step.action);
      for (const Call& call : step.calls) {
        const std::uint64_t elements = send_bytes(call, rank, ranks) / traffic::size_of(call.type);
        if (elements > 0) device_.fill(call.send_offset, elements, call.type, rank, seed);
      }
      device_.clear_receive();
      step.communicator->enqueue(step.calls, wait);
      for (std::size_t c = 0; c < step.calls.size(); ++c) {
        const Call& call = step.calls[c];
        const Mismatch found = device_.check(expected(call, rank, ranks), call.type, ranks, seed, wait);
        ++record.calls;
        if (found.elements == 0) continue;
        if (++record.wrong_calls > 1) continue;
        record.mismatch = found;
        record.mismatch_where =
            fmt::format("{} of {} {}, call {} of launch {} of {} in {}", traffic::to_string(call.kind),
                        traffic::to_string(call.type), text::exact_size(receive_bytes(call, rank, ranks)), c + 1,
                        step.action + 1, actions.size(), prepared.program.name);
      }
    }
  }
}

}  // namespace rocekit::collectives
