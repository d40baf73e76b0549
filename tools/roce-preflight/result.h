// What a run came to; every reporter renders this one object. Complete on rank 0.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/comparison.h"
#include "probes/checks/finding.h"
#include "probes/report/probe_report.h"
#include "tools/nccl-pattern/result.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-preflight/judge/baseline.h"
#include "tools/roce-preflight/run/budget.h"
#include "tools/roce-preflight/run/reach.h"

namespace rocekit::preflight {

enum class State { done, failed, not_run };
const char* to_string(State state);  ///< "done", "failed", "not-run"

struct StepRecord {
  Step step = Step::probe;
  State state = State::not_run;
  std::string why;  ///< of a step that is not done: one sentence
  double seconds = 0;
  double measuring_s = 0;  ///< of it in measuring windows
};

/// A node, read by the first of its ranks.
struct Node {
  int rank = 0;
  std::string name;  ///< "rank 1 (spark-2)"
  std::string host;
  std::optional<std::int64_t> clock_offset_ms;  ///< against rank 0's node
  report::ProbeReport probe;
};

/// The same fault, on one node or several.
struct Found {
  checks::Finding finding;         ///< of the first host; evidence and remedies of all
  std::vector<std::string> hosts;  ///< that have it; empty: it is of the pair
  bool of_a_step = false;          ///< told by a step that failed: after what made it fail
};

/// One line of what was measured.
struct Figure {
  using Kind = Quantity::Kind;
  Kind kind = Kind::latency;
  std::string rail;  ///< "rocep1s0f0", "2 rails at once"; empty: of the collectives
  std::string from;  ///< set where each direction was measured apart: who sends
  std::string to;
  std::string what;  ///< "8 B", "1 MiB", "all-reduce 4 KiB", "tp2 of ..., decode, 1 request"
  std::uint64_t size_bytes = 0;
  bool whole_step = false;
  std::optional<double> rdma;           ///< us, Gb/s
  std::optional<double> rdma_least;     ///< of a latency: the fastest, where there were too few for the median
  std::optional<double> socket;         ///< us, Gb/s
  std::optional<measure::Ratio> ratio;  ///< socket over rdma
  std::optional<double> bound_gbit_s;
  std::optional<double> fraction_of_bound;
  std::string proof;  ///< of the RDMA side: "proven", "contradicted", "unproven"; empty: none was measured
};

struct Report {
  std::string started_at;
  double elapsed_s = 0;
  std::string door;
  std::vector<std::string> arguments;
  Settings settings;
  std::vector<std::string> ranks;  ///< "rank 0 (spark-1)"
  std::vector<StepRecord> steps;
  std::vector<Node> nodes;
  std::vector<Crossing> crossings;
  std::optional<pingpong::Report> rails;
  std::optional<pattern::Report> collectives;
  std::vector<Figure> figures;
  BaselineOutcome baseline;          ///< --baseline, --save-baseline
  std::vector<checks::Finding> all;  ///< all findings, also passed ones, as the checks made them
  std::vector<Found> findings;       ///< those that warn or worse and unknown ones: merged, what matters first
  std::vector<std::string> notes;
  checks::Verdict verdict = checks::Verdict::unknown;
};

/// Each check that was asked, with the worst it found anywhere.
std::map<std::string, checks::Severity> worst_of(const Report& report);

}  // namespace rocekit::preflight
