#include "probes/derived/nccl_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/text/ascii.h"
#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::derived {
namespace {

using facts::NodeFacts;
using facts::Why;

/// The external plugin that NCCL would load.
struct Plugin {
  std::string name;       ///< file name; empty: none
  bool own_wire = false;  ///< carries traffic by something else than verbs (libfabric, TCPX): needs no RDMA port
};

/// NCCL_NET_PLUGIN, set and empty included, which stands for "none".
const facts::Setting* plugin_setting(const NodeFacts& node) { return find_setting(node, "NCCL_NET_PLUGIN"); }

bool no_plugin_wanted(const NodeFacts& node) {
  const facts::Setting* named = plugin_setting(node);
  return named != nullptr && (named->value.empty() || text::lower_case(named->value) == "none");
}

Plugin find_plugin(const NodeFacts& node) {
  Plugin plugin;
  if (no_plugin_wanted(node)) return plugin;
  if (!node.host.nccl_plugins || node.host.nccl_plugins->empty()) return plugin;
  const std::string& path = node.host.nccl_plugins->front().path;
  plugin.name = path.substr(path.rfind('/') + 1);
  const std::string words = text::lower_case(path);
  for (const char* word : {"ofi", "libfabric", "efa", "tcpx", "fastrak", "fastsocket"}) {
    plugin.own_wire = plugin.own_wire || words.find(word) != std::string::npos;
  }
  return plugin;
}

/// "uverbs3 cannot be opened: ..." as "uverbs cannot be opened: ...": one reason for all devices.
std::string without_number(std::string why) {
  constexpr std::string_view node = "uverbs";
  if (!why.starts_with(node)) return why;
  const std::size_t end = why.find_first_not_of("0123456789", node.size());
  return why.erase(node.size(), end == std::string::npos ? end : end - node.size());
}

/// "rocep1s0f0:1, roceP2p1s0f0:1: uverbs cannot be opened: ...; rocep1s0f1:1: port is DOWN".
std::string group(const std::vector<Rejected>& rejected) {
  std::vector<std::pair<std::string, std::string>> groups;
  for (const Rejected& port : rejected) {
    const std::string name = fmt::format("{}:{}", port.device, port.port);
    const std::string why = without_number(port.why);
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& item) { return item.first == why; });
    if (same == groups.end()) {
      groups.emplace_back(why, name);
    } else {
      same->second += ", " + name;
    }
  }
  std::string text;
  for (const auto& [why, names] : groups) text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", names, why);
  return text;
}

/// Why NET/IB has no device; empty: it has.
std::string ib_refusal(const NodeFacts& node, const nccl::HcaChoice& hcas) {
  if (nccl::integer_setting(node, "NCCL_IB_DISABLE", 0) != 0) {
    return fmt::format("{} switches RDMA off", nccl::describe_setting(*find_setting(node, "NCCL_IB_DISABLE")));
  }
  if (!node.host.libibverbs && node.host.libibverbs.missing().why != Why::not_read) {
    const std::string& detail = node.host.libibverbs.missing().detail;
    return fmt::format("libibverbs cannot be loaded{}{}", detail.empty() ? "" : ": ", detail);
  }
  if (node.devices.empty()) return "this node has no RDMA device";
  if (hcas.taken.empty() && hcas.rejected.empty()) return "no RDMA device has a port";
  if (hcas.taken.empty()) return fmt::format("no RDMA port is usable ({})", group(hcas.rejected));
  return "";
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// What was taken for granted because nobody could ask.
std::string assumptions(const NodeFacts& node, const nccl::HcaChoice& hcas, const nccl::SocketChoice& sockets) {
  std::vector<std::string> unread;
  if (!node.host.libibverbs) unread.emplace_back("libibverbs");
  if (hcas.unread) unread.emplace_back("access to the devices");
  if (sockets.unread) unread.emplace_back("interface addresses");
  if (unread.empty()) return "";
  return fmt::format(" (assumed, as {} could not be asked)", join(unread));
}

/// NCCL says it in one INFO line and goes on to its own networks.
std::string missing_plugin(const NodeFacts& node) {
  const facts::Setting* named = plugin_setting(node);
  if (named == nullptr || no_plugin_wanted(node) || !node.host.nccl_plugins || !node.host.nccl_plugins->empty())
    return "";
  return fmt::format("; {} names no library that the loader finds", nccl::describe_setting(*named));
}

/// ncclNetInit(): the first network that starts and whose name matches NCCL_NET.
void choose_net(NcclChoice& choice, const NodeFacts& node, const std::string& refusal, const std::string& assumed) {
  // An empty NCCL_NET is a name as well, and none has it.
  const facts::Setting* demanded = find_setting(node, "NCCL_NET");
  const std::string wanted = demanded != nullptr ? text::lower_case(demanded->value) : "";
  const auto allowed = [&](const char* name) { return demanded == nullptr || wanted == name; };
  const bool internal = wanted == "ib" || wanted == "socket";
  const Plugin plugin = find_plugin(node);

  // A plugin's own name is known only to the plugin: whatever is demanded and is not one of NCCL's two may be its.
  if (!plugin.name.empty() && (demanded == nullptr || (!internal && !wanted.empty())) &&
      (plugin.own_wire || refusal.empty())) {
    choice.net = demanded != nullptr ? demanded->value : plugin.name;
    choice.why = fmt::format("the external plugin {} is found and comes before NCCL's own networks{}", plugin.name,
                             plugin.own_wire ? "" : "; like NET/IB it carries traffic over " + join(choice.hcas));
    return;
  }
  if (allowed("ib") && refusal.empty()) {
    choice.net = "IB";
    choice.why = fmt::format("NET/IB takes {}{}", join(choice.hcas), assumed);
    return;
  }
  if (allowed("socket")) {
    choice.net = "Socket";
    choice.falls_back_to_socket = true;
    choice.why = demanded != nullptr ? nccl::describe_setting(*demanded) + " demands sockets"
                                     : fmt::format("sockets carry the traffic: {}", refusal);
    return;
  }
  choice.net = "none";
  choice.why = fmt::format("NCCL stops with \"Failed to initialize any NET plugin\": {} demands {}",
                           nccl::describe_setting(*demanded),
                           wanted == "ib" ? "RDMA, but " + refusal : "a network that is not there");
}

}  // namespace

NcclChoice predict_nccl(const NodeFacts& node) {
  NcclChoice choice;
  const nccl::SocketChoice sockets = nccl::choose_sockets(node);
  choice.socket_ifnames = sockets.names;
  choice.socket_why = sockets.why;

  nccl::HcaChoice hcas = nccl::choose_hcas(node);
  const std::string refusal = ib_refusal(node, hcas);
  choice.rejected = std::move(hcas.rejected);
  if (refusal.empty()) {
    for (const auto& [device, port] : hcas.taken) {
      const std::string name = fmt::format("{}:{}", device->name, port->number);
      choice.hcas.push_back(name);
      choice.gids.emplace(name, nccl::choose_gid(node, *port));
    }
  }
  if (sockets.failure) {
    choice.net = "none";
    choice.why = fmt::format("NCCL cannot start, its bootstrap finds no interface: {}", *sockets.failure);
    return choice;
  }
  choose_net(choice, node, refusal, assumptions(node, hcas, sockets));
  choice.why += missing_plugin(node);
  return choice;
}

}  // namespace rocekit::derived
