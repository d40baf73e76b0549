// Whole steps as programs: which operation comes when, and on which ranks.
#include <fmt/format.h>

#include <algorithm>

#include "collectives/engine/launch.h"
#include "collectives/engine/program.h"

namespace rocekit::collectives {
namespace {

using traffic::Group;
using traffic::Operation;
using traffic::OpKind;

class StepOrder {
 public:
  StepOrder(const traffic::Step& step, int world, double compute_us)
      : step_(step),
        stages_(static_cast<int>(step.request.mode.pipeline)),
        microbatches_(static_cast<int>(step.request.microbatches)),
        // Of engines side by side (data parallelism) only layers that route communicate.
        layers_(step.replicas() > 1 ? step.request.model.moe_layers() : step.request.model.layers),
        layer_us_(layers_ > 0 ? compute_us / static_cast<double>(layers_) : 0) {
    const int tensor = static_cast<int>(groups_of(step.request.mode, Group::tensor, world).front().size());
    stage_ranks_.resize(static_cast<std::size_t>(stages_));
    for (int rank = 0; stages_ > 1 && rank < world; ++rank) {
      stage_ranks_[static_cast<std::size_t>(rank / tensor % stages_)].push_back(rank);
    }
    for (const Operation& operation : step.operations) {
      const int ranks = static_cast<int>(groups_of(step.request.mode, operation.group, world).front().size());
      launches_.push_back(launch_of(operation, ranks, {SendRecvForm::one_way, 0, 1}));
    }
    sort();
  }

  Program program() {
    // A stage's turn comes one slot after that of the stage before it. Within a slot the last stage is first: so each
    // stage has computed and sent on one microbatch before it takes the next.
    for (int slot = 0; slot < microbatches_ + stages_ - 1; ++slot) {
      for (int stage = stages_ - 1; stage >= 0; --stage) {
        if (slot < stage || slot - stage >= microbatches_) continue;
        add_stage(stage);
        if (stage + 1 < stages_) add_boundary(stage);
      }
      if (slot >= stages_ - 1) add_sampled();
    }
    program_.name = fmt::format("{} {} step", step_.request.mode.name(), traffic::to_string(step_.request.phase));
    if (step_.request.form) program_.name += fmt::format(" ({})", traffic::to_string(*step_.request.form));
    for (const Launch& launch : launches_) {
      program_.send_bytes = std::max(program_.send_bytes, launch.send_bytes);
      program_.receive_bytes = std::max(program_.receive_bytes, launch.receive_bytes);
    }
    return std::move(program_);
  }

 private:
  /// plan_step() lists: embedding, what each layer does, boundaries of a pipeline, logits, drafts, sampled tokens; of
  /// data parallelism what each layer does, and the numbers of tokens, which are agreed on before the step.
  void sort() {
    for (std::size_t i = 0; i < step_.operations.size(); ++i) {
      const Operation& operation = step_.operations[i];
      if (operation.kind == OpKind::broadcast) {
        sampled_.push_back(i);
      } else if (operation.kind == OpKind::send_recv) {
        boundary_.push_back(i);
      } else if (operation.group == Group::tensor && operation.kind == OpKind::all_gather) {
        (i > 0 && step_.operations[i - 1].kind == OpKind::send_recv ? boundary_ : logits_).push_back(i);
      } else if (!logits_.empty()) {
        drafts_.push_back(i);
      } else if (operation.group == Group::data || (operation.group == Group::tensor && once_.empty())) {
        once_.push_back(i);
      } else {
        layer_.push_back(i);
      }
    }
  }

  void add(std::size_t operation, int stage, int from = 0) {
    Action& action = program_.actions.emplace_back();
    action.group = step_.operations[operation].group;
    action.operation = static_cast<std::uint32_t>(operation);
    action.launch = launches_[operation].calls;
    if (action.group == Group::pipeline) {
      for (Call& call : action.launch) {
        call.from = from;
        call.to = from + 1;
      }
    } else {
      action.ranks = stage_ranks_[static_cast<std::size_t>(stage)];
    }
  }

  void add_compute(std::size_t operation, int stage, double microseconds) {
    if (microseconds <= 0) return;
    Action& action = program_.actions.emplace_back();
    action.compute_us = microseconds;
    action.operation = static_cast<std::uint32_t>(operation);
    action.ranks = stage_ranks_[static_cast<std::size_t>(stage)];
  }

  std::uint64_t layers_of(int stage) const {
    const auto stages = static_cast<std::uint64_t>(stages_);
    const std::uint64_t left = layers_ % stages;
    // What does not divide: one more layer each on the last stages but the very last.
    const bool one_more = stage < stages_ - 1 && static_cast<std::uint64_t>(stages_ - 1 - stage) <= left;
    return layers_ / stages + (one_more ? 1 : 0);
  }

  void add_stage(int stage) {
    if (stage == 0) {
      for (const std::size_t i : once_) add(i, stage);
    }
    const std::uint64_t layers = layers_of(stage);
    if (layer_.empty()) add_compute(0, stage, layer_us_ * static_cast<double>(layers));
    for (std::uint64_t layer = 0; layer < layers; ++layer) {
      for (const std::size_t i : layer_) {
        add_compute(i, stage, layer_us_ / static_cast<double>(layer_.size()));
        add(i, stage);
      }
    }
    if (stage == stages_ - 1) add_logits_and_drafts(stage);
  }

  void add_logits_and_drafts(int stage) {
    if (!logits_.empty()) add(logits_.front(), stage);
    // The first pass is listed apart from the others; a gather of draft logits ends each.
    const std::uint64_t passes = drafts_.empty() ? 0 : step_.request.draft_tokens;
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
      const std::size_t reduce = drafts_[pass == 0 ? 0 : 1];
      const std::uint64_t alike = pass == 0 ? 1 : passes - 1;
      const std::uint64_t count = step_.operations[reduce].count / (alike * static_cast<std::uint64_t>(microbatches_));
      for (std::uint64_t i = 0; i < count; ++i) add(reduce, stage);
      add(logits_.back(), stage);
    }
  }

  void add_boundary(int stage) {
    for (const std::size_t i : boundary_) add(i, stage + 1, stage);
  }

  void add_sampled() {
    for (const std::size_t i : sampled_) add(i, 0, stages_ - 1);
  }

  const traffic::Step& step_;
  const int stages_;
  const int microbatches_;
  const std::uint64_t layers_;
  const double layer_us_;
  std::vector<std::vector<int>> stage_ranks_;  ///< empty lists without a pipeline
  std::vector<Launch> launches_;               ///< by operation
  // Indices of operations, by their place in the step.
  std::vector<std::size_t> once_;
  std::vector<std::size_t> layer_;
  std::vector<std::size_t> boundary_;
  std::vector<std::size_t> logits_;
  std::vector<std::size_t> drafts_;
  std::vector<std::size_t> sampled_;
  Program program_;
};

}  // namespace

Program program_of(const traffic::Step& step, int world, double compute_us) {
  return StepOrder(step, world, compute_us).program();
}

}  // namespace rocekit::collectives
