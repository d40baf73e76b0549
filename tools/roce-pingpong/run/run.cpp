#include "tools/roce-pingpong/run/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "core/text/sizes.h"
#include "core/wire/wire.h"
#include "probes/facts/paths.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/run/assemble.h"
#include "tools/roce-pingpong/run/cell_run.h"
#include "tools/roce-pingpong/run/fields.h"
#include "tools/roce-pingpong/run/place.h"
#include "verbs/error.h"
#include "verbs/latency.h"

namespace rocekit::pingpong {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr milliseconds node_timeout{30'000};  ///< reading a node asks its kernel for a few hundred values
constexpr milliseconds connect_timeout{10'000};
/// A peer's death shows in the data path before the session has heard of it.
constexpr milliseconds session_notices{500};

std::string first_line(const std::string& file) {
  std::string line;
  std::getline(std::ifstream(file), line);
  return line;
}

class Run {
 public:
  Run(session::Session& session, const RunOptions& options) : session_(session), options_(options) {}

  Report measure() {
    share_settings();
    share_nodes();
    share_plan();
    share_hosts();
    const auto began = steady_clock::now();
    for (std::size_t round = 0; round < plan_.rounds.size(); ++round) measure_round(round, began);
    report_.paths.clear();
    for (const PathPlan& plan : plan_.paths) report_.paths.push_back(plan.path);
    add_core_warnings(report_);
    return std::move(report_);
  }

  /// What is wrong now with this rank's links that were in use; empty: nothing.
  std::string link_faults() const {
    std::vector<std::string> faults;
    const auto add = [&](std::string fault) {
      if (std::find(faults.begin(), faults.end(), fault) == faults.end()) faults.push_back(std::move(fault));
    };
    for (const PathPlan& plan : plan_.paths) {
      for (const End* end : {&plan.path.a, &plan.path.b}) {
        if (end->rank != session_.rank()) continue;
        if (!end->device.empty() && plan.rdma) {
          const std::string state = first_line(facts::sysfs_port(end->device, end->port, "state"));
          if (state.find("ACTIVE") == std::string::npos) {
            add(state.empty() ? fmt::format("{} is gone", end->device)
                              : fmt::format("{}:{} is {}", end->device, end->port, state.substr(state.find(' ') + 1)));
          }
        }
        const std::string operstate = first_line(facts::sysfs_net(end->netdev, "operstate"));
        if (operstate == "down" || operstate == "lowerlayerdown") add(fmt::format("{} is down", end->netdev));
      }
    }
    return faults.empty() ? "" : fmt::format("{} on {}", fmt::join(faults, ", "), here().host);
  }

 private:
  const session::Peer& here() const { return session_.peers().at(static_cast<std::size_t>(session_.rank())); }

  void share_settings() {
    settings_ =
        wire::decode<Settings>(session_.broadcast(wire::encode(options_.settings), 0, "telling what to measure"));
    report_.wait_mode = settings_.wait_mode;
    report_.memory = settings_.memory;
    report_.queue_pairs = settings_.queue_pairs;
    report_.window = settings_.window.value_or(window_of(settings_, 1));
  }

  void share_nodes() {
    Node mine = read_this_node();
    mine.host = here().host;
    for (const std::string& message : session_.allgather(wire::encode(mine), "reading the nodes", node_timeout)) {
      nodes_.push_back(wire::decode<Node>(message));
    }
    const Node& node = nodes_[static_cast<std::size_t>(session_.rank())];
    for (int rank = 0; rank < session_.size(); ++rank) {
      if (nodes_[static_cast<std::size_t>(rank)].machine != node.machine) continue;
      ++ranks_on_machine_;
      if (rank < session_.rank()) ++ranks_before_;
    }
  }

  void share_plan() {
    std::string plan;
    if (session_.rank() == 0) plan = wire::encode(make_plan(nodes_, settings_));
    plan_ = wire::decode<Plan>(session_.broadcast(plan, 0, "planning"));
    report_.unpaired = plan_.unpaired;
    report_.notes = plan_.notes;
    const bool tcp_of_gpu = settings_.memory == verbs::MemoryKind::gpu &&
                            std::find(settings_.transports.begin(), settings_.transports.end(),
                                      verbs::Transport::tcp) != settings_.transports.end();
    if (tcp_of_gpu) report_.notes.push_back("TCP was measured from host memory: sockets cannot send from a GPU's");
  }

  void share_hosts() {
    // Counters of all netdevs, so that bytes which took another way are found there.
    counters_.add_netdev("lo");
    std::size_t most_paths = 1;
    for (const Round& round : plan_.rounds) {
      for (const PairPlan& pair : round.pairs) most_paths = std::max(most_paths, pair.paths.size());
    }
    cpus_ = usable_cpus(most_paths * static_cast<std::size_t>(settings_.streams), options_.may_widen_affinity);
    int cpu = -1;
    for (const PathPlan& plan : plan_.paths) {
      for (const End* end : {&plan.path.a, &plan.path.b}) {
        if (end->rank == session_.rank()) counters_.add_port(end->device, end->port);
        if (end->rank == session_.rank()) counters_.add_netdev(end->netdev);
      }
    }
    for (const NodeAddress& address : nodes_[static_cast<std::size_t>(session_.rank())].addresses) {
      counters_.add_netdev(address.netdev);
    }
    for (const Round& round : plan_.rounds) {
      for (const PairPlan& pair : round.pairs) {
        if (cpu >= 0 || (pair.a != session_.rank() && pair.b != session_.rank())) continue;
        cpu = lanes_of(pair).begin()->second.front();
      }
    }
    Host mine = this_host(session_.rank(), here().host, cpu);
    mine.clock = clock_.description();
    for (const std::string& message : session_.allgather(wire::encode(mine), "calibrating clocks", node_timeout)) {
      report_.hosts.push_back(wire::decode<Host>(message));
    }
    if (session_.rank() == 0) report_.loop_overhead_ns = verbs::loop_overhead_ns(clock_);
  }

  std::map<std::size_t, std::vector<int>> lanes_of(const PairPlan& pair) const {
    return cpus_of_paths(plan_, pair, pair.a == session_.rank(), cpus_, ranks_before_, ranks_on_machine_,
                         settings_.streams);
  }

  const PairPlan* pair_of(const Round& round) const {
    for (const PairPlan& pair : round.pairs) {
      if (pair.a == session_.rank() || pair.b == session_.rank()) return &pair;
    }
    return nullptr;
  }

  std::string connecting(const Round& round) const {
    return round.pairs.size() == 1 ? "connecting" : fmt::format("connecting {} pairs", round.pairs.size());
  }

  /// Endpoints of this rank's pair in a round, connected on all ranks; nullptr: it has no pair.
  std::unique_ptr<PairEnds> connect(const Round& round) {
    const PairPlan* pair = pair_of(round);
    std::unique_ptr<PairEnds> ends;
    std::vector<std::string> mine;
    if (pair != nullptr) {
      ends = std::make_unique<PairEnds>(plan_, *pair, settings_, session_.rank());
      mine = ends->addresses();
    }
    const auto all = session_.allgather(wire::encode(mine), connecting(round), node_timeout);
    std::vector<PathDetails> details;
    if (pair != nullptr) {
      const int peer = pair->a == session_.rank() ? pair->b : pair->a;
      const Wait wait{Deadline::after(connect_timeout), &session_.called_off()};
      ends->connect(wire::decode<std::vector<std::string>>(all.at(static_cast<std::size_t>(peer))),
                    session_.name_of(peer), wait);
      details = ends->details();
    }
    const auto told =
        session_.allgather(wire::encode(details), connecting(round), connect_timeout + session::talk_timeout);
    for (const PairPlan& other : round.pairs) {
      for (const PathDetails& path :
           wire::decode<std::vector<PathDetails>>(told.at(static_cast<std::size_t>(other.a)))) {
        PathPlan& plan = plan_.paths.at(path.path);
        set_path_mtu(plan, path.path_mtu);
        plan.path.rc_description = path.rc_description;
        plan.path.tcp_description = path.tcp_description;
      }
    }
    return ends;
  }

  void measure_round(std::size_t index, steady_clock::time_point began) {
    const Round& round = plan_.rounds[index];
    const PairPlan* pair = pair_of(round);
    const std::unique_ptr<PairEnds> ends = connect(round);
    for (std::size_t step = 0; step < round.steps(); ++step) {
      Seat seat;
      seat.plan = &plan_;
      seat.all_cpus = cpus_;
      if (pair != nullptr) {
        seat.pair = pair;
        seat.ends = ends.get();
        seat.is_a = pair->a == session_.rank();
        seat.cpus = lanes_of(*pair);
        if (step < pair->cells.size()) seat.cell = &pair->cells[step];
      }
      measure_step(index, step, seat, began);
    }
  }

  void measure_step(std::size_t index, std::size_t step, const Seat& seat, steady_clock::time_point began) {
    const Round& round = plan_.rounds[index];
    std::size_t transports = 0;
    const Cell* shown = nullptr;
    for (const PairPlan& pair : round.pairs) {
      if (step >= pair.cells.size()) continue;
      transports = std::max(transports, pair.cells[step].transports.size());
      if (shown == nullptr) shown = &pair.cells[step];
    }
    const nanoseconds left = default_budget - (steady_clock::now() - began);
    const auto budget = nanoseconds(wire::decode<std::int64_t>(
        session_.broadcast(wire::encode(static_cast<std::int64_t>(left.count())), 0, "sharing the time out")));
    CellTime time;
    if (seat.cell != nullptr) time = time_of(settings_, *seat.cell, later_cells(index, *seat.pair, step), budget);
    const std::string what = describe(*shown);
    const double all = static_cast<double>(steps_of_all());
    const double before = static_cast<double>(steps_before(index) + step);
    const auto rounds_done = [&](double share) {
      if (options_.progress && session_.rank() == 0) options_.progress((before + share) / all, what);
    };
    rounds_done(0);
    CellRun run(session_, settings_, clock_, counters_);
    CellRecord mine = run.run(seat, time, transports, "measuring " + what, rounds_done);
    warn_of_place(seat, mine);
    const auto records = session_.allgather(wire::encode(mine), "gathering what was measured");
    if (session_.rank() != 0) return;
    for (const PairPlan& pair : round.pairs) {
      if (step >= pair.cells.size()) continue;
      add_results(plan_, pair, pair.cells[step], settings_,
                  wire::decode<CellRecord>(records.at(static_cast<std::size_t>(pair.a))),
                  wire::decode<CellRecord>(records.at(static_cast<std::size_t>(pair.b))), report_);
    }
  }

  /// Cells of this pair after the step, and of the rounds to come as the longest pair has them.
  std::vector<const Cell*> later_cells(std::size_t index, const PairPlan& pair, std::size_t step) const {
    std::vector<const Cell*> later;
    for (std::size_t i = step + 1; i < pair.cells.size(); ++i) later.push_back(&pair.cells[i]);
    for (std::size_t i = index + 1; i < plan_.rounds.size(); ++i) {
      const auto& pairs = plan_.rounds[i].pairs;
      const auto longest = std::max_element(pairs.begin(), pairs.end(), [](const PairPlan& a, const PairPlan& b) {
        return a.cells.size() < b.cells.size();
      });
      if (longest == pairs.end()) continue;
      for (const Cell& cell : longest->cells) later.push_back(&cell);
    }
    return later;
  }

  /// Said once a path: the same CPU serves all its sizes.
  void warn_of_place(const Seat& seat, CellRecord& record) {
    if (seat.cell == nullptr || record.series.empty()) return;
    for (const std::size_t path : seat.cell->paths) {
      if (std::find(warned_.begin(), warned_.end(), path) != warned_.end()) continue;
      warned_.push_back(path);
      const Path& plan = plan_.paths[path].path;
      for (measure::Warning& warning :
           place_warnings(seat.cpus.at(path).front(), nodes_[static_cast<std::size_t>(session_.rank())],
                          seat.is_a ? plan.a : plan.b)) {
        record.series.front().warnings.push_back(std::move(warning));
      }
    }
  }

  std::string describe(const Cell& cell) const {
    if (cell.each_direction) {
      return fmt::format("each direction of {}", port_name(plan_.paths[cell.paths.front()].path.a));
    }
    std::vector<std::string> transports;
    for (const verbs::Transport transport : cell.transports) transports.emplace_back(to_string(transport));
    const Path& path = plan_.paths[cell.paths.front()].path;
    return fmt::format("{} of {} over {}, {}", to_string(cell.metric), text::exact_size(cell.size_bytes),
                       fmt::join(transports, " and "),
                       cell.paths.size() > 1   ? fmt::format("{} rails at once", cell.paths.size())
                       : path.a.device.empty() ? path.a.netdev
                                               : path.a.device);
  }

  std::size_t steps_of_all() const { return steps_before(plan_.rounds.size()); }
  std::size_t steps_before(std::size_t round) const {
    std::size_t steps = 0;
    for (std::size_t i = 0; i < round; ++i) steps += plan_.rounds[i].steps();
    return steps;
  }

  session::Session& session_;
  const RunOptions& options_;
  const measure::Clock clock_ = measure::Clock::calibrated();
  Settings settings_;
  std::vector<Node> nodes_;
  int ranks_on_machine_ = 0;
  int ranks_before_ = 0;
  Plan plan_;
  Counters counters_;
  std::vector<int> cpus_;
  std::vector<std::size_t> warned_;
  Report report_;
};

}  // namespace

Report run(session::Session& session, const RunOptions& options) {
  const auto began = steady_clock::now();
  Run measuring(session, options);
  const auto with_links = [&](const std::string& sentence) {
    const std::string faults = measuring.link_faults();
    return faults.empty() ? sentence : fmt::format("{}; {} now (roce-probe explain ROCE-LNK-001)", sentence, faults);
  };
  try {
    Report report = measuring.measure();
    report.elapsed_s = std::chrono::duration<double>(steady_clock::now() - began).count();
    return report;
  } catch (const verbs::TransportError& error) {
    const Deadline noticed = Deadline::after(session_notices);
    while (!session.called_off().load() && !noticed.passed()) std::this_thread::sleep_for(milliseconds(10));
    session.throw_if_called_off();
    throw MeasureError(with_links(error.what()));
  } catch (const session::Interrupted&) {
    throw;
  } catch (const session::SessionError& error) {
    throw session::SessionError(with_links(error.what()));
  }
}

}  // namespace rocekit::pingpong
