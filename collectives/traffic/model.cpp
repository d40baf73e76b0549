#include "collectives/traffic/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/near_words.h"
#include "core/text/utf8.h"

namespace rocekit::traffic {
namespace {

Model dense(const char* name, std::uint64_t hidden, std::uint64_t layers, std::uint64_t vocabulary) {
  Model model;
  model.name = name;
  model.hidden = hidden;
  model.layers = layers;
  model.vocabulary = vocabulary;
  return model;
}

Model routed(Model model, std::uint64_t experts, std::uint64_t per_token, std::uint64_t dense_layers = 0,
             std::uint64_t shared = 0) {
  model.experts = experts;
  model.experts_per_token = per_token;
  model.dense_layers = dense_layers;
  model.shared_experts = shared;
  return model;
}

Model minimax() {
  Model model = routed(dense("MiniMax-M2.5", 3072, 62, 200064), 256, 8);
  model.extra = {minimax_qk_norm()};
  return model;
}

struct Alias {
  const char* alias;
  const char* name;
};
constexpr Alias aliases[] = {
    {"minimax-m2", "MiniMax-M2.5"},
    {"minimax-m2.1", "MiniMax-M2.5"},
    {"qwen3-coder-30b", "Qwen3-Coder-30B-A3B"},
    {"qwen3-30b-a3b", "Qwen3-Coder-30B-A3B"},
    {"llama-3.1-70b", "Llama-3.1-70B"},
    {"meta-llama-3.1-70b", "Llama-3.1-70B"},
    {"llama-3.3-70b", "Llama-3.1-70B"},
    {"gpt-oss", "gpt-oss-120b"},
    {"deepseek-r1", "DeepSeek-V3"},
    {"deepseek-v3.1", "DeepSeek-V3"},
    {"qwen3-235b", "Qwen3-235B-A22B"},
    {"glm-4.5-air-base", "GLM-4.5-Air"},
};

/// "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8" -> "qwen3-coder-30b-a3b": what is appended says how the weights are stored
/// or tuned, and does not change the shape.
std::string plain(std::string_view name) {
  std::string word = text::lower_case(name);
  if (const std::size_t slash = word.rfind('/'); slash != std::string::npos) word.erase(0, slash + 1);
  constexpr std::string_view endings[] = {"-instruct", "-thinking", "-chat", "-fp8",   "-awq",
                                          "-gptq",     "-int4",     "-int8", "-nvfp4", "-mxfp4",
                                          "-fp4",      "-bf16",     "-gguf", "-4bit",  "-8bit"};
  for (bool cut = true; cut;) {
    cut = false;
    for (const std::string_view ending : endings) {
      if (word.size() > ending.size() && word.ends_with(ending)) {
        word.resize(word.size() - ending.size());
        cut = true;
      }
    }
  }
  return word;
}

}  // namespace

LayerAllReduce minimax_qk_norm() { return {"query and key norm, each layer", 2, DataType::fp32}; }

const std::vector<Model>& known_models() {
  static const std::vector<Model> models = {
      routed(dense("Qwen3-Coder-30B-A3B", 2048, 48, 151936), 128, 8),
      minimax(),
      dense("Llama-3.1-70B", 8192, 80, 128256),
      routed(dense("gpt-oss-120b", 2880, 36, 201088), 128, 4),
      routed(dense("DeepSeek-V3", 7168, 61, 129280), 256, 8, 3, 1),
      routed(dense("Qwen3-235B-A22B", 4096, 94, 151936), 128, 8),
      routed(dense("GLM-4.5-Air", 4096, 46, 151552), 128, 8, 1, 1),
  };
  return models;
}

const Model& model_named(std::string_view name) {
  const std::string wanted = plain(name);
  std::string full = wanted;
  std::vector<std::string> words;
  for (const Alias& alias : aliases) {
    if (wanted == alias.alias) full = text::lower_case(alias.name);
  }
  for (const Model& model : known_models()) {
    if (full == text::lower_case(model.name)) return model;
    words.push_back(model.name);
  }
  const std::vector<std::string> near = text::near_words(wanted, words);
  throw InputError(fmt::format("no model is named \"{}\"{}; there are {}, and any other is given by its config.json",
                               text::shortened(text::printable(name), 60),
                               near.empty() ? "" : fmt::format(", did you mean {}?", fmt::join(near, " or ")),
                               fmt::join(words, ", ")));
}

}  // namespace rocekit::traffic
