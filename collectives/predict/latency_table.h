// How long operations take by transport and size, measured or published.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::predict {

/// Microseconds of one operation. An interval is made of those that have both p10 and p90.
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

/// The ways in which operations are timed, the one that says most about serving first.
inline constexpr std::array<std::string_view, 3> timings{"graph", "back-to-back", "isolated"};

/// A size that alone is known of an operation says something of sizes up to this many times larger: latency grows at
/// most in proportion to the size, so that the figure is at most this many times too low.
inline constexpr double reach_of_one_size = 4;

/// Latencies of different ways of timing are not comparable: a table answers from one way at a time, and from what does
/// not tell how it was timed.
class LatencyTable {
 public:
  /// `timing` is one of `timings`, or empty: not told. Throws InputError: no latency above 0 or one above 10^9 us,
  /// percentiles out of order, the same operation, transport and size twice.
  void add(const LatencyPoint& point, const std::string& timing = "");

  bool empty() const { return points_.empty(); }
  /// Of all ways of timing; sorted, each once.
  std::vector<std::string> transports() const;

  /// What is answered from now on: graph, else back-to-back, else isolated, the first in which each of the transports
  /// has every operation and size that it has in any way; else the first in which each has some. False: each has
  /// latencies, in no common way. Nothing is chosen where a transport has none.
  bool choose_timing(const std::vector<std::string>& of_transports);
  /// That was chosen; empty: none, or nothing in the table tells how it was timed.
  const std::string& timing() const { return timing_; }

  /// Between two sizes on straight lines of log(latency) over log(size); each percentile by itself, and only where both
  /// neighbours have it. An operation that the table lacks is replaced by the most alike that it has: all-to-all-v by
  /// all-to-all, then both and the gathering operations by each other and by all-reduce, broadcast likewise; never
  /// send-recv, which is no collective. Absent when there is none. Throws InputError: the table has one size of it
  /// alone, and this one is out of its reach (reach_of_one_size).
  std::optional<Estimate> at(traffic::OpKind kind, const std::string& transport, std::uint64_t size_bytes) const;

 private:
  using Series = std::map<std::uint64_t, Latency>;
  struct Key {
    std::string transport;
    traffic::OpKind kind = traffic::OpKind::all_reduce;
    auto operator<=>(const Key&) const = default;
  };

  /// In the chosen way of timing, and those that do not tell theirs.
  Series series_of(const Key& key) const;
  /// All sizes of all operations of a transport.
  std::size_t sizes_of(const std::string& transport, std::string_view timing) const;

  std::map<Key, std::map<std::string, Series, std::less<>>> points_;  ///< by way of timing
  std::string timing_;
};

/// A latency as it was measured.
struct Measured {
  LatencyPoint point;
  std::string side;    ///< of a comparison; empty: not told
  std::string timing;  ///< one of `timings`; empty: not told
  std::string place;   ///< where it was read, for the sentence of an error; empty: nowhere
};

/// p50 is the median, or the mean where samples were too few for one; p10 and p90 are those of the blocks, each of
/// which averages many operations as a step does. Of fewer than ten blocks there are none.
Latency latency_of(double typical_us, std::vector<double> block_values_us);

/// The table of a run, be it still in memory or read from a file. Sides of one transport go by their names. What was
/// timed several times at one size (in several steps) counts with its mean, from the fastest to the slowest.
LatencyTable table_of(std::vector<Measured> list);

/// "rdma" for RDMA, RoCE, IB and NET/IB; "socket" for socket, TCP and NET/Socket; any other in lower case.
std::string canonical_transport(std::string_view word);

}  // namespace rocekit::predict
