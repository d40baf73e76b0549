#include "tools/nccl-pattern/judge/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "collectives/proof/nccl_log.h"
#include "core/text/sizes.h"

namespace rocekit::pattern {
namespace {

constexpr double all_of_it = 0.95;
constexpr double most_of_it = 0.5;
constexpr double nearly_none = 0.1;
/// A device that carried less than this share is named idle.
constexpr double worth_naming = 0.02;
/// Below it other traffic of the host is of the same order.
constexpr std::uint64_t enough_bytes_to_accuse = 1U << 20U;

std::string amount(std::uint64_t bytes) { return text::rounded_size(static_cast<double>(bytes)); }

/// What one kind of device received, over all hosts.
struct Seen {
  std::uint64_t received = 0;
  std::uint64_t expected = 0;
  bool counted = false;
  bool packets = false;
  std::map<std::string, std::uint64_t> by_device;

  double share() const { return expected == 0 ? 0 : static_cast<double>(received) / static_cast<double>(expected); }
  std::vector<std::string> devices() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : by_device) {
      if (static_cast<double>(value) >= worth_naming * static_cast<double>(std::max<std::uint64_t>(1, expected))) {
        names.push_back(name);
      }
    }
    return names;
  }
  std::string amounts() const {
    return packets ? fmt::format("{} packets for at least {}", received, expected)
                   : fmt::format("{} of at least {}", amount(received), amount(expected));
  }
};

void count(Seen& seen, const CounterDelta& delta) {
  seen.counted = true;
  seen.received += delta.delta;
  seen.by_device[delta.source] += delta.delta;
}

/// Bytes where drivers count them, else packets.
Seen seen_by_rdma(const Evidence& evidence) {
  const auto counts_bytes = [](const CounterDelta& delta) { return delta.counter == "port_rcv_data"; };
  Seen seen;
  seen.packets = std::none_of(evidence.counters.begin(), evidence.counters.end(), counts_bytes);
  seen.expected = seen.packets ? evidence.expected.packets : evidence.expected.bytes;
  for (const CounterDelta& delta : evidence.counters) {
    if (delta.counter == (seen.packets ? "rcvd_pkts" : "port_rcv_data")) count(seen, delta);
  }
  return seen;
}

Seen seen_by_netdevs(const Evidence& evidence) {
  Seen seen;
  seen.expected = evidence.expected.bytes;
  for (const CounterDelta& delta : evidence.counters) {
    if (delta.counter == "rx_bytes" && (delta.source == "lo") == evidence.one_machine) count(seen, delta);
  }
  return seen;
}

struct Judgement {
  Proof::Verdict verdict = Proof::Verdict::unproven;
  std::string transport;  ///< seen; empty: unknown
  std::string sentence;
};

class CounterJudge {
 public:
  explicit CounterJudge(const Evidence& evidence)
      : evidence_(evidence), rdma_(seen_by_rdma(evidence)), netdevs_(seen_by_netdevs(evidence)) {}

  Judgement judge() const {
    if (evidence_.expected.bytes == 0) return {Proof::Verdict::unproven, "", "nothing had to cross"};
    if (evidence_.transport == "rdma") return of_rdma();
    if (evidence_.transport == "socket") return of_socket();
    if (evidence_.transport == "p2p" || evidence_.transport == "shm") return of_inside();
    return of_any();
  }

  std::vector<std::string> rails(const std::string& transport) const {
    if (transport == "rdma") return rdma_.devices();
    return transport == "socket" ? netdevs_.devices() : std::vector<std::string>{};
  }

 private:
  bool enough() const { return evidence_.expected.bytes >= enough_bytes_to_accuse; }
  std::string rdma_words() const {
    const std::vector<std::string> devices = rdma_.devices();
    return fmt::format("{} received {}",
                       devices.empty() ? "RDMA ports" : fmt::format("{}", fmt::join(devices, " and ")),
                       rdma_.amounts());
  }
  std::string netdev_words() const {
    const std::vector<std::string> devices = netdevs_.devices();
    return fmt::format("{} received {}", devices.empty() ? "netdevs" : fmt::format("{}", fmt::join(devices, " and ")),
                       netdevs_.amounts());
  }

  Judgement of_rdma() const {
    if (!rdma_.counted) return {Proof::Verdict::unproven, "", "the RDMA ports count neither bytes nor packets"};
    if (rdma_.share() >= all_of_it) return {Proof::Verdict::proven, "rdma", rdma_words()};
    // What stays inside one adapter need not pass its port's counters.
    if (!evidence_.one_machine && enough() && rdma_.share() < nearly_none) {
      const bool sockets = netdevs_.counted && netdevs_.share() >= most_of_it;
      return {Proof::Verdict::contradicted, sockets ? "socket" : "",
              fmt::format("{}: the RDMA ports did not carry it{}", rdma_words(),
                          sockets ? fmt::format(", {}", netdev_words()) : "")};
    }
    return {Proof::Verdict::unproven, "", fmt::format("{}: too little to be sure", rdma_words())};
  }

  Judgement of_socket() const {
    // Soft-RoCE's packets pass the netdev as well, so a full netdev alone proves nothing there.
    if (!evidence_.one_machine && enough() && rdma_.counted && rdma_.share() >= most_of_it) {
      return {Proof::Verdict::contradicted, "rdma", fmt::format("{}: RDMA carried it", rdma_words())};
    }
    if (!netdevs_.counted) return {Proof::Verdict::unproven, "", "the netdevs' counters cannot be read"};
    if (netdevs_.share() >= all_of_it) return {Proof::Verdict::proven, "socket", netdev_words()};
    if (enough() && netdevs_.share() < nearly_none) {
      return {Proof::Verdict::contradicted, "", fmt::format("{}: no netdev carried it", netdev_words())};
    }
    return {Proof::Verdict::unproven, "", fmt::format("{}: too little to be sure", netdev_words())};
  }

  /// Between GPUs of one machine: nothing counts that, but networks show it when they did.
  Judgement of_inside() const {
    if (enough() && netdevs_.counted && netdevs_.share() >= most_of_it) {
      return {Proof::Verdict::contradicted, "socket", netdev_words()};
    }
    if (enough() && rdma_.counted && rdma_.share() >= most_of_it) {
      return {Proof::Verdict::contradicted, "rdma", rdma_words()};
    }
    return {Proof::Verdict::unproven, "", "no network device carried it"};
  }

  Judgement of_any() const {
    if (rdma_.counted && rdma_.share() >= all_of_it) return {Proof::Verdict::proven, "rdma", rdma_words()};
    if (netdevs_.counted && netdevs_.share() >= all_of_it) return {Proof::Verdict::proven, "socket", netdev_words()};
    return {Proof::Verdict::unproven, "", "no network device carried it"};
  }

  const Evidence& evidence_;
  Seen rdma_;
  Seen netdevs_;
};

bool is_plugin(const std::string& transport) {
  static const std::set<std::string> others{"", "rdma", "socket", "p2p", "shm"};
  return !others.contains(transport);
}

Judgement judge_log(const proof::LogVerdict& log, const std::string& asked) {
  using Carrier = proof::LogVerdict::Carrier;
  if (log.carrier == Carrier::unknown) return {Proof::Verdict::unproven, "", log.sentence};
  const std::string seen = to_string(log.carrier);
  const bool fits = asked.empty() || seen == asked ||
                    (is_plugin(asked) && (log.carrier == Carrier::plugin || log.carrier == Carrier::rdma));
  return {fits ? Proof::Verdict::proven : Proof::Verdict::contradicted, seen, log.sentence};
}

}  // namespace

Proof prove(const Evidence& evidence) {
  Proof proof;
  proof.expected_bytes = evidence.expected.bytes;
  proof.counters = evidence.counters;
  const CounterJudge counter_judge(evidence);
  const Judgement counters = counter_judge.judge();
  Judgement log;
  if (!evidence.log.empty()) {
    const proof::TransportEvidence read = proof::read_nccl_log(evidence.log);
    const proof::LogVerdict verdict = proof::judge(read);
    log = judge_log(verdict, evidence.transport);
    if (verdict.carrier == proof::LogVerdict::Carrier::rdma) proof.gpu_direct = verdict.gpu_direct;
    if (verdict.carrier != proof::LogVerdict::Carrier::unknown) proof.connections = read.connections();
    proof.log_lines = read.lines;
    proof.algorithms = read.algorithms;
  }
  // What both see must agree; a contradiction of either counts.
  const bool disagree = !log.transport.empty() && !counters.transport.empty() && log.transport != counters.transport &&
                        !is_plugin(log.transport) && log.transport != "mixed";
  for (const Judgement* one : {&std::as_const(log), &counters}) {
    if (one->sentence.empty()) continue;
    proof.sentence += fmt::format("{}{}", proof.sentence.empty() ? "" : "; ", one->sentence);
  }
  const auto any = [&](Proof::Verdict verdict) { return log.verdict == verdict || counters.verdict == verdict; };
  if (any(Proof::Verdict::contradicted)) {
    proof.verdict = Proof::Verdict::contradicted;
  } else if (disagree) {
    proof.sentence += ": log and counters do not agree";
  } else if (any(Proof::Verdict::proven)) {
    proof.verdict = Proof::Verdict::proven;
  }
  proof.by_log = log.verdict != Proof::Verdict::unproven && log.verdict == proof.verdict;
  proof.by_counters = counters.verdict != Proof::Verdict::unproven && counters.verdict == proof.verdict;
  const Judgement& first = log.verdict == Proof::Verdict::contradicted || counters.transport.empty() ? log : counters;
  proof.transport = disagree ? "mixed" : first.transport.empty() ? "unknown" : first.transport;
  proof.rails = counter_judge.rails(proof.transport);
  if (proof.transport == "rdma") {
    for (const std::string& port : evidence.active_ports) {
      if (std::find(proof.rails.begin(), proof.rails.end(), port) == proof.rails.end())
        proof.idle_rails.push_back(port);
    }
  }
  return proof;
}

}  // namespace rocekit::pattern
