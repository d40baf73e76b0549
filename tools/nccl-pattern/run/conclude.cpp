#include "tools/nccl-pattern/run/conclude.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tools/nccl-pattern/judge/price.h"
#include "tools/nccl-pattern/judge/proof.h"
#include "tools/nccl-pattern/run/assemble.h"

namespace rocekit::pattern {
namespace {

using collectives::Backend;
using verbs::Transport;

std::optional<Transport> channel_of(const SidePlan& side) {
  if (side.transport == "rdma") return Transport::rc;
  if (side.transport == "socket") return Transport::tcp;
  return std::nullopt;
}

std::optional<double> bound_of(const Ways& ways, Transport transport) {
  std::optional<double> least;
  for (const auto& [pair, pairing] : ways.pairs) {
    std::vector<const pingpong::PathPlan*> paths;
    for (const pingpong::PathPlan& path : pairing.paths) {
      if (transport == Transport::tcp ? path.tcp : path.rdma) paths.push_back(&path);
    }
    if (paths.empty()) return std::nullopt;
    const std::optional<double> bound = pingpong::bound_of(paths, transport);
    if (!bound) return std::nullopt;
    least = std::min(least.value_or(*bound), *bound);
  }
  return least;
}

std::vector<std::string> rdma_ports(const Ways& ways) {
  std::set<std::string> ports;
  for (const auto& [pair, pairing] : ways.pairs) {
    for (const pingpong::PathPlan& path : pairing.paths) {
      if (!path.rdma) continue;
      for (const pingpong::End* end : {&path.path.a, &path.path.b})
        ports.insert(fmt::format("{}:{}", end->device, end->port));
    }
  }
  return {ports.begin(), ports.end()};
}

bool is_set(const SidePlan& side, const char* name) {
  const auto same = [&](const collectives::Setting& setting) { return setting.name == name; };
  return std::getenv(name) != nullptr || std::any_of(side.settings.begin(), side.settings.end(), same);
}

/// NCCL's sockets are slower than they need be unless told otherwise (net_socket.cc, outside clouds that it knows).
void note_single_stream(const Setup& setup, Report& report) {
  for (const SidePlan& side : setup.plans) {
    if (side.backend != Backend::nccl || side.net_name != "Socket") continue;
    if (is_set(side, "NCCL_SOCKET_NTHREADS") || is_set(side, "NCCL_NSOCKS_PERTHREAD")) continue;
    report.notes.emplace_back(
        "NCCL's sockets used one stream a connection, its default: NCCL_SOCKET_NTHREADS and NCCL_NSOCKS_PERTHREAD are "
        "not set");
    return;
  }
}

}  // namespace

std::vector<std::optional<double>> bounds_of(const Setup& setup) {
  std::vector<std::optional<double>> bounds(setup.plans.size());
  std::set<std::string> machines;
  for (const pingpong::Node& node : setup.nodes) machines.insert(node.machine);
  if (machines.size() < setup.nodes.size()) return bounds;
  for (std::size_t side = 0; side < bounds.size(); ++side) {
    const std::optional<Transport> channel = channel_of(setup.plans[side]);
    if (channel) bounds[side] = bound_of(setup.ways, *channel);
  }
  return bounds;
}

void conclude(const Setup& setup, const std::vector<RankRecord>& records, Report& report) {
  const std::vector<std::string> ports = rdma_ports(setup.ways);
  for (std::size_t i = 0; i < report.sides.size(); ++i) {
    SideResult& side = report.sides[i];
    Evidence evidence;
    evidence.transport = side.transport;
    evidence.expected = setup.sides[i].expected;
    evidence.one_machine = on_one_machine(setup.nodes);
    evidence.active_ports = ports;
    for (const RankRecord& record : records) {
      const auto& counters = record.counters.at(i);
      evidence.counters.insert(evidence.counters.end(), counters.begin(), counters.end());
      evidence.log += record.logs.at(i);
      if (!evidence.log.empty() && evidence.log.back() != '\n') evidence.log += '\n';
    }
    side.proof = prove(evidence);
    // What NCCL chose by itself has a name now.
    const bool known = side.proof.verdict == Proof::Verdict::proven;
    const auto same_name = [&](const SideResult& other) { return other.name == side.proof.transport; };
    if (side.name == "default" && known && std::none_of(report.sides.begin(), report.sides.end(), same_name)) {
      side.name = side.proof.transport;
    }
  }
  for (std::size_t rank = 0; rank < records.size(); ++rank) {
    report.hosts.push_back({static_cast<int>(rank), setup.nodes[rank].host,
                            report.sides.empty() ? "" : report.sides.front().devices.at(rank), records[rank].cpu});
  }
  note_single_stream(setup, report);
  std::vector<std::string> names;
  for (const RankView& view : setup.views) names.push_back(view.name);
  add_core_warnings(names, report);
  add_shared(setup.subjects, report);
  add_budgets(setup.plans, report);
  add_predictions(setup.settings, report);
}

}  // namespace rocekit::pattern
