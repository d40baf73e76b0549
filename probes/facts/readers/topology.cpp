#include <fmt/format.h>

#include "probes/facts/readers/proximity.h"
#include "probes/facts/readers/readers.h"

#ifdef ROCEKIT_HAVE_HWLOC
#include <hwloc.h>

#include <cerrno>
#include <memory>

#include "probes/facts/hwloc_quiet.h"
#endif

namespace rocekit::facts::readers {
namespace {

/// What hwloc tells of the processors.
struct Processors {
  int packages = 0;
  int numa_nodes = 0;
  int cores = 0;
  std::vector<CoreKind> core_kinds;
  std::string cpulist;                       ///< all
  std::map<int, std::string> node_cpulists;  ///< by number of the NUMA node
};

#ifdef ROCEKIT_HAVE_HWLOC

struct Destroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
struct FreeBitmap {
  void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};

/// As in sysfs: "0-9,15".
std::string cpulist_of(hwloc_const_bitmap_t cpus) {
  std::string text;
  // An infinite set would never end; the processors of a machine are finite.
  const int last = hwloc_bitmap_last(cpus);
  if (last < 0) return text;
  for (int first = hwloc_bitmap_first(cpus); first >= 0;) {
    int end = first;
    while (end < last && hwloc_bitmap_isset(cpus, static_cast<unsigned>(end) + 1) != 0) ++end;
    const std::string range = first == end ? fmt::format("{}", first) : fmt::format("{}-{}", first, end);
    text += (text.empty() ? "" : ",") + range;
    first = hwloc_bitmap_next(cpus, end);
  }
  return text;
}

std::vector<CoreKind> core_kinds_of(hwloc_topology_t topology) {
  std::vector<CoreKind> kinds;
  const int count = hwloc_cpukinds_get_nr(topology, 0);
  for (int i = 0; i < count; ++i) {
    const std::unique_ptr<hwloc_bitmap_s, FreeBitmap> cpus(hwloc_bitmap_alloc());
    int efficiency = -1;
    if (cpus == nullptr || hwloc_cpukinds_get_info(topology, static_cast<unsigned>(i), cpus.get(), &efficiency, nullptr,
                                                   nullptr, 0) != 0) {
      continue;
    }
    kinds.push_back({cpulist_of(cpus.get()), efficiency});
  }
  return kinds;
}

Fact<Processors> read_processors(const std::string& xml) {
  constexpr std::size_t largest_xml_bytes = 16U << 20;
  const Missing malformed{Why::malformed, "topology_xml: not a topology that hwloc can load"};
  if (xml.size() > largest_xml_bytes || xml.find("<topology") == std::string::npos) return malformed;
  make_hwloc_quiet();
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return missing_from_errno(errno, "hwloc_topology_init");
  const std::unique_ptr<hwloc_topology, Destroy> topology(raw);
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  // The length counts the terminating NUL.
  if (hwloc_topology_set_xmlbuffer(raw, xml.c_str(), static_cast<int>(xml.size()) + 1) != 0 ||
      hwloc_topology_load(raw) != 0) {
    return malformed;
  }
  Processors processors;
  processors.packages = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_PACKAGE);
  processors.numa_nodes = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_NUMANODE);
  processors.cores = hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_CORE);
  processors.core_kinds = core_kinds_of(raw);
  processors.cpulist = cpulist_of(hwloc_get_root_obj(raw)->cpuset);
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(raw, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    processors.node_cpulists.emplace(static_cast<int>(node->os_index), cpulist_of(node->cpuset));
  }
  return processors;
}

#else

Fact<Processors> read_processors(const std::string& /*xml*/) {
  return Missing{Why::not_supported, "built without hwloc"};
}

#endif

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
      answers.topology_xml ? read_processors(*answers.topology_xml) : missing_as<Processors>(answers.topology_xml);
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
