#include "tools/nccl-pattern/run/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/error.h"
#include "core/measure/affinity.h"
#include "core/wire/wire.h"
#include "tools/nccl-pattern/run/assemble.h"
#include "tools/nccl-pattern/run/conclude.h"
#include "tools/nccl-pattern/run/expectation.h"
#include "tools/nccl-pattern/run/fields.h"
#include "tools/nccl-pattern/run/setup.h"
#include "tools/roce-pingpong/run/place.h"

namespace rocekit::pattern {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// How much longer than expected a block may take (retransmissions, another load) before it counts as stuck.
constexpr int patience = 5;
constexpr nanoseconds least_patience{10'000'000'000};
/// A peer's death shows in the data path before the session has heard of it.
constexpr milliseconds session_notices{500};
/// A cell whose rounds take so many times longer than it was given ends after the first.
constexpr int overspent = 4;
/// Of a warm-up block, which tells how many runs fit into a block.
constexpr double warming_ns = 10e6;
/// Samples that rank 0 gathers of a cell, of all ranks and sides together: 8 bytes each.
constexpr double most_gathered = 4e6;
constexpr std::size_t most_log_bytes = std::size_t{2} << 20U;

double count_of(nanoseconds time) { return static_cast<double>(time.count()); }

/// Of the slowest rank.
double run_ns(const std::vector<BlockNote>& notes, int divisor) {
  double most = 1;
  for (const BlockNote& note : notes) {
    if (note.iterations > 0) {
      most = std::max(most, static_cast<double>(note.total_ns) / static_cast<double>(note.iterations));
    }
  }
  return most * divisor;
}

class Run {
 public:
  Run(session::Session& session, const RunOptions& options) : session_(session), options_(options) {}

  Report measure() {
    set_up(session_, options_, setup_, report_);
    Blocks blocks(session_, setup_.sides, setup_.counters, measure::allowed_cpus());
    blocks.set_crossings(setup_.crossings);
    if (session_.rank() == 0) {
      lead(blocks);
    } else {
      while (blocks.follow().kind != Order::Kind::finish) {
      }
    }
    gather_evidence();
    return std::move(report_);
  }

  void abort() noexcept {
    for (LiveSide& side : setup_.sides) {
      if (side.side != nullptr) side.side->abort();
    }
  }

 private:
  void lead(Blocks& blocks) {
    blocks_ = &blocks;
    cells_ = plan_cells(setup_.settings, setup_.subjects, setup_.plans, setup_.records);
    first_calls();
    began_ = steady_clock::now();
    for (std::size_t cell = 0; cell < cells_.size(); ++cell) measure_cell(cell);
    Order finish;
    finish.kind = Order::Kind::finish;
    finish.what = "finishing";
    blocks.lead(finish);
  }

  std::string describe(std::size_t subject, const std::vector<std::size_t>& sides) const {
    std::vector<std::string> names;
    for (const std::size_t side : sides) names.push_back(setup_.plans[side].name);
    return fmt::format("{} over {}", setup_.subjects[subject].subject.name, fmt::join(names, " and "));
  }

  void say(double share, const std::string& what) const {
    if (options_.progress) options_.progress(share, what);
  }

  /// With the patience of runs of which nothing is known.
  Order order_of(std::size_t side, std::size_t subject, std::size_t runs) const {
    Order order;
    order.side = static_cast<std::uint32_t>(side);
    order.subject = static_cast<std::uint32_t>(subject);
    order.patience_ns = static_cast<std::uint64_t>(first_patience(setup_.subjects[subject].program, runs).count());
    return order;
  }

  /// The first call of each side, then each program once with its contents checked.
  void first_calls() {
    const bool verified = setup_.settings.verify != Verify::never;
    report_.verifications.resize(verified ? setup_.sides.size() : 0);
    for (std::size_t side = 0; side < setup_.sides.size(); ++side) {
      Order order = order_of(side, 0, 1);
      order.what = "making the first call over " + setup_.plans[side].name;
      say(0, order.what);
      double& first_call_ms = report_.sides[side].first_call_ms;
      for (const BlockNote& note : blocks_->lead(order).notes) {
        first_call_ms = std::max(first_call_ms, static_cast<double>(note.wall_ns) * 1e-6);
      }
      if (!verified) continue;
      report_.verifications[side].side = side;
      for (std::size_t subject = 0; subject < setup_.subjects.size(); ++subject) {
        if (!setup_.subjects[subject].same_as) verify(side, subject);
      }
    }
  }

  void verify(std::size_t side, std::size_t subject) {
    Order order = order_of(side, subject, 1);
    order.verify = true;
    order.seed = ++seed_;
    order.what = "verifying " + describe(subject, {side});
    say(0, order.what);
    const std::vector<BlockNote> notes = blocks_->lead(order).notes;
    Verification& verification = report_.verifications[side];
    for (std::size_t rank = 0; rank < notes.size(); ++rank) {
      verification.calls += notes[rank].calls;
      verification.wrong_calls += notes[rank].wrong_calls;
      if (verification.first_wrong.empty() && !notes[rank].first_wrong.empty()) {
        verification.first_wrong = fmt::format("{} on {}", notes[rank].first_wrong, setup_.views[rank].name);
      }
    }
    for (const collectives::Action& action : setup_.subjects[subject].program.actions) {
      for (const collectives::Call& call : action.launch) {
        if (!collectives::reduces(call.kind)) continue;
        verification.tolerance = std::max(
            verification.tolerance, collectives::sum_tolerance(call.type, setup_.subjects[subject].subject.ranks));
      }
    }
  }

  /// `expected_ns`: of the whole block; 0: not known yet.
  std::vector<BlockNote> block(const Cell& cell, std::size_t side, std::uint64_t iterations, double expected_ns,
                               std::uint64_t keep_each) {
    Order order = order_of(side, cell.subject, iterations);
    if (expected_ns > 0) {
      order.patience_ns = static_cast<std::uint64_t>(count_of(least_patience) + patience * expected_ns);
    }
    order.timing = cell.timing;
    order.iterations = iterations;
    order.keep_each = keep_each;
    order.what = "measuring " + describe(cell.subject, cell.sides);
    return blocks_->lead(order).notes;
  }

  void measure_cell(std::size_t index) {
    const Cell& cell = cells_[index];
    const std::string what = describe(cell.subject, cell.sides);
    const auto done = [&](double share) {
      say((static_cast<double>(index) + share) / static_cast<double>(cells_.size()), what);
    };
    done(0);
    const CellTime time = time_of(setup_.settings, cells_, index, default_budget - (steady_clock::now() - began_));
    const std::size_t sides = cell.sides.size();
    std::vector<double> one_ns(sides);
    std::vector<std::uint64_t> iterations(sides);
    double samples = 0;
    for (std::size_t i = 0; i < sides; ++i) {
      one_ns[i] = calibrate(cell, cell.sides[i], time.block);
      iterations[i] = iterations_for(time, one_ns[i]);
      samples += static_cast<double>(iterations[i] * time.most_rounds) * session_.size();
    }
    const bool isolated = cell.timing == collectives::Timing::isolated;
    const auto keep_each = isolated ? static_cast<std::uint64_t>(samples / most_gathered) + 1 : 0;
    std::vector<Series> series(sides);
    const auto began = steady_clock::now();
    for (std::size_t round = 0; round < time.most_rounds; ++round) {
      const nanoseconds elapsed = steady_clock::now() - began;
      if (round >= time.least_rounds && elapsed >= time.total) break;
      if (round > 0 && elapsed >= overspent * time.total) break;
      done(static_cast<double>(round) / static_cast<double>(time.most_rounds));
      for (std::size_t slot = 0; slot < sides; ++slot) {
        // Forwards and backwards in turn, so that a drift favours none.
        const std::size_t i = round % 2 == 0 ? slot : sides - 1 - slot;
        const double expected_ns = one_ns[i] * static_cast<double>(iterations[i]);
        add_block(block(cell, cell.sides[i], iterations[i], expected_ns, keep_each), series[i]);
        if (setup_.settings.verify == Verify::always) verify(cell.sides[i], cell.subject);
      }
    }
    if (isolated) gather_samples(cell, series);
    add_results(cell, setup_.plans, series, bounds_of(setup_), report_);
  }

  /// Time of one run. The first ones are slow on any connection; of those that are fast, more tell better. What is
  /// known to fill a block by itself is not run for that.
  double calibrate(const Cell& cell, std::size_t side, nanoseconds block_time) {
    const int divisor = setup_.subjects[cell.subject].program.divisor;
    const nanoseconds expected =
        expected_time(setup_.subjects, cell.subject, side, report_, setup_.settings.compute_us);
    if (expected >= block_time) return count_of(expected);
    double one_ns = run_ns(block(cell, side, 2, count_of(2 * expected), 0), divisor);
    for (int i = 0; i < 2 && one_ns * 8 < warming_ns; ++i) {
      const auto iterations = static_cast<std::uint64_t>(std::clamp(warming_ns / one_ns, 4.0, 10'000.0));
      one_ns = run_ns(block(cell, side, iterations, warming_ns, 0), divisor);
    }
    return one_ns;
  }

  static void add_block(const std::vector<BlockNote>& notes, Series& series) {
    const BlockNote& slowest = *std::max_element(
        notes.begin(), notes.end(), [](const BlockNote& a, const BlockNote& b) { return a.total_ns < b.total_ns; });
    const double slowest_us = static_cast<double>(slowest.total_ns) / 1000;
    series.enqueue_us += static_cast<double>(slowest.enqueue_ns) / 1000;
    for (std::size_t rank = 0; rank < notes.size(); ++rank)
      series.core_work[static_cast<int>(rank)].push_back(notes[rank].core_work_ns);
    const std::uint64_t iterations = notes.front().iterations;
    series.iterations += iterations;
    series.total_us += slowest_us;
    series.block_us.push_back(iterations > 0 ? slowest_us / static_cast<double>(iterations) : 0);
    if (notes.front().samples > 0) series.block_samples.push_back(notes.front().samples);
  }

  void gather_samples(const Cell& cell, std::vector<Series>& series) {
    Order order;
    order.kind = Order::Kind::gather;
    order.what = "gathering what was measured";
    const auto samples = blocks_->lead(order).samples_ns;
    for (std::size_t i = 0; i < cell.sides.size(); ++i) series[i].samples_us = slowest(samples.at(cell.sides[i]));
  }

  void gather_evidence() {
    const session::Peer& here = session_.peers().at(static_cast<std::size_t>(session_.rank()));
    RankRecord mine;
    mine.cpu = pingpong::this_host(here.rank, here.host, measure::current_cpu()).cpu;
    for (LiveSide& side : setup_.sides) {
      mine.counters.push_back(setup_.counters.deltas(side.growth, here.host));
      mine.logs.push_back(side.side->log().substr(0, most_log_bytes));
    }
    std::vector<RankRecord> records;
    // All ranks have ended their last launch here: sides may go.
    for (const std::string& message : session_.allgather(wire::encode(mine), "gathering the proof")) {
      if (session_.rank() == 0) records.push_back(wire::decode<RankRecord>(message));
    }
    if (session_.rank() == 0) conclude(setup_, records, report_);
  }

  session::Session& session_;
  const RunOptions& options_;
  Setup setup_;
  Blocks* blocks_ = nullptr;
  std::vector<Cell> cells_;
  std::uint32_t seed_ = 0;
  steady_clock::time_point began_;
  Report report_;
};

}  // namespace

Report run(session::Session& session, const RunOptions& options) {
  const auto began = steady_clock::now();
  Run measuring(session, options);
  try {
    Report report = measuring.measure();
    report.elapsed_s = std::chrono::duration<double>(steady_clock::now() - began).count();
    return report;
  } catch (const session::SessionError&) {
    measuring.abort();
    throw;
  } catch (const std::exception& error) {
    measuring.abort();
    if (dynamic_cast<const InputError*>(&error) == nullptr) {
      const Deadline noticed = Deadline::after(session_notices);
      while (!session.called_off().load() && !noticed.passed()) std::this_thread::sleep_for(milliseconds(10));
    }
    session.throw_if_called_off();
    throw;
  }
}

}  // namespace rocekit::pattern
