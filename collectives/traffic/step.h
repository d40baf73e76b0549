// One forward step of an engine as the operations it puts between ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/traffic/model.h"
#include "collectives/traffic/operation.h"
#include "collectives/traffic/parallelism.h"
#include "collectives/traffic/routing.h"

namespace rocekit::traffic {

enum class Phase { decode, prefill };
const char* to_string(Phase phase);

struct StepRequest {
  Model model;
  Parallelism mode;
  std::optional<ExpertForm> form;  ///< one of forms_of(mode); needed where that names any
  Phase phase = Phase::decode;
  /// Requests in the step, of the whole engine. Data-parallel ranks (dpN, and epN in its DP forms) share them; a rank
  /// without one computes a request of padding, as the others wait for it.
  std::uint64_t batch = 1;
  std::uint64_t prefill_tokens = 8192;  ///< a chunk, on each data-parallel rank
  std::uint64_t draft_tokens = 0;       ///< K of eagle3:K; 0: no speculation
  std::uint64_t microbatches = 1;       ///< of a pipeline, in the step
  bool graph_padding = true;            ///< pad tokens to the sizes of captured CUDA graphs
  Routing routing;
};

struct Step {
  StepRequest request;
  std::uint64_t tokens = 0;         ///< of a microbatch, on each data-parallel rank
  std::uint64_t padded_tokens = 0;  ///< that are computed and sent
  std::vector<Operation> operations;
  std::vector<std::string> notes;  ///< what is assumed, in sentences

  /// Engines that serve their own requests, side by side: ranks of data parallelism, else 1.
  std::uint64_t replicas() const;
  std::uint64_t operation_count() const;  ///< launches: sum of counts
  std::uint64_t bytes_per_rank() const;   ///< handed in by each rank: sum of count * bytes_per_rank
  double wire_bytes_per_rank() const;
};

/// Tokens of the smallest CUDA graph that holds `tokens`: 1, 2, 4, then multiples of 8 up to 256 and of 16 up to 512
/// (vLLM's default cudagraph_capture_sizes); larger steps run without a graph and are not padded.
std::uint64_t captured_tokens(std::uint64_t tokens);

/// As vLLM (main, August 2026) issues them across nodes, where custom all-reduce is off. Throws InputError: a mode that
/// the model cannot take (more ranks than experts or layers, experts of a dense model), no tokens, more than 2^24,
/// draft tokens above 64 or with prefill, microbatches without a pipeline or more than requests.
Step plan_step(const StepRequest& request);

/// Bytes of one token for one expert when dispatched in FP8, as DeepEP's low-latency kernels lay it out: 16 of header,
/// hidden bytes, and an fp32 scale for each 128 of them.
std::uint64_t dispatched_bytes(std::uint64_t hidden);

}  // namespace rocekit::traffic
