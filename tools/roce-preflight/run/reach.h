// Whether the two ends of each rail reach each other, before RDMA is tried: the route, TCP, and frames of full size.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/session/session.h"
#include "probes/checks/finding.h"
#include "tools/roce-pingpong/nodes/paths.h"

namespace rocekit::preflight {

/// One direction of a rail.
struct Crossing {
  pingpong::End from;
  pingpong::End to;
  std::string source;      ///< the address that the kernel would send from; empty: there is no route
  std::string tcp;         ///< why no TCP connection came about; empty: one did
  bool timed_out = false;  ///< nothing answered TCP, not even a refusal
  int full_bytes = 0;      ///< the smaller MTU of the two netdevs: an IP packet that must pass whole; 0: unknown
  bool small_arrived = false;
  bool full_arrived = false;
  std::string udp;  ///< why a full packet could not be sent; empty: it was
};
template <class Archive>
void fields(Archive& archive, Crossing& c) {
  archive(c.from, c.to, c.source, c.tcp, c.timed_out, c.full_bytes, c.small_arrived, c.full_arrived, c.udp);
}

/// All ranks call it with the same paths. Complete on rank 0, both directions of each path that has addresses. Every
/// wait ends within `patience`. Throws session::SessionError.
std::vector<Crossing> cross(session::Session& session, const std::vector<pingpong::PathPlan>& paths,
                            std::chrono::milliseconds patience);

/// One clause, when no TCP connection came about on any of them; empty: one did, or nothing was tried.
std::string why_blocked(const std::vector<Crossing>& crossings);

/// ROCE-PAIR-003, -019, -020 and -021.
void judge(const std::vector<Crossing>& crossings, std::vector<checks::Finding>& out);

}  // namespace rocekit::preflight
