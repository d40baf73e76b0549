#include "tools/roce-preflight/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <locale>
#include <sstream>
#include <string_view>

#include "collectives/traffic/model.h"
#include "collectives/traffic/parallelism.h"
#include "core/cli/command_line.h"
#include "core/cli/door_options.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"
#include "probes/facts/kernel/container_runtime.h"
#include "tools/roce-preflight/manual.h"

namespace rocekit::preflight {
namespace {

using cli::UsageError;

constexpr std::initializer_list<const char*> options_of_rank_0 = {
    "--quick",        "--full",           "--budget",     "--model",        "--mode", "--require",
    "--min-fraction", "--max-latency-us", "--max-memory", "--fail-on",      "--json", "--prometheus",
    "--junit",        "--timings",        "--baseline",   "--save-baseline"};

class Parser {
 public:
  Parser() : app_("", "roce-preflight"), doors_(app_) {
    cli::add_about_options(app_, options_.version);
    const char* what = "What to judge";
    add("--model", options_.settings.model, "Its decode and prefill traffic (default: some all-reduces)", "NAME|FILE",
        what);
    add("--mode", options_.settings.mode, "How it is spread: tp2, pp2, ep2, ... (default: tpN)", "MODE", what);
    app_.add_option("--require", require_, "rdma, both-rails: critical where it is not so")
        ->type_name("WORD,...")
        ->allow_extra_args(false)
        ->group(what);
    add("--min-fraction", min_fraction_, "Of its bound, that each rail must carry, such as 0.9", "X", what);
    add("--max-latency-us", max_latency_, "RC, 8 bytes, median, on each rail", "US", what);
    const char* serving = "What serves (each node finds its own; a list: in the order of ranks)";
    add("--container", containers_, "Judge the process that serves in this podman or docker container",
        "NAME[,NAME...]", serving);
    add("--pid", pids_, "Judge this process; inside its container it has another number", "PID[,PID...]", serving);
    const char* time = "How long";
    app_.add_flag("--quick", quick_, "About 5 s")->group(time);
    app_.add_flag("--full", full_, "Two minutes (default: under 30 s)")->group(time);
    add("--budget", budget_, "All of the run, whatever happens; what does not fit is unknown", "TIME", time);
    add("--max-memory", max_memory_, "Of each rank's buffers", "BYTES", time);
    const char* output = "What to write (rank 0)";
    app_.add_flag("--json{-}", json_, "As JSON on standard output, or with =FILE into a file beside the report")
        ->group(output);
    add("--prometheus", prometheus_, "For node_exporter's textfile collector", "FILE", output);
    add("--junit", junit_, "For continuous integration", "FILE", output);
    const char* past = "Against earlier runs (files of rank 0)";
    add("--baseline", baseline_, "Judge what is measured against the runs of a file of --save-baseline", "FILE", past);
    add("--save-baseline", save_baseline_, "Add this run to a file, of the last 20; a run that is slow is kept out",
        "FILE", past);
    app_.add_flag("-v,--verbose", options_.verbose, "Also what passed")->group(output);
    app_.add_flag("--timings", options_.timings, "Where the time went")->group(output);
    app_.add_flag("-q,--quiet", options_.quiet, "No progress on the terminal")->group(output);
    add("--color", color_, "auto (on a terminal), always, never", "WHEN", output);
    add("--fail-on", fail_on_, "warn: exit 1 when degraded (default); crit: exit 0 then", "LEVEL", output);
    add("--exit-style", exit_style_, "levels (default), k8s: 0 pass, 1 fail, 2 could not check", "STYLE", output);
  }

  Options parse(int argc, const char* const* argv) {
    options_.help = cli::parse(app_, argc, argv, manual());
    if (options_.help || options_.version) return std::move(options_);
    options_.door = doors_.collect();
    doors_.refuse_beside_join(options_.door, options_of_rank_0);
    collect();
    options_.arguments = cli::kept_arguments(argc, argv, options_.door);
    return std::move(options_);
  }

  cli::CommandTable table() const {
    using Kind = cli::Values::Kind;
    std::vector<std::string> models;
    for (const traffic::Model& model : traffic::known_models()) models.push_back(text::lower_case(model.name));
    return cli::table_of(app_, manual(),
                         {{"--model", {Kind::file, models}},
                          {"--mode", {Kind::words, {"tp2", "pp2", "ep2", "dp2ep2", "tp4", "tp4pp2"}}},
                          {"--require", {Kind::list, {"rdma", "both-rails"}}},
                          {"--container", {Kind::container, {}}},
                          {"--pid", {Kind::process, {}}},
                          {"--color", {Kind::words, {"auto", "always", "never"}}},
                          {"--fail-on", {Kind::words, {"warn", "crit"}}},
                          {"--exit-style", {Kind::words, {"levels", "k8s"}}}});
  }

 private:
  void add(const char* name, std::string& value, const char* what, const char* type, const char* group) {
    app_.add_option(name, value, what)->type_name(type)->group(group);
  }
  bool given(const char* name) const { return app_.count(name) > 0; }

  std::optional<std::string> named(const char* option, const std::string& value) const {
    if (!given(option)) return std::nullopt;
    if (value.empty()) throw UsageError(fmt::format("{} needs a name, and got an empty one", option));
    return value;
  }

  static double number(const char* option, const std::string& word, double low, double high) {
    std::istringstream in(word);
    in.imbue(std::locale::classic());
    double value = 0;
    char rest = 0;
    if (!(in >> value) || in >> rest || !std::isfinite(value) || value <= low || value > high) {
      throw UsageError(
          fmt::format("{} takes a number above {:g} and up to {:g}, not {}", option, low, high, cli::in_quotes(word)));
    }
    return value;
  }

  void collect() {
    Settings& settings = options_.settings;
    if (quick_ && full_) throw UsageError("--quick and --full exclude each other");
    settings.effort = quick_ ? Effort::quick : full_ ? Effort::full : Effort::normal;
    if (given("--budget")) {
      settings.budget_ms =
          cli::duration_within("--budget", budget_, std::chrono::seconds(1), std::chrono::hours(1)).count();
    }
    if (given("--model") && settings.model.empty()) throw UsageError("--model needs a name, and got an empty one");
    if (given("--mode")) {
      if (settings.model.empty()) throw UsageError("--mode says how a model is spread: give --model too");
      try {
        traffic::parse_parallelism(settings.mode);
      } catch (const InputError& error) {
        throw UsageError(error.what());
      }
    }
    for (const std::string& list : require_) {
      for (const std::string& word : cli::split_list(list)) {
        if (word != "rdma" && word != "both-rails") cli::refuse_word("--require", word, {"rdma", "both-rails"});
        (word == "rdma" ? settings.require_rdma : settings.require_both_rails) = true;
      }
    }
    if (given("--min-fraction")) settings.min_fraction = number("--min-fraction", min_fraction_, 0, 1);
    if (given("--max-latency-us")) settings.max_latency_us = number("--max-latency-us", max_latency_, 0, 1e6);
    if (given("--max-memory")) {
      try {
        settings.max_memory = text::parse_size(max_memory_);
      } catch (const InputError& error) {
        throw UsageError(fmt::format("--max-memory: {}", error.what()));
      }
      if (*settings.max_memory == 0) throw UsageError("--max-memory takes 1 byte or more");
    }
    collect_serving();
    options_.json = named("--json", json_);
    options_.prometheus = named("--prometheus", prometheus_);
    options_.junit = named("--junit", junit_);
    options_.baseline = named("--baseline", baseline_);
    options_.save_baseline = named("--save-baseline", save_baseline_);
    if (options_.save_baseline == "-")
      throw UsageError("--save-baseline takes a file: standard output is for the report");
    options_.color = cli::color_mode(color_);
    options_.fail_on = cli::one_of<report::FailOn>(
        "--fail-on", fail_on_, {{"warn", report::FailOn::warning}, {"crit", report::FailOn::critical}});
    options_.exit_style =
        cli::one_of<ExitStyle>("--exit-style", exit_style_, {{"levels", ExitStyle::levels}, {"k8s", ExitStyle::k8s}});
  }

  void collect_serving() {
    ServingNames& serving = options_.settings.serving;
    if (given("--pid") && given("--container")) {
      throw UsageError("--pid does not go with --container: each names the process to judge");
    }
    // PID_MAX_LIMIT of the kernel's include/linux/threads.h.
    constexpr long long largest = 4 * 1024 * 1024;
    for (const std::string& word : cli::split_list(pids_)) {
      serving.pids.push_back(static_cast<int>(cli::number_within("--pid", word, 1, largest)));
    }
    serving.containers = cli::split_list(containers_);
    for (const std::string& name : serving.containers) {
      if (!facts::kernel::is_container_name(name)) {
        throw UsageError(fmt::format("--container: {} is no container's name", cli::in_quotes(name)));
      }
    }
    for (const char* option : {"--pid", "--container"}) {
      if (given(option) && serving.empty()) throw UsageError(fmt::format("{} names no process", option));
    }
  }

  CLI::App app_;
  cli::DoorOptions doors_;
  Options options_;
  bool quick_ = false;
  bool full_ = false;
  std::vector<std::string> require_;
  std::string min_fraction_, max_latency_, budget_, max_memory_, pids_, containers_, json_, prometheus_, junit_,
      baseline_, save_baseline_;
  std::string color_ = "auto";
  std::string fail_on_ = "warn";
  std::string exit_style_ = "levels";
};

}  // namespace

Options parse(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

cli::CommandTable command_table() { return Parser().table(); }

ExitCode exit_code_of(checks::Verdict verdict, const Options& options) {
  const ExitCode code = report::exit_code_of(verdict, options.fail_on);
  return options.exit_style == ExitStyle::k8s && code == ExitCode::critical ? ExitCode::warning : code;
}

int process_exit_code(int code, int argc, const char* const* argv) {
  bool k8s = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    k8s = k8s || word == "--exit-style=k8s" ||
          (word == "--exit-style" && i + 1 < argc && std::string_view(argv[i + 1]) == "k8s");
  }
  return k8s && code == static_cast<int>(ExitCode::unknown) ? 2 : code;
}

}  // namespace rocekit::preflight
