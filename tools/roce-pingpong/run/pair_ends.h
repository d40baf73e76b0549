// This rank's endpoints towards the other rank of its pair.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/deadline.h"
#include "tools/roce-pingpong/run/plan.h"
#include "verbs/endpoint.h"

namespace rocekit::pingpong {

/// What both ends agreed on while connecting.
struct PathDetails {
  std::size_t path = 0;
  int path_mtu = 0;
  std::string rc_description;
  std::string tcp_description;
};

class PairEnds {
 public:
  /// Makes the endpoints that the pair's cells need: of TCP one for each stream. Throws InputError, TransportError.
  PairEnds(const Plan& plan, const PairPlan& pair, const Settings& settings, int rank);

  /// What the other end needs, in an order that is the same on both.
  std::vector<std::string> addresses();
  /// Throws TransportError; InputError for a shape that a device cannot do.
  void connect(const std::vector<std::string>& peer_addresses, const std::string& peer_name, const Wait& wait);
  /// Precondition: connected.
  std::vector<PathDetails> details() const;

  /// One for latency; the streams of a transport on a path.
  const std::vector<std::unique_ptr<verbs::Endpoint>>& of(std::size_t path, verbs::Transport transport) const;

 private:
  void require_shapes() const;
  const PairPlan& pair_;
  const Settings& settings_;
  bool is_a_;
  std::map<std::pair<std::size_t, verbs::Transport>, std::vector<std::unique_ptr<verbs::Endpoint>>> ends_;
};

verbs::Shape shape_of(const Settings& settings, const Cell& cell, verbs::Transport transport);

}  // namespace rocekit::pingpong
