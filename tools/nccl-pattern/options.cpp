#include "tools/nccl-pattern/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <locale>
#include <sstream>
#include <tuple>

#include "collectives/predict/latency_table.h"
#include "core/cli/command_line.h"
#include "core/cli/door_options.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"
#include "tools/nccl-pattern/manual.h"

namespace rocekit::pattern {
namespace {

using cli::UsageError;
using traffic::ExpertForm;

/// What stands in StepRequest: for a model, not for a pattern.
constexpr const char* model_options[] = {"--model",   "--phase", "--batch", "--tokens",       "--speculative",
                                         "--routing", "--seed",  "--form",  "--microbatches", "--no-graph-padding"};
constexpr const char* pattern_options[] = {"--sizes", "--dtype", "--skew"};
constexpr const char* price_options[] = {"--tok-s", "--measured-on", "--predict-on", "--accepted"};
/// Of measuring, and not for predict. With --dry-run they have no effect, so that it can be added to any command line.
constexpr const char* measure_options[] = {"--listen",     "--join",       "--via",        "--local",      "--wait",
                                           "--backend",    "--nccl-lib",   "--compare",    "--a",          "--b",
                                           "--require",    "--verify",     "--timing",     "--compute-us", "--duration",
                                           "--iterations", "--max-memory", "--algorithms", "--no-floor",   "--csv"};
/// What --dry-run cannot do: it writes no results, and where a rank joins, the other node says what is measured.
constexpr const char* unplanned_options[] = {"--join", "--csv"};
/// What predict has no use for beside options of measuring and of patterns.
constexpr const char* unpredicted_options[] = {"--dry-run", "--ranks",   "--fail-on", "--verbose",
                                               "--quiet",   "--version", "--help"};
/// What ranks under one launcher may have each for itself.
constexpr const char* own_options[] = {"--nccl-lib", "--json",    "--csv",    "--color",   "--verbose",
                                       "--quiet",    "--fail-on", "--listen", "--join",    "--via",
                                       "--local",    "--ranks",   "--wait",   "--version", "--help"};

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
  Parser() : app_("", "nccl-pattern"), door_(app_, true) {
    cli::add_about_options(app_, version_);
    app_.require_subcommand(0, 1);
    add_what();
    add_step();
    add_pattern();
    add_compared();
    add_how();
    add_price();
    add_outputs();
  }

  Options parse(int argc, const char* const* argv) {
    options_.help = cli::parse(app_, argc, argv, manual());
    if (options_.help) {
      if (predict_->parsed()) options_.help = cli::help_text(table_of_predict(), predict_->get_name());
      return std::move(options_);
    }
    collect();
    options_.arguments = cli::kept_arguments(argc, argv, options_.door);
    keep_given();
    return std::move(options_);
  }

  cli::CommandTable table() const {
    using Kind = cli::Values::Kind;
    std::vector<std::string> modes{"tp2", "pp2", "ep2", "dp2ep2", "tp4", "tp4pp2"};
    for (const std::string& word : traffic::pattern_words()) modes.push_back(word);
    std::vector<std::string> models;
    for (const traffic::Model& model : traffic::known_models()) models.push_back(text::lower_case(model.name));
    const std::vector<std::string> sides{"rdma", "socket", "p2p", "shm", "mpi"};
    return cli::table_of(app_, manual(),
                         {{"--mode", {Kind::words, modes}},
                          {"--model", {Kind::file, models}},
                          {"--phase", {Kind::words, {"decode", "prefill"}}},
                          {"--speculative", {Kind::words, {"eagle3:3"}}},
                          {"--form", {Kind::words, {"all-to-all", "gather-scatter", "all-reduce"}}},
                          {"--routing", {Kind::file, {"uniform", "zipf:1.2"}}},
                          {"--dtype", {Kind::words, {"bf16", "fp16", "fp32", "int32"}}},
                          {"--backend", {Kind::words, {"auto", "nccl", "host", "mpi"}}},
                          {"--compare", {Kind::list, sides}},
                          {"--require", {Kind::words, sides}},
                          {"--measured-on", {Kind::words, sides}},
                          {"--predict-on", {Kind::words, sides}},
                          {"--timing", {Kind::list, {"isolated", "back-to-back", "graph"}}},
                          {"--verify", {Kind::words, {"once", "always", "never"}}},
                          {"--color", {Kind::words, {"auto", "always", "never"}}},
                          {"--fail-on", {Kind::words, {"warn", "crit"}}}});
  }

 private:
  /// Its options are those of the tool that it has a use for: the parser knows them once, for both.
  cli::CommandTable table_of_predict() const {
    cli::CommandTable table = cli::table_of(app_, manual(), {});
    const auto names = [](const cli::OptionEntry& option, const auto& list) {
      return std::find(std::begin(list), std::end(list), option.names.back()) != std::end(list);
    };
    for (cli::CommandEntry& command : table.commands) {
      for (const cli::OptionGroup& group : table.groups) {
        for (const cli::OptionEntry& option : group.options) {
          if (names(option, measure_options) || names(option, pattern_options) || names(option, unpredicted_options)) {
            continue;
          }
          command.options.push_back(option);
        }
      }
    }
    return table;
  }

  void add(const char* name, std::string& value, const char* what, const char* type, const char* group) {
    app_.add_option(name, value, what)->type_name(type)->group(group);
  }

  void add_what() {
    const char* const group = "What";
    add("--mode", options_.mode, "tp2, pp2, tp4pp2, ep2, dp2ep2, or a pattern: allreduce, alltoall, ...", "MODE",
        group);
    add("--model", options_.model,
        "A name such as minimax-m2.5, or a config.json (default: qwen3-coder-30b-a3b; predict needs one)", "MODEL",
        group);
    app_.add_flag("--dry-run", dry_run_,
                  "Print the operations with counts and sizes, and send nothing; options of measuring have no effect")
        ->group(group);
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
    add_list("--sizes", sizes_, "8,4K,1M or 2:8M, rounded down to whole elements (default: 8,4K,64K,1M)", "LIST",
             group);
    add("--dtype", type_, "bf16, fp16, fp32, int32 (default: bf16)", "TYPE", group);
    add("--skew", skew_, "Of alltoallv: rank i gets 1/(i+1)^S of what rank 0 gets (default: 1)", "S", group);
  }

  void add_list(const char* name, std::vector<std::string>& value, const char* what, const char* type,
                const char* group) {
    app_.add_option(name, value, what)->type_name(type)->allow_extra_args(false)->group(group);
  }

  void add_compared() {
    const char* const group = "What is compared";
    add("--backend", backend_, "auto (nccl where every rank has GPU and libnccl, else host), nccl, host, mpi", "NAME",
        group);
    add("--nccl-lib", options_.settings.nccl_library, "libnccl.so to use (default: the one that serving would load)",
        "PATH", group);
    add_list("--compare", compare_, "rdma, socket, p2p, shm, mpi or a network plugin (default: rdma,socket)", "A,B,...",
             group);
    add("--a", a_, "Settings of NCCL of one side, which runs in processes of its own", "NAME=VALUE,...", group);
    add("--b", b_, "And of the other (default: none)", "NAME=VALUE,...", group);
    add("--require", require_, "Exit code 2 unless it is proven that this transport carried it", "NAME", group);
    app_.add_flag("--no-floor", no_floor_, "With GPUs: leave out the host backend, the floor beside NCCL")
        ->group(group);
  }

  void add_how() {
    const char* const group = "How to measure";
    add_list("--timing", timings_, "isolated, back-to-back, graph (default: what the backend can)", "WORD,...", group);
    add("--verify", verify_, "Contents of each operation: once (default), always, never", "WHEN", group);
    add("--compute-us", compute_us_, "Compute of the model for one microbatch, between the operations of a step", "N",
        group);
    add("--duration", duration_,
        "Time of each side, size and timing (default: about 15 s for all, more where one run takes longer)", "TIME",
        group);
    add("--iterations", iterations_, "Runs of each side, size and timing", "N", group);
    add("--max-memory", max_memory_,
        "Of each rank's buffers (default: a quarter of what is free, of host memory at most 1G)", "SIZE", group);
    app_.add_flag("--algorithms", options_.settings.algorithms, "Show NCCL's algorithm and protocol (slower)")
        ->group(group);
  }

  void add_price() {
    const char* const group = "Price in tokens per second (and predict)";
    predict_ = app_.add_subcommand("predict", "Tokens per second on another transport, from a table of latencies");
    predict_->fallthrough();
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
    app_.add_flag("--csv{-}", csv_, "One line a result, on standard output or with =FILE into a file")->group(group);
    app_.add_flag("-v,--verbose", options_.verbose, "All percentiles, counters, log lines and assumptions")
        ->group(group);
    app_.add_flag("-q,--quiet", options_.quiet, "No progress on the terminal")->group(group);
    add("--fail-on", fail_on_, "warn: exit 1 when degraded (default); crit: exit 0 then", "LEVEL", group);
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
    options_.door = door_.collect();
    options_.color = cli::color_mode(color_);
    const auto refuse = [&](const auto& names, const char* beside) {
      for (const char* name : names) {
        if (given(name)) {
          throw UsageError(fmt::format("{} is of measuring, and does not go with {}", name, beside));
        }
      }
    };
    if (options_.command == Command::predict) {
      refuse(measure_options, "predict");
    } else {
      if (dry_run_) refuse(unplanned_options, "--dry-run");
      collect_measure();
      if (options_.door.join && *options_.door.join != "-") return;  // rank 0 says all else
    }
    collect_mode();
    if (options_.pattern) {
      collect_pattern();
    } else {
      collect_step();
    }
    collect_price();
    options_.json = named("--json", json_);
    options_.csv = named("--csv", csv_);
    if (options_.json == "-" && options_.csv == "-") {
      throw UsageError("--json and --csv both write to standard output: give one of them a file, --csv=FILE");
    }
    options_.fail_on = cli::one_of<report::FailOn>(
        "--fail-on", fail_on_, {{"warn", report::FailOn::warning}, {"crit", report::FailOn::critical}});
  }

  std::optional<std::string> named(const char* option, const std::string& value) const {
    if (!given(option)) return std::nullopt;
    if (value.empty()) throw UsageError(fmt::format("{} needs a name, and got an empty one", option));
    return value;
  }

  void collect_measure() {
    door_.refuse_beside_join(options_.door, {"--mode",
                                             "--model",
                                             "--phase",
                                             "--batch",
                                             "--tokens",
                                             "--speculative",
                                             "--routing",
                                             "--seed",
                                             "--form",
                                             "--microbatches",
                                             "--no-graph-padding",
                                             "--sizes",
                                             "--ranks",
                                             "--dtype",
                                             "--skew",
                                             "--backend",
                                             "--compare",
                                             "--a",
                                             "--b",
                                             "--require",
                                             "--verify",
                                             "--timing",
                                             "--compute-us",
                                             "--duration",
                                             "--iterations",
                                             "--max-memory",
                                             "--algorithms",
                                             "--no-floor",
                                             "--tok-s",
                                             "--measured-on",
                                             "--predict-on",
                                             "--accepted",
                                             "--json",
                                             "--csv",
                                             "--fail-on",
                                             "--wait"});
    Settings& settings = options_.settings;
    settings.backend = cli::one_of<BackendChoice>("--backend", text::lower_case(backend_),
                                                  {{"auto", BackendChoice::automatic},
                                                   {"nccl", BackendChoice::nccl},
                                                   {"host", BackendChoice::host},
                                                   {"mpi", BackendChoice::mpi}});
    settings.floor = !no_floor_;
    for (const std::string& list : compare_) {
      for (const std::string& word : cli::split_list(list)) {
        const std::string side = canonical_side(word);
        auto& known = settings.compare;
        if (std::find(known.begin(), known.end(), side) != known.end()) {
          throw UsageError(fmt::format("--compare names {} twice: a transport is compared with another one", side));
        }
        known.push_back(side);
      }
    }
    if (given("--compare") && settings.compare.empty()) throw UsageError("--compare names no transport");
    if (settings.compare.size() > most_compared) {
      throw UsageError(
          fmt::format("--compare takes up to {} transports, not {}", most_compared, settings.compare.size()));
    }
    collect_environments();
    if (given("--require")) {
      settings.required = canonical_side(require_);
      if (settings.required->empty()) throw UsageError("--require needs the name of a transport, such as rdma");
    }
    settings.verify = cli::one_of<Verify>(
        "--verify", verify_, {{"always", Verify::always}, {"once", Verify::once}, {"never", Verify::never}});
    collect_how();
  }

  void collect_environments() {
    Settings& settings = options_.settings;
    settings.environments = given("--a") || given("--b");
    if (!settings.environments) return;
    for (const auto& [option, words, environment] :
         {std::tuple{"--a", &a_, &settings.a}, std::tuple{"--b", &b_, &settings.b}}) {
      if (!given(option)) continue;
      try {
        *environment = parse_environment(*words);
      } catch (const InputError& error) {
        throw UsageError(fmt::format("{} {}", option, error.what()));
      }
    }
    if (settings.compare.size() > 1) {
      throw UsageError("--a and --b compare settings: with --compare they take one transport, which both sides use");
    }
    if (settings.backend == BackendChoice::host || settings.backend == BackendChoice::mpi) {
      throw UsageError(fmt::format("--a and --b are settings of NCCL, and do not go with --backend {}", backend_));
    }
    if (name_of(settings.a) == name_of(settings.b)) throw UsageError("--a and --b are the same: nothing to compare");
  }

  void collect_how() {
    Settings& settings = options_.settings;
    using collectives::Timing;
    for (const std::string& list : timings_) {
      for (const std::string& word : cli::split_list(list)) {
        const Timing timing = cli::one_of<Timing>(
            "--timing", text::lower_case(word),
            {{"isolated", Timing::isolated}, {"back-to-back", Timing::back_to_back}, {"graph", Timing::graph}});
        auto& known = settings.timings;
        if (std::find(known.begin(), known.end(), timing) == known.end()) known.push_back(timing);
      }
    }
    if (given("--timing") && settings.timings.empty()) throw UsageError("--timing names no timing");
    if (given("--compute-us")) settings.compute_us = number("--compute-us", compute_us_, 0, 1e7);
    if (given("--duration")) {
      settings.duration =
          cli::duration_within("--duration", duration_, std::chrono::milliseconds(10), std::chrono::hours(1));
    }
    if (given("--iterations")) settings.iterations = whole("--iterations", iterations_, 1, 10'000'000);
    if (given("--duration") && given("--iterations")) {
      throw UsageError("--duration and --iterations each say how long to measure: give one of them");
    }
    if (given("--max-memory")) {
      try {
        settings.max_memory = text::parse_size(max_memory_);
      } catch (const InputError& error) {
        throw UsageError(fmt::format("--max-memory: {}", error.what()));
      }
      if (*settings.max_memory == 0) throw UsageError("--max-memory takes 1 byte or more");
    }
  }

  /// Words of the command line that ranks must agree on.
  void keep_given() {
    for (const CLI::Option* option : app_.get_options()) {
      const std::string name = option->get_name();
      if (option->count() == 0 ||
          std::find(std::begin(own_options), std::end(own_options), name) != std::end(own_options))
        continue;
      options_.given.emplace_back(name, fmt::format("{}", fmt::join(option->results(), ",")));
    }
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
      // A price for another model than the one that was measured would mislead.
      if (options_.model.empty() && options_.command == Command::predict) {
        throw UsageError("predict needs --model: a name such as minimax-m2.5, or a config.json");
      }
    }
  }

  void collect_pattern() {
    if (options_.command == Command::predict) throw UsageError("predict needs a model's step, such as --mode tp2");
    try {
      collect_sizes();
    } catch (const InputError& error) {
      throw UsageError(fmt::format("--sizes: {}", error.what()));
    }
    options_.sizes_given = given("--sizes");
    options_.ranks = static_cast<std::uint64_t>(options_.door.ranks);
    using traffic::DataType;
    options_.type = cli::one_of<DataType>(
        "--dtype", text::lower_case(type_),
        {{"bf16", DataType::bf16}, {"fp16", DataType::fp16}, {"fp32", DataType::fp32}, {"int32", DataType::int32}});
    if (given("--skew")) {
      if (options_.pattern != traffic::Pattern::all_to_all_v) throw UsageError("--skew goes with --mode alltoallv");
      options_.skew = number("--skew", skew_, 0, 10);
    }
  }

  void collect_sizes() {
    const std::string list = given("--sizes") ? fmt::format("{}", fmt::join(sizes_, ",")) : "8,4K,64K,1M";
    for (const std::uint64_t bytes : text::parse_sizes(list)) options_.sizes.push_back({bytes, false});
    if (!given("--sizes")) return;
    for (const std::string& word : cli::split_list(list)) {
      if (word.find_first_not_of(" \t") == std::string::npos) continue;
      const std::uint64_t last = text::parse_sizes(word).back();
      for (PatternSize& size : options_.sizes) size.firm = size.firm || size.bytes == last;
    }
  }

  void collect_step() {
    traffic::StepRequest& step = options_.step;
    step.mode = *options_.parallelism;
    const std::uint64_t ranks = step.mode.ranks();
    session::DoorOptions& door = options_.door;
    if (!door_.ranks_given()) {
      door.ranks = static_cast<int>(ranks);
    } else if (static_cast<std::uint64_t>(door.ranks) != ranks) {
      throw UsageError(fmt::format("--mode {} takes {} ranks, not {}", options_.mode, ranks, door.ranks));
    }
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

  void collect_price() {
    const bool predicts = options_.command == Command::predict;
    if (given("--latencies") && !predicts) {
      throw UsageError("--latencies goes with predict: nccl-pattern predict ...");
    }
    if (options_.pattern && given("--compute-us")) {
      throw UsageError("--compute-us is of a model's step, such as --mode tp2");
    }
    if (options_.command == Command::dry_run) {
      for (const char* name : price_options) {
        if (given(name)) throw UsageError(fmt::format("{} goes with predict: nccl-pattern predict ...", name));
      }
      return;
    }
    if (options_.pattern) {
      for (const char* name : price_options) {
        if (given(name)) {
          throw UsageError(fmt::format("{} is of a model's step: --mode {} issues no tokens", name, options_.mode));
        }
      }
      return;
    }
    if (predicts && options_.latencies.empty()) {
      throw UsageError("predict needs --latencies FILE, the table that it predicts from");
    }
    Settings& settings = options_.settings;
    if (given("--tok-s")) {
      settings.tok_s = number("--tok-s", tok_s_, 1e-6, 1e9);
      if (!given("--measured-on")) {
        throw UsageError("--tok-s needs --measured-on: the transport on which those tokens were served");
      }
    }
    if (given("--measured-on")) settings.measured_on = canonical_side(measured_on_);
    if (given("--predict-on")) settings.predicted_on = canonical_side(predict_on_);
    if (given("--accepted")) {
      if (options_.step.draft_tokens == 0) throw UsageError("--accepted goes with --speculative");
      settings.accepted_tokens =
          number("--accepted", accepted_, 1, static_cast<double>(options_.step.draft_tokens) + 1);
    }
  }

  CLI::App app_;
  Options options_;
  cli::DoorOptions door_;
  CLI::App* predict_ = nullptr;
  std::vector<std::string> sizes_, compare_, timings_;
  std::string phase_ = "decode";
  std::string type_ = "bf16";
  std::string color_ = "auto";
  std::string backend_ = "auto";
  std::string verify_ = "once";
  std::string fail_on_ = "warn";
  std::string batch_, tokens_, speculative_, microbatches_, form_, routing_, seed_, skew_, tok_s_, measured_on_,
      predict_on_, accepted_, a_, b_, require_, compute_us_, duration_, iterations_, max_memory_, json_, csv_;
  bool no_floor_ = false;
  bool dry_run_ = false;
  bool no_padding_ = false;
  bool version_ = false;
};

}  // namespace

Options parse(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

cli::CommandTable command_table() { return Parser().table(); }

}  // namespace rocekit::pattern
