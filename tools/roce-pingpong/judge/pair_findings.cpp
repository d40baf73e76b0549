#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using checks::Evidence;
using checks::Finding;

std::string end_name(const End& end) { return fmt::format("{} of {}", port_name(end), end.host); }

bool reach_over_rdma(const Report& report, int a, int b) {
  return std::any_of(report.paths.begin(), report.paths.end(), [&](const Path& path) {
    return is_rdma(path) && std::minmax(path.a.rank, path.b.rank) == std::minmax(a, b);
  });
}

// ---- ROCE-PAIR-001 --------------------------------------------------------------------------------------------------

void judge_subnets(const Report& report, std::vector<Finding>& out) {
  // A port that has no partner on any of eight ranks is one fault, not seven.
  std::map<std::pair<int, std::string>, std::vector<const Unpaired*>> by_port;
  for (const Unpaired& item : report.unpaired) by_port[{item.end.rank, port_name(item.end)}].push_back(&item);
  for (const auto& [port, items] : by_port) {
    const End& end = items.front()->end;
    std::vector<Evidence> evidence{{"address", end.ip.empty() ? "none" : end.ip, end.netdev}};
    bool nothing_else = false;
    std::set<std::string> reasons;
    for (const Unpaired* item : items) {
      nothing_else = nothing_else || !reach_over_rdma(report, end.rank, item->peer_rank);
      if (reasons.insert(item->why).second) {
        evidence.push_back({fmt::format("to {}", rank_name(report, item->peer_rank)), item->why, ""});
      }
    }
    const std::string title =
        items.size() == 1
            ? fmt::format("{} has no partner on {}", end_name(end), rank_name(report, items[0]->peer_rank))
            : fmt::format("{} has no partner on {} ranks", end_name(end), items.size());
    const std::string cause =
        nothing_else
            ? "No port of the two shares a subnet, so nothing can go over RDMA between them; NCCL falls back to "
              "sockets there."
            : "Other ports of the two carry the traffic alone, so this one's share of the bandwidth is unused.";
    const std::string netdev = end.netdev.empty() ? "NETDEV" : end.netdev;
    std::vector<std::string> remedy{
        fmt::format("# on {}: an address in the subnet of the port at the other end of the cable, each rail its own:",
                    end.host),
        fmt::format("sudo ip addr add 192.168.{}.{}/24 dev {}", 100 + report.paths.size(), 10 + end.rank, netdev),
        "# keep it in netplan; what both nodes have: roce-probe"};
    auto verdicts = verdicts_of("ROCE-PAIR-001", end.host, out);
    if (nothing_else) {
      verdicts.critical(port_name(end), title, std::move(evidence), cause, std::move(remedy));
    } else {
      verdicts.warning(port_name(end), title, std::move(evidence), cause, std::move(remedy));
    }
  }
}

// ---- ROCE-PAIR-002 --------------------------------------------------------------------------------------------------

bool both_known_and_differ(int a, int b) { return a > 0 && b > 0 && a != b; }

/// One finding an end: with eight ranks the same port is an end of seven paths.
using Seen = std::set<std::pair<int, std::string>>;

void judge_mtu(const Path& path, Seen& seen, std::vector<Finding>& out) {
  const bool path_mtu_differs = both_known_and_differ(path.a.active_mtu, path.b.active_mtu);
  if (!path_mtu_differs && !both_known_and_differ(path.a.netdev_mtu, path.b.netdev_mtu)) return;
  const bool a_smaller =
      path_mtu_differs ? path.a.active_mtu < path.b.active_mtu : path.a.netdev_mtu < path.b.netdev_mtu;
  const End& small = a_smaller ? path.a : path.b;
  const End& large = a_smaller ? path.b : path.a;
  if (!seen.insert({small.rank, port_name(small)}).second) return;

  std::vector<Evidence> evidence;
  for (const End* end : {&small, &large}) {
    std::vector<std::string> words;
    if (end->netdev_mtu > 0) words.push_back(fmt::format("netdev {}", end->netdev_mtu));
    if (end->active_mtu > 0) words.push_back(fmt::format("path MTU {}", end->active_mtu));
    evidence.push_back({fmt::format("MTU of {}", end_name(*end)), join_words(words, ", "),
                        end->netdev.empty() ? "" : fmt::format("/sys/class/net/{}/mtu", end->netdev)});
  }
  const int target = std::max(small.netdev_mtu, large.netdev_mtu);
  const std::string netdev = small.netdev.empty() ? "NETDEV" : small.netdev;
  std::vector<std::string> remedy{
      fmt::format("# on {}:", small.host),
      fmt::format("sudo ip link set dev {} mtu {}", netdev, target > 0 ? target : 9000),
      "# and keep it in netplan; proof that it passes, from the other node:",
      fmt::format("ping -M do -s {} -c 3 {}", (target > 0 ? target : 9000) - 28, small.ip.empty() ? "IP" : small.ip)};
  verdicts_of("ROCE-PAIR-002", small.host, out)
      .warning(port_name(small),
               path_mtu_differs
                   ? fmt::format("path MTU of {} is {}, of {} {}: {} is used", end_name(small), small.active_mtu,
                                 end_name(large), large.active_mtu, std::min(small.active_mtu, large.active_mtu))
                   : fmt::format("MTU of {} is {}, of {} {}", end_name(small), small.netdev_mtu, end_name(large),
                                 large.netdev_mtu),
               std::move(evidence),
               path_mtu_differs
                   ? "Both ends use the smaller one: each byte costs more headers, and more packets a second "
                     "must be handled."
                   : "RDMA uses the same path MTU on both ends, but a larger frame that reaches the smaller "
                     "end is dropped without a message, and TCP stalls.",
               std::move(remedy));
}

// ---- ROCE-PAIR-004 --------------------------------------------------------------------------------------------------

void judge_rates(const Path& path, Seen& seen, std::vector<Finding>& out) {
  if (!is_wire(path) || !path.a.link_gbit_s || !path.b.link_gbit_s || *path.a.link_gbit_s == *path.b.link_gbit_s)
    return;
  const bool a_slower = *path.a.link_gbit_s < *path.b.link_gbit_s;
  const End& slow = a_slower ? path.a : path.b;
  const End& fast = a_slower ? path.b : path.a;
  if (!seen.insert({slow.rank, port_name(slow)}).second) return;
  std::vector<Evidence> evidence;
  for (const End* end : {&slow, &fast}) {
    evidence.push_back({fmt::format("link of {}", end_name(*end)), fmt::format("{} Gb/s", *end->link_gbit_s), ""});
  }
  verdicts_of("ROCE-PAIR-004", slow.host, out)
      .warning(port_name(slow),
               fmt::format("link of {} runs at {} Gb/s, of {} at {}", end_name(slow), *slow.link_gbit_s, end_name(fast),
                           *fast.link_gbit_s),
               std::move(evidence), "The slower link decides what the pair can carry.",
               {fmt::format("# on {}: what the port offers and accepts, then the cable", slow.host),
                fmt::format("ethtool {}", slow.netdev.empty() ? "NETDEV" : slow.netdev),
                "roce-probe --check LNK-003,LNK-004"});
}

}  // namespace

void judge_pairs(const Report& report, std::vector<Finding>& out) {
  judge_subnets(report, out);
  Seen mtu_seen;
  Seen rate_seen;
  for (const Path& path : report.paths) {
    if (is_rdma(path)) judge_mtu(path, mtu_seen, out);
    judge_rates(path, rate_seen, out);
  }
}

}  // namespace rocekit::pingpong
