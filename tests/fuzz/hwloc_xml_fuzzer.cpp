// hwloc's export of a node, as it stands in a saved node's answers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "probes/facts/readers/hwloc_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto processors = rocekit::facts::readers::read_hwloc_xml(text);
  // A value holds processors; its absence a reason.
  if (processors ? processors->cpulist.empty() : processors.missing().detail.empty()) std::abort();
  rocekit::facts::readers::cpulist_of_bitmap(text);
  return 0;
}
