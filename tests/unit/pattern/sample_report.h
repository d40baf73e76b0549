// Reports of runs that did not happen, for the reporters and the judge.
#pragma once

#include <string>

#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern::sample {

/// Latencies around a median, as many samples as asked for.
Result result(std::size_t subject, std::size_t side, collectives::Timing timing, double p50_us,
              std::size_t count = 2000);
Comparison comparison(std::size_t subject, collectives::Timing timing, std::size_t a, std::size_t b, double ratio);

/// Two GB10 nodes, NCCL, a tp2 decode step of Qwen3-Coder-30B-A3B: rdma against socket, isolated, back to back and from
/// a graph, proven by counters and NCCL's log, priced from 45.3 tok/s on socket.
Report gb10();
/// The same with host backend sides beside it ("wire-rdma", "wire-socket"), which give budgets.
Report with_floor();
/// NCCL chose sockets where RDMA was asked for.
Report fallen_to_sockets();
/// One host, host backend, sockets alone: an all-reduce of two sizes.
Report one_side();
/// An all-reduce pattern, rdma against socket, 4 KiB and 64 MiB, with bounds.
Report pattern();

}  // namespace rocekit::pattern::sample
