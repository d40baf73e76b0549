// Algorithm and bus bandwidth as nccl-tests defines them (NVIDIA/nccl-tests, doc/PERFORMANCE.md).
#pragma once

#include <cstdint>

#include "collectives/traffic/operation.h"

namespace rocekit::traffic {

/// busbw / algbw for n ranks: 2(n-1)/n for all-reduce; (n-1)/n for all-gather, reduce-scatter and all-to-all (with or
/// without v); 1 for send-recv and broadcast. One rank moves nothing between ranks: 0 where n counts.
/// With it busbw is the rate that the slowest link sees, whatever n. Of all-to-all-v, where all hand in alike, it is
/// what a rank sends to the others on average, as of an all-to-all of the same size, so that the two compare: the link
/// of the rank that receives most carries n times its share as much (Operation::wire_bytes_per_rank), and busbw cannot
/// reach the bound.
double bus_factor(OpKind kind, std::uint64_t ranks);

/// GB/s (10^9 bytes): `size_bytes` (Operation::size_bytes) over the time of one operation; 0 for no time.
double algorithm_bandwidth_gb_s(std::uint64_t size_bytes, double seconds);

double bus_bandwidth_gb_s(OpKind kind, std::uint64_t ranks, std::uint64_t size_bytes, double seconds);

}  // namespace rocekit::traffic
