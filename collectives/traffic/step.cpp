#include "collectives/traffic/step.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace rocekit::traffic {
namespace {

constexpr std::uint64_t most_tokens = std::uint64_t{1} << 24U;
constexpr std::uint64_t most_draft_tokens = 64;
/// vLLM pads the vocabulary before it is split (DEFAULT_VOCAB_PADDING_SIZE).
constexpr std::uint64_t vocabulary_padding = 64;

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) { return (value + by - 1) / by; }

class Planner {
 public:
  explicit Planner(const StepRequest& request) : model_(request.model) { step_.request = request; }

  Step plan() {
    refuse();
    size();
    step_.notes = model_.notes;
    if (step_.replicas() > 1) {
      plan_data_parallel();
    } else {
      plan_tensor_and_pipeline();
    }
    describe();
    return std::move(step_);
  }

 private:
  const StepRequest& request() const { return step_.request; }
  const Parallelism& mode() const { return step_.request.mode; }
  /// Expert parallelism without data parallelism splits attention as tensor parallelism does.
  std::uint64_t tensor_ranks() const { return request().form ? mode().expert : mode().tensor; }

  void refuse() const {
    const std::vector<ExpertForm> forms = forms_of(mode());
    if (!forms.empty() && !model_.routes()) {
      throw InputError(
          fmt::format("{} is a dense model: {} needs experts; tp and pp remain", model_.name, mode().name()));
    }
    if (request().form.has_value() != !forms.empty() ||
        (request().form && std::find(forms.begin(), forms.end(), *request().form) == forms.end())) {
      throw InputError(fmt::format("{} does not cover that form of expert parallelism", mode().name()));
    }
    if (mode().expert > 1 && mode().expert > model_.experts) {
      throw InputError(fmt::format("{} experts cannot be spread over {} ranks", model_.experts, mode().expert));
    }
    if (mode().pipeline > model_.layers) {
      throw InputError(fmt::format("{} layers cannot be spread over {} stages", model_.layers, mode().pipeline));
    }
    if (request().batch == 0) throw InputError("a step holds at least one request");
    if (request().batch > most_tokens || request().prefill_tokens > most_tokens || request().prefill_tokens == 0) {
      throw InputError(fmt::format("a step holds 1 to {} tokens and requests", most_tokens));
    }
    if (request().draft_tokens > 0 && request().phase == Phase::prefill) {
      throw InputError("speculation drafts tokens in decode; a prefill step has none");
    }
    if (request().draft_tokens > most_draft_tokens) {
      throw InputError(fmt::format("speculation drafts at most {} tokens", most_draft_tokens));
    }
    if (request().batch > most_tokens / (request().draft_tokens + 1)) {
      throw InputError(fmt::format("a step holds 1 to {} tokens and requests", most_tokens));
    }
    if (request().microbatches == 0 || (request().microbatches > 1 && mode().pipeline <= 1)) {
      throw InputError("microbatches fill a pipeline: they need a mode such as pp2, and at least one");
    }
    if (request().microbatches > (request().phase == Phase::decode ? request().batch : request().prefill_tokens)) {
      throw InputError(
          request().phase == Phase::decode
              ? fmt::format("{0} microbatches need at least as many requests: give --batch {0} or more",
                            request().microbatches)
              : fmt::format(
                    "{0} microbatches need at least as many tokens of a prefill chunk: give --tokens {0} or more",
                    request().microbatches));
    }
  }

  void size() {
    requests_ = divided_up(request().batch, request().microbatches * step_.replicas());
    rows_ = requests_ * (request().draft_tokens + 1);
    if (request().phase == Phase::decode) {
      step_.tokens = rows_;
    } else {
      step_.tokens = divided_up(request().prefill_tokens, request().microbatches);
    }
    step_.padded_tokens = padded(step_.tokens);
  }

  std::uint64_t padded(std::uint64_t tokens) const {
    return request().graph_padding ? captured_tokens(tokens) : tokens;
  }

  Operation& add(OpKind kind, std::string what, std::string issued_by, Group group, std::uint64_t ranks,
                 std::uint64_t count, std::vector<Part> parts) {
    Operation operation;
    operation.kind = kind;
    operation.what = std::move(what);
    operation.issued_by = std::move(issued_by);
    operation.group = group;
    operation.ranks = ranks;
    operation.count = count;
    operation.parts = std::move(parts);
    step_.operations.push_back(std::move(operation));
    return step_.operations.back();
  }

  Part hidden_states(std::uint64_t tokens) const { return {"hidden states", tokens * model_.hidden, model_.type}; }

  std::string tensor_setting() const {
    if (request().form) return fmt::format("--tensor-parallel-size {} --enable-expert-parallel", mode().expert);
    return fmt::format("--tensor-parallel-size {}", mode().tensor);
  }

  void add_logits(const char* what, std::uint64_t rows, std::uint64_t count, const std::string& setting) {
    const std::uint64_t ranks = tensor_ranks();
    const std::uint64_t vocabulary = divided_up(model_.vocabulary, vocabulary_padding) * vocabulary_padding;
    add(OpKind::all_gather, what, setting, Group::tensor, ranks, count,
        {{"logits", rows * divided_up(vocabulary, ranks), model_.type}});
  }

  void plan_tensor_and_pipeline() {
    const std::uint64_t repeats = request().microbatches;
    const std::uint64_t tokens = step_.padded_tokens;
    const std::uint64_t ranks = tensor_ranks();
    if (ranks > 1) {
      const std::string setting = tensor_setting();
      add(OpKind::all_reduce, "embedding", setting, Group::tensor, ranks, repeats, {hidden_states(tokens)});
      add(OpKind::all_reduce, "attention output, each layer", setting, Group::tensor, ranks, repeats * model_.layers,
          {hidden_states(tokens)});
      add(OpKind::all_reduce, model_.routes() ? "MLP or MoE output, each layer" : "MLP output, each layer", setting,
          Group::tensor, ranks, repeats * model_.layers, {hidden_states(tokens)});
      for (const LayerAllReduce& extra : model_.extra) {
        add(OpKind::all_reduce, extra.what, setting, Group::tensor, ranks, repeats * model_.layers,
            {{extra.what, tokens * extra.elements_per_token, extra.type}});
      }
    }
    if (mode().pipeline > 1) plan_pipeline(tokens);
    // Of a prefill chunk only the last token of each request that ends in it has logits.
    if (ranks > 1) add_logits("logits", rows_, repeats, tensor_setting());
    if (ranks > 1 && request().draft_tokens > 0) plan_drafts();
    if (mode().pipeline > 1) {
      add(OpKind::broadcast, "sampled tokens, from the last stage", pipeline_setting(), Group::pipeline,
          mode().pipeline, repeats, {{"token ids", rows_, DataType::int32}});
    }
  }

  std::string pipeline_setting() const { return fmt::format("--pipeline-parallel-size {}", mode().pipeline); }

  void plan_pipeline(std::uint64_t tokens) {
    const std::uint64_t boundaries = (mode().pipeline - 1) * request().microbatches;
    const std::uint64_t slice = divided_up(tokens * model_.hidden, mode().tensor);
    for (const char* what : {"hidden states", "residual"}) {
      add(OpKind::send_recv, fmt::format("{}, each boundary and microbatch", what), pipeline_setting(), Group::pipeline,
          2, boundaries, {{what, slice, model_.type}});
      if (mode().tensor > 1) {
        add(OpKind::all_gather, fmt::format("{}, slices joined after the boundary", what), pipeline_setting(),
            Group::tensor, mode().tensor, boundaries, {{what, slice, model_.type}});
      }
    }
    step_.notes.emplace_back(
        "before the tensors of each boundary and microbatch, 8 bytes of length and a few hundred bytes of pickled "
        "metadata "
        "go over TCP (Gloo), whatever NCCL uses; they are not among the operations");
  }

  void plan_drafts() {
    const std::string setting = fmt::format("--speculative-config (eagle3, {} draft token{})", request().draft_tokens,
                                            request().draft_tokens == 1 ? "" : "s");
    const std::uint64_t ranks = tensor_ranks();
    const std::uint64_t repeats = request().microbatches;
    // The first pass reads the hidden states of every token of the verify step, the others one token a request.
    add(OpKind::all_reduce, "first draft pass: embedding, attention, MLP", setting, Group::tensor, ranks, repeats * 3,
        {hidden_states(step_.padded_tokens)});
    if (request().draft_tokens > 1) {
      add(OpKind::all_reduce, "further draft passes: embedding, attention, MLP", setting, Group::tensor, ranks,
          repeats * 3 * (request().draft_tokens - 1), {hidden_states(padded(requests_))});
    }
    add_logits("draft logits", requests_, repeats * request().draft_tokens, setting);
    step_.notes.emplace_back(
        "a draft pass is taken as 3 all-reduces and a logits gather over the model's own hidden size and vocabulary; "
        "draft "
        "models with a smaller vocabulary send less");
  }

  void plan_data_parallel() {
    const std::uint64_t ranks = mode().expert;
    const std::uint64_t tokens = step_.padded_tokens;
    const std::uint64_t layers = model_.moe_layers();
    const std::string setting = fmt::format("--data-parallel-size {} --enable-expert-parallel", ranks);
    if (*request().form == ExpertForm::gather_scatter) {
      const std::string backend = setting + " (--all2all-backend allgather_reducescatter, the default)";
      const std::uint64_t choices = tokens * model_.experts_per_token;
      add(OpKind::all_gather, "tokens to all experts, each MoE layer", backend, Group::expert, ranks, layers,
          {hidden_states(tokens), {"top-k weights", choices, DataType::fp32}, {"top-k ids", choices, DataType::int32}});
      add(OpKind::reduce_scatter, "MoE output, each MoE layer", backend, Group::expert, ranks, layers,
          {hidden_states(tokens * ranks)});
      step_.notes.emplace_back(
          "where data-parallel ranks hold different numbers of tokens, the engine gathers with one broadcast and "
          "scatters "
          "with one reduction per rank instead");
    } else {
      plan_dispatch(setting + " --all2all-backend deepep_low_latency (or another all-to-all backend)");
    }
    add(OpKind::all_reduce, "numbers of tokens of the data-parallel ranks", setting, Group::data, ranks, 1,
        {{"token counts", 4 * ranks, DataType::int32}});
    step_.notes.push_back(
        fmt::format("the requests are shared by {} data-parallel ranks, {} on each", ranks, requests_));
    if (request().draft_tokens > 0) {
      step_.notes.emplace_back("the draft model runs on each data-parallel rank alone and sends nothing");
    }
  }

  void plan_dispatch(const std::string& setting) {
    const std::uint64_t ranks = mode().expert;
    const std::uint64_t tokens = step_.padded_tokens;
    const PairBytes copies = route(request().routing, model_.experts, model_.experts_per_token, ranks, tokens);
    PairBytes out = copies;
    PairBytes back = copies;
    const std::uint64_t out_bytes = dispatched_bytes(model_.hidden);
    const std::uint64_t back_bytes = model_.hidden * size_of(model_.type);
    for (std::size_t from = 0; from < ranks; ++from) {
      for (std::size_t to = 0; to < ranks; ++to) {
        out.bytes[from * ranks + to] = copies.at(from, to) * out_bytes;
        back.bytes[to * ranks + from] = copies.at(from, to) * back_bytes;
      }
    }
    const std::uint64_t layers = model_.moe_layers();
    add_pairs("dispatch: tokens to their experts (FP8), each MoE layer", setting, layers,
              {"tokens for experts", 0, DataType::bytes}, out);
    add_pairs("combine: experts' outputs back, each MoE layer", setting, layers, {"outputs", 0, model_.type}, back);
    step_.notes.push_back(
        fmt::format("tokens choose experts by {}; the same choice stands for every layer, and each token goes once to "
                    "each of its {} "
                    "experts (kernels that send it once to each rank send less)",
                    request().routing.describe(), model_.experts_per_token));
  }

  void add_pairs(const char* what, const std::string& setting, std::uint64_t count, Part part, const PairBytes& pairs) {
    Operation& operation =
        add(OpKind::all_to_all_v, what, setting, Group::expert, mode().expert, count, {std::move(part)});
    operation.pairs = pairs;
    operation.parts.front().elements = operation.bytes_per_rank() / size_of(operation.parts.front().type);
  }

  void describe() {
    if (step_.padded_tokens != step_.tokens) {
      step_.notes.push_back(fmt::format("{} tokens are padded to {}, the next size of a captured CUDA graph",
                                        step_.tokens, step_.padded_tokens));
    }
    if (request().draft_tokens > 0 && mode().pipeline > 1) {
      step_.notes.emplace_back("the draft model runs on the last stage, and its passes send nothing between stages");
    }
  }

  const Model model_;
  Step step_;
  std::uint64_t requests_ = 0;  ///< of a microbatch, on each data-parallel rank
  std::uint64_t rows_ = 0;      ///< of logits
};

}  // namespace

const char* to_string(Phase phase) { return phase == Phase::decode ? "decode" : "prefill"; }

std::uint64_t Step::replicas() const {
  return request.form && *request.form != ExpertForm::all_reduce ? request.mode.expert : 1;
}

std::uint64_t Step::operation_count() const {
  std::uint64_t sum = 0;
  for (const Operation& operation : operations) sum += operation.count;
  return sum;
}

std::uint64_t Step::bytes_per_rank() const {
  std::uint64_t sum = 0;
  for (const Operation& operation : operations) sum += operation.count * operation.bytes_per_rank();
  return sum;
}

double Step::wire_bytes_per_rank() const {
  double sum = 0;
  for (const Operation& operation : operations) {
    sum += static_cast<double>(operation.count) * operation.wire_bytes_per_rank();
  }
  return sum;
}

std::uint64_t captured_tokens(std::uint64_t tokens) {
  if (tokens > 512) return tokens;
  if (tokens > 256) return divided_up(tokens, 16) * 16;
  if (tokens > 4) return divided_up(tokens, 8) * 8;
  return tokens == 3 ? 4 : tokens;
}

std::uint64_t dispatched_bytes(std::uint64_t hidden) { return 16 + hidden + 4 * divided_up(hidden, 128); }

Step plan_step(const StepRequest& request) { return Planner(request).plan(); }

}  // namespace rocekit::traffic
