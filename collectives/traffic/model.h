// What of a model decides its traffic between ranks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::traffic {

/// A small all-reduce in each layer beside attention and MLP, under tensor parallelism.
struct LayerAllReduce {
  std::string what;
  std::uint64_t elements_per_token = 0;
  DataType type = DataType::fp32;
  friend bool operator==(const LayerAllReduce&, const LayerAllReduce&) = default;
};

/// MiniMax-M2's variances of queries and keys, [tokens, 2] in fp32 (vLLM's MiniMaxText01RMSNormTP).
LayerAllReduce minimax_qk_norm();

struct Model {
  std::string name;
  std::uint64_t hidden = 0;
  std::uint64_t layers = 0;
  std::uint64_t dense_layers = 0;  ///< of a mixture of experts: layers that route nothing
  std::uint64_t experts = 0;       ///< routed ones of a layer; 0: a dense model
  std::uint64_t shared_experts = 0;
  std::uint64_t experts_per_token = 0;
  std::uint64_t vocabulary = 0;
  DataType type = DataType::bf16;  ///< of activations, so of what is sent
  std::vector<LayerAllReduce> extra;
  std::vector<std::string> notes;  ///< what was assumed, in sentences

  bool routes() const { return experts > 0; }
  std::uint64_t moe_layers() const { return routes() ? layers - dense_layers : 0; }
  friend bool operator==(const Model&, const Model&) = default;
};

/// The models that have a name: Qwen3-Coder-30B-A3B, MiniMax-M2.5, Llama-3.1-70B, gpt-oss-120b, DeepSeek-V3,
/// Qwen3-235B-A22B, GLM-4.5-Air (numbers of their config.json on Hugging Face).
const std::vector<Model>& known_models();

/// By name, in any case, with or without the owner ("Qwen/...") and with what is appended to a repository's name
/// ("-Instruct", "-FP8", "-AWQ", ...). Throws InputError that names near ones.
const Model& model_named(std::string_view name);

}  // namespace rocekit::traffic
