#include "tools/roce-preflight/run/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/text/utf8.h"
#include "core/version.h"
#include "core/wire/wire.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/read_node.h"
#include "probes/pair/compare_nodes.h"
#include "tools/roce-pingpong/nodes/node.h"
#include "tools/roce-pingpong/run/fields.h"
#include "tools/roce-preflight/run/serving.h"

namespace rocekit::preflight {
namespace {

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// Clocks against rank 0's: all look at theirs when the same barrier lets them go; the round with the least delay
/// counts.
std::vector<std::int64_t> clock_offsets(session::Session& session) {
  constexpr int rounds = 3;
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(session.size()));
  for (int round = 0; round < rounds; ++round) {
    session.barrier("comparing clocks");
    const auto all = session.allgather(wire::encode(now_ms()), "comparing clocks");
    const auto mine = wire::decode<std::int64_t>(all.front());
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const std::int64_t offset = wire::decode<std::int64_t>(all[rank]) - mine;
      if (round == 0 || std::abs(offset) < std::abs(offsets[rank])) offsets[rank] = offset;
    }
  }
  return offsets;
}

/// What the first rank of a node tells of it.
struct Telling {
  std::string document;
  std::string nccl;
  bool gpu = false;
  std::int64_t pid = 0;  ///< of the process that serves; 0: none is named
  std::string command;
  std::string refusal;  ///< why that process cannot be judged; the rest is empty then
};
template <class Archive>
void fields(Archive& archive, Telling& telling) {
  archive(telling.document, telling.nccl, telling.gpu, telling.pid, telling.command, telling.refusal);
}

Telling tell_of_this_node(const ServingNames& own, const ServingNames& of_rank_0, std::size_t node, std::size_t nodes) {
  Telling telling;
  try {
    facts::AskOptions ask;
    ask.serving = find_serving_process(own, of_rank_0, node, nodes);
    const facts::NodeFacts facts = facts::read_this_node(ask);
    telling.gpu = !facts.gpus.empty();
    if (facts.serving) {
      telling.nccl = reachable_nccl(*facts.serving);
      telling.pid = facts.serving->pid;
      telling.command = facts.serving->command;
    }
    telling.document = facts::to_json(facts).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  } catch (const InputError& error) {
    telling.refusal = error.what();
  }
  return telling;
}

/// The same on all ranks.
void refuse_wrong_processes(const std::vector<int>& leaders, const std::vector<Telling>& tellings,
                            const ServingNames& of_rank_0, const session::Session& session) {
  std::vector<std::string> refusals;
  for (const int leader : leaders) {
    const Telling& telling = tellings[static_cast<std::size_t>(leader)];
    if (!telling.refusal.empty()) refusals.push_back(fmt::format("{}: {}", session.name_of(leader), telling.refusal));
  }
  if (!refusals.empty()) throw ServingError(fmt::format("{}", fmt::join(refusals, "; ")));
  if (of_rank_0.pids.size() != 1 || of_rank_0.pids.front() == 1) return;
  // One number for all nodes may meet anything elsewhere.
  const Telling& first = tellings.front();
  for (const int leader : leaders) {
    const Telling& telling = tellings[static_cast<std::size_t>(leader)];
    if (telling.pid != first.pid || telling.command == first.command) continue;
    throw ServingError(
        fmt::format("process {} is {} on {}, and {} on {}: name one for each node in the order of ranks, --pid {},PID",
                    first.pid, text::printable(first.command), session.name_of(0), text::printable(telling.command),
                    session.name_of(leader), first.pid));
  }
}

/// Soft-RoCE resends whenever processors are busy, and its counters know no end: what it lost yesterday is no fault of
/// today. What is lost while the rails are measured is judged there.
void forget_soft_history(const facts::NodeFacts& node, checks::Finding& finding) {
  const facts::Device* device = node.find_device(finding.subject.substr(0, finding.subject.find(':')));
  if (finding.id.rfind("ROCE-CTR-", 0) != 0 || finding.severity != checks::Severity::warning || device == nullptr ||
      device->kind != facts::DeviceKind::soft_roce) {
    return;
  }
  finding.severity = checks::Severity::skipped;
}

}  // namespace

Nodes read_nodes(session::Session& session, const ServingNames& own, const ServingNames& of_rank_0,
                 std::chrono::milliseconds patience) {
  Nodes nodes;
  pingpong::Node mine = pingpong::read_this_node();
  mine.host = session.peers().at(static_cast<std::size_t>(session.rank())).host;
  for (const std::string& message : session.allgather(wire::encode(mine), "meeting the nodes", patience)) {
    nodes.of_ranks.push_back(wire::decode<pingpong::Node>(message));
  }
  const auto leader_of = [&](int rank) {
    const pingpong::Node& node = nodes.of_ranks[static_cast<std::size_t>(rank)];
    return std::find_if(nodes.leaders.begin(), nodes.leaders.end(), [&](int leader) {
      const pingpong::Node& other = nodes.of_ranks[static_cast<std::size_t>(leader)];
      return other.machine == node.machine && other.network == node.network;
    });
  };
  for (int rank = 0; rank < session.size(); ++rank) {
    if (leader_of(rank) == nodes.leaders.end()) nodes.leaders.push_back(rank);
  }
  const auto offsets = clock_offsets(session);
  const auto my_leader = leader_of(session.rank());
  const auto my_node = static_cast<std::size_t>(my_leader - nodes.leaders.begin());
  std::vector<Telling> tellings;
  for (const std::string& message : session.allgather(
           wire::encode(*my_leader == session.rank() ? tell_of_this_node(own, of_rank_0, my_node, nodes.leaders.size())
                                                     : Telling{}),
           "reading the nodes", patience)) {
    tellings.push_back(wire::decode<Telling>(message));
  }
  refuse_wrong_processes(nodes.leaders, tellings, of_rank_0, session);
  nodes.nccl = tellings[static_cast<std::size_t>(*my_leader)].nccl;
  const auto of_leaders = [&](auto&& has) {
    return [&tellings, has](int leader) { return has(tellings[static_cast<std::size_t>(leader)]); };
  };
  nodes.nccl_named = std::all_of(nodes.leaders.begin(), nodes.leaders.end(),
                                 of_leaders([](const Telling& telling) { return telling.gpu; })) &&
                     std::any_of(nodes.leaders.begin(), nodes.leaders.end(),
                                 of_leaders([](const Telling& telling) { return !telling.nccl.empty(); }));
  if (session.rank() != 0) return nodes;
  for (const int rank : nodes.leaders) {
    Node& node = nodes.read.emplace_back();
    node.rank = rank;
    node.name = session.name_of(rank);
    node.host = session.peers()[static_cast<std::size_t>(rank)].host;
    node.clock_offset_ms = offsets[static_cast<std::size_t>(rank)];
    const std::string name = fmt::format("what {} tells of itself", node.name);
    node.probe = report::examine(
        facts::node_from_json(facts::parse_json(tellings[static_cast<std::size_t>(rank)].document, name), name), {});
    // A node may have another name for itself than the session has.
    for (checks::Finding& finding : node.probe.findings) {
      finding.host = node.host;
      forget_soft_history(node.probe.node, finding);
    }
  }
  return nodes;
}

std::vector<checks::Finding> compare(const std::vector<Node>& nodes) {
  std::vector<pair::NodeOfPair> list;
  // The session refuses ranks of another version.
  for (const Node& node : nodes) {
    list.push_back({node.rank, node.name, node.probe.node, node.probe.rails, node.probe.nccl,
                    fmt::format("{} ({})", version, commit), node.clock_offset_ms});
  }
  return pair::compare_nodes(list);
}

}  // namespace rocekit::preflight
