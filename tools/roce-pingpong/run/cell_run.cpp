#include "tools/roce-pingpong/run/cell_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "core/measure/affinity.h"
#include "core/measure/comparison.h"
#include "core/measure/core_work.h"
#include "core/measure/stop_rule.h"
#include "core/wire/wire.h"
#include "tools/roce-pingpong/run/fields.h"
#include "verbs/latency.h"
#include "verbs/stream.h"

namespace rocekit::pingpong {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using verbs::Transport;

constexpr std::size_t first_iterations = 4;
constexpr milliseconds warming{20};
constexpr std::size_t most_iterations_a_block = 1'000'000;
constexpr std::size_t most_samples = std::size_t{16} << 20U;  // 128 MiB
/// What is under way when a block ends should have arrived after this time.
constexpr double longest_drain_s = 0.05;
constexpr int first_window = 4;
/// How much longer than expected a block may take (retransmissions, another load) before it counts as stuck.
constexpr int patience = 5;
constexpr milliseconds least_patience{10'000};

struct Vote {
  bool enough = true;
  std::vector<std::uint64_t> iterations;  ///< of the initiator, by transport
  std::vector<std::uint64_t> block_ns;
  std::vector<int> windows;  ///< of streams
  bool initiator = false;
  int peer = -1;
};
template <class Archive>
void fields(Archive& archive, Vote& vote) {
  archive(vote.enough, vote.iterations, vote.block_ns, vote.windows, vote.initiator, vote.peer);
}

}  // namespace

struct CellRun::Series {
  Transport transport = Transport::rc;
  bool reversed = false;  ///< it streams from b to a
  verbs::Shape shape;
  std::vector<verbs::Endpoint*> ends;
  std::vector<int> cpus;
  double iteration_ns = 0;
  double messages_s = 0;                      ///< of the slowest lane of a stream
  std::size_t iterations = first_iterations;  ///< of the next block
  nanoseconds duration = warming;             ///< of the next block of a stream
  std::vector<double> samples_us;
  std::size_t dropped = 0;
  SeriesRecord record;
  Counters::Values growth;
};

struct CellRun::Amount {
  std::size_t iterations = 0;
  nanoseconds duration{0};
};

CellRun::CellRun(session::Session& session, const Settings& settings, const measure::Clock& clock,
                 const Counters& counters)
    : session_(session), settings_(settings), clock_(clock), counters_(counters) {}

CellRun::~CellRun() = default;

std::vector<std::string> CellRun::meet(const std::string& message, nanoseconds more) {
  return session_.allgather(message, step_, session::talk_timeout + std::chrono::duration_cast<milliseconds>(more));
}

void CellRun::block(const Seat& seat, std::size_t slot, const Amount& amount, bool counted) {
  Series* series = seat.cell != nullptr && slot < series_.size() ? &series_[slot] : nullptr;
  const nanoseconds allowed = least_patience + patience * longest_block_;
  const Wait wait{Deadline::after(session::talk_timeout + allowed), &session_.called_off()};
  if (series == nullptr) {
    meet("", nanoseconds(0));
    meet("", allowed);
    meet("", allowed);
    return;
  }
  Counters::Values before;
  if (counted) counters_.read(before);
  if (seat.cell->metric == Metric::latency) {
    latency_block(seat, *series, amount, wait, counted);
  } else {
    stream_block(seat, *series, amount, wait, counted);
  }
  // What the kernel has taken may still be on its way when the sender is done.
  meet("", allowed);
  if (!counted) return;
  Counters::Values after;
  if (series->transport == Transport::tcp) {
    counters_.read(after);
  } else {
    waited_for_counters_ += counters_.read_settled(before, after);
  }
  add_growth(before, after, series->growth);
}

void CellRun::latency_block(const Seat& seat, Series& series, const Amount& amount, const Wait& wait, bool counted) {
  verbs::Endpoint& end = *series.ends.front();
  measure::Samples samples(seat.is_a ? amount.iterations : 1);
  const measure::Pinned pinned(series.cpus.front(), seat.all_cpus);
  end.begin_latency(series.shape, seat.is_a, wait);
  double core_work_ns = measure::core_work_ns(clock_);
  meet("", nanoseconds(0));
  verbs::run_latency_block(end, series.shape, seat.is_a, amount.iterations, clock_, samples);
  core_work_ns = std::max(core_work_ns, measure::core_work_ns(clock_));
  meet("", least_patience + patience * longest_block_);
  end.end_block();
  if (counted && settings_.verify) {
    series.record.corrupt_messages += end.corrupt_messages();
    if (series.record.first_corruption.empty()) series.record.first_corruption = end.first_corruption();
  }
  if (counted) series.record.core_work_ns.push_back(core_work_ns);
  if (counted) series.record.lost_messages += end.lost_messages();
  if (counted) series.record.iterations += amount.iterations + verbs::untimed_iterations(amount.iterations);
  if (!seat.is_a) return;
  const bool one_sided = verbs::is_one_sided_latency(series.shape.operation);
  const double scale = clock_.ns_per_tick() / (one_sided ? 1000.0 : 2000.0);
  std::vector<double> us;
  us.reserve(samples.size());
  for (const std::uint64_t ticks : samples.ticks()) us.push_back(static_cast<double>(ticks) * scale);
  const double median = measure::median(us);
  series.iteration_ns = median * (one_sided ? 1000.0 : 2000.0);
  if (!counted) return;
  series.record.block_medians_us.push_back(median);
  const std::size_t room = most_samples - std::min(most_samples, series.samples_us.size());
  const std::size_t kept = std::min(room, us.size());
  series.samples_us.insert(series.samples_us.end(), us.begin(), us.begin() + static_cast<std::ptrdiff_t>(kept));
  series.dropped += us.size() - kept;
}

void CellRun::stream_block(const Seat& seat, Series& series, const Amount& amount, const Wait& wait, bool counted) {
  const bool is_source = seat.is_a != series.reversed;
  const bool sends = is_source || settings_.bidirectional;
  const bool receives = !is_source || settings_.bidirectional;
  const bool one_sided = verbs::is_one_sided_stream(series.shape.operation);
  std::vector<verbs::Lane> lanes;
  for (std::size_t i = 0; i < series.ends.size(); ++i) {
    series.ends[i]->begin_stream(series.shape, sends, receives, wait);
    lanes.push_back({series.ends[i], sends, receives, series.cpus[i]});
  }
  meet("", nanoseconds(0));
  verbs::StreamBlock stream(lanes, series.shape, wait);
  stream.start(amount.duration);
  const std::vector<std::uint64_t> sent = stream.finish_sending();
  const std::vector<std::string> all = meet(wire::encode(sent), least_patience + patience * longest_block_);
  const int peer = seat.is_a ? seat.pair->b : seat.pair->a;
  const auto peer_sent = wire::decode<std::vector<std::uint64_t>>(all.at(static_cast<std::size_t>(peer)));
  const std::vector<verbs::LaneResult> results = stream.finish_receiving(peer_sent);
  for (verbs::Endpoint* end : series.ends) {
    end->end_block();
    if (!counted || !settings_.verify) continue;
    series.record.corrupt_messages += end->corrupt_messages();
    if (series.record.first_corruption.empty()) series.record.first_corruption = end->first_corruption();
  }
  series.messages_s = 0;
  for (const verbs::LaneResult& lane : results) {
    const double lane_seconds = sends ? lane.send_seconds : lane.receive_seconds;
    if (lane_seconds <= 0) continue;
    const double rate = static_cast<double>(sends ? lane.messages_sent : lane.messages_received) / lane_seconds;
    series.messages_s = series.messages_s == 0 ? rate : std::min(series.messages_s, rate);
  }
  if (!counted) return;

  StreamRecord& record = series.record.stream;
  double messages = 0;
  double seconds = 0;
  std::vector<double> windows;
  for (const verbs::LaneResult& lane : results) {
    series.record.messages_sent += lane.messages_sent;
    const std::uint64_t count = one_sided ? lane.messages_sent : lane.messages_received;
    double time = one_sided ? lane.send_seconds : lane.receive_seconds;
    if (count == 0) continue;
    // From the first arrival to the last lie all messages but one.
    double between = static_cast<double>(count);
    if (!one_sided && count > 1) between -= 1;
    if (time <= 0 || (!one_sided && count == 1)) time = std::chrono::duration<double>(amount.duration).count();
    messages += between;
    seconds = std::max(seconds, time);
    windows.resize(std::max(windows.size(), lane.window_messages.size()), 0);
    for (std::size_t i = 0; i < lane.window_messages.size(); ++i)
      windows[i] += static_cast<double>(lane.window_messages[i]);
  }
  const bool counts_here = one_sided ? sends : receives;
  if (!counts_here) return;
  const double bits = static_cast<double>(series.shape.size_bytes) * 8;
  record.block_gbit_s.push_back(seconds > 0 ? messages * bits * 1e-9 / seconds : 0);
  record.bytes += static_cast<std::uint64_t>(messages) * series.shape.size_bytes;
  record.messages += static_cast<std::uint64_t>(messages);
  record.seconds += seconds;
  const double window_s = std::chrono::duration<double>(verbs::window_length).count();
  for (const double count : windows) record.window_gbit_s.push_back(count * bits * 1e-9 / window_s);
}

void CellRun::calibrate(const Seat& seat, const CellTime& time, std::size_t transports, bool last) {
  Vote vote;
  vote.enough = seat.cell == nullptr;
  if (seat.cell != nullptr && seat.is_a) {
    vote.initiator = true;
    vote.peer = seat.pair->b;
    for (const Series& series : series_) {
      const nanoseconds wanted = last ? time.block : warming;
      std::size_t iterations = measure::iterations_for(wanted, series.iteration_ns, most_iterations_a_block);
      if (last && time.iterations_a_block > 0) iterations = time.iterations_a_block;
      vote.iterations.push_back(iterations);
      const bool stream = seat.cell->metric == Metric::bandwidth;
      const double expected =
          stream ? static_cast<double>(wanted.count()) : series.iteration_ns * static_cast<double>(iterations);
      vote.block_ns.push_back(static_cast<std::uint64_t>(expected));
      int window = window_of(settings_, seat.cell->size_bytes);
      if (stream && !settings_.window && series.messages_s > 0) {
        const double drained = series.messages_s * longest_drain_s / std::max(1, settings_.queue_pairs);
        window = std::clamp(static_cast<int>(std::min(drained, 1e6)), std::min(2, window), window);
      }
      vote.windows.push_back(window);
    }
  }
  longest_block_ = nanoseconds(0);
  for (const std::string& message : meet(wire::encode(vote), nanoseconds(0))) {
    const auto other = wire::decode<Vote>(message);
    for (const std::uint64_t ns : other.block_ns) {
      longest_block_ = std::max(longest_block_, nanoseconds(static_cast<std::int64_t>(ns)));
    }
    const bool ours = seat.cell != nullptr && other.initiator && other.peer == seat.pair->b;
    if (!ours) continue;
    for (std::size_t i = 0; i < series_.size() && i < transports; ++i) {
      series_[i].iterations = other.iterations.at(i);
      series_[i].duration = last ? time.block : warming;
      if (seat.cell->metric == Metric::bandwidth) series_[i].shape.window = other.windows.at(i);
    }
  }
}

CellRecord CellRun::run(const Seat& seat, const CellTime& time, std::size_t transports, const std::string& step,
                        const std::function<void(double)>& rounds_done) {
  step_ = step;
  series_.clear();
  longest_block_ = warming;
  if (seat.cell != nullptr) {
    for (const Transport transport : seat.cell->transports) {
      Series series;
      series.transport = transport;
      series.reversed = seat.cell->is_reversed(series_.size());
      series.shape = shape_of(settings_, *seat.cell, transport);
      series.record.operation = series.shape.operation;
      if (!settings_.window) series.shape.window = std::min(series.shape.window, first_window);
      for (const std::size_t path : seat.cell->paths) {
        const std::vector<int>& cpus = seat.cpus.at(path);
        std::size_t lane = 0;
        for (const auto& end : seat.ends->of(path, transport)) {
          series.ends.push_back(end.get());
          series.cpus.push_back(cpus.empty() ? -1 : cpus[lane++ % cpus.size()]);
        }
      }
      series_.push_back(std::move(series));
    }
  }
  // The first messages are slow on any connection, the next tell how many fit into a block.
  for (const bool last : {false, true}) {
    for (std::size_t slot = 0; slot < transports; ++slot) {
      const bool here = slot < series_.size();
      block(seat, slot, here ? Amount{series_[slot].iterations, series_[slot].duration} : Amount{}, false);
    }
    calibrate(seat, time, transports, last);
  }
  waited_for_counters_ = nanoseconds(0);
  const auto began = steady_clock::now();
  const int sides = static_cast<int>(std::max<std::size_t>(1, series_.size()));
  for (std::size_t round = 0;; ++round) {
    const nanoseconds elapsed = steady_clock::now() - began - waited_for_counters_;
    Vote vote;
    if (seat.cell != nullptr && seat.is_a) {
      const bool time_is_up = round >= time.least_rounds && elapsed >= time.total;
      vote.initiator = true;
      vote.peer = seat.pair->b;
      vote.enough = round >= time.most_rounds || time_is_up;
      const double by_time =
          static_cast<double>(elapsed.count()) / static_cast<double>(std::max<std::int64_t>(1, time.total.count()));
      const double by_rounds =
          static_cast<double>(round) / static_cast<double>(std::max<std::size_t>(1, time.most_rounds));
      rounds_done(std::min(1.0, std::max(by_time, by_rounds)));
    }
    bool all_enough = true;
    bool ours_enough = true;
    for (const std::string& message : meet(wire::encode(vote), nanoseconds(0))) {
      const auto other = wire::decode<Vote>(message);
      if (!other.initiator) continue;
      all_enough = all_enough && other.enough;
      if (seat.cell != nullptr && other.peer == seat.pair->b) ours_enough = other.enough;
    }
    if (all_enough) break;
    Seat present = seat;
    if (ours_enough) present.cell = nullptr;
    const std::vector<int> order = measure::alternate(sides, static_cast<int>(round % 2) + 1);
    for (std::size_t slot = 0; slot < transports; ++slot) {
      const bool here = slot < series_.size();
      const std::size_t index =
          here ? static_cast<std::size_t>(order[order.size() - static_cast<std::size_t>(sides) + slot]) : slot;
      block(present, index, here ? Amount{series_[index].iterations, series_[index].duration} : Amount{}, true);
    }
  }
  CellRecord record;
  for (Series& series : series_) record.series.push_back(record_of(series));
  return record;
}

SeriesRecord CellRun::record_of(Series& series) const {
  SeriesRecord record = std::move(series.record);
  record.counters =
      counters_.deltas(series.growth, session_.peers().at(static_cast<std::size_t>(session_.rank())).host);
  if (!series.samples_us.empty()) {
    record.latency_us = measure::distribution_of(std::span<const double>(series.samples_us));
    record.warnings = measure::examine_samples(series.samples_us, record.block_medians_us);
    if (auto warning = measure::examine_dropped(series.samples_us.size(), series.dropped)) {
      record.warnings.push_back(std::move(*warning));
    }
  } else if (!record.stream.block_gbit_s.empty()) {
    record.warnings = measure::examine_samples({}, record.stream.block_gbit_s);
  }
  return record;
}

}  // namespace rocekit::pingpong
