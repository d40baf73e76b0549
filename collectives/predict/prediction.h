// Tokens per second on another transport, from what was measured on one.
//
// Time of a step = rest + sum over its operations of count * latency(operation, size, transport). The rest (compute,
// launches, sampling) is what the measured tokens per second leave, and is taken as the same on both transports:
//
//     step_s(A) = tokens per step / tok_s(A)
//     tok_s(B)  = tokens per step / (step_s(A) - sum count * (latency_A - latency_B))
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/predict/latency_table.h"
#include "collectives/traffic/step.h"

namespace rocekit::predict {

struct PredictionRequest {
  traffic::Step step;
  std::string measured_on;      ///< transport A
  std::string predicted_on;     ///< transport B
  std::optional<double> tok_s;  ///< on A, of all ranks together; absent: ceilings only
  /// Mean tokens that a request gets of a verify step, 1 to draft tokens + 1. Absent with speculation: the interval
  /// covers all of that, and the prediction takes the middle.
  std::optional<double> accepted_tokens;
};

struct PricedOperation {
  std::string what;
  traffic::OpKind kind = traffic::OpKind::all_reduce;
  std::uint64_t size_bytes = 0;
  std::uint64_t count = 0;
  Estimate a;
  Estimate b;
};

/// Low to high.
struct Interval {
  double low = 0;
  double high = 0;
};

struct Prediction {
  std::string measured_on;
  std::string predicted_on;
  double tokens_per_step = 1;
  std::vector<PricedOperation> operations;
  double communication_a_ms = 0;  ///< of a step, by medians
  double communication_b_ms = 0;
  double ceiling_a_tok_s = 0;  ///< if a step were communication alone
  double ceiling_b_tok_s = 0;
  std::optional<double> measured_tok_s;
  std::optional<double> step_a_ms;
  std::optional<double> rest_ms;  ///< of a step beside communication; 0 or less: the latencies contradict the tokens
  /// Absent without measured tokens, and where the rest is not above 0.
  std::optional<double> tok_s;
  /// As if all operations of a step were at the ends of their p10 to p90 together, A and B at opposite ones; wider than
  /// the truth, as operations vary one by one. Absent when no latency has both percentiles. The high end is infinite
  /// where even that leaves no rest.
  std::optional<Interval> interval;
  std::vector<std::string> assumptions;
  std::vector<std::string> extrapolations;
  std::vector<std::string> warnings;  ///< where the method is known to fail, or contradicts its input
};

/// Both transports are compared in one way of timing (LatencyTable::choose_timing). Throws InputError: a transport,
/// operation or size that the table does not know enough of, one transport for both, tokens per second that are no
/// number above 0, accepted tokens out of range.
Prediction predict(const PredictionRequest& request, const LatencyTable& table);

}  // namespace rocekit::predict
