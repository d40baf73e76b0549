#include "tools/nccl-pattern/run/blocks.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/measure/affinity.h"
#include "core/wire/wire.h"
#include "tools/nccl-pattern/run/fields.h"

namespace rocekit::pattern {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr milliseconds gather_timeout{30'000};

std::string sentence_of(const collectives::BlockRecord& record) {
  if (record.wrong_calls == 0) return {};
  return fmt::format("{}: element {} is {}, not {}; {} elements differ", record.mismatch_where,
                     record.mismatch.first_element, record.mismatch.found, record.mismatch.expected,
                     record.mismatch.elements);
}

}  // namespace

Blocks::Blocks(session::Session& session, std::vector<LiveSide>& sides, const pingpong::Counters& counters,
               std::vector<int> all_cpus)
    : session_(session), sides_(sides), counters_(counters), all_cpus_(std::move(all_cpus)) {}

Blocks::Outcome Blocks::lead(const Order& order) { return perform(wire::encode(order), order.what); }

// The step before is where a rank 0 that does not answer has got stuck.
Blocks::Outcome Blocks::follow() { return perform("", last_what_.empty() ? "beginning" : last_what_); }

Blocks::Outcome Blocks::perform(const std::string& mine, const std::string& step) {
  // Read before anybody starts, and again when all have ended.
  pingpong::Counters::Values before;
  counters_.read(before);
  const auto order = wire::decode<Order>(session_.allgather(mine, step).front());
  last_what_ = order.what;
  Outcome outcome;
  outcome.kind = order.kind;
  if (order.kind == Order::Kind::finish) return outcome;
  if (order.kind == Order::Kind::gather) return gather(order);
  const BlockNote note = run_block(order);
  const auto patience = std::chrono::duration_cast<milliseconds>(nanoseconds(order.patience_ns));
  const auto all = session_.allgather(wire::encode(note), order.what, session::talk_timeout + patience);
  LiveSide& side = sides_.at(order.side);
  count(side, before);
  for (const std::string& message : all) outcome.notes.push_back(wire::decode<BlockNote>(message));
  if (!order.verify) side.expected.add(crossings_.at(order.subject), note.iterations);
  return outcome;
}

Blocks::Outcome Blocks::gather(const Order& order) {
  Outcome outcome;
  outcome.kind = order.kind;
  std::vector<std::vector<std::uint64_t>> mine;
  for (LiveSide& side : sides_) mine.push_back(std::exchange(side.samples_ns, {}));
  outcome.samples_ns.resize(sides_.size());
  for (const std::string& message : session_.allgather(wire::encode(mine), order.what, gather_timeout)) {
    if (session_.rank() != 0) continue;
    auto of_rank = wire::decode<std::vector<std::vector<std::uint64_t>>>(message);
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      outcome.samples_ns[side].push_back(std::move(of_rank.at(side)));
    }
  }
  return outcome;
}

BlockNote Blocks::run_block(const Order& order) {
  LiveSide& side = sides_.at(order.side);
  collectives::BlockRequest block;
  block.program = order.subject;
  block.timing = order.timing;
  block.iterations = order.iterations;
  block.verify = order.verify;
  block.seed = order.seed;
  const Wait wait{Deadline::after(nanoseconds(order.patience_ns)), &session_.called_off()};
  const measure::Pinned pinned(side.cpu, all_cpus_);
  const auto began = steady_clock::now();
  const collectives::BlockRecord record = side.side->run(block, wait);
  BlockNote note;
  note.wall_ns = static_cast<std::uint64_t>(nanoseconds(steady_clock::now() - began).count());
  note.iterations = record.iterations;
  note.total_ns = record.total_ns;
  note.enqueue_ns = record.enqueue_ns;
  note.core_work_ns = record.core_work_ns;
  note.calls = record.calls;
  note.wrong_calls = record.wrong_calls;
  note.first_wrong = sentence_of(record);
  if (order.verify || order.keep_each == 0) return note;
  // Ranks are not released at one instant: the first run of a block has that in it.
  for (std::size_t i = record.samples_ns.size() > 1 ? 1 : 0; i < record.samples_ns.size(); i += order.keep_each) {
    side.samples_ns.push_back(record.samples_ns[i]);
    ++note.samples;
  }
  return note;
}

void Blocks::count(LiveSide& side, const pingpong::Counters::Values& before) {
  pingpong::Counters::Values after;
  if (side.plan.transport == "rdma") {
    counters_.read_settled(before, after);
  } else {
    counters_.read(after);
  }
  pingpong::add_growth(before, after, side.growth);
}

}  // namespace rocekit::pattern
