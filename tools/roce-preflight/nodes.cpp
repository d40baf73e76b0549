#include "tools/roce-preflight/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/version.h"
#include "core/wire/wire.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/read_node.h"
#include "probes/pair/compare_nodes.h"
#include "tools/roce-pingpong/fields.h"
#include "tools/roce-pingpong/node.h"

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

std::string read_this_node_whole() {
  facts::NodeFacts node = facts::read_node(facts::FileTree::live(), facts::ask_this_node());
  return facts::to_json(node).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
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

Nodes read_nodes(session::Session& session, std::chrono::milliseconds patience) {
  Nodes nodes;
  pingpong::Node mine = pingpong::read_this_node();
  mine.host = session.peers().at(static_cast<std::size_t>(session.rank())).host;
  for (const std::string& message : session.allgather(wire::encode(mine), "meeting the nodes", patience)) {
    nodes.of_ranks.push_back(wire::decode<pingpong::Node>(message));
  }
  for (int rank = 0; rank < session.size(); ++rank) {
    const pingpong::Node& node = nodes.of_ranks[static_cast<std::size_t>(rank)];
    const bool known = std::any_of(nodes.leaders.begin(), nodes.leaders.end(), [&](int leader) {
      const pingpong::Node& other = nodes.of_ranks[static_cast<std::size_t>(leader)];
      return other.machine == node.machine && other.network == node.network;
    });
    if (!known) nodes.leaders.push_back(rank);
  }
  const auto offsets = clock_offsets(session);
  const bool leads = std::find(nodes.leaders.begin(), nodes.leaders.end(), session.rank()) != nodes.leaders.end();
  const auto documents = session.allgather(leads ? read_this_node_whole() : "", "reading the nodes", patience);
  if (session.rank() != 0) return nodes;
  for (const int rank : nodes.leaders) {
    Node& node = nodes.read.emplace_back();
    node.rank = rank;
    node.name = session.name_of(rank);
    node.host = session.peers()[static_cast<std::size_t>(rank)].host;
    node.clock_offset_ms = offsets[static_cast<std::size_t>(rank)];
    const std::string name = fmt::format("what {} tells of itself", node.name);
    node.probe = report::examine(
        facts::node_from_json(facts::parse_json(documents[static_cast<std::size_t>(rank)], name), name), {});
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
