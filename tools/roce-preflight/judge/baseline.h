// What --save-baseline keeps of a run, and --baseline judges later runs against.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/history.h"

namespace rocekit::preflight {

struct Report;

/// One thing that was measured, in blocks.
struct Quantity {
  enum class Kind { latency, bandwidth, time };
  Kind kind = Kind::latency;
  std::string transport;  ///< "rdma", "socket"; of collectives also what NCCL was asked for
  std::string rail;       ///< "rocep1s0f0"; several at once: "rocep1s0f0+roceP2p1s0f0"; collectives: "nccl", "host"
  std::string from;       ///< the rank that began, or sent: "spark-1"; empty: of all ranks
  std::string to;
  std::string what;            ///< "8 B", "all-reduce 4 KiB, back-to-back"
  std::vector<double> blocks;  ///< us or Gb/s, ascending
  /// The same thing measured in another run.
  bool is_same(const Quantity& other) const {
    return kind == other.kind && transport == other.transport && rail == other.rail && from == other.from &&
           to == other.to && what == other.what;
  }
  friend bool operator==(const Quantity&, const Quantity&) = default;
};
/// After the size, of streams in each direction in turn.
inline constexpr const char* in_turn = ", each direction in turn";
const char* to_string(Quantity::Kind kind);  ///< "latency", "bandwidth", "time"
std::string name_of(const Quantity& quantity);

/// What may explain a change: {"spark-1", "rocep1s0f0", "firmware", "28.45.4028"}.
struct SavedFact {
  std::string host;
  std::string subject;
  std::string what;
  std::string value;
  friend bool operator==(const SavedFact&, const SavedFact&) = default;
};

struct SavedNode {
  std::string name;
  std::vector<std::string> guids;  ///< of its RDMA devices, sorted
  friend bool operator==(const SavedNode&, const SavedNode&) = default;
};

struct SavedRun {
  std::string started_at;
  std::string verdict;
  std::string tool_version;
  bool function_only = false;  ///< Soft-RoCE, or one host: speeds that swing
  std::vector<SavedFact> facts;
  std::vector<Quantity> quantities;
  friend bool operator==(const SavedRun&, const SavedRun&) = default;
};

/// Runs of the same nodes with the same traffic.
struct Baseline {
  std::vector<SavedNode> nodes;  ///< by rank
  std::string traffic;           ///< "tp2 of qwen3-coder-30b-a3b", "all-reduce"
  std::vector<SavedRun> runs;    ///< oldest first, at most measure::most_runs
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

/// This run as a baseline of one run.
Baseline baseline_of(const Report& report);

/// Why runs of the one cannot be held against the other; empty: they can.
std::string why_other(const Baseline& saved, const Baseline& now);

/// Appends a run; the oldest beyond measure::most_runs are dropped. Precondition: why_other() is empty.
void add_run(Baseline& saved, SavedRun run);

struct Compared {
  Quantity quantity;  ///< of this run
  measure::Change change;
};

/// What came of --baseline and --save-baseline.
struct BaselineOutcome {
  std::string file;      ///< that was compared with; empty: none
  std::size_t runs = 0;  ///< in it
  std::string first;     ///< when they were taken
  std::string last;
  std::string why_not;  ///< nothing was compared
  std::vector<Compared> compared;
  std::vector<std::string> changes;  ///< "rocep1s0f0 of spark-1: firmware 28.44 -> 28.45"
  std::string saved_to;              ///< empty: not asked for
  std::optional<Baseline> to_save;   ///< what that file is to hold; absent: nothing is saved
  std::string why_not_saved;
};

}  // namespace rocekit::preflight
