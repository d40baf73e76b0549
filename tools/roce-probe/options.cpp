#include "tools/roce-probe/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <locale>
#include <map>
#include <sstream>
#include <utility>

#include "core/text/near_words.h"
#include "core/text/utf8.h"

namespace rocekit::probe {
namespace {

constexpr const char* description =
    R"(  roce-probe                        this node: what there is, what is wrong, what to do
  roce-probe --json=node.json       the same, and all values that were read in node.json
  roce-probe --diff other.json      this node against another: what differs, and whether it matters

Reads an RDMA (RoCE) node without changing it, judges it, and prints cause and remedy of each fault.
Exit code: 0 ready, 1 degraded, 2 not ready, 3 could not check (or the command line is wrong).
)";

std::string in_quotes(std::string_view word) {
  return fmt::format("\"{}\"", text::shortened(text::printable(word), 60));
}

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
  Parser() : app_(description, "roce-probe") {
    app_.get_formatter()->column_width(26);
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.add_flag("--version", version_, "Print version, build options and the libraries found here, and exit");
    app_.require_subcommand(0, 1);
    add_sources();
    add_outputs();
    add_judgement();
    add_commands();
  }

  CommandLine parse(int argc, const char* const* argv) {
    CommandLine line;
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      line.printed = Printed{help()};
      return line;
    } catch (const CLI::ExtrasError&) {
      throw UsageError(extras());
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string message = error.what();
      const std::string option = message.substr(0, message.find(':'));
      const bool twice = message.find("received") != std::string::npos;
      throw UsageError(fmt::format("{} {}", option, twice ? "was given more than once" : "needs a value"));
    } catch (const CLI::RequiredError& error) {
      if (explain_->parsed()) throw UsageError("explain needs the ID of a check, such as ROCE-MTU-001");
      throw UsageError(text::printable(error.what()));
    } catch (const CLI::ParseError& error) {
      throw UsageError(text::printable(error.what()));
    }
    collect();
    line.options = std::move(options_);
    return line;
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
    explain_ = app_.add_subcommand("explain", "explain ID: what a check judges, what its fault means, what to do");
    explain_->add_option("ID", options_.explain_id, "ROCE-MTU-001, or MTU-001")->required();
    env_ = app_.add_subcommand("env", "env --for CONSUMER: the settings to serve over RDMA with, and why each");
    env_->add_option("--for", for_, "shell, podman, docker, compose, vllm, k8s, netplan")->type_name("CONSUMER");
    env_->add_flag("--no-comments", no_comments_, "The settings alone");
    env_->fallthrough();
    watch_ = app_.add_subcommand("watch", "watch: live, what takes RDMA and what takes sockets, losses, congestion");
    watch_->add_option("--interval", interval_, "Between two lines: 1s (default), 500ms")->type_name("TIME");
    watch_->add_option("--count", count_, "Lines until it ends (default: until Ctrl-C)")->type_name("N");
    watch_->add_option("--duration", duration_, "Time until it ends: 30s")->type_name("TIME");
    watch_->fallthrough();
    pages_ = app_.add_subcommand("write-check-pages", "Write docs/checks")->group("");
    pages_->add_option("DIR", options_.pages_directory)->required();
  }

  /// CLI11 shows a flag's default value and a list's dots in its own notation, and parts groups by two lines.
  std::string help() const {
    std::string text = app_.help();
    const std::pair<std::string_view, std::string_view> changes[] = {
        {"--json{-}    ", "--json[=FILE]"}, {"ID,... ...", "ID,...    "}, {"\n\n\n", "\n\n"}};
    for (const auto& [from, to] : changes) {
      for (std::size_t at; (at = text.find(from)) != std::string::npos;) text.replace(at, from.size(), to);
    }
    return text;
  }

  std::string extras() const {
    const std::vector<std::string> rest = app_.remaining(true);
    const std::string word = rest.empty() ? std::string() : rest.front();
    if (env_->parsed() && settings::consumer_from_string(word)) return fmt::format("say env --for {}", word);

    const bool option = word.size() > 1 && word.front() == '-';
    std::vector<std::string> known;
    if (option) {
      for (const CLI::App* app : {static_cast<const CLI::App*>(&app_), static_cast<const CLI::App*>(env_)}) {
        if (app == env_ && !env_->parsed()) continue;
        for (const CLI::Option* item : app->get_options()) {
          for (const std::string& name : item->get_lnames()) known.push_back("--" + name);
        }
      }

    } else {
      known = {"list-checks", "explain", "env", "watch"};
    }
    const std::string name = word.substr(0, word.find('='));
    std::string sentence = fmt::format("unknown {} {}", option ? "option" : "command", in_quotes(name));
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      return fmt::format("{} does not go with this command", name);
    }
    const std::vector<std::string> near = text::near_words(name, known);
    if (!near.empty()) sentence += fmt::format(", did you mean {}?", fmt::join(near, " or "));
    return sentence;
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
    const std::map<std::string, text::ColorMode> colors{
        {"auto", text::ColorMode::automatic}, {"always", text::ColorMode::always}, {"never", text::ColorMode::never}};
    options_.color = one_of("--color", color_, colors);
    const std::map<std::string, FailOn> levels{{"warn", FailOn::warning}, {"crit", FailOn::critical}};
    options_.fail_on = one_of("--fail-on", fail_on_, levels);
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
      for (std::size_t at = 0; at <= list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        if (end > at) options_.checks.push_back(list.substr(at, end - at));
        at = end + 1;
      }
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
      options_.interval = time_of("--interval", interval_, milliseconds(100), milliseconds(3'600'000));
    }
    if (watch_->count("--duration") > 0) {
      options_.duration = time_of("--duration", duration_, options_.interval, milliseconds(7LL * 24 * 3'600'000));
    }
    if (watch_->count("--count") > 0) {
      options_.count = parse_number<int>(count_);
      if (!options_.count || *options_.count < 1) {
        throw UsageError(fmt::format("--count takes a number from 1, not {}", in_quotes(count_)));
      }
    }
    if (given("--json") && json_ != "-") throw UsageError("watch --json writes to standard output, one line each");
  }

  /// "500ms", "1s", "2m", "1.5" (seconds).
  static std::chrono::milliseconds time_of(const char* option, const std::string& word, std::chrono::milliseconds least,
                                           std::chrono::milliseconds most) {
    const std::size_t digits = std::min(word.find_first_not_of("0123456789."), word.size());
    const std::string unit = word.substr(digits);
    const double factor = unit == "ms" ? 1 : unit == "s" || unit.empty() ? 1000 : unit == "m" ? 60'000 : 0;
    const auto number = parse_number<double>(word.substr(0, digits));
    const double ms = number.value_or(0) * factor;
    if (ms < static_cast<double>(least.count()) || ms > static_cast<double>(most.count())) {
      throw UsageError(fmt::format("{} takes a time such as 1s, from {} ms to {} s, not {}", option, least.count(),
                                   most.count() / 1000, in_quotes(word)));
    }
    return std::chrono::milliseconds(static_cast<long long>(ms));
  }

  void collect_env() {
    const std::vector<std::string> words(settings::consumer_words.begin(), settings::consumer_words.end());
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

  template <class T>
  T one_of(const char* option, const std::string& word, const std::map<std::string, T>& values) const {
    const auto found = values.find(word);
    if (found != values.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, value] : values) names.push_back(name);
    throw UsageError(fmt::format("{} takes {}, not {}", option, fmt::join(names, ", "), in_quotes(word)));
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
  return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

CommandLine parse(int argc, const char* const* argv) {
  // The usual run: nothing to parse, so the parser with its two dozen options need not be built.
  if (argc <= 1) return {};
  return Parser().parse(argc, argv);
}

}  // namespace rocekit::probe
