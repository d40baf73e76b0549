#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using checks::Evidence;
using checks::Finding;

// ---- marks ----------------------------------------------------------------------------------------------------------

/// The bound already leaves headers out. Acknowledgements, read requests and flow control of PCIe, and the start of a
/// stream cost a few per cent more: healthy rails measure 95 to 99 % of it.
constexpr double expected_fraction = 0.90;
/// Both directions at once: each carries the acknowledgements, and on PCIe the requests, of the other as well.
constexpr double expected_fraction_both_ways = 0.80;
/// GB10's bad state: 8 to 25 Gb/s of a bound near 110. Losses, congestion and a wrong NUMA node cost less than this.
constexpr double far_below = 0.25;
/// A window of 100 ms in which a sender waits for one acknowledgement in vain (timeout 14: 67 ms) carries a third.
constexpr double collapsed = 0.5;

/// Acceptance tests of such nodes: half a round trip, and for operations that the other CPU takes no part in, which
/// wait for the way there and back and the remote PCIe read, the whole.
constexpr double most_message_us = 2.5;
constexpr double most_operation_us = 4.5;

// ---- words --------------------------------------------------------------------------------------------------------

/// SizesKey that differ in size only.
using SizesKey = std::tuple<int, int, std::vector<std::size_t>, verbs::Operation, bool>;
SizesKey series_of(const Result& result) {
  return {result.rank_a, result.rank_b, result.paths, result.operation, result.bidirectional};
}

/// "rocep1s0f0 of spark-1 to spark-2"
std::string way_of(const Report& report, const Result& result) {
  return fmt::format("{} of {} to {}", ports_of(report, result.paths), rank_name(report, result.rank_a),
                     rank_name(report, result.rank_b));
}

std::string carried(const Report& report, const Result& result) {
  std::string words = gigabits(result.bandwidth.mean_gbit_s);
  if (const auto bound = bound_of(report, result)) {
    words += fmt::format(" of {}", gigabits(result.bidirectional ? 2 * *bound : *bound));
  }
  words += " Gb/s";
  if (const auto fraction = fraction_of(report, result)) words += fmt::format(", {} of the bound", percent(*fraction));
  return words;
}

Evidence bandwidth_evidence(const Report& report, const Result& result) {
  return {fmt::format("{}, {}{}", series_name(result), text::exact_size(result.size_bytes),
                      result.bidirectional ? ", both directions" : ""),
          carried(report, result), ""};
}

std::vector<Evidence> bound_evidence(const Report& report, const Result& result) {
  std::vector<Evidence> evidence;
  for (const std::size_t index : result.paths) {
    const Path& path = report.paths[index];
    if (path.a.link_gbit_s) {
      evidence.push_back(
          {fmt::format("link of {}", port_name(path.a)), fmt::format("{} Gb/s", *path.a.link_gbit_s), ""});
    }
    if (!path.bound_why.empty())
      evidence.push_back({fmt::format("bound of {}", port_name(path.a)), path.bound_why, ""});
  }
  return evidence;
}

void append(std::vector<Evidence>& evidence, const std::vector<Evidence>& more) {
  evidence.insert(evidence.end(), more.begin(), more.end());
}

const Path& first_path(const Report& report, const Result& result) { return report.paths[result.paths.front()]; }

// ---- ROCE-PERF-001, -002, -007 --------------------------------------------------------------------------------------

void say_far_below(const Report& report, const Result& worst, std::vector<Finding>& out) {
  std::vector<Evidence> evidence{bandwidth_evidence(report, worst)};
  append(evidence, bound_evidence(report, worst));
  evidence.push_back(worst.proof.counters.empty()
                         ? Evidence{"counters", "none could be read", ""}
                         : Evidence{"counters of loss and retries", "none grew while measuring", ""});
  const Path& path = first_path(report, worst);
  verdicts_of("ROCE-PERF-001", path.a.host, out)
      .critical(
          ports_of(report, worst.paths), fmt::format("{} carries {}", way_of(report, worst), carried(report, worst)),
          std::move(evidence),
          "The link reports its full rate and nothing is lost, yet it delivers a fraction. GB10 nodes are known for "
          "this state (8 to 25 Gb/s on a 200 Gb/s link): the adapter was initialised with the cable out, by hot-plug, "
          "or by an old driver, and stays slow until it is started anew.",
          {fmt::format("# on {} and {}, with the cable in:", path.a.host, path.b.host), "sudo reboot",
           "# if it stays: shut both down, take the power away for a minute with the cable in, start, measure again",
           "# if it still stays: update firmware and driver, try another cable"});
}

void say_below(const Report& report, const Result& worst, const std::vector<const Result*>& all,
               std::vector<Finding>& out) {
  std::vector<Evidence> evidence;
  for (const Result* result : all) evidence.push_back(bandwidth_evidence(report, *result));
  append(evidence, bound_evidence(report, worst));
  const std::vector<Evidence> troubles = trouble_evidence(worst);
  append(evidence, troubles);
  const Path& path = first_path(report, worst);
  const bool lossy = has_losses(worst);
  std::string cause;
  if (lossy) {
    cause = "Packets were lost or the receiver was not ready while it was measured: what RDMA resends is missing here.";
  } else if (!troubles.empty()) {
    cause = "Congestion or pauses were counted while it was measured: the network holds the sender back.";
  } else {
    cause =
        "No counter tells of loss or congestion, so the way between memory and adapter is the likely limit: PCIe, the "
        "NUMA node, the IOMMU, power saving, or other traffic on this rail.";
  }
  std::vector<std::string> remedy;
  if (troubles.empty()) {
    remedy = {
        fmt::format("# on {} and {}: PCIe link, cores that save power", path.a.host, path.b.host),
        "roce-probe --check PCI-001,CFG-002", "sudo cpupower frequency-set -g performance",
        fmt::format("cat /sys/class/infiniband/{}/device/numa_node   # measure on a core of this node", path.a.device)};
  } else {
    remedy = {
        fmt::format("# on {} and {}, while traffic runs:", path.a.host, path.b.host),
        fmt::format("grep -H . /sys/class/infiniband/{}/ports/{}/hw_counters/*", path.a.device, path.a.port),
        fmt::format("ethtool -S {} | grep -E 'pause|discard|ecn'", path.a.netdev.empty() ? "NETDEV" : path.a.netdev)};
  }
  verdicts_of("ROCE-PERF-002", path.a.host, out)
      .warning(ports_of(report, worst.paths),
               fmt::format("{} carries {}", way_of(report, worst), carried(report, worst)), std::move(evidence), cause,
               std::move(remedy));
}

void say_collapsed(const Report& report, const Result& worst, std::vector<Finding>& out) {
  std::vector<Evidence> evidence{
      {fmt::format("{}, {}", series_name(worst), text::exact_size(worst.size_bytes)),
       fmt::format("{} Gb/s on average, {} Gb/s in the slowest 100 ms", gigabits(worst.bandwidth.mean_gbit_s),
                   gigabits(*worst.bandwidth.min_gbit_s)),
       ""}};
  append(evidence, trouble_evidence(worst));
  const Path& path = first_path(report, worst);
  verdicts_of("ROCE-PERF-007", path.a.host, out)
      .warning(
          ports_of(report, worst.paths),
          fmt::format("{} falls to {} Gb/s for 100 ms, {} of its average", way_of(report, worst),
                      gigabits(*worst.bandwidth.min_gbit_s),
                      percent(*worst.bandwidth.min_gbit_s / worst.bandwidth.mean_gbit_s)),
          std::move(evidence),
          "A stall of tens of milliseconds: an acknowledgement waited for in vain, a pause of the network, a link that "
          "flapped, or another program. Each collective waits for it as a whole.",
          {fmt::format("# on {} and {}, while traffic runs:", path.a.host, path.b.host),
           fmt::format("ethtool -S {} | grep -E 'pause|discard|link_down'",
                       path.a.netdev.empty() ? "NETDEV" : path.a.netdev),
           "sudo dmesg --ctime | tail -n 30"});
}

double expected_of(const Result& result) {
  return result.bidirectional ? expected_fraction_both_ways : expected_fraction;
}

void judge_bandwidth(const Report& report, std::vector<Finding>& out) {
  std::map<SizesKey, std::vector<const Result*>> by_series;
  for (const Result& result : report.results) {
    if (is_large_stream(report, result)) by_series[series_of(result)].push_back(&result);
  }
  // A slow rail makes slow whatever it takes part in: rails at once are judged where every one of them alone is well.
  std::vector<std::size_t> slow_paths;
  std::vector<const std::vector<const Result*>*> in_order;
  for (const auto& [series, results] : by_series) in_order.push_back(&results);
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const auto* x, const auto* y) { return x->front()->paths.size() < y->front()->paths.size(); });
  for (const std::vector<const Result*>* results : in_order) {
    const auto& paths = results->front()->paths;
    const bool explained = paths.size() > 1 && std::any_of(paths.begin(), paths.end(), [&](std::size_t path) {
                             return std::find(slow_paths.begin(), slow_paths.end(), path) != slow_paths.end();
                           });
    const Result* worst = nullptr;
    const Result* shakiest = nullptr;
    const auto steadiness = [](const Result& r) { return *r.bandwidth.min_gbit_s / r.bandwidth.mean_gbit_s; };
    for (const Result* result : *results) {
      const auto fraction = fraction_of(report, *result);
      if (fraction && *fraction < expected_of(*result) &&
          (worst == nullptr || *fraction < *fraction_of(report, *worst))) {
        worst = result;
      }
      if (result->bandwidth.min_gbit_s && result->bandwidth.mean_gbit_s > 0 && steadiness(*result) < collapsed &&
          (shakiest == nullptr || steadiness(*result) < steadiness(*shakiest))) {
        shakiest = result;
      }
    }
    if (worst != nullptr && !explained) {
      if (paths.size() == 1) slow_paths.push_back(paths.front());
      if (*fraction_of(report, *worst) < far_below && !has_losses(*worst)) {
        say_far_below(report, *worst, out);
      } else {
        say_below(report, *worst, *results, out);
      }
    }
    if (shakiest != nullptr && !explained) say_collapsed(report, *shakiest, out);
  }
}

// ---- ROCE-PERF-004 --------------------------------------------------------------------------------------------------

void judge_latency(const Report& report, std::vector<Finding>& out) {
  std::map<SizesKey, const Result*> smallest;
  for (const Result& result : report.results) {
    if (!is_small_message(report, result)) continue;
    const Result*& kept = smallest[series_of(result)];
    if (kept == nullptr || result.size_bytes < kept->size_bytes) kept = &result;
  }
  for (const auto& [series, result] : smallest) {
    const bool whole = verbs::is_one_sided_latency(result->operation);
    const double mark = whole ? most_operation_us : most_message_us;
    const double p50 = *result->latency_us.p50;
    if (p50 <= mark) continue;
    std::vector<Evidence> evidence{
        {fmt::format("{}, {}", series_name(*result), text::exact_size(result->size_bytes)),
         fmt::format("min {}, p50 {}, p99 {} us (n {})", microseconds(result->latency_us.min), microseconds(p50),
                     microseconds(result->latency_us.p99), result->latency_us.count),
         ""}};
    for (const int rank : {result->rank_a, result->rank_b}) {
      if (static_cast<std::size_t>(rank) >= report.hosts.size()) continue;
      const Host& host = report.hosts[static_cast<std::size_t>(rank)];
      evidence.push_back({fmt::format("measuring core on {}", rank_name(report, rank)),
                          fmt::format("{}{}", host.measuring_cpu, host.governor ? ", governor " + *host.governor : ""),
                          ""});
    }
    for (const measure::Warning& warning : result->warnings) {
      evidence.push_back({"warning", warning.text, measure::to_string(warning.kind)});
    }
    const Path& path = first_path(report, *result);
    verdicts_of("ROCE-PERF-004", path.a.host, out)
        .warning(
            ports_of(report, result->paths),
            fmt::format("{} takes {} us for {} of {}, more than {}", way_of(report, *result), microseconds(p50),
                        text::exact_size(result->size_bytes), series_name(*result), mark),
            std::move(evidence),
            "Adapters need 1 to 2 us. Cores that save power or lie far from the adapter, slow cores (GB10: all but "
            "5-9 and 15-19), a virtual machine or an IOMMU that translates are the usual reasons; switches add 0.2 to "
            "1 us each.",
            {fmt::format("# on {} and {}:", path.a.host, path.b.host), "sudo cpupower frequency-set -g performance",
             "# then on a fast core near the adapter:", "taskset -c 5 roce-pingpong --metric latency ..."});
  }
}

}  // namespace

void judge_speed(const Report& report, std::vector<Finding>& out) {
  judge_bandwidth(report, out);
  judge_latency(report, out);
}

}  // namespace rocekit::pingpong
