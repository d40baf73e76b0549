// Packages, NUMA nodes, cores and kinds of cores from an export of hwloc 2.
//
// Read here rather than by hwloc: hwloc 2.9 follows null pointers on exports with a few changed bytes, and a saved
// node must be readable by a build without hwloc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

struct Processors {
  int packages = 0;
  int numa_nodes = 0;
  int cores = 0;
  std::vector<CoreKind> core_kinds;
  std::string cpulist;                       ///< all processors: "0-19"
  std::map<int, std::string> node_cpulists;  ///< by number of the NUMA node
};

/// Why::malformed with what is wrong: no export, cut off, or a set of processors that cannot be read.
Fact<Processors> read_hwloc_xml(std::string_view xml);

/// "0-1,34" of hwloc's bitmap text "0x00000004,0x00000003"; nullopt when it is none, or infinite.
std::optional<std::string> cpulist_of_bitmap(std::string_view bitmap);

}  // namespace rocekit::facts::readers
