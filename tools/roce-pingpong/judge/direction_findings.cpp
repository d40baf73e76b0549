// ROCE-PAIR-022: one direction of a rail slower than the other.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using checks::Evidence;
using checks::Finding;

/// Healthy links carry the same both ways within some per cent: a bound of PCIe differs by what reads cost more.
constexpr double least_ratio = 0.85;
/// Soft-RoCE sends and receives on whatever processor is free.
constexpr double least_soft_ratio = 0.5;

/// A slow direction of one path.
struct Slow {
  const Directions* directions;
  int from;
  int to;
  double ratio;  ///< over the other direction
  double low;
  double high;
};

bool is_judged(const Report& report, const Directions& directions) {
  const Path& path = report.paths.at(directions.path);
  return path.a.host != path.b.host;
}

std::vector<Slow> slow_ones(const Report& report) {
  std::vector<Slow> slow;
  for (const Directions& directions : report.directions) {
    if (!is_judged(report, directions)) continue;
    const double least = is_soft(report.paths[directions.path]) ? least_soft_ratio : least_ratio;
    const measure::Ratio& ratio = directions.back_over_there;
    const Result& there = directions.there;
    if (ratio.pairs > 0 && ratio.high < least) {
      slow.push_back({&directions, there.rank_b, there.rank_a, ratio.ratio, ratio.low, ratio.high});
    } else if (ratio.pairs > 0 && ratio.low > 1 / least) {
      slow.push_back({&directions, there.rank_a, there.rank_b, 1 / ratio.ratio, 1 / ratio.high, 1 / ratio.low});
    }
  }
  return slow;
}

/// Peers with which a rank's directions were compared.
std::set<int> peers_of(const Report& report, int rank) {
  std::set<int> peers;
  for (const Directions& directions : report.directions) {
    if (!is_judged(report, directions)) continue;
    if (directions.there.rank_a == rank) peers.insert(directions.there.rank_b);
    if (directions.there.rank_b == rank) peers.insert(directions.there.rank_a);
  }
  return peers;
}

/// Whether a rank sends slowly (or receives slowly) with every one of two or more peers.
bool is_slow_with_all(const Report& report, const std::vector<Slow>& slow, int rank, bool sending) {
  const std::set<int> peers = peers_of(report, rank);
  std::set<int> slow_peers;
  for (const Slow& one : slow) {
    if ((sending ? one.from : one.to) == rank) slow_peers.insert(sending ? one.to : one.from);
  }
  return peers.size() >= 2 && slow_peers == peers;
}

std::string whose_fault(const Report& report, const std::vector<Slow>& all, const Slow& slow) {
  const std::string from = rank_name(report, slow.from);
  const std::string to = rank_name(report, slow.to);
  if (is_slow_with_all(report, all, slow.from, true)) {
    return fmt::format("{} sends slowly to all others: the fault is on its sending side.", from);
  }
  if (is_slow_with_all(report, all, slow.to, false)) {
    return fmt::format("{} receives slowly from all others: the fault is on its receiving side.", to);
  }
  if (peers_of(report, slow.from).size() >= 2 && peers_of(report, slow.to).size() >= 2) {
    return fmt::format("Both are well with other nodes: look at the way from {} to {}, cable, modules and ports.", from,
                       to);
  }
  return fmt::format(
      "With two nodes it cannot be pinned on one of them: {} sends slowly or {} receives slowly. A third node, or the "
      "cable turned round, tells.",
      from, to);
}

const End& end_of(const Path& path, int rank) { return path.a.rank == rank ? path.a : path.b; }

void say_slow(const Report& report, const std::vector<Slow>& all, const Slow& slow, std::vector<Finding>& out) {
  const Directions& directions = *slow.directions;
  const Path& path = report.paths[directions.path];
  const End& sender = end_of(path, slow.from);
  const End& receiver = end_of(path, slow.to);
  const bool back = slow.from == directions.there.rank_b;
  const Result& slower = back ? directions.back : directions.there;
  const Result& faster = back ? directions.there : directions.back;
  const std::string from = rank_name(report, slow.from);
  const std::string to = rank_name(report, slow.to);
  std::vector<Evidence> evidence{
      {fmt::format("{} to {}", from, to), gigabits(slower.bandwidth.mean_gbit_s) + " Gb/s",
       fmt::format("{}, {}", series_name(slower), text::exact_size(slower.size_bytes))},
      {fmt::format("{} to {}", to, from), gigabits(faster.bandwidth.mean_gbit_s) + " Gb/s",
       fmt::format("{}, {}", series_name(faster), text::exact_size(faster.size_bytes))},
      {"ratio of neighbouring blocks",
       fmt::format("{:.2f} ({:.2f}-{:.2f}, n {})", slow.ratio, slow.low, slow.high, directions.back_over_there.pairs),
       "99 % interval"}};
  for (const End* end : {&sender, &receiver}) {
    if (end->pcie_gbit_s) {
      evidence.push_back({fmt::format("PCIe of {} on {}", port_name(*end), end->host),
                          gigabits(*end->pcie_gbit_s) + " Gb/s of payload", ""});
    }
  }
  for (const int rank : {slow.from, slow.to}) {
    if (static_cast<std::size_t>(rank) >= report.hosts.size()) continue;
    const Host& host = report.hosts[static_cast<std::size_t>(rank)];
    if (host.governor) evidence.push_back({fmt::format("governor on {}", rank_name(report, rank)), *host.governor, ""});
  }
  const std::vector<Evidence> troubles = trouble_evidence(slower);
  evidence.insert(evidence.end(), troubles.begin(), troubles.end());
  const std::string what =
      has_losses(slower) ? "Packets were lost or resent in this direction: a bad lane, a full queue. "
      : !troubles.empty()
          ? "Congestion or pauses were counted in this direction: the receiving end or a switch holds the sender back. "
          : "No counter tells of loss or pauses: PCIe (width, ordering, ACS or IOMMU), cores that save power on one "
            "node, or a limit on what a port sends. ";
  const auto netdev = [](const End& end) { return end.netdev.empty() ? std::string("NETDEV") : end.netdev; };
  verdicts_of("ROCE-PAIR-022", "", out)
      .warning(port_name(path.a) + (report.hosts.size() > 2 ? fmt::format(" {}-{}", from, to) : ""),
               fmt::format("{} carries {:.2f} from {} to {} of what it carries the other way ({:.2f}-{:.2f})",
                           port_name(sender), slow.ratio, from, to, slow.low, slow.high),
               std::move(evidence), what + whose_fault(report, all, slow),
               {fmt::format("# on {}, which sends: limits and queues, PCIe, cores", sender.host),
                fmt::format("tc qdisc show dev {}", netdev(sender)), "roce-probe --check PCI-001,CFG-002",
                fmt::format("# on {}, which receives: pauses and discards, PCIe, cores", receiver.host),
                fmt::format("ethtool -S {} | grep -E 'pause|discard|symbol|corrected'", netdev(receiver)),
                "roce-probe --check PCI-001,CFG-002",
                "# if both are alike: swap the modules, or turn the cable round, and measure again"});
}

}  // namespace

void judge_directions(const Report& report, std::vector<Finding>& out) {
  const std::vector<Slow> slow = slow_ones(report);
  for (const Slow& one : slow) say_slow(report, slow, one, out);
  if (!slow.empty()) return;
  // What was looked at and is well.
  for (const Directions& directions : report.directions) {
    const measure::Ratio& ratio = directions.back_over_there;
    if (!is_judged(report, directions) || ratio.low <= 0) continue;
    verdicts_of("ROCE-PAIR-022", "", out)
        .ok(port_name(report.paths[directions.path].a),
            fmt::format("{:.2f} back over there ({:.2f}-{:.2f})", ratio.ratio, ratio.low, ratio.high));
  }
}

}  // namespace rocekit::pingpong
