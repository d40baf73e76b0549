// The operations of a step, against counts and sizes worked out by hand from vLLM's layers.
#include "collectives/traffic/step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/text/sizes.h"

namespace rocekit::traffic {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kib = 1024;

StepRequest request_of(const char* model, const char* mode, std::uint64_t batch = 1) {
  StepRequest request;
  request.model = model_named(model);
  request.mode = parse_parallelism(mode);
  request.batch = batch;
  return request;
}

std::uint64_t count_of(const Step& step, OpKind kind) {
  std::uint64_t sum = 0;
  for (const Operation& operation : step.operations) sum += operation.kind == kind ? operation.count : 0;
  return sum;
}

const Operation& operation_of(const Step& step, const char* what) {
  for (const Operation& operation : step.operations) {
    if (operation.what.find(what) != std::string::npos) return operation;
  }
  throw std::runtime_error(std::string("no operation ") + what);
}

std::string sentence_of(const StepRequest& request) {
  try {
    plan_step(request);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

struct Row {
  const char* model;
  std::uint64_t all_reduces;  ///< of hidden states
  std::uint64_t batch_1_bytes;
  std::uint64_t batch_32_bytes;
  std::uint64_t chunk_bytes;
  const char* logits;  ///< shard of one request under TP2
};

TEST(StepTable, TensorParallelCountsAndSizesOfEveryNamedModel) {
  const Row rows[] = {
      {"Qwen3-Coder-30B-A3B", 97, 4 * kib, 128 * kib, 32 * kib * kib, "148 KiB"},
      {"MiniMax-M2.5", 125, 6 * kib, 192 * kib, 48 * kib * kib, "195 KiB"},
      {"Llama-3.1-70B", 161, 16 * kib, 512 * kib, 128 * kib * kib, "125 KiB"},
      {"gpt-oss-120b", 73, 5760, 180 * kib, 45 * kib * kib, "196 KiB"},
      {"DeepSeek-V3", 123, 14 * kib, 448 * kib, 112 * kib * kib, "126 KiB"},
      {"Qwen3-235B-A22B", 189, 8 * kib, 256 * kib, 64 * kib * kib, "148 KiB"},
      {"GLM-4.5-Air", 93, 8 * kib, 256 * kib, 64 * kib * kib, "148 KiB"},
  };
  ASSERT_EQ(std::size(rows), known_models().size());
  for (const Row& row : rows) {
    SCOPED_TRACE(row.model);
    const Step one = plan_step(request_of(row.model, "tp2"));
    std::uint64_t hidden_states = 0;
    for (const Operation& operation : one.operations) {
      if (operation.parts.front().what == "hidden states") hidden_states += operation.count;
    }
    EXPECT_EQ(hidden_states, row.all_reduces);
    EXPECT_EQ(one.operations.front().bytes_per_rank(), row.batch_1_bytes);
    const Step many = plan_step(request_of(row.model, "tp2", 32));
    EXPECT_EQ(many.operations.front().bytes_per_rank(), row.batch_32_bytes);
    StepRequest prefill = request_of(row.model, "tp2");
    prefill.phase = Phase::prefill;
    EXPECT_EQ(plan_step(prefill).operations.front().bytes_per_rank(), row.chunk_bytes);
    const Operation& logits = operation_of(one, "logits");
    EXPECT_EQ(logits.kind, OpKind::all_gather);
    EXPECT_EQ(logits.count, 1U);
    EXPECT_EQ(text::rounded_size(static_cast<double>(logits.bytes_per_rank())), row.logits);
  }
}

TEST(Step, MiniMaxAddsAnAllReduceOfTwoNumbersAToken) {
  const Step step = plan_step(request_of("minimax-m2.5", "tp2", 32));
  const Operation& norm = operation_of(step, "query and key norm");
  EXPECT_EQ(norm.count, 62U);
  EXPECT_EQ(norm.bytes_per_rank(), 8U * 32);
  EXPECT_EQ(step.operation_count(), 188U);
}

TEST(Step, QwenIssues98CollectivesAStep) {
  const Step step = plan_step(request_of("qwen3-coder-30b-a3b", "tp2"));
  EXPECT_EQ(step.operation_count(), 98U);
  EXPECT_EQ(step.bytes_per_rank(), 97U * 4096 + 151936);
  EXPECT_DOUBLE_EQ(step.wire_bytes_per_rank(), 97.0 * 4096 + 151936);  // both bus factors meet at n = 2
  for (const Operation& operation : step.operations) EXPECT_EQ(operation.issued_by, "--tensor-parallel-size 2");
}

TEST(Step, TokensArePaddedToCapturedGraphs) {
  EXPECT_EQ(captured_tokens(1), 1U);
  EXPECT_EQ(captured_tokens(2), 2U);
  EXPECT_EQ(captured_tokens(3), 4U);
  EXPECT_EQ(captured_tokens(5), 8U);
  EXPECT_EQ(captured_tokens(17), 24U);
  EXPECT_EQ(captured_tokens(256), 256U);
  EXPECT_EQ(captured_tokens(257), 272U);
  EXPECT_EQ(captured_tokens(512), 512U);
  EXPECT_EQ(captured_tokens(513), 513U);
  StepRequest request = request_of("qwen3-coder-30b", "tp2", 17);
  EXPECT_EQ(plan_step(request).operations.front().bytes_per_rank(), 24U * 4096);
  EXPECT_THAT(plan_step(request).notes, testing::Contains(HasSubstr("padded to 24")));
  request.graph_padding = false;
  EXPECT_EQ(plan_step(request).operations.front().bytes_per_rank(), 17U * 4096);
}

TEST(Step, ExpertParallelWithoutDataParallelIsTensorParallelOnTheWire) {
  StepRequest request = request_of("minimax-m2.5", "ep2");
  request.form = ExpertForm::all_reduce;
  const Step expert = plan_step(request);
  const Step tensor = plan_step(request_of("minimax-m2.5", "tp2"));
  ASSERT_EQ(expert.operations.size(), tensor.operations.size());
  for (std::size_t i = 0; i < expert.operations.size(); ++i) {
    EXPECT_EQ(expert.operations[i].parts, tensor.operations[i].parts);
    EXPECT_EQ(expert.operations[i].count, tensor.operations[i].count);
    EXPECT_EQ(expert.operations[i].issued_by, "--tensor-parallel-size 2 --enable-expert-parallel");
  }
}

TEST(Step, GatherAndScatterOfExpertsCarryTokensOfAllRanks) {
  StepRequest request = request_of("deepseek-v3", "dp2ep2", 7);
  request.form = ExpertForm::gather_scatter;
  const Step step = plan_step(request);
  EXPECT_EQ(count_of(step, OpKind::all_gather), 58U);  // 61 layers, 3 of them dense
  EXPECT_EQ(count_of(step, OpKind::reduce_scatter), 58U);
  EXPECT_EQ(count_of(step, OpKind::all_reduce), 1U);
  const Operation& gather = operation_of(step, "tokens to all experts");
  EXPECT_EQ(gather.bytes_per_rank(), 4U * 7168 * 2 + 4 * 8 * 4 + 4 * 8 * 4);
  EXPECT_EQ(gather.size_bytes(), 2 * gather.bytes_per_rank());
  EXPECT_EQ(operation_of(step, "MoE output").bytes_per_rank(), 2U * 4 * 7168 * 2);
  EXPECT_EQ(operation_of(step, "numbers of tokens").bytes_per_rank(), 4U * 2 * 4);
  EXPECT_THAT(gather.issued_by, HasSubstr("--data-parallel-size 2 --enable-expert-parallel"));
  EXPECT_THAT(gather.issued_by, HasSubstr("allgather_reducescatter"));
}

TEST(Step, DispatchOfDeepSeekIs7408BytesATokenAndExpert) { EXPECT_EQ(dispatched_bytes(7168), 7408U); }

TEST(Step, DispatchSendsEachTokenToEachExpertAndCombineSendsItBack) {
  StepRequest request = request_of("deepseek-v3", "ep2", 32);
  request.form = ExpertForm::dispatch_combine;
  const Step step = plan_step(request);
  const Operation& dispatch = operation_of(step, "dispatch");
  const Operation& combine = operation_of(step, "combine");
  ASSERT_TRUE(dispatch.pairs && combine.pairs);
  EXPECT_EQ(dispatch.count, 58U);
  for (std::size_t from = 0; from < 2; ++from) {
    EXPECT_EQ(dispatch.pairs->at(from, 0) + dispatch.pairs->at(from, 1), 16U * 8 * 7408);
    for (std::size_t to = 0; to < 2; ++to) {
      EXPECT_EQ(dispatch.pairs->at(from, to) / 7408, combine.pairs->at(to, from) / (7168U * 2));
    }
  }
  EXPECT_THAT(dispatch.issued_by, HasSubstr("deepep_low_latency"));
  EXPECT_DOUBLE_EQ(dispatch.wire_bytes_per_rank(),
                   static_cast<double>(std::max(dispatch.pairs->sent_by(0), dispatch.pairs->sent_by(1))));
}

TEST(Step, Ep2CoversThreeFormsAndDp2ep2Two) {
  EXPECT_EQ(forms_of(parse_parallelism("ep2")).size(), 3U);
  EXPECT_EQ(forms_of(parse_parallelism("dp2ep2")).size(), 2U);
  EXPECT_TRUE(forms_of(parse_parallelism("tp2")).empty());
}

TEST(Step, PipelineSendsTwoTensorsABoundaryAndMicrobatch) {
  StepRequest request = request_of("qwen3-coder-30b", "pp4", 8);
  request.microbatches = 2;
  const Step step = plan_step(request);
  EXPECT_EQ(count_of(step, OpKind::send_recv), 2U * 3 * 2);
  EXPECT_EQ(operation_of(step, "residual").bytes_per_rank(), 4U * 2048 * 2);
  EXPECT_EQ(operation_of(step, "sampled tokens").bytes_per_rank(), 4U * 4);
  EXPECT_EQ(count_of(step, OpKind::all_reduce), 0U);
  EXPECT_THAT(step.notes, testing::Contains(HasSubstr("pickled metadata")));
}

TEST(Step, TensorSlicesAreJoinedAfterABoundary) {
  const Step step = plan_step(request_of("llama-3.1-70b", "tp2pp2", 1));
  EXPECT_EQ(operation_of(step, "residual, each boundary").bytes_per_rank(), 8192U);
  EXPECT_EQ(operation_of(step, "residual, slices").size_bytes(), 16384U);
  EXPECT_EQ(count_of(step, OpKind::all_reduce), 161U);
}

TEST(Step, SpeculationVerifiesEveryDraftedTokenAndDraftsInPasses) {
  StepRequest request = request_of("qwen3-coder-30b", "tp2", 1);
  request.draft_tokens = 3;
  const Step step = plan_step(request);
  EXPECT_EQ(step.tokens, 4U);
  EXPECT_EQ(step.operations.front().bytes_per_rank(), 4U * 4096);
  EXPECT_EQ(operation_of(step, "first draft pass").count, 3U);
  EXPECT_EQ(operation_of(step, "first draft pass").bytes_per_rank(), 4U * 4096);
  EXPECT_EQ(operation_of(step, "further draft passes").count, 6U);
  EXPECT_EQ(operation_of(step, "further draft passes").bytes_per_rank(), 4096U);
  EXPECT_EQ(operation_of(step, "draft logits").count, 3U);
  EXPECT_EQ(operation_of(step, "logits").bytes_per_rank(), 4U * 151936);
  EXPECT_EQ(step.operation_count(), 97U + 1 + 9 + 3);
}

TEST(Step, WhatCannotBePlannedIsASentence) {
  StepRequest request = request_of("llama-3.1-70b", "ep2");
  request.form = ExpertForm::all_reduce;
  EXPECT_THAT(sentence_of(request), HasSubstr("dense model"));
  request = request_of("deepseek-v3", "dp2ep2");
  EXPECT_THAT(sentence_of(request), HasSubstr("does not cover"));
  request.form = ExpertForm::all_reduce;
  EXPECT_THAT(sentence_of(request), HasSubstr("does not cover"));
  EXPECT_THAT(sentence_of(request_of("qwen3-coder-30b", "pp64")), HasSubstr("48 layers"));
  request = request_of("qwen3-coder-30b", "ep256");
  request.form = ExpertForm::all_reduce;
  EXPECT_THAT(sentence_of(request), HasSubstr("128 experts"));
  EXPECT_THAT(sentence_of(request_of("qwen3-coder-30b", "tp2", 0)), HasSubstr("at least one request"));
  request = request_of("qwen3-coder-30b", "tp2");
  request.phase = Phase::prefill;
  request.draft_tokens = 1;
  EXPECT_THAT(sentence_of(request), HasSubstr("drafts"));
  request = request_of("qwen3-coder-30b", "tp2");
  request.microbatches = 2;
  EXPECT_THAT(sentence_of(request), HasSubstr("microbatches"));
  request.mode = parse_parallelism("pp2");
  EXPECT_THAT(sentence_of(request), HasSubstr("give --batch 2 or more"));
  request.phase = Phase::prefill;
  request.prefill_tokens = 1;
  EXPECT_THAT(sentence_of(request), HasSubstr("give --tokens 2 or more"));
  request = request_of("qwen3-coder-30b", "tp2", 1U << 24U);
  request.draft_tokens = 2;
  EXPECT_THAT(sentence_of(request), HasSubstr("16777216"));
}

TEST(Parallelism, ModesAreReadInAnyCase) {
  EXPECT_EQ(parse_parallelism("TP4PP2"), (Parallelism{4, 2, 1, 1}));
  EXPECT_EQ(parse_parallelism("tp4pp2").ranks(), 8U);
  EXPECT_EQ(parse_parallelism("dp2ep2"), (Parallelism{1, 1, 2, 2}));
  EXPECT_EQ(parse_parallelism("dp2ep2").ranks(), 2U);
  EXPECT_EQ(parse_parallelism("dp2ep2").name(), "dp2ep2");
  EXPECT_EQ(parse_parallelism("tp16").name(), "tp16");
}

TEST(Parallelism, OtherWordsAreRefused) {
  for (const char* word : {"", "tp", "tp1", "tp0", "xp2", "tp2tp2", "tp2x", "tp99999999999999999999", "dp2", "dp2ep4",
                           "tp2ep2", "tp2048", "tp512pp4", "tp-2"}) {
    EXPECT_THROW(parse_parallelism(word), InputError) << word;
  }
}

}  // namespace
}  // namespace rocekit::traffic
