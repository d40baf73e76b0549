#include "tools/nccl-pattern/plan/ways.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace rocekit::pattern {
namespace {

using pingpong::Node;
using pingpong::Pairing;
using pingpong::PathPlan;
using verbs::Transport;

std::set<std::pair<int, int>> pairs_of(const std::vector<Groups>& groups, std::optional<int> rank) {
  std::set<std::pair<int, int>> pairs;
  for (const Groups& kind : groups) {
    for (const std::vector<int>& members : kind.members) {
      for (const int a : members) {
        for (const int b : members) {
          if (a < b && (!rank || *rank == a || *rank == b)) pairs.emplace(a, b);
        }
      }
    }
  }
  return pairs;
}

pingpong::Settings transports(bool rdma, bool required) {
  pingpong::Settings settings;
  settings.transports = {Transport::tcp};
  if (rdma) settings.transports.insert(settings.transports.begin(), Transport::rc);
  settings.transports_given = required;
  return settings;
}

/// pair_paths() has the words of roce-pingpong.
std::string in_our_words(std::string sentence) {
  for (const auto& [theirs, ours] : {std::pair<std::string, std::string>{"--transport tcp", "--compare socket"},
                                     {"so rc cannot", "so RDMA cannot"}}) {
    const std::size_t at = sentence.find(theirs);
    if (at != std::string::npos) sentence.replace(at, theirs.size(), ours);
  }
  return sentence;
}

bool has_rdma(const Pairing& pairing) {
  return std::any_of(pairing.paths.begin(), pairing.paths.end(), [](const PathPlan& path) { return path.rdma; });
}

}  // namespace

bool on_one_machine(const std::vector<Node>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](const Node& node) { return node.machine == nodes[0].machine; });
}

Ways find_ways(const std::vector<Node>& nodes, const std::vector<Groups>& groups, std::optional<int> rank,
               RdmaWish wish) {
  Ways ways;
  ways.rdma = wish != RdmaWish::no;
  const bool lenient = wish == RdmaWish::if_there && on_one_machine(nodes);
  for (const auto& [a, b] : pairs_of(groups, rank)) {
    const Node& node_a = nodes[static_cast<std::size_t>(a)];
    const Node& node_b = nodes[static_cast<std::size_t>(b)];
    const auto pair_up = [&, a = a, b = b](bool rdma) {
      try {
        return pingpong::pair_paths(node_a, a, node_b, b, transports(rdma, wish == RdmaWish::required));
      } catch (const InputError& error) {
        if (!rdma || !lenient) throw InputError(in_our_words(error.what()));
        if (ways.no_rdma.empty()) ways.no_rdma = in_our_words(error.what());
        return pingpong::pair_paths(node_a, a, node_b, b, transports(false, false));
      }
    };
    Pairing pairing = pair_up(wish != RdmaWish::no);
    if (wish != RdmaWish::no && !has_rdma(pairing)) {
      ways.rdma = false;
      if (ways.no_rdma.empty()) {
        const bool first = node_a.ports.empty();
        ways.no_rdma = fmt::format("rank {} ({}) has no RDMA device", first ? a : b, first ? node_a.host : node_b.host);
      }
    }
    for (const PathPlan& path : pairing.paths) {
      ways.soft_roce = ways.soft_roce || (path.rdma && (path.path.a.soft_roce || path.path.b.soft_roce));
    }
    ways.pairs.emplace(std::pair(a, b), std::move(pairing));
  }
  return ways;
}

std::vector<collectives::HostLink> links_of(const Ways& ways, int rank, Transport channel) {
  std::vector<collectives::HostLink> links;
  for (const auto& [pair, pairing] : ways.pairs) {
    if (pair.first != rank && pair.second != rank) continue;
    const bool is_a = pair.first == rank;
    collectives::HostLink link;
    link.peer = is_a ? pair.second : pair.first;
    for (const PathPlan& plan : pairing.paths) {
      if (channel == Transport::tcp ? !plan.tcp : !plan.rdma) continue;
      const pingpong::End& end = is_a ? plan.path.a : plan.path.b;
      verbs::EndpointOptions options;
      options.device = end.device;
      options.port = end.port;
      options.ip = end.ip;
      if (channel == Transport::tcp) {
        options.ip = is_a ? plan.tcp_ip_a : plan.tcp_ip_b;
        // What goes to this very machine leaves over lo, whatever netdev has the address.
        if (!plan.loopback) options.netdev = end.netdev;
      }
      link.rails.push_back(std::move(options));
      // Over loopback every rail is the same lo.
      if (channel == Transport::tcp && plan.loopback) break;
    }
    if (link.rails.empty()) {
      throw InputError(fmt::format("no path over {} between ranks {} and {}",
                                   channel == Transport::tcp ? "TCP" : "RDMA", pair.first, pair.second));
    }
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace rocekit::pattern
