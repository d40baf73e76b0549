// Reports as a run leaves them, with figures chosen for the tests: nothing of them comes from a clock.
#pragma once

#include <cstddef>
#include <vector>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong::sample {

/// Two GB10 nodes, both twins of one cage; RC and TCP, latency on path 0, bandwidth on each path and on both.
Report gb10();
/// Two nodes of Soft-RoCE, one path, 100 samples a series.
Report soft_roce();
/// Two hosts without RDMA.
Report tcp_only();
/// Four hosts with one RoCE port each, every pair.
Report four_ranks();

Result latency(verbs::Transport transport, std::size_t size_bytes, double p50_us, std::size_t count = 20'000);
Result bandwidth(verbs::Transport transport, std::size_t size_bytes, std::vector<std::size_t> paths, double mean_gbit_s,
                 double bound_gbit_s);
Comparison comparison(Metric metric, std::size_t size_bytes, std::vector<std::size_t> paths, double ratio);

}  // namespace rocekit::pingpong::sample
