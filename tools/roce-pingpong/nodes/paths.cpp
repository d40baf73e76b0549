#include "tools/roce-pingpong/nodes/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/text/near_words.h"
#include "core/text/utf8.h"
#include "probes/checks/fabric.h"
#include "probes/derived/rails.h"

namespace rocekit::pingpong {
namespace {

using verbs::Transport;

std::string name_of(const Node& node, int rank) { return fmt::format("rank {} ({})", rank, node.host); }

bool wants(const Settings& settings, Transport transport) {
  return std::find(settings.transports.begin(), settings.transports.end(), transport) != settings.transports.end();
}

bool wants_rdma(const Settings& settings) { return wants(settings, Transport::rc) || wants(settings, Transport::ud); }

bool same_subnet(const NodeAddress& a, const NodeAddress& b) {
  const auto subnet_a = checks::subnet_of({"inet", a.ip, a.prefix_length, ""});
  const auto subnet_b = checks::subnet_of({"inet", b.ip, b.prefix_length, ""});
  const auto ip_a = checks::parse_ipv4(a.ip);
  const auto ip_b = checks::parse_ipv4(b.ip);
  return subnet_a && subnet_b && ip_a && ip_b && *ip_a != *ip_b && subnet_a->contains(*ip_b) &&
         subnet_b->contains(*ip_a);
}

std::string subnet_text(const NodeAddress& address) {
  const auto subnet = checks::subnet_of({"inet", address.ip, address.prefix_length, ""});
  return subnet ? subnet->text() : address.ip;
}

bool names(const std::vector<std::string>& rails, const RdmaPort& port) {
  return std::any_of(rails.begin(), rails.end(), [&](const std::string& name) {
    return name == port.device || name == fmt::format("{}:{}", port.device, port.port) ||
           (!port.netdev.empty() && name == port.netdev);
  });
}

/// The ends of both sides that may be paired, as far as --rails goes.
bool selected(const Settings& settings, const RdmaPort& a, const RdmaPort& b) {
  return settings.rails.empty() || names(settings.rails, a) || names(settings.rails, b);
}

End end_of(const Node& node, int rank, const RdmaPort& port, const NodeAddress* address) {
  End end;
  end.rank = rank;
  end.host = node.host;
  end.device = port.device;
  end.port = port.port;
  end.netdev = address != nullptr ? address->netdev : port.netdev;
  if (address != nullptr) end.ip = address->ip;
  end.link_gbit_s = port.link_gbit_s;
  end.pcie_gbit_s = port.pcie_gbit_s;
  if (!port.physical.empty()) end.physical = port.physical;
  end.soft_roce = port.soft_roce;
  end.active_mtu = port.active_mtu;
  if (address != nullptr) end.netdev_mtu = address->mtu;
  return end;
}

End end_of(const Node& node, int rank, const NodeAddress& address) {
  End end;
  end.rank = rank;
  end.host = node.host;
  end.netdev = address.netdev;
  end.ip = address.ip;
  end.link_gbit_s = address.link_gbit_s;
  end.netdev_mtu = address.mtu;
  return end;
}

// Payload of TCP on the wire (RFC 9293, RFC 7323; IEEE 802.3): IPv4 20 and TCP 32 with timestamps inside the MTU,
// preamble 8, gap 12, Ethernet 14 and FCS 4 around it.
double tcp_payload_fraction(int mtu) { return mtu <= 52 ? 0 : (mtu - 52.0) / (mtu + 38.0); }

/// Share of the link's rate that is payload of this transport; 0: unknown.
double payload_fraction(const PathPlan& plan, Transport transport) {
  const Path& path = plan.path;
  if (transport == Transport::tcp) return tcp_payload_fraction(std::min(path.a.netdev_mtu, path.b.netdev_mtu));
  if (plan.infiniband) return path.path_mtu / (path.path_mtu + 26.0);  // LRH 8, BTH 12, ICRC 4, VCRC 2
  return derived::roce_payload_fraction(path.path_mtu);
}

void set_bound(PathPlan& plan, const std::string& no_bound) {
  Path& path = plan.path;
  if (plan.loopback) {
    path.bound_why = "no bound: both ends are on one machine";
    return;
  }
  if (!no_bound.empty()) {
    path.bound_why = no_bound;
    return;
  }
  const Transport transport = plan.rdma ? Transport::rc : Transport::tcp;
  const double fraction = payload_fraction(plan, transport);
  if (!path.a.link_gbit_s || !path.b.link_gbit_s || fraction <= 0) {
    path.bound_why = "no bound: the rate or the MTU of a link could not be read";
    return;
  }
  const double link = std::min(*path.a.link_gbit_s, *path.b.link_gbit_s);
  double bound = link * fraction;
  path.limited_by = "link";
  path.bound_why =
      plan.rdma ? fmt::format("link {:.4g} Gb/s at path MTU {} = {:.4g} Gb/s of payload", link, path.path_mtu, bound)
                : fmt::format("link {:.4g} Gb/s at MTU {} = {:.4g} Gb/s of TCP payload", link,
                              std::min(path.a.netdev_mtu, path.b.netdev_mtu), bound);
  for (const End* end : {&path.a, &path.b}) {
    if (!end->pcie_gbit_s) continue;
    path.bound_why += fmt::format("; PCIe of {} on {} {:.4g} Gb/s", end->device, end->host, *end->pcie_gbit_s);
    if (*end->pcie_gbit_s >= bound) continue;
    bound = *end->pcie_gbit_s;
    path.limited_by = "pcie";
  }
  path.bound_gbit_s = bound;
}

PathPlan rdma_path(const Node& a, int rank_a, const RdmaPort& port_a, const NodeAddress* address_a, const Node& b,
                   int rank_b, const RdmaPort& port_b, const NodeAddress* address_b) {
  PathPlan plan;
  plan.rdma = true;
  plan.infiniband = port_a.infiniband;
  plan.path.a = end_of(a, rank_a, port_a, address_a);
  plan.path.b = end_of(b, rank_b, port_b, address_b);
  const bool known = port_a.active_mtu > 0 && port_b.active_mtu > 0;
  plan.path.path_mtu = known ? std::min(port_a.active_mtu, port_b.active_mtu) : 0;
  plan.tcp = address_a != nullptr && address_b != nullptr && same_subnet(*address_a, *address_b);
  if (plan.tcp) {
    plan.tcp_ip_a = address_a->ip;
    plan.tcp_ip_b = address_b->ip;
  }
  plan.cpus_a = port_a.cpus;
  plan.cpus_b = port_b.cpus;
  set_bound(plan, !port_a.no_bound.empty() ? port_a.no_bound : port_b.no_bound);
  return plan;
}

struct Match {
  const RdmaPort* port = nullptr;
  const NodeAddress* address_a = nullptr;
  const NodeAddress* address_b = nullptr;
};

std::optional<Match> match(const RdmaPort& a, const RdmaPort& b) {
  if (a.infiniband != b.infiniband) return std::nullopt;
  for (const NodeAddress& address_a : a.addresses) {
    for (const NodeAddress& address_b : b.addresses) {
      if (same_subnet(address_a, address_b)) return Match{&b, &address_a, &address_b};
    }
  }
  // One InfiniBand fabric needs no IPoIB.
  if (a.infiniband) return Match{&b, nullptr, nullptr};
  return std::nullopt;
}

std::string why_unpaired(const RdmaPort& port, const Node& peer, int peer_rank) {
  if (port.addresses.empty() && !port.infiniband) {
    return fmt::format("{} has no IPv4 address", port.netdev.empty() ? port.device : port.netdev);
  }
  if (port.infiniband) return fmt::format("no free InfiniBand port on {}", name_of(peer, peer_rank));
  std::vector<std::string> subnets;
  for (const NodeAddress& address : port.addresses) subnets.push_back(subnet_text(address));
  return fmt::format("no active RDMA port of {} in {}", name_of(peer, peer_rank), fmt::join(subnets, " or "));
}

void pair_rdma(const Node& a, int rank_a, const Node& b, int rank_b, const Settings& settings, Pairing& pairing) {
  std::vector<const RdmaPort*> used_a;
  std::vector<const RdmaPort*> used_b;
  const auto is_used = [](const std::vector<const RdmaPort*>& used, const RdmaPort& port) {
    return std::find(used.begin(), used.end(), &port) != used.end();
  };
  std::map<const RdmaPort*, PathPlan> by_port;  // by end a, so that the order of its ports is kept below
  // Equal names first: where all rails are in one subnet, twins must not be paired crosswise.
  for (const bool equal_names : {true, false}) {
    for (const RdmaPort& port_a : a.ports) {
      if (!port_a.active() || is_used(used_a, port_a)) continue;
      for (const RdmaPort& port_b : b.ports) {
        if (!port_b.active() || is_used(used_b, port_b) || !selected(settings, port_a, port_b)) continue;
        if (equal_names && (port_a.device != port_b.device || port_a.port != port_b.port)) continue;
        const std::optional<Match> found = match(port_a, port_b);
        if (!found) continue;
        by_port.emplace(&port_a, rdma_path(a, rank_a, port_a, found->address_a, b, rank_b, port_b, found->address_b));
        used_a.push_back(&port_a);
        used_b.push_back(&port_b);
        break;
      }
    }
  }
  for (const RdmaPort& port : a.ports) {
    if (const auto found = by_port.find(&port); found != by_port.end()) pairing.paths.push_back(found->second);
  }
  const auto note_unpaired = [&](const Node& node, int rank, const std::vector<const RdmaPort*>& used, const Node& peer,
                                 int peer_rank) {
    for (const RdmaPort& port : node.ports) {
      if (!port.active() || is_used(used, port) || (!settings.rails.empty() && !names(settings.rails, port))) continue;
      const NodeAddress* address = port.addresses.empty() ? nullptr : &port.addresses.front();
      pairing.unpaired.push_back({end_of(node, rank, port, address), peer_rank, why_unpaired(port, peer, peer_rank)});
    }
  };
  note_unpaired(a, rank_a, used_a, b, rank_b);
  note_unpaired(b, rank_b, used_b, a, rank_a);
}

void pair_with_itself(const Node& node, int rank_a, int rank_b, const Settings& settings, Pairing& pairing) {
  for (const RdmaPort& port : node.ports) {
    if (!port.active() || !selected(settings, port, port)) continue;
    const NodeAddress* address = port.addresses.empty() ? nullptr : &port.addresses.front();
    if (address == nullptr && !port.infiniband) {
      pairing.unpaired.push_back({end_of(node, rank_a, port, address), rank_b, why_unpaired(port, node, rank_b)});
      continue;
    }
    PathPlan plan = rdma_path(node, rank_a, port, address, node, rank_b, port, address);
    plan.loopback = true;
    plan.tcp = true;
    plan.tcp_ip_a = plan.tcp_ip_b = "127.0.0.1";
    plan.path.bound_gbit_s.reset();
    plan.path.limited_by.reset();
    set_bound(plan, "");
    pairing.paths.push_back(std::move(plan));
  }
}

PathPlan loopback_path(const Node& node, int rank_a, int rank_b) {
  PathPlan plan;
  plan.tcp = plan.loopback = true;
  plan.tcp_ip_a = plan.tcp_ip_b = "127.0.0.1";
  for (auto [end, rank] : {std::pair{&plan.path.a, rank_a}, std::pair{&plan.path.b, rank_b}}) {
    end->rank = rank;
    end->host = node.host;
    end->netdev = "lo";
    end->ip = "127.0.0.1";
  }
  set_bound(plan, "");
  return plan;
}

std::string addresses_text(const Node& node) {
  std::vector<std::string> words;
  for (const NodeAddress& address : node.addresses) {
    words.push_back(fmt::format("{} {}/{}", address.netdev, address.ip, address.prefix_length));
  }
  return words.empty() ? "no IPv4 address" : fmt::format("{}", fmt::join(words, ", "));
}

/// The fastest netdevs of both ends that share a subnet; one that only exists inside each machine is the last resort.
std::optional<PathPlan> tcp_path(const Node& a, int rank_a, const Node& b, int rank_b, const Settings& settings) {
  const auto named = [&](const NodeAddress& address) {
    return settings.rails.empty() ||
           std::find(settings.rails.begin(), settings.rails.end(), address.netdev) != settings.rails.end();
  };
  for (const bool last_resort : {false, true}) {
    for (const NodeAddress& address_a : a.addresses) {
      for (const NodeAddress& address_b : b.addresses) {
        if ((address_a.local_only || address_b.local_only) != last_resort) continue;
        if (!same_subnet(address_a, address_b) || (!named(address_a) && !named(address_b))) continue;
        PathPlan plan;
        plan.tcp = true;
        plan.path.a = end_of(a, rank_a, address_a);
        plan.path.b = end_of(b, rank_b, address_b);
        plan.tcp_ip_a = address_a.ip;
        plan.tcp_ip_b = address_b.ip;
        plan.cpus_a = address_a.cpus;
        plan.cpus_b = address_b.cpus;
        set_bound(plan, "");
        return plan;
      }
    }
  }
  return std::nullopt;
}

void require_known_rails(const Node& a, const Node& b, const Settings& settings) {
  std::vector<std::string> known;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  };
  for (const Node* node : {&a, &b}) {
    for (const RdmaPort& port : node->ports) {
      add(port.device);
      add(port.netdev);
    }
    for (const NodeAddress& address : node->addresses) add(address.netdev);
  }
  for (const std::string& name : settings.rails) {
    const std::string device = name.substr(0, name.find(':'));
    if (std::find(known.begin(), known.end(), device) != known.end()) continue;
    const std::vector<std::string> near = text::near_words(device, known);
    throw InputError(fmt::format(
        "--rails: no device or netdev is named \"{}\" on {}; {}", text::shortened(text::printable(name), 40),
        a.host == b.host ? a.host : fmt::format("{} or {}", a.host, b.host),
        near.empty() ? fmt::format("there are {}", known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")))
                     : fmt::format("did you mean {}?", fmt::join(near, " or "))));
  }
}

std::string ports_text(const Node& node) {
  std::vector<std::string> words;
  for (const RdmaPort& port : node.ports) {
    std::vector<std::string> addresses;
    for (const NodeAddress& address : port.addresses) {
      addresses.push_back(fmt::format("{}/{}", address.ip, address.prefix_length));
    }
    words.push_back(fmt::format("{} {}", port.device,
                                !port.active()      ? "is " + port.state
                                : addresses.empty() ? "has no IPv4 address"
                                                    : fmt::format("{}", fmt::join(addresses, " and "))));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

bool has_active(const Node& node) {
  return std::any_of(node.ports.begin(), node.ports.end(), [](const RdmaPort& port) { return port.active(); });
}

/// RDMA was wanted and there is no path for it: an error, unless a node simply has no RDMA and nobody asked for it.
void explain_no_rdma(const Node& a, int rank_a, const Node& b, int rank_b, const Settings& settings, Pairing& pairing) {
  for (const auto& [node, rank] : {std::pair{&a, rank_a}, std::pair{&b, rank_b}}) {
    if (node->ports.empty()) {
      const std::string without = fmt::format("{} has no RDMA device", name_of(*node, rank));
      if (settings.transports_given || !wants(settings, Transport::tcp)) {
        throw InputError(
            fmt::format("{}, so {} cannot be measured there; roce-probe on that node tells why "
                        "(roce-probe explain ROCE-DEV-001), --transport tcp measures sockets",
                        without, to_string(settings.transports.front())));
      }
      pairing.notes.push_back(without + ": only TCP was measured");
      return;
    }
  }
  for (const auto& [node, rank] : {std::pair{&a, rank_a}, std::pair{&b, rank_b}}) {
    for (const RdmaPort& port : node->ports) {
      if (port.active() || settings.rails.empty() || !names(settings.rails, port)) continue;
      throw InputError(
          fmt::format("{} of {} is {}; roce-probe on that node tells why (roce-probe explain ROCE-LNK-001)",
                      port.device, name_of(*node, rank), port.state));
    }
  }
  for (const auto& [node, rank] : {std::pair{&a, rank_a}, std::pair{&b, rank_b}}) {
    if (has_active(*node)) continue;
    throw InputError(
        fmt::format("{} has no active RDMA port: {}; roce-probe on that node tells why (roce-probe explain "
                    "ROCE-LNK-001), --transport tcp measures sockets",
                    name_of(*node, rank), ports_text(*node)));
  }
  throw InputError(
      fmt::format("no RDMA port of {} shares a subnet with one of {}: {} on {}, {} on {}; give both ends of "
                  "a cable addresses in one subnet (roce-probe explain ROCE-NET-001), --transport tcp "
                  "measures sockets",
                  name_of(a, rank_a), name_of(b, rank_b), ports_text(a), a.host, ports_text(b), b.host));
}

}  // namespace

Pairing pair_paths(const Node& a, int rank_a, const Node& b, int rank_b, const Settings& settings) {
  require_known_rails(a, b, settings);
  Pairing pairing;
  const bool loopback = a.machine == b.machine && a.network == b.network;
  if (loopback) {
    pair_with_itself(a, rank_a, rank_b, settings, pairing);
  } else {
    pair_rdma(a, rank_a, b, rank_b, settings, pairing);
  }
  if (pairing.paths.empty() && wants_rdma(settings)) explain_no_rdma(a, rank_a, b, rank_b, settings, pairing);
  if (!wants_rdma(settings)) {
    pairing.unpaired.clear();
    for (PathPlan& plan : pairing.paths) {
      plan.rdma = false;
      plan.path.path_mtu = 0;
      if (plan.path.bound_gbit_s) set_bound(plan, "");
    }
    std::erase_if(pairing.paths, [](const PathPlan& plan) { return !plan.tcp; });
  }
  if (pairing.paths.empty() && loopback) pairing.paths.push_back(loopback_path(a, rank_a, rank_b));
  if (pairing.paths.empty()) {
    std::optional<PathPlan> plan = tcp_path(a, rank_a, b, rank_b, settings);
    if (!plan) {
      throw InputError(
          fmt::format("{} and {} share no subnet{}: {} on {}, {} on {}; give both ends addresses in one "
                      "subnet",
                      name_of(a, rank_a), name_of(b, rank_b),
                      settings.rails.empty() ? "" : fmt::format(" on {}", fmt::join(settings.rails, ", ")),
                      addresses_text(a), a.host, addresses_text(b), b.host));
    }
    pairing.paths.push_back(std::move(*plan));
  }
  return pairing;
}

void set_path_mtu(PathPlan& plan, int path_mtu) {
  if (path_mtu <= 0 || path_mtu == plan.path.path_mtu) return;
  plan.path.path_mtu = path_mtu;
  if (plan.path.bound_gbit_s) set_bound(plan, "");
}

std::optional<double> bound_of(const std::vector<const PathPlan*>& paths, Transport transport) {
  // A cage's link is shared by the paths of its functions; each function's PCIe is its own.
  struct Cage {
    double link = 0;
    double pcie = 0;
    bool pcie_known = true;
  };
  const auto side = [&](auto end_of_path) -> std::optional<double> {
    std::map<std::string, Cage> cages;
    for (const PathPlan* plan : paths) {
      if (!plan->path.bound_gbit_s) return std::nullopt;
      const End& end = end_of_path(plan->path);
      const double fraction = payload_fraction(*plan, transport);
      if (!end.link_gbit_s || fraction <= 0) return std::nullopt;
      Cage& cage = cages[end.physical.value_or(end.device + end.netdev)];
      cage.link = std::max(cage.link, *end.link_gbit_s * fraction);
      if (end.pcie_gbit_s) {
        cage.pcie += *end.pcie_gbit_s;
      } else {
        cage.pcie_known = false;
      }
    }
    double sum = 0;
    for (const auto& [name, cage] : cages) sum += cage.pcie_known ? std::min(cage.link, cage.pcie) : cage.link;
    return sum;
  };
  const std::optional<double> a = side([](const Path& path) -> const End& { return path.a; });
  const std::optional<double> b = side([](const Path& path) -> const End& { return path.b; });
  if (!a || !b) return std::nullopt;
  return std::min(*a, *b);
}

}  // namespace rocekit::pingpong
