#include "tools/roce-probe/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <locale>
#include <map>
#include <sstream>
#include <utility>

#include "core/cli/command_line.h"
#include "core/text/near_words.h"
#include "probes/checks/check.h"
#include "tools/roce-probe/manual.h"

namespace rocekit::probe {
namespace {

using cli::in_quotes;
using cli::UsageError;

template <class T>
std::optional<T> parse_number(const std::string& word) {
  // Hexadecimal numbers, infinities and signs are no rates, whatever the conversion thinks of them.
  T value{};
  if constexpr (std::is_integral_v<T>) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  } else {
    if (word.empty() || word.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
    std::istringstream stream(word);
    stream.imbue(std::locale::classic());
    if (!(stream >> value) || !stream.eof()) return std::nullopt;
  }
  return value;
}

/// Everything that only a report takes, for refusing it beside other commands.
constexpr const char* report_options[] = {"--pid",    "--container",  "--load",       "--root",  "--diff",
                                          "--save",   "--json",       "--anonymize",  "--check", "--fail-on",
                                          "--no-gpu", "--expect-mtu", "--expect-rate"};

class Parser {
 public:
  Parser() : app_("", "roce-probe") {
    cli::add_about_options(app_, version_);
    app_.require_subcommand(0, 1);
    add_sources();
    add_outputs();
    add_judgement();
    add_commands();
  }

  CommandLine parse(int argc, const char* const* argv) {
    CommandLine line;
    try {
      if (auto help = cli::parse(app_, argc, argv, manual())) {
        line.printed = Printed{std::move(*help)};
        return line;
      }
    } catch (const UsageError&) {
      const std::vector<std::string> rest = app_.remaining(true);
      if (env_->parsed() && !rest.empty() && settings::consumer_from_string(rest.front())) {
        throw UsageError(fmt::format("say env --for {}", rest.front()));
      }
      throw;
    }
    collect();
    line.options = std::move(options_);
    return line;
  }

  cli::CommandTable table() const {
    using Kind = cli::Values::Kind;
    std::vector<std::string> checks;
    for (const checks::Check& check : checks::all_checks()) checks.emplace_back(check.id);
    return cli::table_of(app_, manual(),
                         {{"--pid", {Kind::process, {}}},
                          {"--container", {Kind::container, {}}},
                          {"--color", {Kind::words, {"auto", "always", "never"}}},
                          {"--check", {Kind::list, checks}},
                          {"--fail-on", {Kind::words, {"warn", "crit"}}},
                          {"ID", {Kind::words, checks}},
                          {"--for", {Kind::words, consumer_names()}}});
  }

 private:
  void add_sources() {
    const std::string group = "What to read (default: this node)";
    app_.add_option("--load", load_, "A document saved with --save or --json; - is standard input")
        ->type_name("FILE")
        ->group(group);
    app_.add_option("--root", root_, "A node saved as a directory with --save")->type_name("DIR")->group(group);
    app_.add_option("--pid", pid_, "Judge the serving process PID in place of this one")
        ->type_name("PID")
        ->group(group);
    app_.add_option("--container", container_, "Judge the process that serves in this podman or docker container")
        ->type_name("NAME")
        ->group(group);
    app_.add_flag("--no-gpu", no_gpu_, "Do not ask the CUDA driver, whose start takes seconds on large nodes")
        ->group(group);
  }

  void add_outputs() {
    const std::string group = "What to write";
    app_.add_flag("-v,--verbose", options_.verbose, "List every check, and why NCCL chooses as it does")->group(group);
    app_.add_flag("--json{-}", json_, "As JSON on standard output, or with =FILE into a file beside the report")
        ->group(group);
    app_.add_option("--save", save_, "Keep what was read: F.json as a document, another name as a directory for --root")
        ->type_name("F")
        ->group(group);
    app_.add_flag("--anonymize", options_.anonymize, "Replace names, addresses, GUIDs and serial numbers first")
        ->group(group);
    app_.add_option("--diff", diff_, "Compare with another saved node; exit 0 when nothing that matters differs")
        ->type_name("OTHER.json")
        ->group(group);
    app_.add_option("--color", color_, "auto (on a terminal), always, never")->type_name("WHEN")->group(group);
  }

  void add_judgement() {
    const std::string group = "How to judge";
    app_.add_option("--check", checks_, "Run only these checks: MTU-001,NET-002")
        ->type_name("ID,...")
        ->allow_extra_args(false)
        ->group(group);
    app_.add_option("--expect-mtu", expect_mtu_, "MTU that RDMA netdevs should have (default: follows the hardware)")
        ->type_name("BYTES")
        ->group(group);
    app_.add_option("--expect-rate", expect_rate_,
                    "Gb/s that each cabled port should have (default: by cable and port)")
        ->type_name("GBIT_S")
        ->group(group);
    app_.add_option("--fail-on", fail_on_, "warn: exit 1 when degraded (default); crit: exit 0 then")
        ->type_name("LEVEL")
        ->group(group);
  }

  void add_commands() {
    list_ = app_.add_subcommand("list-checks", "List all checks");
    app_.add_flag("--list-checks", list_flag_, "")->group("");
    explain_ = app_.add_subcommand("explain", "What a check judges, what its fault means, what to do");
    explain_->add_option("ID", options_.explain_id, "ROCE-MTU-001, or MTU-001");
    env_ = app_.add_subcommand("env", "The settings to serve over RDMA with, and why each");
    env_->add_option("--for", for_, "shell, podman, docker, compose, vllm, k8s, netplan")->type_name("CONSUMER");
    env_->add_flag("--no-comments", no_comments_, "The settings alone");
    env_->fallthrough();
    watch_ = app_.add_subcommand("watch", "Live: what takes RDMA and what takes sockets, losses, congestion");
    watch_->add_option("--interval", interval_, "Between two lines: 1s (default), 500ms")->type_name("TIME");
    watch_->add_option("--count", count_, "Lines until it ends (default: until Ctrl-C)")->type_name("N");
    watch_->add_option("--duration", duration_, "Time until it ends: 30s")->type_name("TIME");
    watch_->fallthrough();
    pages_ = app_.add_subcommand("write-check-pages", "Write docs/checks")->group("");
    pages_->add_option("DIR", options_.pages_directory)->required();
  }

  static std::vector<std::string> consumer_names() {
    return {settings::consumer_words.begin(), settings::consumer_words.end()};
  }

  bool given(const std::string& name) const { return app_.count(name) > 0; }

  void refuse_together(const char* a, const char* b, std::string_view why) const {
    if (given(a) && given(b)) throw UsageError(fmt::format("{} does not go with {}: {}", a, b, why));
  }

  std::optional<std::string> named(const char* option, const std::string& value) const {
    if (!given(option)) return std::nullopt;
    if (value.empty()) throw UsageError(fmt::format("{} needs a name, and got an empty one", option));
    return value;
  }

  void collect() {
    if (version_) options_.command = Command::version;
    if (list_flag_ || list_->parsed()) options_.command = Command::list_checks;
    if (explain_->parsed()) options_.command = Command::explain;
    if (pages_->parsed()) options_.command = Command::check_pages;
    if (env_->parsed()) options_.command = Command::env;
    if (watch_->parsed()) options_.command = Command::watch;
    if (options_.command != Command::report) {
      for (const char* name : report_options) {
        const bool taken = (options_.command == Command::env && is_env_option(name)) ||
                           (options_.command == Command::watch && is_watch_option(name));
        if (given(name) && !taken) throw UsageError(fmt::format("{} goes with a report only", name));
      }
    }
    if (explain_->parsed() && options_.explain_id.empty()) {
      throw UsageError("explain needs the ID of a check, such as ROCE-MTU-001");
    }
    if (env_->parsed()) collect_env();
    if (watch_->parsed()) collect_watch();
    options_.load = named("--load", load_);
    options_.root = named("--root", root_);
    options_.container = named("--container", container_);
    if (given("--pid")) options_.pid = process_number();
    options_.diff = named("--diff", diff_);
    options_.save = named("--save", save_);
    options_.json = named("--json", json_);
    options_.gpus = !no_gpu_;
    collect_words();
    refuse_wrong_combinations();
  }

  void collect_words() {
    options_.color = cli::color_mode(color_);
    const std::map<std::string, FailOn> levels{{"warn", FailOn::warning}, {"crit", FailOn::critical}};
    options_.fail_on = cli::one_of("--fail-on", fail_on_, levels);
    if (given("--expect-mtu")) {
      // RFC 791 demands 68 of every IPv4 link; 65535 is the largest IPv4 packet.
      options_.expect_mtu = parse_number<int>(expect_mtu_);
      if (!options_.expect_mtu || *options_.expect_mtu < 68 || *options_.expect_mtu > 65535) {
        throw UsageError(fmt::format("--expect-mtu takes bytes from 68 to 65535, not {}", in_quotes(expect_mtu_)));
      }
    }
    if (given("--expect-rate")) {
      options_.expect_rate_gbit_s = parse_number<double>(expect_rate_);
      if (!options_.expect_rate_gbit_s || *options_.expect_rate_gbit_s <= 0 || *options_.expect_rate_gbit_s > 100000) {
        throw UsageError(fmt::format("--expect-rate takes Gb/s such as 200, not {}", in_quotes(expect_rate_)));
      }
    }
    for (const std::string& list : checks_) {
      for (std::string& word : cli::split_list(list)) options_.checks.push_back(std::move(word));
    }
    if (given("--check") && options_.checks.empty()) throw UsageError("--check names no check");
  }

  static bool is_env_option(std::string_view name) {
    constexpr std::string_view taken[] = {"--load", "--root", "--no-gpu", "--fail-on", "--expect-mtu"};
    return std::find(std::begin(taken), std::end(taken), name) != std::end(taken);
  }

  static bool is_watch_option(std::string_view name) {
    constexpr std::string_view taken[] = {"--pid", "--container", "--json"};
    return std::find(std::begin(taken), std::end(taken), name) != std::end(taken);
  }

  void collect_watch() {
    using std::chrono::milliseconds;
    if (watch_->count("--interval") > 0) {
      options_.interval = cli::duration_within("--interval", interval_, milliseconds(100), milliseconds(3'600'000));
    }
    if (watch_->count("--duration") > 0) {
      options_.duration =
          cli::duration_within("--duration", duration_, options_.interval, milliseconds(7LL * 24 * 3'600'000));
    }
    if (watch_->count("--count") > 0) {
      options_.count = parse_number<int>(count_);
      if (!options_.count || *options_.count < 1) {
        throw UsageError(fmt::format("--count takes a number from 1, not {}", in_quotes(count_)));
      }
    }
    if (given("--json") && json_ != "-") throw UsageError("watch --json writes to standard output, one line each");
  }

  void collect_env() {
    const std::vector<std::string> words = consumer_names();
    const std::string choice = fmt::format("{}", fmt::join(words, ", "));
    if (env_->count("--for") == 0) throw UsageError("env needs --for, and one of " + choice);
    const auto consumer = settings::consumer_from_string(for_);
    if (!consumer) {
      const std::vector<std::string> near = text::near_words(for_, words);
      throw UsageError(near.empty()
                           ? fmt::format("--for takes {}, not {}", choice, in_quotes(for_))
                           : fmt::format("--for {}: did you mean {}?", in_quotes(for_), fmt::join(near, " or ")));
    }
    options_.consumer = *consumer;
    options_.comments = !no_comments_;
  }

  /// PID_MAX_LIMIT of the kernel's include/linux/threads.h.
  int process_number() const {
    constexpr int largest = 4 * 1024 * 1024;
    const auto pid = parse_number<int>(pid_);
    if (!pid || *pid < 1 || *pid > largest) {
      throw UsageError(fmt::format("--pid takes the number of a process, not {}", in_quotes(pid_)));
    }
    return *pid;
  }

  void refuse_wrong_combinations() const {
    refuse_together("--pid", "--container", "each names the process to judge");
    refuse_together("--load", "--pid", "a document holds the process that it was saved with");
    for (const char* name : {"--load", "--root"}) {
      refuse_together("--container", name, "containers are asked on this node; --pid names a process of a saved one");
    }
    for (const char* name : {"--pid", "--container"}) {
      refuse_together("--diff", name, "nodes are compared, not processes");
    }
    refuse_together("--load", "--root", "each names the node to read, and one run reads one");
    refuse_together("--load", "--anonymize",
                    "a document no longer holds the files that are masked; anonymize where it was saved");
    if (options_.load && options_.save && !is_document(*options_.save)) {
      throw UsageError(
          "--save into a directory does not go with --load: a document does not hold the node's files; "
          "name a file ending in .json");
    }
    for (const char* name : {"--check", "--expect-mtu", "--expect-rate", "--fail-on"}) {
      refuse_together("--diff", name, "a comparison runs no checks");
    }
    if (options_.diff && options_.load && *options_.diff == "-" && *options_.load == "-") {
      throw UsageError("--load - and --diff - cannot both read standard input");
    }
    if (options_.save && (*options_.save == "-")) {
      throw UsageError("--save takes a file or directory; --json writes to standard output");
    }
  }

  CLI::App app_;
  Options options_;
  std::string load_, root_, pid_, container_, diff_, save_, json_;
  std::string color_ = "auto";
  std::string fail_on_ = "warn";
  std::string expect_mtu_, expect_rate_;
  std::vector<std::string> checks_;
  bool no_gpu_ = false;
  bool list_flag_ = false;
  bool version_ = false;
  CLI::App* list_ = nullptr;
  CLI::App* explain_ = nullptr;
  CLI::App* pages_ = nullptr;
  CLI::App* env_ = nullptr;
  CLI::App* watch_ = nullptr;
  std::string interval_, count_, duration_;
  std::string for_;
  bool no_comments_ = false;
};

}  // namespace

bool is_document(const std::string& name) {
  constexpr std::string_view ending = ".json";
  return name.size() > ending.size() && name.ends_with(ending);
}

CommandLine parse(int argc, const char* const* argv) {
  // The usual run: nothing to parse, so the parser with its two dozen options need not be built.
  if (argc <= 1) return {};
  return Parser().parse(argc, argv);
}

cli::CommandTable command_table() { return Parser().table(); }

}  // namespace rocekit::probe
