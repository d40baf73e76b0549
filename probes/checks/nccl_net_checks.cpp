#include "probes/checks/nccl_net_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "core/text/ascii.h"
#include "probes/checks/evidence.h"
#include "probes/checks/nccl_hca_checks.h"
#include "probes/checks/settings.h"
#include "probes/checks/socket_checks.h"
#include "probes/checks/uverbs_nodes.h"
#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::checks {
namespace {

using facts::NodeFacts;
using facts::Setting;
using facts::Why;

bool is_ib_disabled(const NodeFacts& node) { return derived::nccl::integer_setting(node, "NCCL_IB_DISABLE", 0) != 0; }

bool demands_sockets(const NodeFacts& node) {
  const Setting* net = derived::find_setting(node, "NCCL_NET");
  return net != nullptr && text::lower_case(net->value) == "socket";
}

/// NCCL_NET holds something that is neither of NCCL's own networks.
bool demands_other(const NodeFacts& node) {
  const Setting* net = derived::find_setting(node, "NCCL_NET");
  return net != nullptr && text::lower_case(net->value) != "socket" && text::lower_case(net->value) != "ib";
}

bool any_port_active(const NodeView& view) {
  const std::vector<PortView> ports = all_ports(view);
  return std::any_of(ports.begin(), ports.end(), [](const PortView& port) { return port.active(); });
}

/// The check that explains why RDMA is not used; empty: none does.
std::string explaining_check(const NodeView& view) {
  const NodeFacts& node = view.node;
  if (view.nccl.socket_ifnames.empty() && view.nccl.net == "none") {
    if (!bootstrap_lacks_link(view)) return "ROCE-ENV-005";
    return any_port_active(view) ? "ROCE-LNK-002" : "ROCE-LNK-001";
  }
  if (demands_sockets(node) || demands_other(node)) return "ROCE-ENV-008";
  if (is_ib_disabled(node)) return "ROCE-ENV-001";
  if (node.devices.empty()) return "ROCE-DEV-001";
  const bool no_library = !node.host.libibverbs && node.host.libibverbs.missing().why != Why::not_read;
  if (no_library) return "ROCE-DEV-002";
  if (!any_port_active(view)) return "ROCE-LNK-001";
  if (!idle_hca_entries(view).empty()) return "ROCE-ENV-002";
  const bool no_provider = std::any_of(view.nccl.rejected.begin(), view.nccl.rejected.end(), [](const auto& rejected) {
    return rejected.why.find("provider") != std::string::npos;
  });
  if (no_provider) return "ROCE-DEV-002";
  const std::vector<const facts::Device*> devices = devices_of_interest(node);
  if (!with_uverbs(node, devices, NodeState::refused).empty()) return "ROCE-ACC-002";
  if (!with_uverbs(node, devices, NodeState::missing).empty()) return "ROCE-ACC-001";
  return "";
}

}  // namespace

const facts::Missing* undecided_network(const NodeView& view) {
  const NodeFacts& node = view.node;
  if (view.nccl.socket_ifnames.empty()) return unread_bootstrap_addresses(view);
  const std::string why = explaining_check(view);
  if (why == "ROCE-ENV-001" || why == "ROCE-ENV-008" || why == "ROCE-DEV-001") return nullptr;
  // Absent and failed are answers: the loader looked for it.
  if (!node.host.libibverbs && node.host.libibverbs.missing().why != Why::absent &&
      node.host.libibverbs.missing().why != Why::failed) {
    return &node.host.libibverbs.missing();
  }
  for (const facts::Device& device : node.devices) {
    for (const facts::Port& port : device.ports) {
      if (!port.state) return &port.state.missing();
    }
  }
  for (const facts::Device* device : with_uverbs(node, devices_of_interest(node), NodeState::unknown)) {
    return device->uverbs ? &device->uverbs->openable.missing() : &device->uverbs.missing();
  }
  return nullptr;
}

namespace {

std::string source_of(const std::string& check_id) { return fmt::format("roce-probe explain {}", check_id); }

/// Settings that choose devices, networks, interfaces or GIDs.
bool chooses_transport(const std::string& name) {
  constexpr std::array<std::string_view, 13> prefixes{
      "NCCL_IB_",  "NCCL_NET",     "NCCL_SOCKET_", "NCCL_NSOCKS", "NCCL_CROSS_NIC", "NCCL_P2P_",   "NCCL_SHM_",
      "NCCL_OOB_", "NCCL_COMM_ID", "NCCL_TOPO_",   "NCCL_PXN_",   "NCCL_COLLNET",   "NCCL_DMABUF_"};
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

struct Version {
  int major = 0;
  int minor = 0;
};

std::optional<Version> parse_version(const std::string& text) {
  Version version;
  if (std::sscanf(text.c_str(), "%d.%d", &version.major, &version.minor) != 2) return std::nullopt;
  return version;
}

}  // namespace

void check_ib_disabled(const NodeView& view, Verdicts& verdicts) {
  const Setting* setting = derived::find_setting(view.node, "NCCL_IB_DISABLE");
  if (setting == nullptr || !is_ib_disabled(view.node)) {
    verdicts.ok("node", "NCCL_IB_DISABLE does not switch RDMA off",
                setting == nullptr ? std::vector<Evidence>{} : std::vector<Evidence>{evidence_of(*setting)});
    return;
  }
  const std::string title = fmt::format("NCCL_IB_DISABLE={} switches RDMA off", setting->value);
  const bool plugin = view.nccl.net != "Socket" && view.nccl.net != "none" && view.nccl.net != "IB";
  if (plugin) {
    verdicts.warning("node", title, {evidence_of(*setting), evidence("network", view.nccl.net, "predicted")},
                     fmt::format("It switches NCCL's own RDMA off. The external plugin {} ignores it and carries the "
                                 "traffic all the same; without that plugin NCCL would use TCP sockets.",
                                 view.nccl.net),
                     remove_setting(view.node, *setting));
    return;
  }
  verdicts.critical("node", title, {evidence_of(*setting)},
                    "NCCL uses TCP sockets for everything, whatever the RDMA devices can do. The setting is often left "
                    "over from a first try without RDMA.",
                    concat(remove_setting(view.node, *setting), {"# the same on the other node"}));
}

void check_fallback(const NodeView& view, Verdicts& verdicts) {
  const derived::NcclChoice& nccl = view.nccl;
  const bool cannot_start = nccl.net == "none";
  if (!cannot_start && !nccl.falls_back_to_socket) {
    verdicts.ok("node", fmt::format("NCCL will use {}", nccl.net == "IB" ? "RDMA" : nccl.net),
                {evidence("network", nccl.net, "predicted as NCCL chooses"),
                 evidence("devices", nccl.hcas, "predicted as NCCL chooses")});
    return;
  }
  if (const facts::Missing* unread = undecided_network(view)) {
    verdicts.unknown("node", "whether NCCL can use RDMA here could not be read", *unread);
    return;
  }
  std::vector<Evidence> evidence_lines{evidence("network", nccl.net, "predicted as NCCL chooses"),
                                       evidence("socket interfaces", nccl.socket_ifnames, nccl.socket_why)};
  for (const derived::Rejected& rejected : nccl.rejected) {
    evidence_lines.push_back(
        evidence(fmt::format("{}:{} not used", rejected.device, rejected.port), rejected.why, "predicted"));
  }
  const std::string explained_by = explaining_check(view);
  std::vector<std::string> remedy;
  if (!explained_by.empty()) {
    remedy.push_back(fmt::format("# remedy {} first:", explained_by));
    remedy.push_back(source_of(explained_by));
  }
  std::string cause = nccl.why + ".";
  if (!explained_by.empty()) cause += fmt::format(" See {}.", explained_by);
  if (cannot_start) {
    verdicts.critical("node", "NCCL cannot start on this node", std::move(evidence_lines), std::move(cause),
                      std::move(remedy));
    return;
  }
  cause +=
      " NCCL says this in one INFO line only. On two GB10 nodes decode was measured at 17.2 tokens/s over sockets "
      "against 29.8 over RDMA (one request at a time).";
  remedy.emplace_back("# so that NCCL stops with an error in place of silently using sockets:");
  remedy = concat(std::move(remedy), change_setting(view.node, "NCCL_NET", "IB"));
  verdicts.critical("node", "NCCL will use TCP sockets on this node, not RDMA", std::move(evidence_lines),
                    std::move(cause), std::move(remedy));
}

void check_conf_files(const NodeView& view, Verdicts& verdicts) {
  std::vector<Evidence> evidence_lines;
  std::vector<std::string> remedy;
  std::vector<std::string> files;
  for (const Setting& setting : view.node.process.settings) {
    if (!from_conf_file(setting) || !chooses_transport(setting.name)) continue;
    evidence_lines.push_back(evidence_of(setting));
    remedy = concat(std::move(remedy), remove_setting(view.node, setting));
    const std::string file = setting.source.substr(0, setting.source.rfind(':'));
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  }
  if (evidence_lines.empty()) {
    verdicts.ok("node", view.node.process.conf_files.empty()
                            ? "no conf file of NCCL on this node"
                            : fmt::format("{} {} no transport settings", join_words(view.node.process.conf_files),
                                          view.node.process.conf_files.size() == 1 ? "holds" : "hold"));
    return;
  }
  verdicts.warning(
      "node", fmt::format("{} {} NCCL's transport settings", join_words(files), files.size() == 1 ? "sets" : "set"),
      std::move(evidence_lines),
      "These settings apply to every NCCL job here and do not show in the environment, so they are easily "
      "forgotten. Settings of an older setup make NCCL choose wrong devices, interfaces or GIDs without a "
      "word.",
      std::move(remedy));
}

void check_net_name(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  const Setting* net = derived::find_setting(node, "NCCL_NET");
  const Setting* plugin = derived::find_setting(node, "NCCL_NET_PLUGIN");
  if (net != nullptr && demands_sockets(node)) {
    verdicts.critical("node", "NCCL_NET=Socket: NCCL uses TCP sockets on demand", {evidence_of(*net)},
                      "RDMA stays unused whatever the devices can do. The setting is right for a comparison only.",
                      remove_setting(node, *net));
    return;
  }
  if (net != nullptr && demands_other(node) && view.nccl.net == "none") {
    verdicts.critical(
        "node", fmt::format("NCCL_NET={} demands a network that is not on this node", show(net->value)),
        {evidence_of(*net), evidence("external plugins",
                                     node.host.nccl_plugins ? std::to_string(node.host.nccl_plugins->size())
                                                            : show(node.host.nccl_plugins.missing()),
                                     "beside libnccl and in the loader's path")},
        "No network has this name (an empty name counts too), so NCCL stops with \"Failed to initialize "
        "any NET plugin\". NCCL's own networks are named IB and Socket.",
        remove_setting(node, *net));
    return;
  }
  const bool plugin_wanted = plugin != nullptr && !plugin->value.empty() && text::lower_case(plugin->value) != "none";
  if (plugin_wanted) {
    if (!node.host.nccl_plugins && node.host.nccl_plugins.missing().why != Why::absent) {
      verdicts.unknown("node",
                       fmt::format("whether the plugin of NCCL_NET_PLUGIN={} is here could not be read", plugin->value),
                       node.host.nccl_plugins.missing());
      return;
    }
    if (!node.host.nccl_plugins || node.host.nccl_plugins->empty()) {
      verdicts.warning("node", fmt::format("NCCL_NET_PLUGIN={} names a plugin that is not here", plugin->value),
                       {evidence_of(*plugin)},
                       fmt::format("NCCL goes on without it, in one INFO line only, and uses {}.",
                                   view.nccl.net == "none" ? "no network" : view.nccl.net),
                       remove_setting(node, *plugin));
      return;
    }
  }
  std::vector<Evidence> evidence_lines;
  for (const Setting* setting : {net, plugin}) {
    if (setting != nullptr) evidence_lines.push_back(evidence_of(*setting));
  }
  verdicts.ok("node",
              net == nullptr ? "NCCL_NET is not set: NCCL chooses its network itself"
                             : fmt::format("NCCL_NET={} demands a network that NCCL has", net->value),
              std::move(evidence_lines));
}

void check_nccl_rdma_core(const NodeView& view, Verdicts& verdicts) {
  const facts::Host& host = view.node.host;
  if (host.nccl_libraries.empty()) {
    verdicts.skipped("node", "no NCCL library found here");
    return;
  }
  if (!host.libibverbs) {
    verdicts.skipped("node", "no libibverbs here: ROCE-DEV-002");
    return;
  }
  const facts::Library& nccl = host.nccl_libraries.front();
  const auto nccl_version = nccl.version ? parse_version(*nccl.version) : std::nullopt;
  const auto verbs_version = host.libibverbs->version ? parse_version(*host.libibverbs->version) : std::nullopt;
  // Either version alone can settle it.
  const bool nccl_old =
      nccl_version && (nccl_version->major < 2 || (nccl_version->major == 2 && nccl_version->minor < 29));
  const bool verbs_other = verbs_version && verbs_version->major != 50;
  std::vector<Evidence> evidence_lines{evidence("NCCL", nccl.version, nccl.path),
                                       evidence("rdma-core", host.libibverbs->version, host.libibverbs->path)};
  if (nccl_old || verbs_other) {
    verdicts.ok("node",
                fmt::format("NCCL {} and rdma-core {} go together", show(nccl.version), show(host.libibverbs->version)),
                std::move(evidence_lines));
    return;
  }
  if (!nccl_version || !verbs_version) {
    const auto& unread = nccl_version ? host.libibverbs->version : nccl.version;
    verdicts.unknown("node", fmt::format("the version of {} could not be read", nccl_version ? "libibverbs" : "NCCL"),
                     unread ? facts::Missing{Why::malformed, *unread + " is not a version"} : unread.missing());
    return;
  }
  verdicts.critical(
      "node", fmt::format("NCCL {} does not work with rdma-core {}", *nccl.version, *host.libibverbs->version),
      std::move(evidence_lines),
      "NCCL from 2.29 on and the libibverbs of rdma-core 50 in one image end in \"NET/IB : No device found.\": NCCL "
      "then uses TCP sockets although the devices are fine.",
      {"# use NCCL 2.28.9 with this rdma-core, for example in Ubuntu 24.04:",
       as_root_here(view.node, "apt install --allow-downgrades libnccl2=2.28.9-1+cuda13.0"),
       "# or put a newer rdma-core into the image (libibverbs1 and ibverbs-providers of DOCA-OFED)"});
}

}  // namespace rocekit::checks
