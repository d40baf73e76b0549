#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/deadline.h"
#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/style.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "core/text/utf8.h"
#include "probes/derived/serving_view.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/kernel/container_processes.h"
#include "probes/facts/read_node.h"
#include "probes/watch/render.h"
#include "probes/watch/traffic.h"
#include "probes/watch/verdict.h"
#include "tools/roce-probe/commands.h"

namespace rocekit::probe {
namespace {

using Clock = Deadline::Clock;

/// SIGINT and SIGTERM as something to wait for: they end the watch, not the program.
class Ending {
 public:
  Ending() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Ending() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  /// True: a signal came before the deadline.
  bool comes_before(const Deadline& deadline) const {
    for (;;) {
      const auto left = deadline.left();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
      if (::sigtimedwait(&signals_, nullptr, &time) > 0) return true;
      if (errno != EINTR || deadline.passed()) return false;
    }
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

/// Lines one after the other, or where a terminal is, the same lines again.
class Screen {
 public:
  explicit Screen(const Options& options)
      : style_(text::Style::detect(options.color, STDOUT_FILENO)),
        width_(text::terminal_columns(STDOUT_FILENO)),
        json_(options.json.has_value()),
        terminal_(::isatty(STDOUT_FILENO) != 0),
        redrawn_(!json_ && style_.colored() && terminal_) {}

  /// False: nobody reads any more.
  bool show(const watch::Rates& rates) {
    const std::string at = text::utc(std::chrono::system_clock::now());
    if (json_) return io::write_standard_output(watch::render_json_line(rates, at, false));
    if (!redrawn_) {
      // "2026-01-02T03:04:05Z"
      return io::write_standard_output(fmt::format("{}  {}\n", at.substr(11, 8), watch::render_line(rates)));
    }
    const std::string table = watch::render_table(rates, style_, width_);
    const std::string back = lines_ > 0 ? fmt::format("\033[{}F\033[J", lines_) : std::string();
    lines_ = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
    return io::write_standard_output(back + table);
  }

  void sum_up(const watch::Rates& rates) const {
    const std::string at = text::utc(std::chrono::system_clock::now());
    // Over the "^C" that a terminal shows.
    const char* start = terminal_ ? "\r" : "";
    io::write_standard_output(
        json_ ? watch::render_json_line(rates, at, true)
              : fmt::format("{}in {:.0f} s: {}\n", start, rates.seconds, watch::render_line(rates)));
  }

 private:
  text::Style style_;
  int width_;
  bool json_;
  bool terminal_;
  bool redrawn_;
  std::size_t lines_ = 0;
};

facts::NodeFacts read_layout_facts(std::optional<int> pid) {
  const facts::FileTree tree = facts::FileTree::live();
  facts::AskOptions ask;
  ask.gpus = false;
  ask.topology = false;
  ask.serving = pid;
  return facts::read_node(tree, facts::ask_this_node(ask), pid);
}

/// RDMA devices that the process holds open at this moment; nullopt: it cannot be told.
std::optional<std::set<std::string>> devices_held(const facts::NodeFacts& node, int pid) {
  const auto nodes = facts::kernel::open_infiniband_nodes(pid);
  if (!nodes) return std::nullopt;
  std::set<std::string> devices;
  for (const facts::Device& device : node.devices) {
    if (!device.uverbs) continue;
    const std::string& path = device.uverbs->path;
    const std::string name = path.substr(path.rfind('/') + 1);
    if (std::find(nodes->begin(), nodes->end(), name) != nodes->end()) devices.insert(device.name);
  }
  return devices;
}

double seconds_now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

bool is_there(int pid, std::uint64_t start) {
  try {
    return facts::require_process(facts::FileTree::live(), pid) == start;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace

ExitCode watch(const Options& options) {
  const Ending ending;
  const std::optional<int> pid = process_of(options);
  const facts::FileTree tree = facts::FileTree::live();
  const std::uint64_t start = pid ? facts::require_process(tree, *pid) : 0;
  const facts::NodeFacts node = read_layout_facts(pid);
  watch::Layout layout = watch::find_layout(node);
  if (layout.ports.empty()) {
    throw InputError("no RDMA port of this node is ACTIVE, so no traffic can take RDMA; roce-probe says why");
  }
  if (pid) fmt::print(stderr, "roce-probe: watching {}\n", text::printable(derived::name_of(*node.serving)));

  Screen screen(options);
  const Clock::time_point begin = Clock::now();
  const watch::Reading first = watch::read_counters(tree, layout, seconds_now());
  watch::Reading last = first;
  std::set<std::string> held_ever;
  for (int shown = 0; !options.count || shown < *options.count; ++shown) {
    // From the beginning, so that lines do not drift.
    Clock::time_point next = begin + (shown + 1) * options.interval;
    if (options.duration) next = std::min(next, begin + Clock::duration(*options.duration));
    if (ending.comes_before(Deadline(next))) break;
    if (pid && !is_there(*pid, start)) {
      fmt::print(stderr, "roce-probe: process {} has ended\n", *pid);
      break;
    }
    if (pid) {
      layout.held = devices_held(node, *pid);
      if (layout.held) held_ever.insert(layout.held->begin(), layout.held->end());
    }
    watch::Reading now = watch::read_counters(tree, layout, seconds_now());
    const bool read = screen.show(watch::rates_between(layout, last, now));
    last = std::move(now);
    if (!read || (options.duration && Clock::now() >= begin + *options.duration)) break;
  }
  if (layout.held) layout.held = held_ever;
  const watch::Rates whole = watch::rates_between(layout, first, last);
  if (!(whole.seconds > 0)) return ExitCode::unknown;
  screen.sum_up(whole);
  return watch::exit_code_of(watch::carrier_of(whole));
}

}  // namespace rocekit::probe
