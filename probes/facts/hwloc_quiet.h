// hwloc without what makes it slow or talkative.
#pragma once

#include <cstdlib>

namespace rocekit::facts {

/// Call before hwloc_topology_init(). No plugins: they start OpenCL, NVML, an X display and libxml2, which takes
/// hundreds of milliseconds and tells nothing that is used here. hwloc's own XML reader; no text on stderr.
inline void make_hwloc_quiet() {
  setenv("HWLOC_PLUGINS_PATH", "/nonexistent", 1);
  setenv("HWLOC_LIBXML", "0", 1);
  setenv("HWLOC_HIDE_ERRORS", "2", 1);
}

}  // namespace rocekit::facts
