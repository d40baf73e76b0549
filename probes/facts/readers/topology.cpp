#include "probes/facts/readers/hwloc_xml.h"
#include "probes/facts/readers/proximity.h"
#include "probes/facts/readers/readers.h"

namespace rocekit::facts::readers {
namespace {

/// The kernel's own list, else the cores of the device's NUMA node, else all cores of a machine that names no nodes.
std::optional<std::string> cores_near(const Pci& pci, const Processors& processors) {
  if (pci.local_cpulist && !pci.local_cpulist->empty()) return *pci.local_cpulist;
  if (!pci.numa_node) return std::nullopt;
  const auto node = processors.node_cpulists.find(*pci.numa_node);
  if (node != processors.node_cpulists.end()) return node->second;
  if (*pci.numa_node < 0 && processors.numa_nodes == 1) return processors.cpulist;
  return std::nullopt;
}

void add_distances(Topology& topology, const Device& device, const std::vector<Gpu>& gpus) {
  for (const Gpu& gpu : gpus) {
    if (!gpu.pci) continue;
    if (auto distance = distance_between(*device.pci, *gpu.pci, topology.numa_nodes)) {
      topology.proximity.push_back({device.name, gpu.pci_address, std::move(*distance)});
    }
  }
}

}  // namespace

Fact<Topology> read_topology(const KernelAnswers& answers, const std::vector<Device>& devices,
                             const std::vector<Gpu>& gpus) {
  const Fact<Processors> read =
      answers.topology_xml ? read_hwloc_xml(*answers.topology_xml) : missing_as<Processors>(answers.topology_xml);
  const Processors processors = read.value_or({});
  Topology topology;
  topology.packages = processors.packages;
  topology.numa_nodes = processors.numa_nodes;
  topology.cores = processors.cores;
  topology.core_kinds = processors.core_kinds;
  for (const Device& device : devices) {
    if (!device.pci) continue;
    if (auto cpulist = cores_near(*device.pci, processors))
      topology.near_cores.push_back({device.name, std::move(*cpulist)});
    add_distances(topology, device, gpus);
  }
  // Distances stand on PCI paths alone; without them either, there is no topology to show.
  if (!read && topology.near_cores.empty() && topology.proximity.empty()) return read.missing();
  return topology;
}

}  // namespace rocekit::facts::readers
