#include "collectives/predict/prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/text/sizes.h"

namespace rocekit::predict {
namespace {

using traffic::OpKind;
using traffic::Phase;
using traffic::Step;
using traffic::StepRequest;

void add_once(std::vector<std::string>& list, std::string sentence) {
  if (std::find(list.begin(), list.end(), sentence) == list.end()) list.push_back(std::move(sentence));
}

/// Sum of count * latency in microseconds; `end` chooses the percentile.
template <class End>
double total_us(const std::vector<PricedOperation>& operations, Estimate PricedOperation::*side, End end) {
  double sum = 0;
  for (const PricedOperation& operation : operations) {
    sum += static_cast<double>(operation.count) * end((operation.*side).latency);
  }
  return sum;
}

double median(const Latency& latency) { return latency.p50_us; }
bool has_spread(const Latency& latency) { return latency.p10_us.has_value() && latency.p90_us.has_value(); }

double fast(const Latency& latency) { return has_spread(latency) ? *latency.p10_us : latency.p50_us; }
double slow(const Latency& latency) { return has_spread(latency) ? *latency.p90_us : latency.p50_us; }

/// Tokens per second of a step whose time is `step_us` on A and `saved_us` less on B.
double rate(double tokens, double step_us, double saved_us) {
  const double left_us = step_us - saved_us;
  return left_us > 0 ? tokens / left_us * 1e6 : std::numeric_limits<double>::infinity();
}

class Predictor {
 public:
  Predictor(const PredictionRequest& request, const LatencyTable& table) : request_(request), table_(table) {}

  Prediction run() {
    refuse();
    choose_timing();
    prediction_.measured_on = request_.measured_on;
    prediction_.predicted_on = request_.predicted_on;
    for (const traffic::Operation& operation : request_.step.operations) price(operation);
    const double a_us = total_us(prediction_.operations, &PricedOperation::a, median);
    const double b_us = total_us(prediction_.operations, &PricedOperation::b, median);
    prediction_.communication_a_ms = a_us / 1000;
    prediction_.communication_b_ms = b_us / 1000;
    prediction_.tokens_per_step = tokens(accepted_middle());
    prediction_.ceiling_a_tok_s = prediction_.tokens_per_step / a_us * 1e6;
    prediction_.ceiling_b_tok_s = prediction_.tokens_per_step / b_us * 1e6;
    if (request_.tok_s) predict_rate(a_us, b_us);
    say_assumptions();
    say_where_it_fails();
    return std::move(prediction_);
  }

 private:
  const StepRequest& step() const { return request_.step.request; }

  void refuse() const {
    const std::vector<std::string> names = table_.transports();
    for (const std::string& transport : {request_.measured_on, request_.predicted_on}) {
      if (std::find(names.begin(), names.end(), transport) == names.end()) {
        throw InputError(
            fmt::format("there are no latencies on {}; the table has {}", transport, fmt::join(names, ", ")));
      }
    }
    if (request_.measured_on == request_.predicted_on) {
      throw InputError(fmt::format(
          "{} is both the transport that was measured on and the one to predict on: name two different ones",
          request_.measured_on));
    }
    if (request_.tok_s && (!(*request_.tok_s > 0) || *request_.tok_s > 1e9)) {
      throw InputError("tokens per second are a number above 0");
    }
    const double most = static_cast<double>(step().draft_tokens) + 1;
    if (request_.accepted_tokens && (!(*request_.accepted_tokens >= 1) || *request_.accepted_tokens > most)) {
      throw InputError(fmt::format("a verify step with {} draft tokens yields 1 to {} tokens a request, not {}",
                                   step().draft_tokens, most, *request_.accepted_tokens));
    }
    if (request_.step.operations.empty()) throw InputError("the step sends nothing");
  }

  void choose_timing() {
    if (table_.choose_timing({request_.measured_on, request_.predicted_on})) return;
    throw InputError(
        fmt::format("{} and {} were not timed in the same way (graph, back-to-back or isolated), so that their "
                    "latencies are not comparable",
                    request_.measured_on, request_.predicted_on));
  }

  static std::string sizes_of(const Estimate& estimate) {
    const std::string smallest = text::exact_size(estimate.smallest_bytes);
    if (estimate.smallest_bytes == estimate.largest_bytes) return smallest + " alone";
    return fmt::format("{} to {}", smallest, text::exact_size(estimate.largest_bytes));
  }

  /// The size of an operation that loads every rank as this one does its busiest, which all wait for.
  static std::uint64_t as_without_skew(const traffic::Operation& operation) {
    const auto ranks = static_cast<double>(operation.ranks);
    return static_cast<std::uint64_t>(operation.wire_bytes_per_rank() * ranks / (ranks - 1));
  }

  Estimate estimate(const traffic::Operation& operation, const std::string& transport) {
    std::uint64_t size = operation.size_bytes();
    std::optional<Estimate> found = table_.at(operation.kind, transport, size);
    if (found && found->stands_in && operation.pairs) {
      size = as_without_skew(operation);
      found = table_.at(operation.kind, transport, size);
    }
    if (!found) {
      throw InputError(fmt::format("there are no latencies of {} on {}, and of no operation that could stand in for it",
                                   traffic::to_string(operation.kind), transport));
    }
    if (found->extrapolated) {
      add_once(prediction_.extrapolations,
               fmt::format("{} of {} on {} lies outside the sizes of the table ({})",
                           traffic::to_string(operation.kind), text::exact_size(size), transport, sizes_of(*found)));
    }
    if (found->stands_in) {
      add_once(prediction_.extrapolations,
               fmt::format("the table has no {} on {}: the latency of {} at {} stands for it",
                           traffic::to_string(operation.kind), transport, traffic::to_string(*found->stands_in),
                           operation.pairs ? "the size that loads each rank as its busiest is" : "the same size"));
    }
    return *found;
  }

  void price(const traffic::Operation& operation) {
    PricedOperation priced;
    priced.what = operation.what;
    priced.kind = operation.kind;
    priced.size_bytes = operation.size_bytes();
    priced.count = operation.count;
    priced.a = estimate(operation, request_.measured_on);
    priced.b = estimate(operation, request_.predicted_on);
    prediction_.operations.push_back(std::move(priced));
  }

  /// Tokens that a step yields (decode) or reads (prefill), on all ranks.
  double tokens(double accepted) const {
    if (step().phase == Phase::prefill) return static_cast<double>(request_.step.replicas() * step().prefill_tokens);
    return static_cast<double>(step().batch) * accepted;
  }

  double accepted_middle() const {
    return request_.accepted_tokens.value_or(1 + static_cast<double>(step().draft_tokens) / 2);
  }

  double step_us(double accepted) const { return tokens(accepted) / *request_.tok_s * 1e6; }

  void predict_rate(double a_us, double b_us) {
    const double middle = accepted_middle();
    const double whole_us = step_us(middle);
    prediction_.measured_tok_s = request_.tok_s;
    prediction_.step_a_ms = whole_us / 1000;
    prediction_.rest_ms = (whole_us - a_us) / 1000;
    if (whole_us <= a_us) {
      prediction_.warnings.push_back(fmt::format(
          "a step takes {:.2f} ms by the measured tokens per second, and its communication alone {:.2f} ms by the "
          "latencies: the latencies are not those of serving (other sizes, other settings, or those of a host that "
          "waits "
          "for each operation), so nothing is predicted",
          whole_us / 1000, a_us / 1000));
      return;
    }
    prediction_.tok_s = rate(tokens(middle), whole_us, a_us - b_us);
    interval();
  }

  void interval() {
    const bool spread = std::any_of(
        prediction_.operations.begin(), prediction_.operations.end(),
        [](const PricedOperation& priced) { return has_spread(priced.a.latency) || has_spread(priced.b.latency); });
    const bool guessed = step().draft_tokens > 0 && !request_.accepted_tokens;
    if (!spread && !guessed) return;
    const auto saved = [&](auto end_a, auto end_b) {
      return total_us(prediction_.operations, &PricedOperation::a, end_a) -
             total_us(prediction_.operations, &PricedOperation::b, end_b);
    };
    const double least = saved(fast, slow);
    const double most = saved(slow, fast);
    Interval found{*prediction_.tok_s, *prediction_.tok_s};
    const double highest = static_cast<double>(step().draft_tokens) + 1;
    for (const double accepted : guessed ? std::vector<double>{1, highest} : std::vector<double>{accepted_middle()}) {
      for (const double saving : {least, most}) {
        const double tok_s = rate(tokens(accepted), step_us(accepted), saving);
        found.low = std::min(found.low, tok_s);
        found.high = std::max(found.high, tok_s);
      }
    }
    prediction_.interval = found;
  }

  void say_interval() {
    auto& list = prediction_.assumptions;
    std::vector<std::string> without;
    bool any = false;
    for (const PricedOperation& priced : prediction_.operations) {
      for (const auto& [side, name] :
           {std::pair(&priced.a, &prediction_.measured_on), std::pair(&priced.b, &prediction_.predicted_on)}) {
        any = any || has_spread(side->latency);
        if (!has_spread(side->latency)) {
          add_once(without, fmt::format("{} of {} on {}", traffic::to_string(priced.kind),
                                        text::rounded_size(static_cast<double>(priced.size_bytes)), *name));
        }
      }
    }
    if (!any) {
      list.emplace_back("the interval is that of the tokens of a verify step: no latency has both p10 and p90");
      return;
    }
    list.emplace_back("the interval takes every operation at p10 on one transport and p90 on the other at once");
    if (!without.empty()) {
      list.push_back(
          fmt::format("the interval takes {} at p50, as p10 and p90 are not known", fmt::join(without, ", ")));
    }
  }

  const char* timing_words() const {
    if (table_.timing() == "graph") return "replayed from a CUDA graph";
    if (table_.timing() == "back-to-back") return "issued back to back";
    if (table_.timing() == "isolated") return "waited for one by one";
    return "whether that was measured alone, back to back or in a graph";
  }

  void say_assumptions() {
    auto& list = prediction_.assumptions;
    list.emplace_back(
        "everything but communication takes the same time on both transports, and operations do not overlap with it or "
        "with each other");
    list.push_back(fmt::format("an operation takes in a step what it takes in the table, {}", timing_words()));
    if (prediction_.measured_tok_s) {
      list.push_back(
          fmt::format("{} tok/s were measured with {}, {}, at the context length that is asked about",
                      *prediction_.measured_tok_s, traffic::to_string(step().phase),
                      step().phase == Phase::decode
                          ? fmt::format("{} request{} in each step", step().batch, step().batch == 1 ? "" : "s")
                          : fmt::format("chunks of {} tokens", step().prefill_tokens)));
    }
    if (prediction_.interval) {
      say_interval();
    } else if (prediction_.tok_s) {
      list.emplace_back(
          "there is no interval, as no latency has both p10 and p90 (a measurement has them from ten blocks on)");
    }
    for (const std::string& note : request_.step.notes) list.push_back(note);
  }

  void say_where_it_fails() {
    auto& list = prediction_.warnings;
    if (table_.timing() == "isolated") {
      list.emplace_back(
          "the latencies are isolated ones, of a host that waits for each operation: serving, which does not wait, may "
          "pay less on both transports");
    }
    if (step().form) {
      list.push_back(
          fmt::format("expert parallelism is assumed to issue its {} form; engine versions differ, and the published "
                      "EP=2 cases are "
                      "missed by up to 50 %",
                      traffic::to_string(*step().form)));
    }
    if (step().draft_tokens > 0 && !request_.accepted_tokens) {
      list.push_back(
          fmt::format("the mean of tokens that a verify step yields is not given: {} is assumed, and the interval "
                      "covers 1 to {}",
                      accepted_middle(), step().draft_tokens + 1));
    }
    if (step().mode.pipeline > 1) {
      list.emplace_back(
          "a pipeline with several microbatches hides its sends behind compute, so that the saving is an upper bound; "
          "the "
          "pickled metadata over TCP stay on either transport");
    }
    if (step().phase == Phase::prefill) {
      list.emplace_back(
          "large operations of prefill may overlap with compute, and the method has not been held to any published "
          "prefill "
          "case");
    }
  }

  const PredictionRequest& request_;
  LatencyTable table_;
  Prediction prediction_;
};

}  // namespace

Prediction predict(const PredictionRequest& request, const LatencyTable& table) {
  return Predictor(request, table).run();
}

}  // namespace rocekit::predict
