#include <fmt/format.h>

#include <algorithm>

#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-preflight/run/reach.h"

namespace rocekit::preflight {
namespace {

using checks::Evidence;
using checks::Finding;
using pingpong::verdicts_of;

std::string subject_of(const Crossing& crossing) {
  return fmt::format("{} to {}", pingpong::port_name(crossing.from), crossing.to.host);
}

std::string words_of(const Crossing& crossing) {
  return fmt::format("{} of {} to {} of {}", crossing.from.netdev, crossing.from.host, crossing.to.netdev,
                     crossing.to.host);
}

std::vector<Evidence> evidence_of(const Crossing& crossing) {
  std::vector<Evidence> evidence{{"from", crossing.from.ip, crossing.from.netdev},
                                 {"to", crossing.to.ip, crossing.to.netdev}};
  evidence.push_back({"route", crossing.source.empty() ? "none" : "leaves from " + crossing.source, "kernel"});
  evidence.push_back({"TCP", crossing.tcp.empty() ? "connected" : crossing.tcp, "port of the kernel's choice"});
  evidence.push_back({"UDP", crossing.small_arrived ? "small datagrams arrive" : "nothing arrives", "3 sent"});
  if (crossing.full_bytes > 0) {
    evidence.push_back({fmt::format("packets of {} bytes", crossing.full_bytes),
                        crossing.full_arrived   ? "arrive"
                        : !crossing.udp.empty() ? crossing.udp
                                                : "do not arrive",
                        "3 sent, not to be fragmented"});
  }
  return evidence;
}

std::string ping(const Crossing& crossing, int payload) {
  return payload > 0 ? fmt::format("ping -M do -s {} -c 3 -I {} {}", payload, crossing.from.netdev, crossing.to.ip)
                     : fmt::format("ping -c 3 -I {} {}", crossing.from.netdev, crossing.to.ip);
}

void judge(const Crossing& crossing, std::vector<Finding>& out) {
  const std::string& host = crossing.from.host;
  const std::string on_from = fmt::format("# on {}:", host);
  if (!crossing.tcp.empty() && !crossing.small_arrived) {
    verdicts_of("ROCE-PAIR-003", host, out)
        .critical(
            subject_of(crossing), fmt::format("{}: nothing gets through", words_of(crossing)), evidence_of(crossing),
            "The addresses fit, and no packet arrives: another cable, an interface that is down at the other end, "
            "a VLAN, or a firewall.",
            {on_from, ping(crossing, 0), fmt::format("ip neigh show dev {}", crossing.from.netdev)});
    return;
  }
  if (!crossing.tcp.empty()) {
    verdicts_of("ROCE-PAIR-020", host, out)
        .critical(subject_of(crossing),
                  fmt::format("{}: TCP does not get through ({})", words_of(crossing), crossing.tcp),
                  evidence_of(crossing),
                  "Datagrams arrive and connections do not, so a firewall is in the way: NCCL connects its bootstrap "
                  "and its sockets by TCP on ports of the kernel's choice.",
                  {fmt::format("# on {}: what filters", crossing.to.host), "sudo nft list ruleset", "sudo iptables -S",
                   "# and let all of the rail's subnet in, such as:",
                   fmt::format("sudo iptables -I INPUT -i {} -j ACCEPT", crossing.to.netdev)});
  }
  if (crossing.full_bytes > 0 && crossing.small_arrived && !crossing.full_arrived) {
    verdicts_of("ROCE-PAIR-019", host, out)
        .critical(subject_of(crossing),
                  fmt::format("{}: packets of {} bytes do not get through, small ones do", words_of(crossing),
                              crossing.full_bytes),
                  evidence_of(crossing),
                  "Both ends are set to this MTU and something between them carries less: large messages vanish, "
                  "connections stall and RDMA ends in retries.",
                  {on_from, ping(crossing, crossing.full_bytes - 28),
                   "# raise the MTU of switch ports, bridges and VLANs on the way, or lower that of both ends"});
  }
  if (crossing.full_bytes > 0 && !crossing.small_arrived) {
    verdicts_of("ROCE-PAIR-019", host, out)
        .unknown(subject_of(crossing), fmt::format("{}: packets of full size could not be tried", words_of(crossing)),
                 {facts::Why::not_read, "datagrams to a port of the kernel's choice do not arrive"},
                 {on_from, ping(crossing, crossing.full_bytes - 28)});
  }
  if (!crossing.source.empty() && crossing.source != crossing.from.ip) {
    verdicts_of("ROCE-PAIR-021", host, out)
        .warning(subject_of(crossing),
                 fmt::format("{}: the route leaves from {}, not from {}", words_of(crossing), crossing.source,
                             crossing.from.ip),
                 evidence_of(crossing),
                 "What has not bound itself to the rail's address takes another interface, and answers may take a "
                 "third way.",
                 {on_from, fmt::format("ip route get {}", crossing.to.ip), "ip route", "ip rule"});
  }
}

}  // namespace

std::string why_blocked(const std::vector<Crossing>& crossings) {
  const bool blocked =
      std::all_of(crossings.begin(), crossings.end(), [](const Crossing& crossing) { return !crossing.tcp.empty(); });
  return crossings.empty() || !blocked ? "" : "no TCP connection comes about on any rail";
}

void judge(const std::vector<Crossing>& crossings, std::vector<Finding>& out) {
  for (const Crossing& crossing : crossings) judge(crossing, out);
  if (crossings.empty()) return;
  for (const char* id : {"ROCE-PAIR-003", "ROCE-PAIR-019", "ROCE-PAIR-020", "ROCE-PAIR-021"}) {
    const bool fault = std::any_of(out.begin(), out.end(), [&](const Finding& finding) { return finding.id == id; });
    if (!fault) verdicts_of(id, "", out).ok("rails", fmt::format("{} crossings", crossings.size()));
  }
}

}  // namespace rocekit::preflight
