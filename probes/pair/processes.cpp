#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using facts::Missing;
using facts::Why;

// From here on a limit hinders nothing (ROCE-ACC-003); distributions set a share of the memory, which differs a little
// between any two machines.
constexpr std::uint64_t ample_bytes = 1ULL << 30;
constexpr const char* ample = "1 GiB or more";

/// What registering memory meets: no limit with CAP_IPC_LOCK.
Value memlock_of(const NodeOfPair& node) {
  const facts::Process& process = process_of(node.node);
  Value value{&node, node.name, std::nullopt, {}, "getrlimit RLIMIT_MEMLOCK", ""};
  const auto holds_ipc_lock = [&] {
    return process.capabilities && std::find(process.capabilities->begin(), process.capabilities->end(),
                                             "CAP_IPC_LOCK") != process.capabilities->end();
  };
  if (holds_ipc_lock()) {
    value.is = ample;
    value.more = "CAP_IPC_LOCK";
  } else if (!process.memlock) {
    value.missing = process.memlock.missing();
  } else if (!process.memlock->soft_bytes) {
    value.is = ample;
    value.more = "unlimited";
  } else {
    const std::string text = checks::show_bytes(*process.memlock->soft_bytes);
    const bool enough = *process.memlock->soft_bytes >= ample_bytes;
    value.is = enough ? ample : text;
    if (enough) value.more = text;
  }
  return value;
}

Value container_of(const NodeOfPair& node) {
  const auto& container = node.node.serving ? node.node.serving->container : node.node.host.container;
  Value value = value_of(node, node.name, container, "/proc/1, /run/.containerenv, /.dockerenv");
  if (value.is == "none") value.is = "the host itself";
  return value;
}

std::string seconds(double ms) { return fmt::format("{:.0f} s", std::abs(ms) / 1000); }

}  // namespace

const facts::Process& process_of(const facts::NodeFacts& node) {
  return node.serving ? node.serving->process : node.process;
}

void compare_rights(const Nodes& nodes, Findings& out) {
  Question memlock{"ROCE-PAIR-017", "Limit on locked memory"};
  Question container{"ROCE-PAIR-017", "Where the process runs"};
  for (const NodeOfPair& node : nodes) {
    memlock.values.push_back(memlock_of(node));
    container.values.push_back(container_of(node));
  }
  memlock.cause =
      "Where the limit is lower, registering memory fails first (Cannot allocate memory), and the other ranks wait for "
      "that one.";
  memlock.preferred = ample;
  memlock.remedy = [](const Value& value, const std::string&) {
    const facts::NodeFacts& node = value.node->node;
    const std::string of = node.serving ? fmt::format(" --pid {}", node.serving->pid) : "";
    return std::vector<std::string>{fmt::format("# on {}: says how to raise it there", host_of(*value.node)),
                                    fmt::format("roce-probe{} --check ACC-003", of)};
  };
  container.cause =
      "What one node's process sees and may do is not what the other's does: devices, limits, libraries and conf files "
      "are those of the container.";
  container.remedy = [](const Value& value, const std::string& wanted) {
    return std::vector<std::string>{fmt::format("# run it in the same place on both: {} has it in {}, the other in {}",
                                                host_of(*value.node), *value.is, wanted)};
  };
  judge(memlock, out);
  judge(container, out);
}

void compare_clocks(const Nodes& nodes, Findings& out) {
  constexpr double most_ms = 60'000;
  constexpr const char* id = "ROCE-PAIR-018";
  struct Known {
    const NodeOfPair* node;
    double offset_ms;
  };
  std::vector<Known> known;
  for (const NodeOfPair& node : nodes) {
    if (node.clock_offset_ms) {
      known.push_back({&node, static_cast<double>(*node.clock_offset_ms)});
    } else {
      verdicts_of(id, {&node}, out)
          .unknown(node.name, fmt::format("the clock of {} was not compared", node.name),
                   {Why::not_read, "that rank did not tell its time"}, {"date -u    # on all nodes"});
    }
  }
  if (known.size() < 2) return;
  std::vector<double> sorted;
  for (const Known& item : known) sorted.push_back(item.offset_ms);
  std::sort(sorted.begin(), sorted.end());
  const double middle = sorted[sorted.size() / 2];

  const double spread = sorted.back() - sorted.front();
  std::vector<checks::Evidence> evidence;
  std::vector<const NodeOfPair*> all;
  std::vector<std::string> names;
  for (const Known& item : known) {
    all.push_back(item.node);
    names.push_back(item.node->name);
    evidence.push_back({fmt::format("clock of {}", item.node->name),
                        fmt::format("{:+.3f} s against rank 0", item.offset_ms / 1000), "system clock"});
  }
  if (spread <= most_ms) {
    if (known.size() == nodes.size()) {
      verdicts_of(id, all, out)
          .ok(checks::join_words(names), fmt::format("clocks lie within {:.1f} s", spread / 1000), std::move(evidence));
    }
    return;
  }
  const char* cause =
      "Certificates and tokens are refused, cluster managers take a node for dead, and logs do not fit together.";
  const auto remedy = [](const NodeOfPair& node) {
    return std::vector<std::string>{fmt::format("# on {}:", host_of(node)), "timedatectl status",
                                    "sudo timedatectl set-ntp true"};
  };
  const auto is_off = [&](const Known& item) { return std::abs(item.offset_ms - middle) > most_ms; };
  const auto off = static_cast<std::size_t>(std::count_if(known.begin(), known.end(), is_off));
  if (known.size() == 2 || off == 0 || 2 * off >= known.size()) {
    verdicts_of(id, all, out)
        .warning(checks::join_words(names), fmt::format("clocks are {} apart", seconds(spread)), std::move(evidence),
                 cause + not_pinned(known.size()), checks::concat(remedy(*all.front()), remedy(*all.back())));
    return;
  }
  for (const Known& item : known) {
    if (!is_off(item)) continue;
    verdicts_of(id, {item.node}, out)
        .warning(item.node->name,
                 fmt::format("clock of {} is {} {} the others", item.node->name, seconds(item.offset_ms - middle),
                             item.offset_ms < middle ? "behind" : "ahead of"),
                 evidence, cause, remedy(*item.node));
  }
}

}  // namespace rocekit::pair
