// Models by name and by config.json.
#include "collectives/traffic/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/traffic/model_config.h"
#include "core/error.h"

namespace rocekit::traffic {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

Model read(const std::string& json) { return model_of_config(json, "config.json", "mine"); }

std::string sentence_of(const std::string& json) {
  try {
    read(json);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// `text` without its name and notes, to be compared by what decides traffic.
Model shape(Model model) {
  model.name.clear();
  model.notes.clear();
  return model;
}

TEST(Model, IsNamedInAnyCaseWithOwnerAndEndings) {
  EXPECT_EQ(model_named("minimax-m2.5").hidden, 3072U);
  EXPECT_EQ(model_named("MiniMaxAI/MiniMax-M2").name, "MiniMax-M2.5");
  EXPECT_EQ(model_named("Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8").layers, 48U);
  EXPECT_EQ(model_named("openai/gpt-oss-120b").experts_per_token, 4U);
  EXPECT_EQ(model_named("zai-org/GLM-4.5-Air-FP8").dense_layers, 1U);
  EXPECT_EQ(model_named("deepseek-ai/DeepSeek-V3").moe_layers(), 58U);
  EXPECT_EQ(model_named("Meta-Llama-3.1-70B-Instruct").moe_layers(), 0U);
  EXPECT_EQ(model_named("qwen3-235b-a22b").layers, 94U);
}

TEST(Model, UnknownNameNamesNearOnes) {
  try {
    model_named("qwen3-coder-30b-a3c");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean Qwen3-Coder-30B-A3B?"));
    EXPECT_THAT(error.what(), HasSubstr("config.json"));
  }
}

TEST(ModelConfig, OfAMixtureOfExpertsGivesTheNumbersOfTheTable) {
  const Model model = read(R"({"hidden_size": 2048, "num_hidden_layers": 48, "num_experts": 128,
    "num_experts_per_tok": 8, "vocab_size": 151936, "torch_dtype": "bfloat16", "decoder_sparse_step": 1,
    "mlp_only_layers": [], "model_type": "qwen3_moe"})");
  EXPECT_EQ(shape(model), shape(model_named("qwen3-coder-30b-a3b")));
  EXPECT_EQ(model.name, "mine");
  EXPECT_TRUE(model.notes.empty());
}

TEST(ModelConfig, DenseFirstLayersAndSharedExperts) {
  const Model model = read(R"({"hidden_size": 7168, "num_hidden_layers": 61, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1,
    "vocab_size": 129280, "torch_dtype": "bfloat16"})");
  EXPECT_EQ(shape(model), shape(model_named("deepseek-v3")));
}

TEST(ModelConfig, LocalExpertsAndTheNormOfMiniMax) {
  const std::string rest = R"("hidden_size": 3072, "num_hidden_layers": 62, "num_local_experts": 256,
    "num_experts_per_tok": 8, "vocab_size": 200064, "dtype": "bfloat16", "model_type": "minimax_m2")";
  EXPECT_EQ(shape(read("{" + rest + R"(, "use_qk_norm": true})")), shape(model_named("minimax-m2.5")));
  EXPECT_TRUE(read("{" + rest + R"(, "use_qk_norm": false})").extra.empty());
}

TEST(ModelConfig, OlderAndOtherNamesOfKeys) {
  const Model gpt2 = read(R"({"n_embd": 768, "n_layer": 12, "vocab_size": 50257})");
  EXPECT_EQ(gpt2.hidden, 768U);
  EXPECT_EQ(gpt2.layers, 12U);
  EXPECT_FALSE(gpt2.routes());
  EXPECT_EQ(gpt2.type, DataType::bf16);
  EXPECT_THAT(gpt2.notes, testing::ElementsAre(HasSubstr("names no torch_dtype")));
  const Model chatglm = read(R"({"hidden_size": 4096, "num_layers": 28, "padded_vocab_size": 65024,
    "torch_dtype": "float16"})");
  EXPECT_EQ(chatglm.vocabulary, 65024U);
  EXPECT_EQ(chatglm.type, DataType::fp16);
  const Model ernie = read(R"({"hidden_size": 2560, "num_hidden_layers": 28, "vocab_size": 103424,
    "moe_num_experts": 64, "moe_k": 6, "dtype": "torch.bfloat16"})");
  EXPECT_EQ(ernie.experts_per_token, 6U);
}

TEST(ModelConfig, LanguageModelOfAMultimodalModelIsNested) {
  const Model model = read(R"({"model_type": "vl", "torch_dtype": "float16", "vocab_size": 10,
    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27},
    "text_config": {"hidden_size": 5120, "num_hidden_layers": 48, "num_local_experts": 16, "num_experts_per_tok": 1,
      "interleave_moe_layer_step": 2, "vocab_size": 202048}})");
  EXPECT_EQ(model.hidden, 5120U);
  EXPECT_EQ(model.vocabulary, 202048U);
  EXPECT_EQ(model.type, DataType::fp16);  // stands at the top
  EXPECT_EQ(model.moe_layers(), 24U);
  const Model omni = read(R"({"thinker_config": {"text_config": {"hidden_size": 2048, "num_hidden_layers": 48,
    "vocab_size": 152064}}})");
  EXPECT_EQ(omni.hidden, 2048U);
  // A part without a hidden size is no language model.
  const Model flat = read(R"({"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9,
    "text_config": {"num_hidden_layers": 77}})");
  EXPECT_EQ(flat.layers, 2U);
}

TEST(ModelConfig, LayersWithoutExpertsByListAndByStep) {
  const std::string rest = R"("hidden_size": 64, "num_hidden_layers": 6, "vocab_size": 100, "num_experts": 4,
    "num_experts_per_tok": 2)";
  EXPECT_EQ(read("{" + rest + R"(, "mlp_only_layers": [0, 5, 77]})").dense_layers, 2U);
  EXPECT_EQ(read("{" + rest + R"(, "decoder_sparse_step": 2})").dense_layers, 3U);
  EXPECT_EQ(read("{" + rest + R"(, "moe_layer_freq": [0, 1, 1, 1, 1, 1]})").dense_layers, 1U);
  EXPECT_EQ(read("{" + rest + R"(, "moe_layer_freq": 2})").dense_layers, 3U);
  EXPECT_EQ(read("{" + rest + R"(, "moe_layers": [1, 3]})").dense_layers, 4U);
  EXPECT_THAT(sentence_of("{" + rest + R"(, "moe_layers": []})"), HasSubstr("no layer that uses them"));
}

TEST(ModelConfig, OneExpertOrNoneIsADenseModel) {
  EXPECT_FALSE(read(R"({"hidden_size": 8, "num_hidden_layers": 2, "vocab_size": 10, "num_experts": 0})").routes());
  EXPECT_FALSE(read(R"({"hidden_size": 8, "num_hidden_layers": 2, "vocab_size": 10, "num_experts": null})").routes());
}

TEST(ModelConfig, WhatCannotBeUsedIsOneSentenceThatNamesFileAndKey) {
  const auto says = [](const std::string& json, const std::string& words) {
    EXPECT_THAT(sentence_of(json), AllOf(StartsWith("config.json: "), HasSubstr(words))) << json;
    EXPECT_EQ(sentence_of(json).find('\n'), std::string::npos);
  };
  says("", "empty");
  says("{\n\"hidden_size\": 20x8}", "not JSON at line 2, column 18");
  says("[1]", "a list, and the object");
  says("{}", "no hidden size (\"hidden_size\")");
  says(R"({"hidden_size": 64})", "no number of layers");
  says(R"({"hidden_size": "2048", "num_hidden_layers": 2})", "\"hidden_size\" is \"2048\"");
  says(R"({"hidden_size": -1})", "is -1");
  says(R"({"hidden_size": 1.5})", "is 1.5");
  says(R"({"hidden_size": 9999999999999999999999})", "\"hidden_size\"");
  says(R"({"hidden_size": 1e999})", "number");
  says(R"({"hidden_size": {}})", "an object");
  says(R"({"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9, "torch_dtype": "int3"})",
       "\"torch_dtype\" is \"int3\"");
  says(R"({"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9, "num_experts": 8})", "experts per token");
  says(R"({"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9, "num_experts": 8, "moe_topk": 9})",
       "\"moe_topk\" is 9");
  says(std::string(100, '['), "nested deeper");
}

}  // namespace
}  // namespace rocekit::traffic
