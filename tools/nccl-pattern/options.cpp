#include "tools/nccl-pattern/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>

#include "collectives/predict/latency_table.h"
#include "core/cli/command_line.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"

namespace rocekit::pattern {
namespace {

using cli::UsageError;
using traffic::ExpertForm;

constexpr const char* description =
    R"(  nccl-pattern --mode tp2 --model minimax-m2.5 --dry-run
  nccl-pattern --mode ep2 --model ./config.json --phase prefill --dry-run --json
  nccl-pattern predict --mode tp2 --model gpt-oss-120b --tok-s 45 --measured-on socket --latencies l.csv

Shows what tensor, expert and pipeline parallel serving puts between ranks, and predicts tokens per second on another
transport. Exit code: 0 done, 3 could not (or the command line is wrong).
)";

/// What stands in StepRequest: for a model, not for a pattern.
constexpr const char* model_options[] = {"--model",   "--phase", "--batch", "--tokens",       "--speculative",
                                         "--routing", "--seed",  "--form",  "--microbatches", "--no-graph-padding"};
constexpr const char* pattern_options[] = {"--sizes", "--ranks", "--dtype", "--skew"};
constexpr const char* predict_options[] = {"--latencies", "--tok-s", "--measured-on", "--predict-on", "--accepted"};

double number(const char* option, const std::string& word, double low, double high) {
  std::istringstream stream(word);
  stream.imbue(std::locale::classic());
  double value = 0;
  const bool plain = !word.empty() && word.find_first_not_of("0123456789.") == std::string::npos;
  if (!plain || !(stream >> value) || stream.peek() != std::istringstream::traits_type::eof() || value < low ||
      value > high) {
    throw UsageError(fmt::format("{} takes a number from {} to {}, not {}", option, low, high, cli::in_quotes(word)));
  }
  return value;
}

class Parser {
 public:
  Parser() : app_(description, "nccl-pattern") {
    app_.get_formatter()->column_width(30);
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.add_flag("--version", version_, "Print version and commit, and exit");
    app_.require_subcommand(0, 1);
    add_what();
    add_step();
    add_pattern();
    add_predict();
    add_outputs();
  }

  Options parse(int argc, const char* const* argv) {
    options_.help = cli::parse(app_, argc, argv,
                               {{"--json{-}    ", "--json[=FILE]"}, {"LIST ...", "LIST    "}, {"\n\n\n", "\n\n"}});
    if (!options_.help) collect();
    return std::move(options_);
  }

 private:
  void add(const char* name, std::string& value, const char* what, const char* type, const char* group) {
    app_.add_option(name, value, what)->type_name(type)->group(group);
  }

  void add_what() {
    const char* const group = "What";
    add("--mode", options_.mode, "tp2, pp2, tp4pp2, ep2, dp2ep2, or a pattern: allreduce, alltoall, ...", "MODE",
        group);
    add("--model", options_.model, "qwen3-coder-30b-a3b and other names, or a config.json", "MODEL", group);
    app_.add_flag("--dry-run", dry_run_, "Print the operations with counts and sizes, and send nothing")->group(group);
  }

  void add_step() {
    const char* const group = "The step of a model";
    add("--phase", phase_, "decode or prefill (default: decode)", "PHASE", group);
    add("--batch", batch_, "Requests in a step (default: 1)", "N", group);
    add("--tokens", tokens_, "Tokens of a prefill chunk (default: 8192)", "N", group);
    add("--speculative", speculative_, "eagle3:K, K draft tokens", "HOW", group);
    add("--microbatches", microbatches_, "Of a pipeline, in a step (default: 1)", "N", group);
    app_.add_flag("--no-graph-padding", no_padding_, "Tokens as they are, not padded to captured CUDA graphs")
        ->group(group);
    add("--form", form_, "Of expert parallelism: all-to-all, gather-scatter, all-reduce (default: each)", "FORM",
        group);
    add("--routing", routing_, "uniform, zipf:1.2, or a file of counts, one an expert", "HOW", group);
    add("--seed", seed_, "Of the routing (default: 1)", "N", group);
  }

  void add_pattern() {
    const char* const group = "A pattern";
    app_.add_option("--sizes", sizes_, "8,4K,1M or 2:8M (default: 8,4K,64K,1M)")
        ->type_name("LIST")
        ->allow_extra_args(false)
        ->group(group);
    add("--ranks", ranks_, "Ranks (default: 2)", "N", group);
    add("--dtype", type_, "bf16, fp16, fp32, int32 (default: bf16)", "TYPE", group);
    add("--skew", skew_, "Of alltoallv: rank i gets 1/(i+1)^S of what rank 0 gets (default: 1)", "S", group);
  }

  void add_predict() {
    const char* const group = "predict";
    predict_ = app_.add_subcommand("predict", "Tokens per second on another transport, from a table of latencies");
    predict_->fallthrough();
    predict_->footer("Its options stand in nccl-pattern --help.");
    add("--latencies", options_.latencies, "CSV (op,transport,size_bytes,p50_us) or JSON; - is standard input", "FILE",
        group);
    add("--tok-s", tok_s_, "Tokens per second that were measured", "N", group);
    add("--measured-on", measured_on_, "On this transport of the table: socket, rdma, ...", "NAME", group);
    add("--predict-on", predict_on_, "On this one (default: the other)", "NAME", group);
    add("--accepted", accepted_, "Mean tokens that a speculative step yields for a request", "N", group);
  }

  void add_outputs() {
    const char* const group = "What to write";
    app_.add_flag("--json{-}", json_, "As JSON on standard output, or with =FILE into a file beside the report")
        ->group(group);
    add("--color", color_, "auto (on a terminal), always, never", "WHEN", group);
  }

  bool given(const char* name) const { return app_.count(name) > 0; }

  std::uint64_t whole(const char* option, const std::string& word, long long low, long long high) const {
    return static_cast<std::uint64_t>(cli::number_within(option, word, low, high));
  }

  void collect() {
    if (version_) {
      options_.command = Command::version;
      return;
    }
    if (dry_run_) options_.command = Command::dry_run;
    if (predict_->parsed()) {
      if (dry_run_) throw UsageError("--dry-run does not go with predict, which sends nothing either");
      options_.command = Command::predict;
    }
    collect_mode();
    if (options_.pattern) {
      collect_pattern();
    } else {
      collect_step();
    }
    collect_predict();
    if (given("--json")) {
      if (json_.empty()) throw UsageError("--json needs a name, and got an empty one");
      options_.json = json_;
    }
    options_.color = cli::color_mode(color_);
  }

  void collect_mode() {
    if (options_.mode.empty())
      throw UsageError("--mode is missing: write --mode tp2, pp2, ep2, or a pattern as allreduce");
    options_.pattern = traffic::pattern_named(options_.mode);
    if (!options_.pattern) {
      // A word without a number is meant as a pattern.
      if (options_.mode.find_first_of("0123456789") == std::string::npos) {
        cli::refuse_word("--mode", options_.mode, [] {
          std::vector<std::string> words = traffic::pattern_words();
          words.insert(words.begin(), {"tpN", "ppN", "epN", "dpNepN"});
          return words;
        }());
      }
      options_.parallelism = traffic::parse_parallelism(options_.mode);
    }
    const auto refuse = [&](const auto& names, const char* what) {
      for (const char* name : names) {
        if (given(name))
          throw UsageError(fmt::format("{} does not go with --mode {}: it is of {}", name, options_.mode, what));
      }
    };
    if (options_.pattern) {
      refuse(model_options, "a model's step");
    } else {
      refuse(pattern_options, "a pattern, such as --mode allreduce");
      if (options_.model.empty()) {
        throw UsageError(
            fmt::format("--mode {} needs --model: a name such as minimax-m2.5, or a config.json", options_.mode));
      }
    }
  }

  void collect_pattern() {
    if (options_.command == Command::predict) throw UsageError("predict needs a model's step, such as --mode tp2");
    try {
      options_.sizes = text::parse_sizes(sizes_.empty() ? "8,4K,64K,1M" : fmt::format("{}", fmt::join(sizes_, ",")));
    } catch (const InputError& error) {
      throw UsageError(fmt::format("--sizes: {}", error.what()));
    }
    if (given("--ranks")) options_.ranks = whole("--ranks", ranks_, 2, 1024);
    using traffic::DataType;
    options_.type = cli::one_of<DataType>(
        "--dtype", text::lower_case(type_),
        {{"bf16", DataType::bf16}, {"fp16", DataType::fp16}, {"fp32", DataType::fp32}, {"int32", DataType::int32}});
    if (given("--skew")) {
      if (options_.pattern != traffic::Pattern::all_to_all_v) throw UsageError("--skew goes with --mode alltoallv");
      options_.skew = number("--skew", skew_, 0, 10);
    }
  }

  void collect_step() {
    traffic::StepRequest& step = options_.step;
    step.mode = *options_.parallelism;
    step.phase = cli::one_of<traffic::Phase>(
        "--phase", phase_, {{"decode", traffic::Phase::decode}, {"prefill", traffic::Phase::prefill}});
    constexpr long long most = 1 << 24;
    if (given("--batch")) step.batch = whole("--batch", batch_, 1, most);
    if (given("--tokens")) {
      if (step.phase == traffic::Phase::decode) {
        throw UsageError("--tokens is of a prefill chunk: add --phase prefill, or give --batch");
      }
      step.prefill_tokens = whole("--tokens", tokens_, 1, most);
    }
    if (given("--microbatches")) step.microbatches = whole("--microbatches", microbatches_, 1, 4096);
    if (given("--seed")) step.routing.seed = whole("--seed", seed_, 0, 1LL << 53U);
    step.graph_padding = !no_padding_;
    if (given("--speculative")) collect_speculative();
    collect_experts();
  }

  void collect_speculative() {
    const std::string word = text::lower_case(speculative_);
    if (word.rfind("eagle3:", 0) != 0) {
      throw UsageError(
          fmt::format("--speculative takes eagle3:K such as eagle3:3, not {}", cli::in_quotes(speculative_)));
    }
    options_.step.draft_tokens = whole("--speculative eagle3:K", word.substr(7), 1, 64);
  }

  void collect_experts() {
    const std::vector<ExpertForm> forms = traffic::forms_of(*options_.parallelism);
    for (const char* name : {"--form", "--routing", "--seed"}) {
      if (given(name) && forms.empty()) {
        throw UsageError(fmt::format("{} is of expert parallelism, such as --mode ep2", name));
      }
    }
    if (given("--form")) {
      options_.form = cli::one_of<ExpertForm>("--form", text::lower_case(form_),
                                              {{"all-to-all", ExpertForm::dispatch_combine},
                                               {"gather-scatter", ExpertForm::gather_scatter},
                                               {"all-gather+reduce-scatter", ExpertForm::gather_scatter},
                                               {"all-reduce", ExpertForm::all_reduce}});
      if (std::find(forms.begin(), forms.end(), *options_.form) == forms.end()) {
        throw UsageError(
            fmt::format("--form {} does not go with --mode {}, which has data parallelism", form_, options_.mode));
      }
    }
    if (given("--routing")) {
      const std::string word = text::lower_case(routing_);
      if (word == "uniform" || word.rfind("zipf", 0) == 0) {
        const std::uint64_t seed = options_.step.routing.seed;
        options_.step.routing = traffic::parse_routing(routing_);
        options_.step.routing.seed = seed;
      } else {
        options_.histogram = routing_;
      }
    }
  }

  void collect_predict() {
    if (options_.command != Command::predict) {
      for (const char* name : predict_options) {
        if (given(name)) throw UsageError(fmt::format("{} goes with predict: nccl-pattern predict ...", name));
      }
      return;
    }
    if (options_.latencies.empty()) throw UsageError("predict needs --latencies FILE, the table that it predicts from");
    if (given("--tok-s")) {
      options_.tok_s = number("--tok-s", tok_s_, 1e-6, 1e9);
      if (!given("--measured-on")) {
        throw UsageError("--tok-s needs --measured-on: the transport on which those tokens were served");
      }
    }
    if (given("--measured-on")) options_.measured_on = predict::canonical_transport(measured_on_);
    if (given("--predict-on")) options_.predicted_on = predict::canonical_transport(predict_on_);
    if (given("--accepted")) {
      if (options_.step.draft_tokens == 0) throw UsageError("--accepted goes with --speculative");
      options_.accepted_tokens =
          number("--accepted", accepted_, 1, static_cast<double>(options_.step.draft_tokens) + 1);
    }
  }

  CLI::App app_;
  Options options_;
  CLI::App* predict_ = nullptr;
  std::vector<std::string> sizes_;
  std::string phase_ = "decode";
  std::string type_ = "bf16";
  std::string color_ = "auto";
  std::string batch_, tokens_, speculative_, microbatches_, form_, routing_, seed_, ranks_, skew_, tok_s_, measured_on_,
      predict_on_, accepted_, json_;
  bool dry_run_ = false;
  bool no_padding_ = false;
  bool version_ = false;
};

}  // namespace

Options parse(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace rocekit::pattern
