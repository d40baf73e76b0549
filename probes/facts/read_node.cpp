#include "probes/facts/read_node.h"

#include <algorithm>

#include "probes/facts/readers/readers.h"

namespace rocekit::facts {
namespace {

/// Each netdev that carries a port of an RDMA device learns that device's name.
void join_devices_and_netdevs(NodeFacts& node) {
  for (const Device& device : node.devices) {
    for (const Port& port : device.ports) {
      if (!port.netdev) continue;
      const auto netdev = std::find_if(node.netdevs.begin(), node.netdevs.end(),
                                       [&](const Netdev& candidate) { return candidate.name == *port.netdev; });
      if (netdev != node.netdevs.end() && !netdev->rdma_device) netdev->rdma_device = device.name;
    }
  }
}

}  // namespace

NodeFacts read_node(const FileTree& tree, const KernelAnswers& answers, std::optional<int> serving) {
  NodeFacts node;
  node.host = readers::read_host(tree, answers);
  node.infiniband_class = readers::read_infiniband_class(tree);
  node.devices = readers::read_devices(tree, answers);
  node.netdevs = readers::read_netdevs(tree, answers);
  join_devices_and_netdevs(node);
  node.routes = answers.routes;
  node.gpus = readers::read_gpus(tree, answers);
  node.topology = readers::read_topology(answers, node.devices, node.gpus);
  node.process = readers::read_process(tree, answers);
  if (serving) node.serving = readers::read_serving(tree, answers, *serving);
  return node;
}

}  // namespace rocekit::facts
