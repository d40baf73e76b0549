#include "probes/derived/serving_view.h"

#include <fmt/format.h>

#include <algorithm>

namespace rocekit::derived {
namespace {

using facts::Fact;
using facts::Missing;
using facts::NodeFacts;
using facts::Serving;
using facts::Why;

/// A refusal to this tool says nothing about the process.
template <class T>
Fact<T> unread_if_refused(Fact<T> fact) {
  if (!fact && fact.missing().why == Why::permission) return Missing{Why::not_read, fact.missing().detail};
  return fact;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void see_devices(NodeFacts& node, const Serving& serving) {
  // In the exclusive mode, and where /sys was not mounted, a namespace lacks devices that the node has.
  if (serving.rdma_devices) {
    const auto& visible = *serving.rdma_devices;
    std::erase_if(node.devices, [&](const facts::Device& device) {
      return std::find(visible.begin(), visible.end(), device.name) == visible.end();
    });
  } else if (serving.rdma_devices.missing().why == Why::absent) {
    node.devices.clear();
    node.infiniband_class = serving.rdma_devices.missing();
  }
  for (facts::Device& device : node.devices) {
    if (!device.uverbs) continue;
    const std::string name = file_name(device.uverbs->path);
    const auto access = std::find_if(serving.uverbs.begin(), serving.uverbs.end(),
                                     [&](const facts::NodeAccess& item) { return item.node == name; });
    device.uverbs.value().openable = access != serving.uverbs.end()
                                         ? access->openable
                                         : Fact<bool>(Missing{Why::not_read, "of this process it was not read"});
  }
}

void see_network(NodeFacts& node, const Serving& serving) {
  if (serving.same_network.is(true)) return;
  node.routes = Missing{Why::not_read, "of another network namespace"};
  if (!serving.same_network || !serving.netdevs) {
    node.netdevs.clear();
    return;
  }
  node.netdevs = *serving.netdevs;
  for (facts::Netdev& netdev : node.netdevs) {
    for (const facts::Device& device : node.devices) {
      for (const facts::Port& port : device.ports) {
        if (port.netdev.is(netdev.name) && !netdev.rdma_device) netdev.rdma_device = device.name;
      }
    }
  }
}

}  // namespace

NodeFacts as_seen_by_serving(const NodeFacts& node) {
  const Serving& serving = node.serving.value();
  NodeFacts seen = node;
  seen.process = serving.process;
  seen.process.infiniband_nodes = unread_if_refused(serving.process.infiniband_nodes);
  // Capabilities of a user namespace of its own do not count for devices and limits of the node.
  if (serving.user_namespace.is(true) && seen.process.capabilities) {
    seen.process.capabilities = std::vector<std::string>();
  }
  seen.host.container = unread_if_refused(serving.container);
  seen.host.libibverbs = unread_if_refused(serving.libibverbs);
  seen.host.verbs_providers = unread_if_refused(serving.verbs_providers);
  seen.host.nccl_libraries = serving.nccl_libraries.value_or({});
  seen.host.nccl_plugins = unread_if_refused(serving.nccl_plugins);
  see_devices(seen, serving);
  see_network(seen, serving);
  return seen;
}

NcclChoice predict_serving_nccl(const NodeFacts& seen) {
  const Serving& serving = seen.serving.value();
  if (serving.environment) return predict_nccl(seen);
  NcclChoice choice;
  choice.net = "unknown";
  choice.why = fmt::format("the environment of {} could not be read", name_of(serving));
  return choice;
}

std::string name_of(const Serving& serving) {
  return serving.command.empty() ? fmt::format("process {}", serving.pid)
                                 : fmt::format("process {} ({})", serving.pid, serving.command);
}

}  // namespace rocekit::derived
