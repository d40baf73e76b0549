// Which transport the traffic takes, from rates alone.
#pragma once

#include <string>

#include "core/exit_code.h"
#include "probes/watch/traffic.h"

namespace rocekit::watch {

enum class Carrier {
  idle,     ///< nothing to tell by
  rdma,     ///< RDMA carries the traffic
  both,     ///< sockets of the fabric carry a considerable part beside RDMA
  sockets,  ///< sockets of the fabric are busy, and RDMA is idle
};
const char* to_string(Carrier carrier);  ///< "idle", "rdma", "both", "sockets"

/// Below it sockets are chatter (heartbeats, ssh): a tensor parallel decode of a small model at one token a second
/// moves more.
inline constexpr double busy_gbit_s = 0.01;
/// RDMA moves nothing by itself: any megabit a second is somebody's messages.
inline constexpr double rdma_busy_gbit_s = 0.001;

Carrier carrier_of(const Rates& rates);

/// "RDMA: 92.1 Gb/s on rocep1s0f0; sockets: 0.1 Gb/s on enp1s0f0np0 — serving traffic takes RDMA". Of each device the
/// larger of its two directions. "serving traffic" where a process is watched or not alike: the counters are the
/// node's.
std::string sentence_of(const Rates& rates);

/// "lost or sent again: out_of_sequence 12 on rocep1s0f0; congestion: ..."; empty: neither.
std::string events_in_words(const std::vector<Event>& events);

/// rdma, both: 0; sockets: 1; idle: 3, as nothing was shown.
ExitCode exit_code_of(Carrier carrier);

}  // namespace rocekit::watch
