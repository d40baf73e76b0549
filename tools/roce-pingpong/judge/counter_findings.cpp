#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using checks::Evidence;
using checks::Finding;

/// Events on an adapter that is alone on its wire; one that was idle counts none at all.
constexpr std::uint64_t fewest_events = 10;
/// Soft-RoCE's packets pass the kernel's queues, which drop some whenever the processor is busy.
constexpr std::uint64_t fewest_soft_events = 100;
constexpr double soft_rate = 1e-2;
/// Its timers take a node that is slow (emulated, overloaded) for losses, and send all that is on the way again, some
/// hundred packets at once. These had arrived the first time.
constexpr std::array of_timers{std::string_view("duplicate_request"), std::string_view("completer_retry_err")};
/// What a slow node does not do is to leave packets out: gaps in the sequence are losses.
constexpr std::array gaps{std::string_view("out_of_seq_request"), std::string_view("rcvd_seq_err")};
constexpr double soft_gap_rate = 2e-3;

template <std::size_t count>
bool is_one_of(const std::array<std::string_view, count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Kind {
  std::string_view counter;
  Trouble trouble;
};

// Meanings: "Understanding mlx5 Linux Counters"; drivers/infiniband/sw/rxe/rxe_hw_counters.c for Soft-RoCE.
constexpr std::array kinds{
    Kind{"local_ack_timeout_err", Trouble::timeout},
    Kind{"roce_adp_retrans_to", Trouble::timeout},
    Kind{"req_transport_retries_exceeded", Trouble::timeout},
    Kind{"retry_exceeded_err", Trouble::timeout},
    Kind{"out_of_sequence", Trouble::loss},
    Kind{"packet_seq_err", Trouble::loss},
    Kind{"implied_nak_seq_err", Trouble::loss},
    Kind{"roce_adp_retrans", Trouble::loss},
    Kind{"duplicate_request", Trouble::loss},
    Kind{"out_of_seq_request", Trouble::loss},
    Kind{"rcvd_seq_err", Trouble::loss},
    Kind{"completer_retry_err", Trouble::loss},
    Kind{"port_xmit_discards", Trouble::loss},

    Kind{"symbol_error", Trouble::loss},
    Kind{"link_downed", Trouble::timeout},
    Kind{"rx_icrc_encapsulated", Trouble::loss},
    Kind{"rnr_nak_retry_err", Trouble::not_ready},
    Kind{"out_of_buffer", Trouble::not_ready},
    Kind{"rcvd_rnr_err", Trouble::not_ready},
    Kind{"send_rnr_err", Trouble::not_ready},
    Kind{"retry_rnr_exceeded_err", Trouble::not_ready},
    Kind{"np_cnp_sent", Trouble::congestion},
    Kind{"rp_cnp_handled", Trouble::congestion},
    Kind{"np_ecn_marked_roce_packets", Trouble::congestion},
};

/// "rocep1s0f0:1" -> "rocep1s0f0"
std::string device_of(const std::string& source) { return source.substr(0, source.find(':')); }

const End* end_of(const Report& report, const std::string& host, const std::string& device) {
  for (const Path& path : report.paths) {
    for (const End* end : {&path.a, &path.b}) {
      if (end->host == host && end->device == device) return end;
    }
  }
  return nullptr;
}

// ---- ROCE-PERF-003 --------------------------------------------------------------------------------------------------

/// What grew on one port over all series.
struct Grown {
  std::map<std::string, std::uint64_t> troubles;
  std::uint64_t timeouts = 0;
  std::uint64_t events = 0;
  std::uint64_t of_timers = 0;  ///< of the events
  std::uint64_t gaps = 0;       ///< of the events
  std::uint64_t packets = 0;
};

bool is_faulty(const Grown& grown, bool soft) {
  if (!soft) return grown.timeouts > 0 || grown.events >= fewest_events;
  const auto beyond = [&](std::uint64_t events, std::uint64_t fewest, double rate) {
    return events >= fewest && static_cast<double>(events) > rate * static_cast<double>(grown.packets);
  };
  return beyond(grown.events - grown.of_timers, fewest_soft_events, soft_rate) ||
         beyond(grown.gaps, fewest_events, soft_gap_rate);
}

}  // namespace

void judge_losses(const Report& report, std::vector<Finding>& out) {
  std::map<std::pair<std::string, std::string>, Grown> by_port;
  for (const Result& result : report.results) {
    for (const CounterDelta& delta : result.proof.counters) {
      Grown& grown = by_port[{delta.host, delta.source}];
      const Trouble trouble = trouble_of(delta.counter);
      if (trouble == Trouble::none) {
        if (delta.unit == "packets") grown.packets += delta.delta;
        continue;
      }
      if (delta.delta == 0 || trouble == Trouble::congestion) continue;
      grown.troubles[delta.counter] += delta.delta;
      grown.events += delta.delta;
      if (is_one_of(of_timers, delta.counter)) grown.of_timers += delta.delta;
      if (is_one_of(gaps, delta.counter)) grown.gaps += delta.delta;
      if (trouble == Trouble::timeout) grown.timeouts += delta.delta;
    }
  }
  for (const auto& [port, grown] : by_port) {
    const auto& [host, source] = port;
    const std::string device = device_of(source);
    const End* end = end_of(report, host, device);
    const bool soft = end != nullptr && end->soft_roce;
    if (grown.troubles.empty() || !is_faulty(grown, soft)) continue;
    const auto* worst = &*grown.troubles.begin();
    std::string words;
    for (const auto& entry : grown.troubles) {
      if (entry.second > worst->second) worst = &entry;
      words += fmt::format("{}{} +{}", words.empty() ? "" : ", ", entry.first, entry.second);
    }
    if (grown.packets > 0) words += fmt::format(", in {} packets", grown.packets);
    std::vector<Evidence> evidence{
        {fmt::format("{} on {}", source, host), words,
         fmt::format("/sys/class/infiniband/{}/ports/{}", device, end != nullptr ? end->port : 1)}};
    const std::string netdev = end != nullptr && !end->netdev.empty() ? end->netdev : "NETDEV";
    std::vector<std::string> remedy{fmt::format("# on {}, while traffic runs:", host),
                                    fmt::format("grep -H . /sys/class/infiniband/{}/ports/{}/hw_counters/*", device,
                                                end != nullptr ? end->port : 1)};
    if (soft) {
      remedy.push_back(fmt::format("ip -s link show {}   # drops of the netdev under Soft-RoCE", netdev));
    } else {
      remedy.push_back(fmt::format("ethtool -S {} | grep -E 'discard|pause|crc|symbol'", netdev));
      remedy.emplace_back("# direct cable: reseat or replace it; switch: same MTU, and PFC or ECN, on every port");
    }
    verdicts_of("ROCE-PERF-003", host, out)
        .warning(
            device, fmt::format("{} of {} counted {} {} while measuring", device, host, worst->second, worst->first),
            std::move(evidence),
            soft ? "Packets were dropped or resent in the kernel's queues or on the way. RDMA resends what is lost and "
                   "everything after it."
                 : "RDMA resends what is lost and everything after it: losses cost bandwidth, and each timeout is a "
                   "pause of tens of milliseconds in the slowest messages.",
            std::move(remedy));
  }
}

namespace {

/// UD sends again itself what is lost; the adapters count nothing.
void judge_lost_datagrams(const Report& report, std::vector<Finding>& out) {
  std::map<std::vector<std::size_t>, std::vector<const Result*>> by_paths;
  for (const Result& result : report.results) {
    if (result.lost_messages.value_or(0) > 0) by_paths[result.paths].push_back(&result);
  }
  for (const auto& [paths, results] : by_paths) {
    std::uint64_t lost = 0;
    std::uint64_t messages = 0;
    std::vector<Evidence> evidence;
    for (const Result* result : results) {
      lost += *result->lost_messages;
      messages += result->samples;
      evidence.push_back({fmt::format("{}, {}", series_name(*result), text::exact_size(result->size_bytes)),
                          fmt::format("{} datagrams sent again, of {}", *result->lost_messages, result->samples), ""});
    }
    const bool known = !paths.empty() && paths.front() < report.paths.size();
    const bool soft = known && (report.paths[paths.front()].a.soft_roce || report.paths[paths.front()].b.soft_roce);
    if (lost < fewest_events || (soft && static_cast<double>(lost) <= soft_rate * static_cast<double>(messages)))
      continue;
    const Result& first = *results.front();
    const std::string device = known ? report.paths[paths.front()].a.netdev : "NETDEV";
    verdicts_of("ROCE-PERF-003", rank_name(report, first.rank_a), out)
        .warning(ports_of(report, paths),
                 fmt::format("{} datagrams of UD were lost on the way, or their answers", lost), std::move(evidence),
                 "Nothing resends a datagram; each that is lost shows as a pause in the slowest messages. RC over the "
                 "same wire resends what is lost and everything after it.",
                 {"# on both nodes: where packets are dropped",
                  fmt::format("ethtool -S {} | grep -E 'discard|drop|crc|symbol'", device)});
  }
}

// ---- ROCE-PERF-005, -006 --------------------------------------------------------------------------------------------

/// Results that differ in size only are one fault: the first is told, the others are counted.
using FaultKey = std::tuple<verbs::Transport, verbs::Operation, std::vector<std::size_t>>;

void judge_proof(const Report& report, std::vector<Finding>& out) {
  std::map<FaultKey, std::vector<const Result*>> contradicted;
  for (const Result& result : report.results) {
    if (result.proof.verdict != Proof::Verdict::contradicted) continue;
    contradicted[{result.transport, result.operation, result.paths}].push_back(&result);
  }
  for (const auto& [series, results] : contradicted) {
    const Result& first = *results.front();
    std::vector<Evidence> evidence{
        {"payload that was moved", fmt::format("{} bytes", first.proof.expected_bytes), series_name(first)}};
    for (const CounterDelta& delta : first.proof.counters) {
      if (delta.unit != "bytes" && trouble_of(delta.counter) == Trouble::none && delta.delta == 0) continue;
      evidence.push_back({fmt::format("{} of {} on {}", delta.counter, delta.source, delta.host),
                          fmt::format("+{} {}", delta.delta, delta.unit), ""});
    }
    const std::string peer =
        first.paths.empty() || first.paths.front() >= report.paths.size() ? "" : report.paths[first.paths.front()].b.ip;
    const std::string more = results.size() > 1 ? fmt::format(" ({} series)", results.size()) : "";
    verdicts_of("ROCE-PERF-005", rank_name(report, first.rank_a), out)
        .critical(
            ports_of(report, first.paths), fmt::format("{}{}: {}", series_name(first), more, first.proof.sentence),
            std::move(evidence),
            fmt::format("What was measured as {} did not pass the device it was asked to pass: the figures are those "
                        "of something else.",
                        series_name(first)),
            {fmt::format("# on {}: which way leads there", rank_name(report, first.rank_a)),
             fmt::format("ip route get {}", peer.empty() ? "IP" : peer), "roce-probe --check NET-002,NET-003"});
  }
}

void judge_content(const Report& report, std::vector<Finding>& out) {
  std::map<FaultKey, std::vector<const Result*>> damaged;
  for (const Result& result : report.results) {
    if (result.corrupt_messages.value_or(0) == 0) continue;
    damaged[{result.transport, result.operation, result.paths}].push_back(&result);
  }
  for (const auto& [series, results] : damaged) {
    std::uint64_t messages = 0;
    std::vector<Evidence> evidence;
    for (const Result* result : results) {
      messages += *result->corrupt_messages;
      evidence.push_back({fmt::format("{}, {}, {}", series_name(*result), to_string(result->metric),
                                      text::exact_size(result->size_bytes)),
                          fmt::format("{} damaged messages", *result->corrupt_messages), "--verify"});
    }
    const Result& first = *results.front();
    verdicts_of("ROCE-PERF-006", rank_name(report, first.rank_a), out)
        .critical(
            ports_of(report, first.paths),
            fmt::format("{} message{} arrived damaged over {}", messages, messages == 1 ? "" : "s", series_name(first)),
            std::move(evidence),
            "Checksums protect each packet on the wire, so the damage lies beyond it: memory, PCIe, IOMMU, driver, or "
            "GPUDirect without ordering. Nothing that this pair computes can be trusted.",
            {"# on both nodes:", "sudo dmesg | grep -iE 'aer|pcie|mce|iommu'",
             "# then in host memory alone:", "roce-pingpong --verify --memory host"});
  }
}

}  // namespace

Trouble trouble_of(std::string_view counter) {
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.counter == counter; });
  if (found != kinds.end()) return found->trouble;
  // rx_prio3_pause and its kin of ethtool -S
  return counter.size() > 6 && counter.substr(counter.size() - 6) == "_pause" ? Trouble::congestion : Trouble::none;
}

bool has_losses(const Result& result) {
  return std::any_of(result.proof.counters.begin(), result.proof.counters.end(), [](const CounterDelta& delta) {
    const Trouble trouble = trouble_of(delta.counter);
    return delta.delta > 0 && trouble != Trouble::none && trouble != Trouble::congestion;
  });
}

std::vector<Evidence> trouble_evidence(const Result& result) {
  std::vector<Evidence> evidence;
  for (const CounterDelta& delta : result.proof.counters) {
    if (delta.delta == 0 || trouble_of(delta.counter) == Trouble::none) continue;
    evidence.push_back(
        {fmt::format("{} of {} on {}", delta.counter, delta.source, delta.host), fmt::format("+{}", delta.delta), ""});
  }
  return evidence;
}

void judge_counters(const Report& report, std::vector<Finding>& out) {
  judge_losses(report, out);
  judge_lost_datagrams(report, out);
  judge_proof(report, out);
  judge_content(report, out);
}

}  // namespace rocekit::pingpong
