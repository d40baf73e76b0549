#include "probes/facts/kernel/ask.h"

#ifdef ROCEKIT_HAVE_HWLOC
#include <hwloc.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#endif

namespace rocekit::facts::kernel {

#ifndef ROCEKIT_HAVE_HWLOC

Fact<std::string> ask_topology_xml() { return Missing{Why::not_supported, "built without hwloc"}; }

#else

namespace {

struct Destroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using TopologyPointer = std::unique_ptr<hwloc_topology, Destroy>;

/// Plugins start OpenCL, NVML, an X display and libxml2, which takes hundreds of milliseconds and tells nothing that is
/// used here; hwloc's own XML writer is enough. No text on stderr.
void keep_quiet() {
  setenv("HWLOC_PLUGINS_PATH", "/nonexistent", 1);
  setenv("HWLOC_LIBXML", "0", 1);
  setenv("HWLOC_HIDE_ERRORS", "2", 1);
}

/// Only sysfs is asked: the x86 component binds this thread to every core in turn to run cpuid there.
void keep_only_sysfs(hwloc_topology_t topology) {
  for (const char* component : {"x86", "pci", "opencl", "cuda", "nvml", "rsmi", "levelzero", "gl"}) {
    hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, component);
  }
}

/// Packages, NUMA nodes and cores: a file of a few kilobytes that is read in well under a millisecond.
void keep_only_what_is_read(hwloc_topology_t topology) {
  hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(topology, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
  unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;
#if HWLOC_API_VERSION >= 0x00020800
  flags |= HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS;
#endif
  hwloc_topology_set_flags(topology, flags);
}

struct FreeBitmap {
  void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};

/// hwloc ranks the kinds of cores when it loads, and exports only ranks that were forced: force them all.
void force_ranks(hwloc_topology_t topology) {
  const std::unique_ptr<hwloc_bitmap_s, FreeBitmap> cpus(hwloc_bitmap_alloc());
  if (cpus == nullptr) return;
  const int count = hwloc_cpukinds_get_nr(topology, 0);
  for (int kind = 0; kind < count; ++kind) {
    int efficiency = -1;
    if (hwloc_cpukinds_get_info(topology, static_cast<unsigned>(kind), cpus.get(), &efficiency, nullptr, nullptr, 0) ==
            0 &&
        efficiency >= 0) {
      hwloc_cpukinds_register(topology, cpus.get(), efficiency, 0, nullptr, 0);
    }
  }
}

/// hwloc notes the host's name, board serials and this process's name: not part of a topology, and not to be saved.
std::string without_identity(std::string_view xml) {
  constexpr std::array<std::string_view, 6> kept{"CoreType",      "FrequencyMaxMHz", "FrequencyBaseMHz",
                                                 "LinuxCapacity", "CPUModel",        "Backend"};
  std::string result;
  while (!xml.empty()) {
    const std::size_t end = xml.find('\n');
    const std::string_view line = xml.substr(0, end == std::string_view::npos ? end : end + 1);
    xml.remove_prefix(line.size());
    bool keep = line.find("<info ") == std::string_view::npos;
    for (const std::string_view name : kept) {
      keep = keep || line.find("name=\"" + std::string(name) + "\"") != std::string_view::npos;
    }
    if (keep) result += line;
  }
  return result;
}

}  // namespace

Fact<std::string> ask_topology_xml() {
  keep_quiet();
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return missing_from_errno(errno, "hwloc_topology_init");
  const TopologyPointer topology(raw);
  keep_only_sysfs(raw);
  keep_only_what_is_read(raw);
  if (hwloc_topology_load(raw) != 0) return missing_from_errno(errno, "hwloc_topology_load");
  force_ranks(raw);
  char* buffer = nullptr;
  int length = 0;
  if (hwloc_topology_export_xmlbuffer(raw, &buffer, &length, 0) != 0) {
    return missing_from_errno(errno, "hwloc_topology_export_xmlbuffer");
  }
  // The length counts the terminating NUL.
  std::string xml = without_identity(std::string_view(buffer, length > 0 ? static_cast<std::size_t>(length) - 1 : 0));
  hwloc_free_xmlbuffer(raw, buffer);
  return xml;
}

#endif

}  // namespace rocekit::facts::kernel
