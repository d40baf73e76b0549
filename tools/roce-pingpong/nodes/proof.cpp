#include "tools/roce-pingpong/nodes/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace rocekit::pingpong {
namespace {

using verbs::Transport;

constexpr double all_of_it = 0.95;
constexpr double most_of_it = 0.5;
constexpr double nearly_none = 0.1;
// Below it other traffic of the host is of the same order.
constexpr std::uint64_t enough_bytes_to_accuse = 1U << 20U;

std::string amount(std::uint64_t bytes) {
  if (bytes >= 1'000'000'000) return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
}

bool at_least(std::uint64_t seen, double share, std::uint64_t expected) {
  return static_cast<double>(seen) >= share * static_cast<double>(expected);
}

/// One end of the paths: what it should have sent and received, and where that shows.
struct Side {
  const std::vector<CounterDelta>& counters;
  std::set<std::string> ports;  ///< "rocep1s0f0:1"
  std::set<std::string> netdevs;
  std::string host;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_packets = 0;
  std::uint64_t received_packets = 0;

  /// Sum over sources; nullopt when none has that counter.
  std::optional<std::uint64_t> sum(const std::set<std::string>& sources, std::string_view counter) const {
    std::optional<std::uint64_t> total;
    for (const CounterDelta& delta : counters) {
      if (delta.counter == counter && sources.contains(delta.source)) total = total.value_or(0) + delta.delta;
    }
    return total;
  }
  /// A netdev that is not of the paths and sent or received most of it.
  std::optional<std::string> other_netdev() const {
    for (const CounterDelta& delta : counters) {
      if (netdevs.contains(delta.source)) continue;
      const bool sent = delta.counter == "tx_bytes" && sent_bytes >= enough_bytes_to_accuse &&
                        at_least(delta.delta, most_of_it, sent_bytes);
      const bool received = delta.counter == "rx_bytes" && received_bytes >= enough_bytes_to_accuse &&
                            at_least(delta.delta, most_of_it, received_bytes);
      if (sent || received) return delta.source;
    }
    return std::nullopt;
  }
};

/// Share of what was expected that a counter saw; nullopt: there is no such counter, or nothing was expected.
std::optional<double> share(std::optional<std::uint64_t> seen, std::uint64_t expected) {
  if (!seen || expected == 0) return std::nullopt;
  return static_cast<double>(*seen) / static_cast<double>(expected);
}

struct Shares {
  std::optional<double> least;  ///< of all that could be compared
  double most = 0;
  void add(std::optional<double> value) {
    if (!value) return;
    least = std::min(least.value_or(*value), *value);
    most = std::max(most, *value);
  }
};

/// What the RDMA devices of both ends saw: bytes where the driver counts them, else packets.
Shares rdma_shares(const Side& a, const Side& b) {
  Shares shares;
  for (const Side* side : {&a, &b}) {
    const auto bytes = side->sum(side->ports, "port_xmit_data");
    if (bytes) {
      shares.add(share(bytes, side->sent_bytes));
      shares.add(share(side->sum(side->ports, "port_rcv_data"), side->received_bytes));
    } else {
      shares.add(share(side->sum(side->ports, "sent_pkts"), side->sent_packets));
      shares.add(share(side->sum(side->ports, "rcvd_pkts"), side->received_packets));
    }
  }
  return shares;
}

Shares netdev_shares(const Side& a, const Side& b) {
  Shares shares;
  for (const Side* side : {&a, &b}) {
    shares.add(share(side->sum(side->netdevs, "tx_bytes"), side->sent_bytes));
    shares.add(share(side->sum(side->netdevs, "rx_bytes"), side->received_bytes));
  }
  return shares;
}

std::string joined(const std::set<std::string>& names) { return fmt::format("{}", fmt::join(names, " and ")); }

/// "sent 1.2 GB of 1.2 GB and received 3.4 MB of 3.4 MB"; a direction in which nothing was asked for is left out.
std::string flows(const std::string& sent, bool sends, const std::string& received, bool receives) {
  std::vector<std::string> words;
  if (sends || !receives) words.push_back("sent " + sent);
  if (receives) words.push_back("received " + received);
  return fmt::format("{}", fmt::join(words, " and "));
}

std::string rdma_words(const Side& side) {
  const std::string who = fmt::format("{} on {}", joined(side.ports), side.host);
  const auto bytes = side.sum(side.ports, "port_xmit_data");
  const auto received = side.sum(side.ports, "port_rcv_data");
  if (bytes) {
    return fmt::format("{} {}", who,
                       flows(fmt::format("{} of {}", amount(*bytes), amount(side.sent_bytes)), side.sent_bytes > 0,
                             fmt::format("{} of {}", amount(received.value_or(0)), amount(side.received_bytes)),
                             side.received_bytes > 0));
  }
  const auto packets = side.sum(side.ports, "sent_pkts");
  const auto received_packets = side.sum(side.ports, "rcvd_pkts");
  if (packets) {
    return fmt::format(
        "{} {}", who,
        flows(fmt::format("{} RDMA packets for {} data packets", *packets, side.sent_packets), side.sent_bytes > 0,
              fmt::format("{} for {}", received_packets.value_or(0), side.received_packets), side.received_bytes > 0));
  }
  return who + " counts neither bytes nor packets";
}

std::string netdev_words(const Side& side) {
  const auto sent = side.sum(side.netdevs, "tx_bytes");
  const auto received = side.sum(side.netdevs, "rx_bytes");
  const std::string who = fmt::format("{} on {}", joined(side.netdevs), side.host);
  if (!sent && !received) return who + " cannot be read";
  return fmt::format(
      "{} {}", who,
      flows(fmt::format("{} of {}", amount(sent.value_or(0)), amount(side.sent_bytes)), side.sent_bytes > 0,
            fmt::format("{} of {}", amount(received.value_or(0)), amount(side.received_bytes)),
            side.received_bytes > 0));
}

/// Both ends on one host see the same counters of the loopback device: once is enough.
std::string netdev_words(const Side& a, const Side& b, bool loopback) {
  return loopback ? netdev_words(a) : fmt::format("{}; {}", netdev_words(a), netdev_words(b));
}

void judge_rdma(Proof& proof, const Side& a, const Side& b, bool loopback) {
  proof.sentence = fmt::format("{}; {}", rdma_words(a), rdma_words(b));
  const Shares seen = rdma_shares(a, b);
  if (seen.least && *seen.least >= all_of_it) {
    proof.verdict = Proof::Verdict::proven;
    return;
  }
  if (!seen.least) {
    proof.sentence += ": nothing to prove it by";
    return;
  }
  // What stays inside one adapter need not pass its port's counters.
  if (!loopback && proof.expected_bytes >= enough_bytes_to_accuse && seen.most < nearly_none) {
    proof.verdict = Proof::Verdict::contradicted;
    proof.sentence += ": the RDMA devices did not carry it";
    return;
  }
  proof.sentence += ": too little to be sure";
}

void judge_tcp(Proof& proof, const Side& a, const Side& b, bool loopback) {
  proof.sentence = netdev_words(a, b, loopback);
  const Shares seen = netdev_shares(a, b);
  const Shares rdma = rdma_shares(a, b);
  // Soft-RoCE's packets pass the netdev as well, so a full netdev alone proves nothing there.
  if (!loopback && proof.expected_bytes >= enough_bytes_to_accuse && rdma.least && *rdma.least >= most_of_it) {
    proof.verdict = Proof::Verdict::contradicted;
    proof.sentence = fmt::format("{}; {}: TCP was carried by RDMA (SMC-R, or a preloaded rsockets library)",
                                 rdma_words(a), rdma_words(b));
    return;
  }
  if (seen.least && *seen.least >= all_of_it) {
    proof.verdict = Proof::Verdict::proven;
    return;
  }
  if (!seen.least) {
    proof.sentence += ": nothing to prove it by";
    return;
  }
  for (const Side* side : {&a, &b}) {
    const std::optional<std::string> other = side->other_netdev();
    if (!other || *seen.least >= most_of_it) continue;
    proof.verdict = Proof::Verdict::contradicted;
    proof.sentence += fmt::format(": it went over {} on {}", *other, side->host);
    return;
  }
  proof.sentence += ": too little to be sure";
}

}  // namespace

Proof prove(Transport transport, const Traffic& traffic, const std::vector<const PathPlan*>& paths,
            std::vector<CounterDelta> counters_a, std::vector<CounterDelta> counters_b) {
  Proof proof;
  proof.expected_bytes = traffic.bytes_a_to_b + traffic.bytes_b_to_a;
  if (transport == Transport::null || paths.empty()) {
    proof.sentence = "nothing was moved";
    return proof;
  }
  Side a{counters_a, {}, {}, paths.front()->path.a.host};
  Side b{counters_b, {}, {}, paths.front()->path.b.host};
  bool loopback = false;
  int path_mtu = 0;
  for (const PathPlan* plan : paths) {
    loopback = loopback || plan->loopback;
    path_mtu = std::max(path_mtu, plan->path.path_mtu);
    for (const auto& [side, end] : {std::pair{&a, &plan->path.a}, std::pair{&b, &plan->path.b}}) {
      if (!end->device.empty()) side->ports.insert(fmt::format("{}:{}", end->device, end->port));
      side->netdevs.insert(plan->loopback ? "lo" : end->netdev);
    }
  }
  // A message of n bytes takes n / MTU packets; with a larger MTU than was agreed none would be missing.
  const auto packets = [&](std::uint64_t bytes, std::uint64_t messages) -> std::uint64_t {
    if (messages == 0 || path_mtu <= 0) return messages;
    const std::uint64_t mtu = static_cast<std::uint64_t>(path_mtu);
    return messages * std::max<std::uint64_t>(1, (bytes / messages + mtu - 1) / mtu);
  };
  a.sent_bytes = b.received_bytes = traffic.bytes_a_to_b;
  b.sent_bytes = a.received_bytes = traffic.bytes_b_to_a;
  a.sent_packets = b.received_packets = packets(traffic.bytes_a_to_b, traffic.messages_a_to_b);
  b.sent_packets = a.received_packets = packets(traffic.bytes_b_to_a, traffic.messages_b_to_a);
  if (transport == Transport::tcp) {
    judge_tcp(proof, a, b, loopback);
  } else {
    judge_rdma(proof, a, b, loopback);
  }
  proof.counters = std::move(counters_a);
  for (CounterDelta& delta : counters_b) proof.counters.push_back(std::move(delta));
  return proof;
}

}  // namespace rocekit::pingpong
