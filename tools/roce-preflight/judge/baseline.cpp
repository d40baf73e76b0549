#include "tools/roce-preflight/judge/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/measure/distribution.h"
#include "core/text/sizes.h"
#include "core/version.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {
namespace {

/// More blocks tell nothing more of a distribution; twenty runs stay below a megabyte.
constexpr std::size_t most_blocks = 50;

/// Five digits: what a figure is good for.
double rounded(double value) {
  if (value <= 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10, std::floor(std::log10(value)) - 4);
  return std::round(value / unit) * unit;
}

/// Ascending, thinned out evenly. Blocks in which nothing arrived are no figures.
std::vector<double> kept_of(std::vector<double> blocks) {
  blocks.erase(std::remove_if(blocks.begin(), blocks.end(), [](double v) { return !(v > 0) || !std::isfinite(v); }),
               blocks.end());
  std::sort(blocks.begin(), blocks.end());
  if (blocks.size() > most_blocks) {
    std::vector<double> thinned;
    for (std::size_t i = 0; i < most_blocks; ++i) {
      thinned.push_back(measure::quantile(blocks, (static_cast<double>(i) + 0.5) / static_cast<double>(most_blocks)));
    }
    blocks = std::move(thinned);
  }
  for (double& value : blocks) value = rounded(value);
  return blocks;
}

std::string transport_word(verbs::Transport transport) {
  return transport == verbs::Transport::rc ? "rdma" : transport == verbs::Transport::tcp ? "socket" : "ud";
}

void add_rail(const pingpong::Report& report, const pingpong::Result& result, bool reversed, const std::string& what,
              std::vector<Quantity>& out) {
  // Figures of another transport are no figures of this one.
  if (result.proof.verdict == pingpong::Proof::Verdict::contradicted) return;
  Quantity quantity;
  quantity.kind = result.metric == pingpong::Metric::latency ? Quantity::Kind::latency : Quantity::Kind::bandwidth;
  quantity.transport = transport_word(result.transport);
  for (const std::size_t path : result.paths) {
    quantity.rail += (quantity.rail.empty() ? "" : "+") + pingpong::port_name(report.paths.at(path).a);
  }
  quantity.from = pingpong::rank_name(report, reversed ? result.rank_b : result.rank_a);
  quantity.to = pingpong::rank_name(report, reversed ? result.rank_a : result.rank_b);
  quantity.what = text::exact_size(result.size_bytes) + what;
  quantity.blocks = kept_of(result.block_values);
  if (!quantity.blocks.empty()) out.push_back(std::move(quantity));
}

void add_collectives(const pattern::Report& report, std::vector<Quantity>& out) {
  for (const pattern::Result& result : report.results) {
    const pattern::SideResult& side = report.sides.at(result.side);
    if (side.floor || side.proof.verdict == pattern::Proof::Verdict::contradicted) continue;
    const pattern::Subject& subject = report.subjects.at(result.subject);
    Quantity quantity;
    quantity.kind = Quantity::Kind::time;
    quantity.transport = pattern::transport_of(side);
    quantity.rail = to_string(side.backend);
    std::string name =
        subject.what.empty() || subject.whole_step ? subject.name : fmt::format("{} ({})", subject.name, subject.what);
    if (subject.whole_step && subject.step < report.plan.steps.size()) {
      name = pattern::step_words(report.plan, report.plan.steps[subject.step]);
    }
    quantity.what = fmt::format("{}, {}", name, to_string(result.timing));
    quantity.blocks = kept_of(result.block_values_us);
    if (!quantity.blocks.empty()) out.push_back(std::move(quantity));
  }
}

std::string as_text(const std::string& value) { return value; }
std::string as_text(int value) { return fmt::format("{}", value); }
std::string as_text(double value) { return fmt::format("{:g}", value); }
std::string as_text(const std::vector<std::string>& value) { return fmt::format("{}", fmt::join(value, ", ")); }

/// What of a node may make it faster or slower.
class FactsOf {
 public:
  explicit FactsOf(const Node& node) : host_(node.host) {}

  template <class T>
  void add(const std::string& subject, const char* what, const facts::Fact<T>& fact) {
    if (fact) out_.push_back({host_, subject, what, as_text(*fact)});
  }

  void host(const facts::Host& host) {
    add("", "kernel", host.kernel);
    add("", "operating system", host.os);
    if (host.libibverbs) add("", "rdma-core", host.libibverbs->version);
    if (!host.nccl_libraries.empty()) add("", "NCCL", host.nccl_libraries.front().version);
    add("", "NVIDIA driver", host.nvidia_driver);
    add("", "container", host.container);
    add("", "CPU governor", host.cpu_governors);
  }

  void device(const facts::Device& device) {
    add(device.name, "firmware", device.fw_version);
    add(device.name, "driver", device.driver);
    if (device.pci) {
      add(device.name, "PCIe speed, GT/s", device.pci->speed_gt_s);
      add(device.name, "PCIe width", device.pci->width);
      add(device.name, "bandwidth of PCIe's slowest hop, Gb/s", device.pci->bandwidth_gbit_s);
    }
    for (const facts::Port& port : device.ports) {
      const std::string name = device.ports.size() > 1 ? fmt::format("{}:{}", device.name, port.number) : device.name;
      add(name, "rate, Gb/s", port.rate_gbit_s);
      add(name, "path MTU", port.active_mtu);
      add(name, "state", port.state);
    }
  }

  void netdev(const facts::Netdev& netdev) {
    add(netdev.name, "MTU", netdev.mtu);
    add(netdev.name, "netdev speed, Mb/s", netdev.speed_mbit_s);
    if (netdev.fec) out_.push_back({host_, netdev.name, "FEC", netdev.fec->active});
    if (netdev.module) {
      add(netdev.name, "cable or module", netdev.module->part_number);
      add(netdev.name, "its serial number", netdev.module->serial);
    }
    if (netdev.pause) {
      out_.push_back({host_, netdev.name, "pause frames",
                      fmt::format("rx {}, tx {}", netdev.pause->rx ? "on" : "off", netdev.pause->tx ? "on" : "off")});
    }
  }

  std::vector<SavedFact> take() { return std::move(out_); }

 private:
  std::string host_;
  std::vector<SavedFact> out_;
};

std::vector<SavedFact> facts_of(const Node& node) {
  const facts::NodeFacts& facts = node.probe.node;
  FactsOf found(node);
  found.host(facts.host);
  for (const facts::Device& device : facts.devices) found.device(device);
  for (const facts::Netdev& netdev : facts.netdevs) {
    if (netdev.rdma_device) found.netdev(netdev);
  }
  std::vector<SavedFact> saved = found.take();
  for (const facts::Setting& setting : facts.process.settings) {
    // Launchers hand each run its own addresses and numbers.
    if (setting.name.rfind("NCCL_", 0) != 0 && setting.name.rfind("UCX_", 0) != 0) continue;
    saved.push_back({node.host, "", setting.name, setting.value});
  }
  return saved;
}

std::vector<std::string> guids_of(const Node& node) {
  std::vector<std::string> guids;
  for (const facts::Device& device : node.probe.node.devices) {
    if (device.node_guid) guids.push_back(*device.node_guid);
  }
  std::sort(guids.begin(), guids.end());
  return guids;
}

bool share_one(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& guid) { return std::find(b.begin(), b.end(), guid) != b.end(); });
}

/// A name may be given twice, and a container has its own: the adapters tell, where there are some.
bool is_same_node(const SavedNode& a, const SavedNode& b) {
  if (a.guids.empty() || b.guids.empty()) return a.name == b.name;
  return share_one(a.guids, b.guids);
}

std::string names_of(const std::vector<SavedNode>& nodes) {
  std::vector<std::string> names;
  for (const SavedNode& node : nodes) names.push_back(node.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const char* to_string(Quantity::Kind kind) {
  switch (kind) {
    case Quantity::Kind::latency:
      return "latency";
    case Quantity::Kind::bandwidth:
      return "bandwidth";
    case Quantity::Kind::time:
      break;
  }
  return "time";
}

std::string name_of(const Quantity& quantity) {
  if (quantity.kind == Quantity::Kind::time) return fmt::format("{} over {}", quantity.what, quantity.transport);
  const char* transport = quantity.transport == "rdma" ? "RC" : quantity.transport == "socket" ? "TCP" : "UD";
  return fmt::format("{} {} of {}, {} to {}", transport, quantity.what, quantity.rail, quantity.from, quantity.to);
}

Baseline baseline_of(const Report& report) {
  Baseline baseline;
  for (const Node& node : report.nodes) baseline.nodes.push_back({node.host, guids_of(node)});
  baseline.traffic =
      report.settings.model.empty()
          ? fmt::format("all-reduce of {} ranks", report.ranks.size())
          : fmt::format("{} of {}",
                        report.settings.mode.empty() ? fmt::format("tp{}", report.ranks.size()) : report.settings.mode,
                        report.settings.model);
  SavedRun run;
  run.started_at = report.started_at;
  run.verdict = checks::to_string(report.verdict);
  run.tool_version = fmt::format("{} ({})", version, commit);
  for (const Node& node : report.nodes) {
    for (SavedFact& fact : facts_of(node)) run.facts.push_back(std::move(fact));
  }
  if (report.rails) {
    run.function_only = std::any_of(report.rails->paths.begin(), report.rails->paths.end(), [](const auto& path) {
      return pingpong::is_soft(path) || path.a.host == path.b.host;
    });
    for (const pingpong::Result& result : report.rails->results) {
      add_rail(*report.rails, result, false, "", run.quantities);
    }
    for (const pingpong::Directions& directions : report.rails->directions) {
      add_rail(*report.rails, directions.there, false, in_turn, run.quantities);
      add_rail(*report.rails, directions.back, true, in_turn, run.quantities);
    }
  }
  if (report.collectives) {
    run.function_only = run.function_only || !report.collectives->function_only.empty();
    add_collectives(*report.collectives, run.quantities);
  }
  baseline.runs.push_back(std::move(run));
  return baseline;
}

std::string why_other(const Baseline& saved, const Baseline& now) {
  const bool same_nodes =
      std::equal(saved.nodes.begin(), saved.nodes.end(), now.nodes.begin(), now.nodes.end(), is_same_node);
  if (!same_nodes) {
    const bool reordered =
        std::is_permutation(saved.nodes.begin(), saved.nodes.end(), now.nodes.begin(), now.nodes.end(), is_same_node);
    const bool same_names = names_of(saved.nodes) == names_of(now.nodes);
    return fmt::format("it is of {}{}, and this run of {}", names_of(saved.nodes),
                       reordered    ? " in this order of ranks"
                       : same_names ? " with other adapters"
                                    : "",
                       names_of(now.nodes));
  }
  if (saved.traffic != now.traffic) {
    return fmt::format("its traffic is {}, and this run's {}", saved.traffic, now.traffic);
  }
  return "";
}

void add_run(Baseline& saved, SavedRun run) {
  saved.runs.push_back(std::move(run));
  if (saved.runs.size() > measure::most_runs) {
    saved.runs.erase(saved.runs.begin(), saved.runs.end() - static_cast<std::ptrdiff_t>(measure::most_runs));
  }
}

}  // namespace rocekit::preflight
