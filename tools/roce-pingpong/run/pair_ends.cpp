#include "tools/roce-pingpong/run/pair_ends.h"

#include <algorithm>
#include <stdexcept>

namespace rocekit::pingpong {
namespace {

using verbs::Transport;

verbs::EndpointOptions options_of(const PathPlan& plan, const Settings& settings, const std::vector<const Cell*>& cells,
                                  Transport transport, bool is_a) {
  verbs::EndpointOptions options;
  const End& end = is_a ? plan.path.a : plan.path.b;
  options.ip = end.ip;
  options.device = end.device;
  options.port = end.port;
  options.max_size_bytes = 1;
  options.max_window = 1;
  for (const Cell* cell : cells) {
    options.max_size_bytes = std::max(options.max_size_bytes, cell->size_bytes);
    if (cell->metric == Metric::bandwidth) {
      options.max_window = std::max(options.max_window, window_of(settings, cell->size_bytes));
    }
  }
  options.wait_mode = settings.wait_mode;
  options.memory = settings.memory;
  options.gpu = settings.gpu;
  if (transport == Transport::tcp) {
    options.ip = is_a ? plan.tcp_ip_a : plan.tcp_ip_b;
    // What goes to this very machine leaves over lo, whatever netdev has the address.
    if (!plan.loopback) options.netdev = end.netdev;
    if (settings.memory == verbs::MemoryKind::gpu) options.memory = verbs::MemoryKind::host;
  } else {
    options.gid_index = settings.gid_index;
    options.inline_bytes = settings.inline_bytes;
    if (transport == Transport::rc) options.queue_pairs = settings.queue_pairs;
  }
  return options;
}

}  // namespace

verbs::Shape shape_of(const Settings& settings, const Cell& cell, Transport transport) {
  verbs::Shape shape;
  shape.operation = operation_on(transport, settings.operation);
  shape.size_bytes = cell.size_bytes;
  shape.window = cell.metric == Metric::bandwidth ? window_of(settings, cell.size_bytes) : 1;
  shape.verify = settings.verify;
  return shape;
}

PairEnds::PairEnds(const Plan& plan, const PairPlan& pair, const Settings& settings, int rank)
    : pair_(pair), settings_(settings), is_a_(rank == pair.a) {
  std::map<std::pair<std::size_t, Transport>, std::vector<const Cell*>> users;
  for (const Cell& cell : pair.cells) {
    for (const std::size_t path : cell.paths) {
      for (const Transport transport : cell.transports) users[{path, transport}].push_back(&cell);
    }
  }
  for (const auto& [key, cells] : users) {
    const auto& [path, transport] = key;
    const verbs::EndpointOptions options = options_of(plan.paths[path], settings, cells, transport, is_a_);
    const bool streams =
        std::any_of(cells.begin(), cells.end(), [](const Cell* cell) { return cell->metric == Metric::bandwidth; });
    const int count = transport == Transport::tcp && streams ? settings.streams : 1;
    auto& ends = ends_[key];
    for (int i = 0; i < count; ++i) ends.push_back(verbs::make_endpoint(transport, options));
  }
}

std::vector<std::string> PairEnds::addresses() {
  std::vector<std::string> addresses;
  for (auto& [key, ends] : ends_) {
    for (auto& end : ends) addresses.push_back(end->address());
  }
  return addresses;
}

void PairEnds::connect(const std::vector<std::string>& peer_addresses, const std::string& peer_name, const Wait& wait) {
  std::size_t next = 0;
  for (auto& [key, ends] : ends_) {
    for (auto& end : ends) end->connect(peer_addresses.at(next++), peer_name, is_a_, wait);
  }
  require_shapes();
}

void PairEnds::require_shapes() const {
  for (const Cell& cell : pair_.cells) {
    for (const Transport transport : cell.transports) {
      const verbs::Shape shape = shape_of(settings_, cell, transport);
      for (const std::size_t path : cell.paths) {
        for (const auto& end : of(path, transport)) end->require(shape, cell.metric == Metric::bandwidth);
      }
    }
  }
}

std::vector<PathDetails> PairEnds::details() const {
  std::vector<PathDetails> all;
  for (const std::size_t path : pair_.paths) {
    PathDetails details;
    details.path = path;
    for (const Transport transport : {Transport::ud, Transport::rc, Transport::tcp}) {
      const auto found = ends_.find({path, transport});
      if (found == ends_.end()) continue;
      const verbs::Endpoint& end = *found->second.front();
      if (transport == Transport::tcp) {
        details.tcp_description = end.description();
      } else {
        details.path_mtu = end.path_mtu();
        details.rc_description = end.description();
      }
    }
    all.push_back(std::move(details));
  }
  return all;
}

const std::vector<std::unique_ptr<verbs::Endpoint>>& PairEnds::of(std::size_t path, Transport transport) const {
  return ends_.at({path, transport});
}

}  // namespace rocekit::pingpong
