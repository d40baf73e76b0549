#include "probes/settings/serving_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text/utf8.h"
#include "probes/checks/fabric.h"
#include "probes/checks/uverbs_nodes.h"
#include "probes/settings/parts.h"

namespace rocekit::settings {
namespace {

using checks::NodeView;
using checks::PortView;
using facts::NodeFacts;

constexpr const char* gid_index = "NCCL_IB_GID_INDEX";

bool in_fresh_environment(Consumer consumer) { return consumer != Consumer::shell; }

/// Collects the settings of one consumer.
class Collector {
 public:
  Collector(const NodeView& view, Consumer consumer, const ChosenPorts& chosen)
      : view_(view), consumer_(consumer), chosen_(chosen) {
    result_.host = host_name(view.node);
    result_.remarks = chosen.remarks;
  }

  std::variant<ServingSettings, Obstacle> collect() {
    if (auto obstacle = choose_interface()) return *obstacle;
    if (consumer_ != Consumer::vllm && consumer_ != Consumer::shell) add_container();
    add_nccl();
    add_sockets();
    add_ucx();
    add_gid_index();
    if (consumer_ == Consumer::shell) add_memlock();
    return std::move(result_);
  }

 private:
  void add(Kind kind, std::string name, std::string value, std::string why) {
    result_.settings.push_back({kind, std::move(name), std::move(value), std::move(why), false});
  }
  void set(const char* name, std::string value, std::string why) {
    add(Kind::variable, name, std::move(value), std::move(why));
  }
  void remark(std::string text, bool degrades = false) { result_.remarks.push_back({std::move(text), degrades}); }

  std::string list(std::string_view separator_of_name) const {
    std::vector<std::string> names;
    for (const PortView& port : chosen_.ports) {
      names.push_back(fmt::format("{}{}{}", port.device->name, separator_of_name, port.port->number));
    }
    return checks::join(names, ",");
  }

  /// The interface of the first port that has one with an address: that of the fabric, which both ends reach.
  std::optional<Obstacle> choose_interface() {
    for (const PortView& port : chosen_.ports) {
      if (port.netdev == nullptr) continue;
      for (const facts::Netdev* netdev : checks::netdevs_over(view_.node, *port.netdev)) {
        const bool usable =
            netdev->addresses &&
            std::any_of(netdev->addresses->begin(), netdev->addresses->end(), [](const facts::Address& address) {
              return address.scope != "host" && address.scope != "link";
            });
        if (!usable) continue;
        interface_ = netdev;
        on_fabric_ = true;
        return std::nullopt;
      }
    }
    NodeFacts bare = with_settings(view_.node, {}, true);
    const derived::NcclChoice choice = derived::predict_nccl(bare);
    if (!choice.socket_ifnames.empty()) interface_ = view_.node.find_netdev(choice.socket_ifnames.front());
    if (interface_ != nullptr) {
      remark(fmt::format(
          "No interface of the fabric has an IP address, so NCCL starts up over {}: it must reach the other "
          "nodes.",
          interface_->name));
      return std::nullopt;
    }
    return Obstacle{fmt::format("no network interface has an address for NCCL's bootstrap ({})", choice.socket_why),
                    choice.why.find("not read") != std::string::npos};
  }

  void add_container() {
    std::vector<std::string> nodes;
    for (const PortView& port : chosen_.ports) {
      if (!port.device->uverbs) continue;
      const std::string& path = port.device->uverbs->path;
      nodes.push_back(fmt::format("{} is {}", path.substr(path.rfind('/') + 1), port.device->name));
    }
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    add(Kind::devices, "", "/dev/infiniband",
        fmt::format("RDMA devices ({}) and rdma_cm. The whole directory, because the numbers can change at a reboot; "
                    "without the nodes NCCL falls to sockets silently.",
                    checks::join(nodes, ", ")));
    add(Kind::memlock, "", "unlimited",
        "Memory for RDMA is locked; under the usual limit of 8 MiB registering it fails with \"Cannot allocate "
        "memory\".");
    add(Kind::capability, "", "IPC_LOCK", "Lets a process that is not root lock memory whatever the limit.");
    add(Kind::host_network, "", "",
        "A RoCE address is that of a network interface of the host: in a network namespace of its own the container "
        "would "
        "not see it.");
    add(Kind::shared_memory, "", std::to_string(shared_memory_gib()),
        "PyTorch and NCCL pass data between processes of a node through /dev/shm, where a container has 64 MiB. An "
        "upper "
        "limit, not taken in advance.");
    const auto& memlock = view_.node.process.memlock;
    if (consumer_ == Consumer::podman && !checks::in_container(view_.node) && !checks::is_root(view_.node) && memlock &&
        memlock->hard_bytes) {
      remark(
          fmt::format("Podman without root cannot raise the limit on locked memory above {}, the one of this session "
                      "(ROCE-ACC-003): raise it in /etc/security/limits.d, or start the container as root.",
                      checks::show_bytes(*memlock->hard_bytes)),
          true);
    }
    if (consumer_ == Consumer::k8s) {
      remark(
          "Kubernetes has no field for the limit on locked memory: where IPC_LOCK or privileged is not allowed, raise "
          "LimitMEMLOCK of the container runtime's service (containerd, crio).");
    }
  }

  int shared_memory_gib() const {
    // A quarter of the memory, within 1 and 16 GiB.
    const auto& total = view_.node.host.memory_total_bytes;
    const std::uint64_t quarter = total ? (*total >> 30U) / 4 : 16;
    return static_cast<int>(std::clamp<std::uint64_t>(quarter, 1, 16));
  }

  void add_nccl() {
    std::vector<const derived::Rail*> rails;
    double bound = 0;
    bool bounded = true;
    for (const PortView& port : chosen_.ports) {
      if (port.rail == nullptr || std::find(rails.begin(), rails.end(), port.rail) != rails.end()) continue;
      rails.push_back(port.rail);
      bounded = bounded && port.rail->bound_gbit_s.has_value() && is_whole(*port.rail);
      bound += port.rail->bound_gbit_s.value_or(0);
    }
    const std::size_t count = chosen_.ports.size();
    std::string why = count == 1   ? "The only usable RDMA port"
                      : count == 2 ? "Both usable RDMA ports"
                                   : fmt::format("All {} usable RDMA ports", count);
    why += ", and nothing else: \"=\" makes NCCL compare whole names, not beginnings.";
    const auto twin_rail = std::find_if(rails.begin(), rails.end(), [&](const derived::Rail* rail) {
      return rail->twins && is_whole(*rail) && chosen_members(*rail) > 1;
    });
    if (twin_rail != rails.end()) {
      why += " Devices of one physical port (twins) share it: only together they fill it.";
    }
    if (bounded && bound > 0) why += fmt::format(" At most {:.0f} Gb/s of payload.", bound);
    set("NCCL_IB_HCA", "=" + list(":"), std::move(why));
    set("NCCL_IB_DISABLE", "0", "RDMA on, also where the image or a conf file of NCCL switches it off.");
    if (!chosen_.address_family.empty()) {
      set("NCCL_IB_ADDR_FAMILY", chosen_.address_family, "The ports have IPv6 addresses only; NCCL looks for IPv4.");
    }
    const auto& plugins = view_.node.host.nccl_plugins;
    if (consumer_ == Consumer::shell && plugins && !plugins->empty()) {
      remark(
          fmt::format("NCCL_NET is left out: {} is found here and comes before NCCL's own networks. NCCL_NET=IB would "
                      "pass it over.",
                      plugins->front().path));
    } else {
      set("NCCL_NET", "IB",
          "Without it NCCL that cannot use RDMA goes on over TCP sockets and says so in one INFO line; with it NCCL "
          "stops.");
    }
  }

  /// How many of the rail's members are listed.
  int chosen_members(const derived::Rail& rail) const {
    return static_cast<int>(std::count_if(chosen_.ports.begin(), chosen_.ports.end(),
                                          [&](const PortView& port) { return port.rail == &rail; }));
  }

  /// All of the rail's ACTIVE members are listed.

  bool is_whole(const derived::Rail& rail) const {
    return std::all_of(rail.members.begin(), rail.members.end(), [&](const derived::RailMember& member) {
      return !member.active || std::any_of(chosen_.ports.begin(), chosen_.ports.end(), [&](const PortView& port) {
        return port.device->name == member.device && port.port->number == member.port;
      });
    });
  }

  void add_sockets() {
    const std::string& name = interface_->name;
    set("NCCL_SOCKET_IFNAME", "=" + name,
        on_fabric_ ? "NCCL's start (bootstrap) over the fabric's own interface, not over a LAN, WiFi or bridge."
                   : "NCCL's start (bootstrap) over the interface that has an address.");
    set("GLOO_SOCKET_IFNAME", name, "The same for Gloo (torch.distributed on the CPU).");
    set("TP_SOCKET_IFNAME", name, "The same for TensorPipe (torch.distributed.rpc).");
    const std::vector<facts::Address> addresses = checks::ipv4_addresses(*interface_);
    if (addresses.size() == 1) {
      set("VLLM_HOST_IP", addresses.front().ip,
          fmt::format("vLLM and Ray name this node by its address on {}; each node has its own.", name));
      return;
    }
    std::vector<std::string> words;
    for (const facts::Address& address : addresses) words.push_back(address.ip);
    remark(words.empty()
               ? fmt::format("VLLM_HOST_IP is left out: {} has no IPv4 address.", name)
               : fmt::format("VLLM_HOST_IP is left out: {} has {} IPv4 addresses ({}); set the one that the other "
                             "nodes reach.",
                             name, words.size(), checks::join(words, ", ")));
  }

  void add_ucx() {
    set("UCX_NET_DEVICES", list(":"),
        "For what goes over UCX (NIXL, which moves KV caches when prefill and decode are apart; MPI): the same ports.");
  }

  void add_gid_index() {
    const bool roce = std::any_of(chosen_.ports.begin(), chosen_.ports.end(),
                                  [](const PortView& port) { return !port.port->link_layer.is("InfiniBand"); });
    if (!roce) return;
    remark(fmt::format(
        "{} is left out on purpose: GID tables are renumbered whenever an address comes or goes, and differ "
        "between nodes. Left alone, NCCL finds the RoCE v2 entry of each port itself.",
        gid_index));
    const facts::Setting* pinned = derived::find_setting(view_.node, gid_index);
    if (consumer_ != Consumer::shell || pinned == nullptr) return;
    if (pinned->source == "environment") {
      add(Kind::unset_variable, gid_index, "",
          fmt::format("It is {} in this environment; NCCL finds the right entry itself.",
                      pinned->value.empty() ? "set and empty" : text::printable(pinned->value)));
    } else {
      remark(fmt::format("{} sets {}={} (ROCE-GID-002): take that line out.", text::printable(pinned->source),
                         gid_index, text::printable(pinned->value)),
             true);
    }
  }

  void add_memlock() {
    const auto& memlock = view_.node.process.memlock;
    if (!memlock) {
      remark(
          fmt::format("The limit on locked memory could not be read; RDMA needs \"ulimit -l\" to say unlimited ({}).",
                      checks::show(memlock.missing())));
    } else if (memlock->soft_bytes) {
      add(Kind::memlock, "", "unlimited",
          fmt::format("The limit on locked memory is {}, and registering memory for RDMA fails beyond it.",
                      checks::show_bytes(*memlock->soft_bytes)));
    }
  }

  const NodeView& view_;
  Consumer consumer_;
  const ChosenPorts& chosen_;
  const facts::Netdev* interface_ = nullptr;
  bool on_fabric_ = false;
  ServingSettings result_;
};

/// "memlock" can be raised here, or needs not.
bool memlock_will_do(const NodeFacts& node) {
  const auto& memlock = node.process.memlock;
  if (!memlock || !memlock->soft_bytes || !memlock->hard_bytes) return true;
  const auto& capabilities = node.process.capabilities;
  return capabilities && std::any_of(capabilities->begin(), capabilities->end(), [](const std::string& name) {
           return name == "CAP_SYS_RESOURCE" || name == "CAP_IPC_LOCK";
         });
}

/// What NCCL, predicted with the settings, would not do as they say; empty: nothing.
std::string refutation(const NodeFacts& applied, const ServingSettings& given, const ChosenPorts& chosen) {
  const derived::NcclChoice nccl = derived::predict_nccl(applied);
  if (nccl.falls_back_to_socket || nccl.net == "none" || nccl.net == "Socket") return nccl.why;
  for (const PortView& port : chosen.ports) {
    const std::string name = fmt::format("{}:{}", port.device->name, port.port->number);
    if (std::find(nccl.hcas.begin(), nccl.hcas.end(), name) == nccl.hcas.end()) {
      return fmt::format("NCCL would not take {}", name);
    }
    const auto gid = nccl.gids.find(name);
    if (gid != nccl.gids.end() && !gid->second.usable) {
      return fmt::format("GID {} of {} cannot be used: {}", gid->second.index, name, gid->second.why);
    }
  }
  for (const Setting& setting : given.settings) {
    if (setting.name != "NCCL_SOCKET_IFNAME") continue;
    const bool first = !nccl.socket_ifnames.empty() && "=" + nccl.socket_ifnames.front() == setting.value;
    if (!first) return nccl.socket_why;
  }
  return "";
}

/// Checks whose fault makes RDMA fail whatever the settings say, and no port can be left out to avoid it.
bool blocks(const checks::Finding& finding, Consumer consumer) {
  if (finding.severity != checks::Severity::critical) return false;
  if (finding.id == "ROCE-ACC-004") return true;
  return consumer == Consumer::shell && (finding.id == "ROCE-ENV-010" || finding.id == "ROCE-DEV-002");
}

std::optional<Obstacle> unfit_name(const ServingSettings& given) {
  for (const Setting& setting : given.settings) {
    const std::string value = setting.value.substr(setting.value.rfind('=') + 1);
    for (const std::string& part : {setting.name, value}) {
      std::string word = part;
      std::erase(word, ',');
      if (word.empty() || is_plain(word)) continue;
      return Obstacle{fmt::format("the name {} holds characters that settings cannot carry",
                                  text::shortened(text::printable(part), 60)),
                      true};
    }
  }
  return std::nullopt;
}

/// What the settings do not cure, but for what a remark tells in more words already.
void add_findings(ServingSettings& given, const std::vector<checks::Finding>& findings) {
  const std::vector<Remark> before = given.remarks;
  const bool left_out = given.degraded();
  for (Remark& remark : remarks_of(findings)) {
    const std::string id = remark.text.substr(0, remark.text.find(' '));
    const bool known = std::any_of(before.begin(), before.end(),
                                   [&](const Remark& told) { return told.text.find(id) != std::string::npos; });
    // That a port is left out of NCCL_IB_HCA, and why, stands there already.
    if (known || (id == "ROCE-ENV-004" && left_out)) continue;
    given.remarks.push_back(std::move(remark));
  }
}

std::variant<ServingSettings, Obstacle> nccl_settings(const NodeView& view, Consumer consumer) {
  const bool here = consumer == Consumer::shell;
  const ChosenPorts chosen = choose_ports(view, here);
  if (chosen.ports.empty()) return Obstacle{chosen.why_none, false};
  auto collected = Collector(view, consumer, chosen).collect();
  if (std::holds_alternative<Obstacle>(collected)) return collected;
  auto& given = std::get<ServingSettings>(collected);
  if (auto unfit = unfit_name(given)) return *unfit;
  if (here && !view.node.host.libibverbs && view.node.host.libibverbs.missing().why != facts::Why::not_read) {
    return Obstacle{fmt::format("libibverbs, without which NCCL uses sockets, cannot be loaded here (ROCE-DEV-002): {}",
                                view.node.host.libibverbs.missing().detail),
                    false};
  }
  if (here && !memlock_will_do(view.node)) {
    if (checks::in_container(view.node)) {
      return Obstacle{fmt::format("locked memory is limited to {} in this container (ROCE-ACC-003): start it with what "
                                  "roce-probe env --for podman (or docker) prints on the host",
                                  checks::show_bytes(*view.node.process.memlock->hard_bytes)),
                      false};
    }
    return Obstacle{
        fmt::format("locked memory is limited to {} here, and this shell may not raise it (ROCE-ACC-003): set "
                    "memlock to unlimited in /etc/security/limits.d and log in again",
                    checks::show_bytes(*view.node.process.memlock->hard_bytes)),
        false};
  }

  const NodeFacts applied = with_settings(view.node, given.settings, in_fresh_environment(consumer));
  if (const std::string why = refutation(applied, given, chosen); !why.empty()) {
    return Obstacle{fmt::format("RDMA would not carry the traffic with any setting: {}", why), false};
  }
  std::vector<const checks::Check*> all;
  for (const checks::Check& check : checks::all_checks()) all.push_back(&check);
  const std::vector<derived::Rail> rails = derived::find_rails(applied);
  const derived::NcclChoice nccl = derived::predict_nccl(applied);
  const std::vector<checks::Finding> findings = checks::run_checks(all, {applied, rails, nccl, view.expect});
  for (const checks::Finding& finding : findings) {
    if (blocks(finding, consumer)) {
      return Obstacle{fmt::format("RDMA would fail with any setting: {} ({})", finding.title, finding.id), false};
    }
  }
  add_findings(given, findings);
  return collected;
}

}  // namespace

std::optional<Consumer> consumer_from_string(std::string_view word) {
  const auto found = std::find(consumer_words.begin(), consumer_words.end(), word);
  if (found == consumer_words.end()) return std::nullopt;
  return static_cast<Consumer>(found - consumer_words.begin());
}

const char* to_string(Consumer consumer) { return consumer_words.at(static_cast<std::size_t>(consumer)).data(); }

Scope scope_of(Kind kind) {
  switch (kind) {
    case Kind::variable:
    case Kind::unset_variable:
      return Scope::process;
    case Kind::memlock:
    case Kind::devices:
    case Kind::capability:
    case Kind::host_network:
    case Kind::shared_memory:
      return Scope::container;
    case Kind::mtu:
    case Kind::address:
      break;
  }
  return Scope::host;
}

bool ServingSettings::degraded() const {
  return std::any_of(remarks.begin(), remarks.end(), [](const Remark& remark) { return remark.degrades; });
}

std::string host_name(const NodeFacts& node) {
  const std::string name = node.host.hostname.value_or("");
  return is_plain(name) ? name : "this node";
}

bool is_plain(std::string_view word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@";
  return !word.empty() && word.find_first_not_of(plain) == std::string_view::npos;
}

std::vector<Remark> remarks_of(const std::vector<checks::Finding>& findings) {
  struct Group {
    const checks::Finding* first;
    int more = 0;
  };
  std::vector<Group> groups;
  for (const checks::Finding& finding : findings) {
    if (finding.severity != checks::Severity::critical && finding.severity != checks::Severity::warning) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group.first->id == finding.id && group.first->severity == finding.severity;
    });
    if (same == groups.end()) {
      groups.push_back({&finding});
    } else {
      ++same->more;
    }
  }
  std::vector<Remark> remarks;
  for (const Group& group : groups) {
    const std::string& id = group.first->id;
    const bool by_netplan =
        id == "ROCE-MTU-001" || id == "ROCE-MTU-003" || id == "ROCE-CFG-001" || id == "ROCE-NET-001";
    remarks.push_back(
        {fmt::format("{} ({}), not cured by these settings{}: {}{}.", id, to_string(group.first->severity),
                     by_netplan ? " but by roce-probe env --for netplan" : "", text::printable(group.first->title),
                     group.more == 0 ? "" : fmt::format(", and {} more", group.more)),
         true});
  }
  return remarks;
}

NodeFacts with_settings(NodeFacts node, const std::vector<Setting>& settings, bool fresh) {
  facts::Process& process = node.process;
  if (fresh) {
    process.nccl_env.clear();
    process.settings.clear();
    process.conf_files.clear();
    process.memlock = facts::Memlock{};
    process.infiniband_nodes = facts::Missing{};
    process.rdma_cm_openable = true;
    node.host.libibverbs = facts::Missing{};
    node.host.verbs_providers = facts::Missing{};
    node.host.nccl_libraries.clear();
    node.host.nccl_plugins = facts::Missing{};
    for (facts::Device& device : node.devices) {
      if (device.uverbs) device.uverbs.value().openable = true;
    }
  }
  for (const Setting& setting : settings) {
    if (setting.kind == Kind::memlock) process.memlock = facts::Memlock{};
    if (setting.kind != Kind::variable && setting.kind != Kind::unset_variable) continue;
    process.nccl_env.erase(setting.name);
    std::erase_if(process.settings, [&](const facts::Setting& old) {
      return old.name == setting.name && (setting.kind == Kind::variable || old.source == "environment");
    });
    if (setting.kind == Kind::unset_variable) continue;
    process.nccl_env[setting.name] = setting.value;
    process.settings.push_back({setting.name, setting.value, "environment"});
  }
  return node;
}

std::variant<ServingSettings, Obstacle> serving_settings(const NodeFacts& node, Consumer consumer,
                                                         const checks::Expectations& expect) {
  const bool unreadable = !node.infiniband_class && node.infiniband_class.missing().why != facts::Why::absent &&
                          node.infiniband_class.missing().why != facts::Why::not_read;
  if (node.devices.empty() && unreadable) {
    return Obstacle{"the RDMA devices of this node could not be read: " + checks::show(node.infiniband_class.missing()),
                    true};
  }
  const std::vector<derived::Rail> rails = derived::find_rails(node);
  const derived::NcclChoice nccl = derived::predict_nccl(node);
  const NodeView view{node, rails, nccl, expect};
  return consumer == Consumer::netplan ? netplan_settings(view) : nccl_settings(view, consumer);
}

}  // namespace rocekit::settings
