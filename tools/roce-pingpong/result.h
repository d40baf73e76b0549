// What a run of roce-pingpong measured; every reporter renders this one object. Complete on rank 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/comparison.h"
#include "core/measure/distribution.h"
#include "core/measure/slow_cores.h"
#include "core/measure/warnings.h"
#include "probes/checks/finding.h"
#include "verbs/endpoint.h"

namespace rocekit::pingpong {

/// One end of a rail or path, on one rank.
struct End {
  int rank = 0;
  std::string host;
  std::string device;  ///< RDMA device; empty: none (TCP only)
  int port = 0;
  std::string netdev;
  std::string ip;
  std::optional<double> link_gbit_s;
  std::optional<double> pcie_gbit_s;    ///< payload bound of the PCIe function's path
  std::optional<std::string> physical;  ///< the cage it shares with its twin: rails of one cage share its link
  bool soft_roce = false;               ///< RDMA in software: proves function, says nothing of speed
  int active_mtu = 0;                   ///< path MTU of the RDMA port alone; 0: no RDMA, or unknown
  int netdev_mtu = 0;                   ///< 0: unknown
};

/// A way between two ranks: devices of both ends in one subnet.
struct Path {
  End a;
  End b;
  int path_mtu = 0;                       ///< agreed by RC; 0: no RDMA
  std::optional<double> bound_gbit_s;     ///< payload, of this path alone
  std::optional<std::string> limited_by;  ///< "link" or "pcie"
  std::string bound_why;                  ///< one line with the numbers, or why there is no bound
  std::string rc_description;             ///< Endpoint::description() of end a
  std::string tcp_description;
};

/// An active RDMA port for which no path to `peer_rank` could be made.
struct Unpaired {
  End end;
  int peer_rank = 1;
  std::string why;  ///< "no RDMA port of rank 1 (spark-2) is in 192.168.101.0/24"
};

/// What grew on a device or netdev while a series ran.
struct CounterDelta {
  std::string host;
  std::string source;   ///< "rocep1s0f0:1" or "enp1s0f0np0"
  std::string counter;  ///< "port_xmit_data", "sent_pkts", "tx_bytes"
  std::string unit;     ///< "bytes" (4-byte words are already multiplied), "packets", "events"
  std::uint64_t delta = 0;
};

/// Which transport carried the bytes of a series, by counters.
struct Proof {
  enum class Verdict { proven, contradicted, unproven };
  Verdict verdict = Verdict::unproven;
  std::string sentence;  ///< "rocep1s0f0 sent 1.2 GB of the 1.2 GB asked for; ..." or why nothing can be proven
  std::vector<CounterDelta> counters;
  std::uint64_t expected_bytes = 0;  ///< payload that was moved, both directions
};
const char* to_string(Proof::Verdict verdict);

enum class Metric { latency, bandwidth };
const char* to_string(Metric metric);

struct Bandwidth {
  double mean_gbit_s = 0;
  std::optional<double> min_gbit_s;  ///< of the slowest window of 100 ms; absent under three windows
  std::optional<double> max_gbit_s;
  double messages_per_s = 0;
};

/// One transport, operation and size on one path or on all paths of a pair at once.
struct Result {
  Metric metric = Metric::latency;
  verbs::Transport transport = verbs::Transport::rc;
  verbs::Operation operation = verbs::Operation::send;
  std::size_t size_bytes = 0;
  int rank_a = 0;
  int rank_b = 1;
  std::vector<std::size_t> paths;  ///< indexes into Report::paths; several: at once
  bool bidirectional = false;
  std::size_t samples = 0;  ///< latency: timed operations; bandwidth: messages
  std::size_t blocks = 0;

  measure::Distribution latency_us;          ///< of half round trips; read and atomic: of whole operations
  Bandwidth bandwidth;                       ///< bidirectional: both directions together
  std::vector<double> block_values;          ///< medians (us) or means (Gb/s) of blocks, in order
  measure::CoreWork core_work;               ///< of latency
  std::vector<double> block_core_slowdowns;  ///< measure::FastestCores::slowdowns()
  std::optional<double> bound_gbit_s;
  std::optional<double> fraction_of_bound;
  Proof proof;
  std::vector<measure::Warning> warnings;
  std::optional<std::uint64_t> corrupt_messages;  ///< set when verified
  std::optional<std::uint64_t> lost_messages;     ///< set for UD: round trips that needed a datagram more
};

/// RC against TCP (or any two transports) on the same paths and size; from pairs of neighbouring blocks.
struct Comparison {
  Metric metric = Metric::latency;
  std::size_t size_bytes = 0;
  int rank_a = 0;
  int rank_b = 1;
  std::vector<std::size_t> paths;
  verbs::Transport a = verbs::Transport::rc;
  verbs::Transport b = verbs::Transport::tcp;
  measure::Ratio ratio_p50;         ///< b over a: latency above 1: a is faster; bandwidth below 1: a is faster
  std::optional<double> ratio_p99;  ///< latency
};

/// RC streamed from a to b and from b to a in turn, on one path; from pairs of neighbouring blocks.
struct Directions {
  std::size_t path = 0;  ///< index into Report::paths
  Result there;          ///< a to b
  Result back;           ///< b to a
  measure::Ratio back_over_there;
};

struct Host {
  int rank = 0;
  std::string name;
  std::string cpu;  ///< model name
  int measuring_cpu = -1;
  std::optional<std::string> governor;
  std::optional<int> numa_node;
  std::string clock;  ///< measure::Clock::description()
};

struct Report {
  std::string started_at;
  double elapsed_s = 0;
  std::string door;  ///< "mpirun", "--listen", "--local", ...
  std::vector<std::string> arguments;
  std::vector<Host> hosts;  ///< by rank
  std::vector<Path> paths;
  std::vector<Unpaired> unpaired;
  double loop_overhead_ns = 0;
  verbs::WaitMode wait_mode = verbs::WaitMode::poll;
  verbs::MemoryKind memory = verbs::MemoryKind::host;
  int queue_pairs = 1;
  int window = 1;
  std::vector<Result> results;  ///< in the order they were asked for
  std::vector<Comparison> comparisons;
  std::vector<Directions> directions;     ///< Settings::each_direction
  std::vector<checks::Finding> findings;  ///< PERF, PAIR and counters; those that warn or worse, and unknown ones
  std::vector<std::string> notes;         ///< what was left out and why: "no RDMA device on rank 1 (spark-2): TCP only"
  checks::Verdict verdict = checks::Verdict::unknown;
};

}  // namespace rocekit::pingpong
