#include "collectives/engine/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "core/error.h"

namespace rocekit::collectives {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using traffic::Group;
using traffic::OpKind;

using Ranks = std::vector<int>;

traffic::Step step_of(const std::string& mode, const std::string& model = "qwen3-coder-30b-a3b",
                      const std::function<void(traffic::StepRequest&)>& change = {}) {
  traffic::StepRequest request;
  request.model = traffic::model_named(model);
  request.mode = traffic::parse_parallelism(mode);
  const auto forms = traffic::forms_of(request.mode);
  if (!forms.empty()) request.form = forms.front();
  if (change) change(request);
  return traffic::plan_step(request);
}

TEST(Groups, RanksAreLaidOutTensorFirstThenPipelineThenReplicas) {
  const auto mode = traffic::parse_parallelism("tp2pp2");
  EXPECT_THAT(groups_of(mode, Group::world, 4), ElementsAre(Ranks{0, 1, 2, 3}));
  EXPECT_THAT(groups_of(mode, Group::tensor, 8), ElementsAre(Ranks{0, 1}, Ranks{2, 3}, Ranks{4, 5}, Ranks{6, 7}));
  EXPECT_THAT(groups_of(mode, Group::pipeline, 8), ElementsAre(Ranks{0, 2}, Ranks{1, 3}, Ranks{4, 6}, Ranks{5, 7}));
  EXPECT_THAT(groups_of(mode, Group::data, 4), ElementsAre(Ranks{0}, Ranks{1}, Ranks{2}, Ranks{3}));
  EXPECT_THAT(groups_of(traffic::parse_parallelism("pp3"), Group::pipeline, 3), ElementsAre(Ranks{0, 1, 2}));
  EXPECT_THROW(groups_of(mode, Group::tensor, 6), InputError);
}

TEST(Groups, ExpertRanksAreOneGroupOfEachKindButThePipelines) {
  for (const char* name : {"ep4", "dp4ep4"}) {
    const auto mode = traffic::parse_parallelism(name);
    for (const Group group : {Group::tensor, Group::data, Group::expert}) {
      EXPECT_THAT(groups_of(mode, group, 4), ElementsAre(Ranks{0, 1, 2, 3})) << name;
    }
    EXPECT_EQ(groups_of(mode, Group::pipeline, 4).size(), 4u);
  }
}

TEST(Groups, EachRankIsInExactlyOne) {
  for (const char* name : {"tp2", "tp3pp4", "pp4", "ep6", "dp6ep6"}) {
    const auto mode = traffic::parse_parallelism(name);
    const int world = 2 * static_cast<int>(mode.ranks());
    for (const Group group : {Group::world, Group::tensor, Group::pipeline, Group::data, Group::expert}) {
      std::multiset<int> seen;
      for (const Ranks& members : groups_of(mode, group, world)) seen.insert(members.begin(), members.end());
      EXPECT_EQ(seen.size(), static_cast<std::size_t>(world)) << name;
      EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), seen.size()) << name;
    }
  }
}

TEST(OperationProgram, PartsAreCallsOfOneLaunchSideBySide) {
  traffic::Operation operation;
  operation.kind = OpKind::all_gather;
  operation.group = Group::expert;
  operation.parts = {{"a", 100, traffic::DataType::bf16}, {"b", 3, traffic::DataType::fp32}};
  const Program program = program_of(operation, std::nullopt, 4);
  ASSERT_EQ(program.actions.size(), 1u);
  const Action& action = program.actions.front();
  EXPECT_EQ(action.group, Group::expert);
  ASSERT_EQ(action.launch.size(), 2u);
  EXPECT_EQ(action.launch[1].type, traffic::DataType::fp32);
  EXPECT_EQ(action.launch[1].send_offset, 256u);      // after 200 bytes
  EXPECT_EQ(action.launch[1].receive_offset, 1024u);  // after 4 * 200
  EXPECT_EQ(program.send_bytes, 256u + 12);
  EXPECT_EQ(program.receive_bytes, 1024u + 4 * 12);
}

TEST(OperationProgram, ElementsAreMultiplesOfTheRanksWhereRanksSplitThem) {
  traffic::Operation operation;
  operation.kind = OpKind::reduce_scatter;
  operation.ranks = 3;
  operation.parts = {{"a", 100, traffic::DataType::bf16}};
  const Program program = program_of(operation, std::nullopt, 3);
  EXPECT_EQ(program.actions[0].launch[0].elements, 102u);
  EXPECT_EQ(program.size_bytes, 204u);
  operation.kind = OpKind::all_reduce;
  EXPECT_EQ(program_of(operation, std::nullopt, 3).actions[0].launch[0].elements, 100u);
}

TEST(OperationProgram, EveryPatternHasItsFormDivisorAndName) {
  const auto program = [](traffic::Pattern pattern, std::uint64_t ranks = 2) {
    traffic::PatternRequest request;
    request.pattern = pattern;
    request.ranks = ranks;
    request.size_bytes = 4096;
    return program_of(traffic::plan_pattern(request), pattern, static_cast<int>(ranks));
  };
  using traffic::Pattern;
  EXPECT_EQ(program(Pattern::all_reduce).name, "all-reduce 4 KiB");
  EXPECT_EQ(program(Pattern::all_reduce).size_bytes, 4096u);
  EXPECT_EQ(program(Pattern::all_reduce).divisor, 1);
  EXPECT_EQ(program(Pattern::ping_pong).name, "send-recv ping-pong 4 KiB");
  EXPECT_EQ(program(Pattern::ping_pong).divisor, 2);
  EXPECT_EQ(program(Pattern::ping_pong).actions[0].launch[0].form, SendRecvForm::ping_pong);
  EXPECT_EQ(program(Pattern::ring, 4).actions[0].launch[0].form, SendRecvForm::ring);
  EXPECT_EQ(program(Pattern::ring, 4).divisor, 1);
  // Without an answer the root would run ahead of the others.
  EXPECT_EQ(program(Pattern::broadcast, 3).divisor, 2);
  EXPECT_EQ(program(Pattern::broadcast, 3).actions[0].launch[0].from, 0);
  EXPECT_EQ(program(Pattern::broadcast, 3).actions[1].launch[0].from, 2);
  EXPECT_EQ(program(Pattern::bidirectional).actions[0].launch[0].form, SendRecvForm::bidirectional);
  const Program skewed = program(Pattern::all_to_all_v, 3);
  EXPECT_EQ(skewed.actions[0].launch[0].type, traffic::DataType::bytes);
  EXPECT_EQ(skewed.actions[0].launch[0].pairs.ranks, 3u);
  EXPECT_GE(skewed.receive_bytes, 3 * skewed.actions[0].launch[0].pairs.at(1, 0));
}

TEST(OperationProgram, BoundaryTransferOfAStepIsMeasuredAsPingPong) {
  const traffic::Step step = step_of("pp4");
  const Program program = program_of(step.operations.front(), std::nullopt, 4);
  EXPECT_EQ(program.actions[0].group, Group::pipeline);
  EXPECT_EQ(program.actions[0].launch[0].form, SendRecvForm::ping_pong);
  EXPECT_EQ(program.divisor, 2);
  EXPECT_TRUE(takes_part(program.actions[0], 1, 1));
  EXPECT_FALSE(takes_part(program.actions[0], 2, 2));
}

TEST(OperationProgram, PairsOfOtherRanksAreRefused) {
  const traffic::Step step = step_of("ep2");
  EXPECT_EQ(step.operations.front().kind, OpKind::all_to_all_v);
  EXPECT_THROW(program_of(step.operations.front(), std::nullopt, 4), InputError);
}

// ---- steps

/// What an action does, as text: "embedding", "compute".
std::string what(const traffic::Step& step, const Action& action) {
  if (action.launch.empty()) return "compute";
  std::string text = step.operations[action.operation].what;
  if (action.launch.front().kind == OpKind::send_recv) {
    text += " " + std::to_string(action.launch.front().from) + ">" + std::to_string(action.launch.front().to);
  }
  return text.substr(0, text.find(','));
}

std::vector<std::string> order(const traffic::Step& step, const Program& program, int rank, int group_rank) {
  std::vector<std::string> names;
  for (const Action& action : program.actions) {
    if (takes_part(action, rank, group_rank)) names.push_back(what(step, action));
  }
  return names;
}

TEST(StepProgram, EmbeddingThenLayersThenLogits) {
  const traffic::Step step = step_of("tp2", "minimax-m2.5");
  const Program program = program_of(step, 2, 0);
  EXPECT_EQ(program.name, "tp2 decode step");
  EXPECT_EQ(program.size_bytes, 0u);
  const auto names = order(step, program, 1, 1);
  ASSERT_EQ(names.size(), 1 + 3 * 62 + 1u);
  EXPECT_THAT(std::vector<std::string>(names.begin(), names.begin() + 5),
              ElementsAre("embedding", "attention output", "MLP or MoE output",
                          traffic::minimax_qk_norm().what.substr(0, traffic::minimax_qk_norm().what.find(',')),
                          "attention output"));
  EXPECT_EQ(names.back(), "logits");
}

TEST(StepProgram, TokenCountsAreAgreedOnBeforeLayersOfExperts) {
  const traffic::Step step = step_of("dp2ep2");
  const auto names = order(step, program_of(step, 2, 0), 0, 0);
  ASSERT_EQ(names.size(), 1 + 2 * 48u);
  EXPECT_EQ(names[0], "numbers of tokens of the data-parallel ranks");
  EXPECT_EQ(names[1], "tokens to all experts");
  EXPECT_EQ(names[2], "MoE output");
  EXPECT_EQ(names[3], "tokens to all experts");
}

TEST(StepProgram, DraftPassesFollowLogits) {
  const traffic::Step step =
      step_of("tp2", "llama-3.1-70b", [](traffic::StepRequest& request) { request.draft_tokens = 3; });
  auto names = order(step, program_of(step, 2, 0), 0, 0);
  names.erase(names.begin(), names.begin() + 161);
  const std::string first = "first draft pass: embedding";
  const std::string further = "further draft passes: embedding";
  EXPECT_THAT(names, ElementsAre("logits", first, first, first, "draft logits", further, further, further,
                                 "draft logits", further, further, further, "draft logits"));
}

TEST(StepProgram, PipelineStageReceivesComputesAndSendsOnMicrobatchByMicrobatch) {
  const traffic::Step step = step_of("pp3", "qwen3-coder-30b-a3b", [](traffic::StepRequest& request) {
    request.batch = 4;
    request.microbatches = 4;
  });
  const Program program = program_of(step, 3, 300);
  const std::string h = "hidden states";
  const std::string r = "residual";
  const std::string s = "sampled tokens";
  // The third microbatch fills the pipeline; from then on the tokens of one come back before the next is begun.
  EXPECT_THAT(order(step, program, 0, 0),
              ElementsAre("compute", h, r, "compute", h, r, "compute", h, r, s, "compute", h, r, s, s, s));
  EXPECT_THAT(order(step, program, 1, 1), ElementsAre(h, r, "compute", h, r, h, r, "compute", h, r, h, r, s, "compute",
                                                      h, r, h, r, s, "compute", h, r, s, s));
}

TEST(StepProgram, StagesWorkOnTheirOwnAndJoinWhatTheyReceived) {
  const traffic::Step step = step_of("tp2pp2");
  Ranks stage{0, 1};
  for (const Action& action : program_of(step, 4, 10).actions) {
    const std::string name = what(step, action);
    // The first stage works until the boundary, the second from there on.
    if (action.group == Group::pipeline && !action.launch.empty()) {
      EXPECT_THAT(action.ranks, IsEmpty()) << name;
      stage = {2, 3};
    } else {
      EXPECT_EQ(action.ranks, stage) << name;
    }
  }
  EXPECT_EQ(stage, (Ranks{2, 3}));
}

TEST(StepProgram, ComputeIsSharedOverLayersAndStages) {
  // 80 layers over 3 stages: 26 and, of the two left over, one more each on the first and second.
  const traffic::Step pipeline = step_of("pp3", "llama-3.1-70b");
  std::vector<double> of_stage(3);
  for (const Action& action : program_of(pipeline, 3, 800).actions) {
    if (!action.launch.empty()) continue;
    ASSERT_EQ(action.ranks.size(), 1u);
    of_stage[static_cast<std::size_t>(action.ranks[0])] += action.compute_us;
  }
  EXPECT_THAT(of_stage, ElementsAre(testing::DoubleEq(270), testing::DoubleEq(270), testing::DoubleEq(260)));

  for (const char* mode : {"tp2", "dp2ep2", "tp2pp2"}) {
    const traffic::Step step = step_of(mode, "deepseek-v3");
    double sum = 0;
    for (const Action& action : program_of(step, static_cast<int>(step.request.mode.ranks()), 900).actions) {
      sum += action.compute_us;
    }
    EXPECT_NEAR(sum, 900, 1e-6) << mode;
  }
}

TEST(StepProgram, LastOfFourStagesHasNoLayerMore) {
  const traffic::Step step = step_of("pp4", "deepseek-v3");  // 61 layers
  std::vector<double> us(4);
  for (const Action& action : program_of(step, 4, 61).actions) {
    if (action.launch.empty()) us[static_cast<std::size_t>(action.ranks[0])] += action.compute_us;
  }
  EXPECT_THAT(us, ElementsAre(15, 15, 16, 15));
}

/// Ranks that perform their actions one after the other, each waiting until all others of a launch have come to it
/// (stricter than any library): ends when all are done or none can go on.
void expect_no_deadlock(const traffic::Step& step, const Program& program, int world) {
  struct Seat {
    std::size_t action;
    Ranks parties;
  };
  std::vector<std::deque<Seat>> queues(static_cast<std::size_t>(world));
  for (std::size_t a = 0; a < program.actions.size(); ++a) {
    const Action& action = program.actions[a];
    if (action.launch.empty()) continue;
    for (const Ranks& members : groups_of(step.request.mode, action.group, world)) {
      Ranks parties;
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (takes_part(action, members[i], static_cast<int>(i))) parties.push_back(members[i]);
      }
      if (parties.empty()) continue;
      ASSERT_GT(parties.size(), 1u) << "alone in " << what(step, action);
      for (const int rank : parties) queues[static_cast<std::size_t>(rank)].push_back({a, parties});
    }
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& queue : queues) {
      if (queue.empty()) continue;
      const Seat seat = queue.front();
      bool all_here = true;
      for (const int rank : seat.parties) {
        const auto& other = queues[static_cast<std::size_t>(rank)];
        all_here = all_here && !other.empty() && other.front().action == seat.action;
      }
      if (!all_here) continue;
      for (const int rank : seat.parties) queues[static_cast<std::size_t>(rank)].pop_front();
      moved = true;
    }
  }
  for (const auto& queue : queues) {
    ASSERT_TRUE(queue.empty()) << "waits for ever in " << what(step, program.actions[queue.front().action]);
  }
}

void expect_whole(const traffic::Step& step) {
  const int world = static_cast<int>(step.request.mode.ranks());
  const Program program = program_of(step, world, 100);
  std::vector<std::uint64_t> launches(step.operations.size());
  std::uint64_t bytes = 0;
  for (const Action& action : program.actions) {
    if (action.launch.empty()) continue;
    ++launches[action.operation];
    const traffic::Operation& operation = step.operations[action.operation];
    ASSERT_EQ(action.group, operation.group);
    const int ranks = static_cast<int>(groups_of(step.request.mode, action.group, world).front().size());
    std::uint64_t most = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      std::uint64_t sum = 0;
      for (const Call& call : action.launch) {
        sum += send_bytes(call, rank, ranks);
        ASSERT_LE(call.send_offset + send_bytes(call, rank, ranks), program.send_bytes);
        ASSERT_LE(call.receive_offset + receive_bytes(call, rank, ranks), program.receive_bytes);
      }
      most = std::max(most, sum);
    }
    bytes += most;
  }
  for (std::size_t i = 0; i < launches.size(); ++i) {
    EXPECT_EQ(launches[i], step.operations[i].count) << step.operations[i].what;
  }
  EXPECT_EQ(bytes, step.bytes_per_rank());
  expect_no_deadlock(step, program, world);
}

TEST(StepProgram, HoldsEveryOperationOfEveryModelAsOftenAsTheStepDoes) {
  for (const traffic::Model& model : traffic::known_models()) {
    for (const char* word : {"tp2", "tp4", "pp2", "pp3", "pp4", "tp2pp2", "tp2pp4", "ep2", "dp2ep2", "ep4"}) {
      traffic::StepRequest request;
      request.model = model;
      request.mode = traffic::parse_parallelism(word);
      if (request.mode.expert > 1 && !model.routes()) continue;
      std::vector<std::optional<traffic::ExpertForm>> forms;
      for (const auto form : traffic::forms_of(request.mode)) forms.emplace_back(form);
      if (forms.empty()) forms.emplace_back();
      for (const auto& form : forms) {
        SCOPED_TRACE(model.name + " " + word + " " + (form ? to_string(*form) : ""));
        request.form = form;
        expect_whole(traffic::plan_step(request));
      }
    }
  }
}

TEST(StepProgram, PipelinesOfAnyDepthAndMicrobatchesEndWithoutDeadlock) {
  for (const char* word : {"pp2", "pp3", "pp4", "tp2pp3"}) {
    for (const std::uint64_t microbatches : {1, 2, 3, 4, 7}) {
      for (const std::uint64_t drafts : {0, 1, 3}) {
        SCOPED_TRACE(std::string(word) + " " + std::to_string(microbatches) + " " + std::to_string(drafts));
        expect_whole(step_of(word, "gpt-oss-120b", [&](traffic::StepRequest& request) {
          request.batch = 8;
          request.microbatches = microbatches;
          request.draft_tokens = drafts;
        }));
      }
    }
  }
}

TEST(StepProgram, ModelOfAsManyLayersAsADraftPassHasOperationsKeepsItsOrder) {
  traffic::StepRequest request;
  request.model = traffic::model_named("llama-3.1-70b");
  for (const std::uint64_t layers : {1, 3}) {
    request.model.layers = layers;
    request.mode = traffic::parse_parallelism("tp2");
    request.draft_tokens = 1;
    const traffic::Step step = traffic::plan_step(request);
    expect_whole(step);
    const auto names = order(step, program_of(step, 2, 0), 0, 0);
    EXPECT_EQ(names.front(), "embedding");
    EXPECT_EQ(names[1 + 2 * layers], "logits");
    EXPECT_EQ(names.back(), "draft logits");
  }
}

TEST(StepProgram, ReplicasRunSideBySide) {
  const traffic::Step step = step_of("tp2pp2");
  const Program program = program_of(step, 8, 0);
  for (const Action& action : program.actions) {
    if (action.group == Group::tensor) {
      EXPECT_EQ(action.ranks.size(), 4u);
    }
  }
  expect_no_deadlock(step, program, 8);
}

}  // namespace
}  // namespace rocekit::collectives
