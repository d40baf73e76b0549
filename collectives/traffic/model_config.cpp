#include "collectives/traffic/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "collectives/json_input.h"
#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::traffic {
namespace {

using nlohmann::json;
using Keys = std::initializer_list<const char*>;

constexpr Keys hidden_keys = {"hidden_size", "n_embd", "d_model", "model_dim", "dim"};
constexpr Keys layer_keys = {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers"};
constexpr Keys vocabulary_keys = {"vocab_size", "padded_vocab_size", "n_vocab"};
constexpr Keys expert_keys = {"num_experts",     "n_routed_experts",   "num_local_experts",
                              "moe_num_experts", "num_routed_experts", "num_moe_experts"};
constexpr Keys per_token_keys = {"num_experts_per_tok",
                                 "num_experts_per_token",
                                 "experts_per_token",
                                 "moe_top_k",
                                 "moe_topk",
                                 "top_k_experts",
                                 "moe_k",
                                 "num_selected_experts"};
constexpr Keys shared_keys = {"n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"};

/// Where multimodal models keep their language model, outermost first.
constexpr const char* nested_keys[] = {"thinker_config", "text_config", "llm_config", "language_config",
                                       "language_model_config"};

class Reader {
 public:
  Reader(const json& top, const std::string& document) : top_(top), document_(document), inner_(&top) {
    for (const char* key : nested_keys) {
      const auto found = inner_->find(key);
      if (found != inner_->end() && found->is_object()) inner_ = &*found;
    }
    // Some configurations nest a part that says nothing of sizes.
    if (!has(*inner_, hidden_keys)) inner_ = &top_;
  }

  Model read(const std::string& name) {
    Model model;
    model.name = name;
    model.hidden = required(hidden_keys, "hidden size", 1U << 20U);
    model.layers = required(layer_keys, "number of layers", 10000);
    model.vocabulary = required(vocabulary_keys, "vocabulary", 1U << 27U);
    read_type(model);
    read_experts(model);
    if (const json* const type = find({"model_type"}); type != nullptr && type->is_string()) {
      const std::string family = type->get<std::string>();
      const json* const normed = find({"use_qk_norm"});
      const bool off = normed != nullptr && normed->is_boolean() && !normed->get<bool>();
      if (family.rfind("minimax_m2", 0) == 0 && !off) model.extra = {minimax_qk_norm()};
    }
    return model;
  }

 private:
  static bool has(const json& object, Keys keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) {
      const auto found = object.find(key);
      return found != object.end() && !found->is_null();
    });
  }

  /// The first of the keys that is there: in the language model's part, else at the top.
  const json* find(Keys keys, const char** name = nullptr) const {
    for (const json* const object : {inner_, &top_}) {
      for (const char* key : keys) {
        const auto found = object->find(key);
        if (found == object->end() || found->is_null()) continue;
        if (name != nullptr) *name = key;
        return &*found;
      }
    }
    return nullptr;
  }

  std::optional<std::uint64_t> number(Keys keys, std::uint64_t least, std::uint64_t most) const {
    const char* key = "";
    const json* const value = find(keys, &key);
    if (value == nullptr) return std::nullopt;
    const bool whole = value->is_number_unsigned() || (value->is_number_integer() && value->get<std::int64_t>() >= 0);
    const std::uint64_t given = whole ? value->get<std::uint64_t>() : 0;
    if (!whole || given < least || given > most) {
      throw InputError(fmt::format("{}: \"{}\" is {}, and a whole number from {} to {} is expected", document_, key,
                                   collectives::in_words(*value), least, most));
    }
    return given;
  }

  std::uint64_t required(Keys keys, const char* what, std::uint64_t most) const {
    const std::optional<std::uint64_t> value = number(keys, 1, most);
    if (value) return *value;
    throw InputError(
        fmt::format("{}: no {} (\"{}\"): is it the config.json of a language model?", document_, what, *keys.begin()));
  }

  void read_type(Model& model) const {
    const char* key = "";
    const json* const value = find({"torch_dtype", "dtype"}, &key);
    std::string word = value != nullptr && value->is_string() ? text::lower_case(value->get<std::string>()) : "";
    if (word.rfind("torch.", 0) == 0) word.erase(0, 6);
    if (value == nullptr || word == "auto") {
      model.notes.emplace_back("config.json names no torch_dtype: activations are taken as bf16");
    } else if (word == "float16" || word == "half" || word == "fp16") {
      model.type = DataType::fp16;
    } else if (word == "float32" || word == "float" || word == "fp32") {
      model.notes.emplace_back("the checkpoint is float32, which vLLM serves in 16 bits unless told --dtype float32");
    } else if (word != "bfloat16" && word != "bf16") {
      throw InputError(fmt::format("{}: \"{}\" is {}, and bfloat16, float16 or float32 is expected", document_, key,
                                   collectives::in_words(*value)));
    }
  }

  void read_experts(Model& model) const {
    const std::uint64_t experts = number(expert_keys, 0, 65536).value_or(0);
    if (experts <= 1) return;
    model.experts = experts;
    const std::optional<std::uint64_t> per_token = number(per_token_keys, 1, experts);
    if (!per_token) {
      throw InputError(fmt::format("{}: {} experts, and no number of experts per token (\"{}\")", document_, experts,
                                   *per_token_keys.begin()));
    }
    model.experts_per_token = *per_token;
    model.shared_experts = number(shared_keys, 0, 65536).value_or(0);
    const std::vector<bool> routing = routing_layers(model.layers);
    model.dense_layers = static_cast<std::uint64_t>(std::count(routing.begin(), routing.end(), false));
    if (model.dense_layers == model.layers) {
      throw InputError(fmt::format("{}: {} experts, and no layer that uses them", document_, experts));
    }
  }

  /// Which layers hold experts, by the rules of the families: DeepSeek and GLM (first_k_dense_replace, moe_layer_freq
  /// as a number or a list), Qwen (decoder_sparse_step, mlp_only_layers), Llama 4 (interleave_moe_layer_step,
  /// moe_layers).
  std::vector<bool> routing_layers(std::uint64_t layers) const {
    constexpr std::uint64_t most = 10000;
    std::vector<bool> routing(layers, true);
    const json* const frequency = find({"moe_layer_freq"});
    const bool listed = frequency != nullptr && frequency->is_array();
    const std::uint64_t every = listed ? 1 : number({"moe_layer_freq"}, 1, most).value_or(1);
    const std::uint64_t step = number({"decoder_sparse_step", "interleave_moe_layer_step"}, 1, most).value_or(1);
    const std::uint64_t first = number({"first_k_dense_replace"}, 0, most).value_or(0);
    for (std::uint64_t layer = 0; layer < layers; ++layer) {
      routing[layer] = layer >= first && layer % every == 0 && (layer + 1) % step == 0;
      if (listed && (layer >= frequency->size() || (*frequency)[layer] == 0)) routing[layer] = false;
    }
    for (const std::uint64_t layer : list("mlp_only_layers").value_or(std::vector<std::uint64_t>{})) {
      if (layer < layers) routing[layer] = false;
    }
    if (const auto only = list("moe_layers")) {
      std::vector<bool> named(layers, false);
      for (const std::uint64_t layer : *only) {
        if (layer < layers) named[layer] = routing[layer];
      }
      routing = named;
    }
    return routing;
  }

  /// Layers by number; absent when there is no such list.
  std::optional<std::vector<std::uint64_t>> list(const char* key) const {
    const json* const found = find({key});
    if (found == nullptr || !found->is_array()) return std::nullopt;
    std::vector<std::uint64_t> layers;
    for (const json& item : *found) {
      if (item.is_number_unsigned()) layers.push_back(item.get<std::uint64_t>());
    }
    return layers;
  }

  const json& top_;
  const std::string& document_;
  const json* inner_;
};

}  // namespace

Model model_of_config(std::string_view json_text, const std::string& document, const std::string& name) {
  const json top = collectives::parse_json(json_text, document);
  if (!top.is_object()) {
    throw InputError(
        fmt::format("{}: {}, and the object of a config.json is expected", document, collectives::in_words(top)));
  }
  return Reader(top, document).read(name);
}

}  // namespace rocekit::traffic
