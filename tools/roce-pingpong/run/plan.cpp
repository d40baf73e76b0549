#include "tools/roce-pingpong/run/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/measure/comparison.h"
#include "tools/roce-pingpong/run/rounds.h"

namespace rocekit::pingpong {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using verbs::Transport;

// At least measure's plan, longer blocks where there is time. A bandwidth block of 200 ms holds two windows.
constexpr std::size_t latency_rounds = measure::latency_plan.rounds;
constexpr std::size_t bandwidth_rounds = measure::bandwidth_plan.rounds;
/// With nothing to compare, blocks tell only whether the figure holds still: few long ones disturb the transport least.
constexpr std::size_t rounds_alone = 12;
constexpr std::size_t iterations_alone = 500;  ///< of such a block, with --iterations
constexpr milliseconds shortest_latency_block = measure::latency_plan.block_time;
constexpr milliseconds longest_latency_block{250};
constexpr milliseconds shortest_bandwidth_block = measure::bandwidth_plan.block_time;
constexpr milliseconds longest_bandwidth_block{1000};
/// Directions are told apart by pairs of short blocks; the interval of a ratio needs eight of them.
constexpr std::size_t direction_rounds = 10;
constexpr std::size_t least_direction_rounds = 8;
constexpr milliseconds direction_block{40};
/// Many in a short block even where RDMA is slow, and large enough for the rate of bytes to decide.
constexpr std::size_t direction_size = 65536;
constexpr milliseconds warming_time{50};  ///< first messages and, of streams, a block that is not counted

/// Bandwidth of small messages is a rate of messages; a run without --sizes leaves it out.
constexpr std::size_t least_default_bandwidth_size = 65536;

/// How much a default run leaves out so as to keep its time.
enum class Thrift { nothing, one_bandwidth_size, latency_of_further_paths, least };

bool carries(const PathPlan& plan, Transport transport, std::size_t size, Metric metric) {
  switch (transport) {
    case Transport::tcp:
      return plan.tcp;
    case Transport::ud: {
      // A datagram is one packet; where the MTU is not known yet, the smallest that RoCE v2 netdevs have.
      const int mtu = plan.path.path_mtu > 0 ? plan.path.path_mtu : 1024;
      return plan.rdma && metric == Metric::latency && size <= static_cast<std::size_t>(mtu);
    }
    case Transport::rc:
      return plan.rdma;
    case Transport::null:
      break;
  }
  return false;
}

void add_cell(const Plan& plan, const Settings& settings, Metric metric, std::size_t size,
              std::vector<std::size_t> paths, PairPlan& pair) {
  Cell cell{metric, size, std::move(paths), {}, false};
  for (const Transport transport : settings.transports) {
    const bool all = std::all_of(cell.paths.begin(), cell.paths.end(),
                                 [&](std::size_t path) { return carries(plan.paths[path], transport, size, metric); });
    if (all) cell.transports.push_back(transport);
  }
  if (!cell.transports.empty()) pair.cells.push_back(std::move(cell));
}

std::vector<std::size_t> bandwidth_sizes(const Settings& settings, Thrift thrift) {
  if (settings.sizes_given) return settings.sizes;
  std::vector<std::size_t> sizes;
  for (const std::size_t size : settings.sizes) {
    if (size >= least_default_bandwidth_size) sizes.push_back(size);
  }
  if (sizes.empty()) return settings.sizes;  // atomics
  if (thrift != Thrift::nothing) sizes = {sizes.back()};
  return sizes;
}

void add_cells(const Plan& plan, const Settings& settings, Thrift thrift, PairPlan& pair) {
  if (settings.latency) {
    for (std::size_t i = 0; i < pair.paths.size(); ++i) {
      for (const std::size_t size : settings.sizes) {
        const bool first_size = size == settings.sizes.front();
        if (thrift == Thrift::latency_of_further_paths && i > 0 && !first_size) continue;
        if (thrift == Thrift::least && (i > 0 || !first_size)) continue;
        add_cell(plan, settings, Metric::latency, size, {pair.paths[i]}, pair);
      }
    }
  }
  if (!settings.bandwidth) return;
  for (const std::size_t size : bandwidth_sizes(settings, thrift)) {
    if (thrift != Thrift::least || pair.paths.size() == 1) {
      for (const std::size_t path : pair.paths) add_cell(plan, settings, Metric::bandwidth, size, {path}, pair);
    }
    if (pair.paths.size() > 1) add_cell(plan, settings, Metric::bandwidth, size, pair.paths, pair);
  }
  if (!settings.each_direction) return;
  for (const std::size_t path : pair.paths) {
    if (!plan.paths[path].rdma || plan.paths[path].loopback) continue;
    pair.cells.push_back({Metric::bandwidth, direction_size, {path}, {Transport::rc, Transport::rc}, true});
  }
}

milliseconds least_time(const Plan& plan) {
  milliseconds sum{0};
  for (const Round& round : plan.rounds) {
    milliseconds longest{0};
    for (const PairPlan& pair : round.pairs) {
      milliseconds time{0};
      for (const Cell& cell : pair.cells) time += pingpong::least_time(cell);
      longest = std::max(longest, time);
    }
    sum += longest;
  }
  return sum;
}

/// Bandwidth holds more of a run than latency: its blocks are longer.
double weight_of(const Cell& cell) {
  return static_cast<double>(cell.transports.size()) * (cell.metric == Metric::bandwidth ? 4.0 : 1.0);
}

void note_what_is_left_out(const Settings& settings, Plan& plan) {
  const bool ud =
      std::find(settings.transports.begin(), settings.transports.end(), Transport::ud) != settings.transports.end();
  bool ud_left_out = false;
  for (const Round& round : plan.rounds) {
    for (const PairPlan& pair : round.pairs) {
      for (const Cell& cell : pair.cells) {
        const bool has =
            std::find(cell.transports.begin(), cell.transports.end(), Transport::ud) != cell.transports.end();
        ud_left_out = ud_left_out || (cell.metric == Metric::latency && !has);
      }
    }
  }
  if (ud && settings.bandwidth) plan.notes.push_back("UD was measured for latency only");
  if (ud && ud_left_out) plan.notes.push_back("UD was left out where a message is larger than the path MTU");
  if (verbs::is_one_sided_latency(settings.operation) && settings.latency) {
    plan.notes.push_back(
        fmt::format("a latency of {} is that of the whole operation, there and back; the others are half "
                    "a round trip",
                    to_string(settings.operation)));
  }
}

}  // namespace

std::size_t Round::steps() const {
  std::size_t most = 0;
  for (const PairPlan& pair : pairs) most = std::max(most, pair.cells.size());
  return most;
}

Plan make_plan(const std::vector<Node>& nodes, const Settings& settings) {
  if (nodes.size() < 2) throw InputError("one rank alone has no peer: two or more are needed");
  Plan plan;
  std::vector<std::string> machines;
  for (const Node& node : nodes) machines.push_back(node.machine);
  for (const std::vector<RankPair>& pairs : tournament(machines)) {
    Round round;
    for (const auto& [a, b] : pairs) {
      Pairing pairing =
          pair_paths(nodes[static_cast<std::size_t>(a)], a, nodes[static_cast<std::size_t>(b)], b, settings);
      PairPlan pair;
      pair.a = a;
      pair.b = b;
      for (PathPlan& path : pairing.paths) {
        pair.paths.push_back(plan.paths.size());
        plan.paths.push_back(std::move(path));
      }
      for (Unpaired& unpaired : pairing.unpaired) plan.unpaired.push_back(std::move(unpaired));
      for (std::string& note : pairing.notes) {
        if (std::find(plan.notes.begin(), plan.notes.end(), note) == plan.notes.end()) plan.notes.push_back(note);
      }
      round.pairs.push_back(std::move(pair));
    }
    plan.rounds.push_back(std::move(round));
  }
  const bool may_leave_out = !settings.sizes_given && !settings.duration && !settings.iterations;
  for (const Thrift thrift :
       {Thrift::nothing, Thrift::one_bandwidth_size, Thrift::latency_of_further_paths, Thrift::least}) {
    for (Round& round : plan.rounds) {
      for (PairPlan& pair : round.pairs) {
        pair.cells.clear();
        add_cells(plan, settings, thrift, pair);
      }
    }
    if (!may_leave_out || least_time(plan) <= default_budget) break;
    if (thrift == Thrift::nothing) {
      plan.notes.push_back(
          "some sizes and rails were left out to keep the time of a default run; --sizes or --duration "
          "measures all");
    }
  }
  note_what_is_left_out(settings, plan);
  return plan;
}

milliseconds directions_time() { return 2 * (warming_time + static_cast<int>(direction_rounds) * direction_block); }

milliseconds least_time(const Cell& cell) {
  const milliseconds block = cell.metric == Metric::bandwidth ? shortest_bandwidth_block : shortest_latency_block;
  const CellTime least;
  return static_cast<int>(cell.transports.size()) * (warming_time + static_cast<int>(least.least_rounds) * block);
}

CellTime time_of(const Settings& settings, const Cell& cell, const std::vector<const Cell*>& later, nanoseconds left) {
  const bool bandwidth = cell.metric == Metric::bandwidth;
  const auto transports = static_cast<int>(std::max<std::size_t>(1, cell.transports.size()));
  CellTime time;
  if (cell.each_direction) {
    time.block = direction_block;
    time.least_rounds = least_direction_rounds;
    time.most_rounds = direction_rounds;
    time.total = transports * static_cast<int>(direction_rounds) * nanoseconds(direction_block);
    return time;
  }
  if (settings.iterations && !bandwidth) {
    // Alone, blocks are for what drifts between them; short ones would mostly hold what follows a pause.
    const std::size_t alone = std::clamp<std::size_t>(*settings.iterations / iterations_alone, 1, rounds_alone);
    const std::size_t rounds = transports > 1 ? std::min(*settings.iterations, latency_rounds) : alone;
    time.least_rounds = time.most_rounds = rounds;
    time.iterations_a_block = (*settings.iterations + rounds - 1) / rounds;
    time.total = std::chrono::hours(1);
    time.block = longest_latency_block;
    return time;
  }
  const std::size_t rounds = bandwidth ? bandwidth_rounds : transports > 1 ? latency_rounds : rounds_alone;
  const nanoseconds shortest = bandwidth ? shortest_bandwidth_block : shortest_latency_block;
  const nanoseconds longest = bandwidth ? longest_bandwidth_block : longest_latency_block;
  if (settings.duration) {
    const nanoseconds each = *settings.duration;
    time.total = each * transports;
    time.block = std::clamp(each / static_cast<int>(rounds), std::min(each, shortest), longest);
    time.most_rounds = static_cast<std::size_t>((each + time.block - nanoseconds(1)) / time.block);
    time.least_rounds = std::min(time.least_rounds, time.most_rounds);
    return time;
  }
  double sum = weight_of(cell);
  for (const Cell* other : later) sum += weight_of(*other);
  time.total = nanoseconds(static_cast<std::int64_t>(static_cast<double>(left.count()) * weight_of(cell) / sum));
  time.block = std::clamp((time.total / transports - warming_time) / static_cast<int>(rounds), shortest, longest);
  time.most_rounds = rounds;
  return time;
}

}  // namespace rocekit::pingpong
