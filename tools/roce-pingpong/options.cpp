#include "tools/roce-pingpong/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "core/cli/command_line.h"
#include "core/cli/door_options.h"
#include "core/text/sizes.h"
#include "tools/roce-pingpong/manual.h"

namespace rocekit::pingpong {
namespace {

using cli::UsageError;
using verbs::Transport;

/// Everything that the end with --join takes from the listening end.
constexpr std::initializer_list<const char*> options_of_rank_0 = {
    "--transport", "--op",      "--sizes",  "--metric",   "--bidirectional", "--verify",    "--rails",
    "--qps",       "--streams", "--window", "--duration", "--iterations",    "--gid-index", "--inline",
    "--wait-mode", "--memory",  "--json",   "--csv",      "--histogram",     "--fail-on"};

const std::vector<std::string> transport_words{"rc", "tcp", "ud"};
const std::vector<std::string> operation_words{"send", "write", "write-imm", "read", "atomic"};
const std::vector<std::string> metric_words{"latency", "bandwidth", "both"};
const std::vector<std::string> wait_words{"poll", "block", "event"};

class Parser {
 public:
  Parser() : app_("", "roce-pingpong"), doors_(app_) {
    cli::add_about_options(app_, options_.version);
    add_what();
    add_how();
    add_outputs();
  }

  Options parse(int argc, const char* const* argv) {
    options_.help = cli::parse(app_, argc, argv, manual());
    if (options_.help || options_.version) return std::move(options_);
    options_.door = doors_.collect();
    collect_what();
    collect_how();
    collect_outputs();
    refuse_wrong_combinations();
    options_.arguments = cli::kept_arguments(argc, argv, options_.door);
    return std::move(options_);
  }

  cli::CommandTable table() const {
    using Kind = cli::Values::Kind;
    return cli::table_of(app_, manual(),
                         {{"--transport", {Kind::list, transport_words}},
                          {"--op", {Kind::words, operation_words}},
                          {"--metric", {Kind::words, metric_words}},
                          {"--wait-mode", {Kind::words, wait_words}},
                          {"--memory", {Kind::words, {"host", "hugepages", "gpu", "gpu-host"}}},
                          {"--rails", {Kind::list, {"all"}}},
                          {"--color", {Kind::words, {"auto", "always", "never"}}},
                          {"--fail-on", {Kind::words, {"warn", "crit"}}}});
  }

 private:
  CLI::Option* text_option(const char* name, std::string& value, const char* what, const char* type,
                           const char* group) {
    return app_.add_option(name, value, what)->type_name(type)->group(group);
  }

  void add_what() {
    const char* group = "What to measure";
    list_option("--transport", transports_, "rc, tcp, ud (default rc,tcp: compared pair by pair)", "WORD,...", group);
    text_option("--op", op_, "RDMA operation: send (default), write, write-imm, read, atomic", "OP", group);
    list_option("--sizes", sizes_, "Bytes: 8,4K,64K,1M (default; bandwidth from 64K), or 2:8M", "LIST", group);
    text_option("--metric", metric_, "latency, bandwidth, both (default)", "WORD", group);
    app_.add_flag("--bidirectional", options_.settings.bidirectional, "Bandwidth in both directions at once")
        ->group(group);
    list_option("--rails", rails_, "RDMA devices or netdevs to use (default: all)", "all|DEV,...", group);
    app_.add_flag("--verify", options_.settings.verify, "Check the content of every message (slower)")->group(group);
  }

  void add_how() {
    const char* group = "How to measure";
    text_option("--duration", duration_, "Time of each transport and size (default: about 15 s for all)", "TIME",
                group);
    text_option("--iterations", iterations_, "Timed operations of each latency", "N", group);
    text_option("--qps", qps_, "RC queue pairs of a bandwidth (default 1)", "N", group);
    text_option("--streams", streams_, "TCP connections of a bandwidth, a thread each (default 1)", "N", group);
    text_option("--window", window_, "Outstanding messages a queue pair (default: up to 128, 8 MiB)", "N", group);
    text_option("--wait-mode", wait_mode_, "poll (default), block, event", "MODE", group);
    text_option("--memory", memory_, "host (default), hugepages, gpu[:N], gpu-host[:N]", "KIND", group);
    text_option("--gid-index", gid_index_, "Instead of the GID chosen by type and address", "N", group);
    text_option("--inline", inline_, "Largest message sent inline (default: what the device grants, up to 220)",
                "BYTES", group);
  }

  void add_outputs() {
    const char* group = "What to write (rank 0)";
    app_.add_flag("--json{-}", json_, "As JSON on standard output, or with =FILE into a file beside the report")
        ->group(group);
    app_.add_flag("--csv{-}", csv_, "One line a result, on standard output or with =FILE into a file")->group(group);
    text_option("--histogram", histogram_, "Distributions of all latencies, as CSV to plot", "FILE", group);
    app_.add_flag("-v,--verbose", options_.verbose, "All percentiles, latency budgets, and every proof")->group(group);
    app_.add_flag("-q,--quiet", options_.quiet, "No progress on the terminal")->group(group);
    text_option("--color", color_, "auto (on a terminal), always, never", "WHEN", group);
    text_option("--fail-on", fail_on_, "warn: exit 1 when degraded (default); crit: exit 0 then", "LEVEL", group);
  }

  void list_option(const char* name, std::vector<std::string>& value, const char* what, const char* type,
                   const char* group) {
    app_.add_option(name, value, what)->type_name(type)->allow_extra_args(false)->group(group);
  }

  bool given(const std::string& name) const { return app_.count(name) > 0; }

  static std::vector<std::string> words_of(const std::vector<std::string>& lists) {
    std::vector<std::string> words;
    for (const std::string& list : lists) {
      for (std::string& word : cli::split_list(list)) words.push_back(std::move(word));
    }
    return words;
  }

  int number(const std::string& option, const std::string& word, int low, int high) const {
    return static_cast<int>(cli::number_within(option, word, low, high));
  }

  void collect_what() {
    Settings& settings = options_.settings;
    if (given("--transport")) {
      settings.transports.clear();
      settings.transports_given = true;
      for (const std::string& word : words_of(transports_)) {
        const auto transport = verbs::transport_from_string(word);
        if (!transport || *transport == Transport::null) cli::refuse_word("--transport", word, transport_words);
        auto& list = settings.transports;
        if (std::find(list.begin(), list.end(), *transport) == list.end()) list.push_back(*transport);
      }
      if (settings.transports.empty()) throw UsageError("--transport names no transport");
    }
    if (given("--op")) {
      const auto operation = verbs::operation_from_string(op_);
      if (!operation) cli::refuse_word("--op", op_, operation_words);
      settings.operation = *operation;
    }
    const bool latency = metric_ == "latency" || metric_ == "both";
    const bool bandwidth = metric_ == "bandwidth" || metric_ == "both";
    if (!latency && !bandwidth) cli::refuse_word("--metric", metric_, metric_words);
    settings.latency = latency;
    settings.bandwidth = bandwidth;
    collect_sizes();
    if (given("--rails")) {
      settings.rails = words_of(rails_);
      if (settings.rails.empty()) throw UsageError("--rails names no device");
      if (std::find(settings.rails.begin(), settings.rails.end(), "all") != settings.rails.end())
        settings.rails.clear();
    }
  }

  void collect_sizes() {
    Settings& settings = options_.settings;
    if (settings.operation == verbs::Operation::atomic) settings.sizes = {8};
    if (!given("--sizes")) return;
    std::vector<std::uint64_t> sizes;
    try {
      sizes = text::parse_sizes(fmt::format("{}", fmt::join(sizes_, ",")));
    } catch (const InputError& error) {
      throw UsageError(fmt::format("--sizes: {}", error.what()));
    }
    settings.sizes_given = true;
    settings.sizes.assign(sizes.begin(), sizes.end());
    std::sort(settings.sizes.begin(), settings.sizes.end());
    if (settings.sizes.front() < 1 || settings.sizes.back() > largest_message_bytes) {
      throw UsageError(fmt::format("--sizes takes messages from 1 byte to {}, not {}",
                                   text::exact_size(largest_message_bytes),
                                   text::exact_size(settings.sizes.front() < 1 ? 0 : settings.sizes.back())));
    }
    if (settings.operation == verbs::Operation::atomic && settings.sizes != std::vector<std::size_t>{8}) {
      throw UsageError("--op atomic is a fetch-and-add of 8 bytes: leave --sizes out");
    }
  }

  void collect_how() {
    Settings& settings = options_.settings;
    using std::chrono::milliseconds;
    if (given("--duration")) {
      settings.duration = cli::duration_within("--duration", duration_, milliseconds(50), std::chrono::hours(1));
    }
    if (given("--iterations")) {
      settings.iterations = static_cast<std::size_t>(cli::number_within("--iterations", iterations_, 10, 10'000'000));
    }
    if (given("--qps")) settings.queue_pairs = number("--qps", qps_, 1, 1024);
    if (given("--streams")) settings.streams = number("--streams", streams_, 1, 64);
    if (given("--window")) settings.window = number("--window", window_, 1, largest_window);
    if (given("--gid-index")) settings.gid_index = number("--gid-index", gid_index_, 0, 65535);
    if (given("--inline")) settings.inline_bytes = number("--inline", inline_, 0, 4096);
    if (given("--wait-mode")) {
      const auto mode = verbs::wait_mode_from_string(wait_mode_);
      if (!mode) cli::refuse_word("--wait-mode", wait_mode_, wait_words);
      settings.wait_mode = *mode;
    }
    if (given("--memory")) {
      const std::size_t colon = memory_.find(':');
      const auto kind = verbs::memory_kind_from_string(memory_.substr(0, colon));
      if (!kind) cli::refuse_word("--memory", memory_, {"host", "hugepages", "gpu[:N]", "gpu-host[:N]"});
      settings.memory = *kind;
      if (colon != std::string::npos) settings.gpu = number("--memory", memory_.substr(colon + 1), 0, 255);
    }
  }

  static std::optional<std::string> named(const char* option, bool was_given, const std::string& value) {
    if (!was_given) return std::nullopt;
    if (value.empty()) throw UsageError(fmt::format("{} needs a name, and got an empty one", option));
    return value;
  }

  void collect_outputs() {
    options_.json = named("--json", given("--json"), json_);
    options_.csv = named("--csv", given("--csv"), csv_);
    options_.histogram = named("--histogram", given("--histogram"), histogram_);
    options_.color = cli::color_mode(color_);
    options_.fail_on =
        cli::one_of<FailOn>("--fail-on", fail_on_, {{"warn", FailOn::warning}, {"crit", FailOn::critical}});
  }

  void refuse_wrong_combinations() const {
    const Settings& settings = options_.settings;
    const auto has = [&](Transport transport) {
      return std::find(settings.transports.begin(), settings.transports.end(), transport) != settings.transports.end();
    };
    doors_.refuse_beside_join(options_.door, options_of_rank_0);
    if (given("--op") && !has(Transport::rc))
      throw UsageError("--op is an operation of rc, which --transport leaves out");
    if (given("--qps") && !has(Transport::rc)) throw UsageError("--qps goes with rc, which --transport leaves out");
    if (given("--streams") && !has(Transport::tcp))
      throw UsageError("--streams goes with tcp, which --transport leaves out");
    if (given("--iterations") && !settings.latency)
      throw UsageError("--iterations is of latency, which --metric leaves out");
    if (given("--iterations") && given("--duration")) throw UsageError("--iterations does not go with --duration");
    if (given("--bidirectional") && !settings.bandwidth) {
      throw UsageError("--bidirectional is of bandwidth, which --metric leaves out");
    }
    if (options_.histogram && !settings.latency) {
      throw UsageError("--histogram is of latency, which --metric leaves out");
    }
    if (!settings.latency && settings.transports == std::vector<Transport>{Transport::ud}) {
      throw UsageError("ud is measured for latency only");
    }
    if (options_.json == "-" && options_.csv == "-")
      throw UsageError("--json and --csv cannot both write to standard output");
    if (options_.histogram == "-") throw UsageError("--histogram takes a file: standard output is for the report");
  }

  CLI::App app_;
  Options options_;
  cli::DoorOptions doors_;
  std::vector<std::string> transports_, sizes_, rails_;
  std::string op_, duration_, iterations_, qps_, streams_, window_, wait_mode_, memory_, gid_index_, inline_, json_,
      csv_, histogram_;
  std::string metric_ = "both";
  std::string color_ = "auto";
  std::string fail_on_ = "warn";
};

}  // namespace

Options parse(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

cli::CommandTable command_table() { return Parser().table(); }

}  // namespace rocekit::pingpong
