// How long operations take by transport and size, measured or published.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::predict {

/// Microseconds of one operation.
struct Latency {
  double p50_us = 0;
  std::optional<double> p10_us;
  std::optional<double> p90_us;
  friend bool operator==(const Latency&, const Latency&) = default;
};

struct LatencyPoint {
  traffic::OpKind kind = traffic::OpKind::all_reduce;
  std::string transport;         ///< as canonical_transport gives it
  std::uint64_t size_bytes = 0;  ///< as nccl-tests counts it (traffic::Operation::size_bytes)
  Latency latency;
};

/// A latency for a size, and how it was come by.
struct Estimate {
  Latency latency;
  /// The size lies outside the sizes of the table: below them their latency is kept (small operations cost a fixed
  /// time), above them the slope of the last two is kept, from 0 (constant) to 1 (in proportion to the size).
  bool extrapolated = false;
  std::optional<traffic::OpKind> stands_in;  ///< of this operation, as the table has none of the one asked for
  std::uint64_t smallest_bytes = 0;          ///< sizes of the table for that operation
  std::uint64_t largest_bytes = 0;
};

class LatencyTable {
 public:
  /// Throws InputError: no latency above 0 or one above 10^9 us, percentiles out of order, the same operation,
  /// transport and size twice.
  void add(const LatencyPoint& point);

  bool empty() const { return points_.empty(); }
  /// How all of it was timed: "graph", "back-to-back" or "isolated"; empty: not known.
  const std::string& timing() const { return timing_; }
  void set_timing(std::string timing) { timing_ = std::move(timing); }
  /// Sorted, each once.
  std::vector<std::string> transports() const;

  /// Between two sizes on straight lines of log(latency) over log(size); each percentile by itself, and only where both
  /// neighbours have it. An operation that the table lacks is replaced by the most alike that it has: all-to-all-v by
  /// all-to-all, then both and the gathering operations by each other and by all-reduce, broadcast likewise; never
  /// send-recv, which is no collective. Absent when there is none.
  std::optional<Estimate> at(traffic::OpKind kind, const std::string& transport, std::uint64_t size_bytes) const;

 private:
  using Series = std::map<std::uint64_t, Latency>;
  std::map<std::tuple<traffic::OpKind, std::string>, Series> points_;
  std::string timing_;
};

/// "rdma" for RDMA, RoCE, IB and NET/IB; "socket" for socket, TCP and NET/Socket; any other in lower case.
std::string canonical_transport(std::string_view word);

}  // namespace rocekit::predict
