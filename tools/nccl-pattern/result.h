// What a run of nccl-pattern measured; every reporter renders this one object. Complete on rank 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "collectives/predict/prediction.h"
#include "collectives/proof/transport_evidence.h"
#include "core/measure/comparison.h"
#include "core/measure/distribution.h"
#include "core/measure/slow_cores.h"
#include "core/measure/warnings.h"
#include "probes/checks/finding.h"
#include "tools/nccl-pattern/plan/plan.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pattern {

/// Counters of all RDMA devices and netdevs of all nodes around a side's blocks.
using pingpong::CounterDelta;

/// What carried a side's data.
struct Proof {
  enum class Verdict {
    proven,        ///< log or counters, or both, show the transport that was asked for, and neither another
    contradicted,  ///< one of them shows another transport
    unproven,      ///< nothing to see, a log in an unknown format
  };
  Verdict verdict = Verdict::unproven;
  std::string transport;                       ///< what was seen: "rdma", "socket", "p2p", "shm", "mixed", "unknown"
  std::string sentence;                        ///< why, with channels, devices and bytes
  bool by_counters = false;                    ///< what the verdict rests on
  bool by_log = false;                         ///< NCCL's own
  std::optional<bool> gpu_direct;              ///< on every channel of the network; absent: not known, or no GPU
  std::vector<std::string> rails;              ///< devices that carried data: "rocep1s0f0:1", "enp1s0f0np0"
  std::vector<proof::Connection> connections;  ///< by NCCL's log
  std::vector<std::string> idle_rails;         ///< RDMA ports that are up in the same subnets and carried nothing
  std::vector<CounterDelta> counters;
  std::uint64_t expected_bytes = 0;  ///< that had to leave this run's ranks for other nodes
  std::vector<std::string> log_lines;
  std::vector<proof::AlgorithmUse> algorithms;  ///< --algorithms
};
const char* to_string(Proof::Verdict verdict);  ///< "proven", "contradicted", "unproven"

struct SideResult {
  std::string name;       ///< "rdma", "socket", "p2p", "NCCL_IB_QPS_PER_CONNECTION=4"
  std::string transport;  ///< that was asked for: "rdma", "socket", "p2p", "shm", a plugin; empty: NCCL's own choice
  collectives::Backend backend = collectives::Backend::host;
  collectives::SideDetails details;  ///< of rank 0
  std::vector<std::string> devices;  ///< Device::description() by rank
  Proof proof;
  double first_call_ms = 0;  ///< of the first operation on fresh connections, slowest rank
  double connect_ms = 0;
  std::vector<std::string> environment;  ///< "NCCL_P2P_DISABLE=1": set for this side
  /// The host backend beside NCCL ("wire-rdma", "wire-socket"): for latency budgets, in isolated single operations
  /// alone; it is in no comparison and no prediction.
  bool floor = false;
};

/// What was timed: one operation or a whole step.
struct Subject {
  std::string name;  ///< "all-reduce 4 KiB", "step"
  bool whole_step = false;
  std::size_t step = 0;                 ///< index in Plan::steps, of steps and their operations
  std::optional<traffic::OpKind> kind;  ///< of a single operation
  std::string form;                     ///< "ping-pong", "ring": of send-recv
  std::string what;                     ///< Operation::what of all that have this kind and size, joined
  std::uint64_t size_bytes = 0;         ///< as nccl-tests counts it; 0 of a step
  std::uint64_t count_in_step = 0;      ///< 0: not of a step
  int ranks = 2;
  double wire_bytes_per_rank = 0;
  double ideal_pipeline_ms = 0;  ///< of a pipeline step with compute: without any bubble; 0: none
};

/// One subject on one side in one way of timing.
struct Result {
  std::size_t subject = 0;
  std::size_t side = 0;
  collectives::Timing timing = collectives::Timing::isolated;
  measure::Distribution latency_us;  ///< isolated: of the slowest rank in each run; else of block means
  double mean_us = 0;                ///< time of one, by all blocks
  std::uint64_t iterations = 0;
  std::vector<double> block_values_us;  ///< medians (isolated) or means of blocks, in order
  double algbw_gb_s = 0;
  double busbw_gb_s = 0;  ///< 0 of steps
  std::optional<double> bound_gbit_s;
  std::optional<double> fraction_of_bound;  ///< busbw over the bound of this side's rails
  /// Of the time of back-to-back operations on a GPU, how much the CPU was busy enqueueing them.
  std::optional<double> enqueue_share;
  measure::CoreWork core_work;
  std::vector<double> block_core_slowdowns;  ///< measure::FastestCores::slowdowns()
  std::vector<measure::Warning> warnings;
};

/// Side `b` over side `a`, from pairs of neighbouring blocks: above 1, a is faster.
struct Comparison {
  std::size_t subject = 0;
  collectives::Timing timing = collectives::Timing::isolated;
  std::size_t a = 0;
  std::size_t b = 1;
  measure::Ratio ratio;
  std::optional<double> ratio_p99;
};

/// Where the time of one operation goes, by isolated medians.
struct LatencyBudget {
  std::size_t subject = 0;
  std::size_t side = 0;
  std::optional<double> serialization_us;  ///< wire bytes at the bound
  std::optional<double> wire_us;           ///< host backend over the same transport, less serialization
  double rest_us = 0;                      ///< what is left: the library (NCCL) and its launches
};

struct Verification {
  std::size_t side = 0;
  std::uint64_t calls = 0;
  std::uint64_t wrong_calls = 0;
  std::string first_wrong;  ///< sentence
  double tolerance = 0;
};

struct Host {
  int rank = 0;
  std::string name;
  std::string device;
  std::string cpu;
};

struct Report {
  std::string started_at;
  double elapsed_s = 0;
  std::string door;
  std::vector<std::string> arguments;
  Plan plan;
  std::vector<Host> hosts;  ///< by rank
  std::vector<SideResult> sides;
  std::vector<Subject> subjects;
  std::vector<Result> results;
  std::vector<Comparison> comparisons;
  std::vector<LatencyBudget> budgets;
  std::vector<Verification> verifications;
  std::vector<predict::Prediction> predictions;  ///< one a step, where two transports were measured
  collectives::Timing predicted_from = collectives::Timing::graph;
  /// Why the figures prove function and say nothing of speed, in sentences: several ranks on one GPU, Soft-RoCE, all
  /// ranks on one host. Speeds are then not judged.
  std::vector<std::string> function_only;
  std::vector<std::string> notes;         ///< what was left out and why
  std::vector<checks::Finding> findings;  ///< those that warn or worse
  std::optional<std::string> required;    ///< --require
  checks::Verdict verdict = checks::Verdict::unknown;
};

}  // namespace rocekit::pattern
