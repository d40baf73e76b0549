#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

Fact<double> read_speed(const FileTree& tree, const std::string& path) {
  const Fact<std::string> text = tree.read(path);
  if (!text) return text.missing();
  if (const auto speed = parse_pci_speed(*text)) return *speed;
  // What the kernel prints for a virtual function or an emulated bridge.
  if (text->substr(0, 7) == "Unknown") return Missing{Why::not_supported, fmt::format("{}: {}", path, "Unknown")};
  return not_this(path, "a speed such as 32.0 GT/s PCIe", *text);
}

Fact<int> read_width(const FileTree& tree, const std::string& path) {
  const Fact<int> width = read_int(tree, path);
  if (!width) return width;
  // 0 and 255 (all bits set) stand for a link that is down or not there.
  if (*width == 0 || *width == 255) {
    return Missing{Why::not_supported, fmt::format("{}: {} stands for no link", path, *width)};
  }
  constexpr std::array widths{1, 2, 4, 8, 12, 16, 32};
  if (std::find(widths.begin(), widths.end(), *width) == widths.end()) {
    return Missing{Why::malformed, fmt::format("{}: {} is no width of a PCIe link", path, *width)};
  }
  return width;
}

PciHop read_hop(const FileTree& tree, const std::string& directory, const std::string& address) {
  return {address, read_speed(tree, directory + "/current_link_speed"),
          read_width(tree, directory + "/current_link_width"), read_speed(tree, directory + "/max_link_speed"),
          read_width(tree, directory + "/max_link_width")};
}

Fact<std::string> read_cpulist(const FileTree& tree, const std::string& path) {
  Fact<std::string> text = tree.read(path);
  if (text && !is_cpulist(*text)) return not_this(path, "a list of CPUs such as 0-9,15", *text);
  return text;
}

}  // namespace

Fact<Pci> read_pci(const FileTree& tree, std::string_view device_link) {
  const Fact<std::string> canonical = tree.canonical(device_link);
  if (!canonical) return canonical.missing();

  Pci pci;
  std::string directory;
  std::string path;
  for (const std::string& name : split_words(*canonical, "/")) {
    path += "/" + name;
    if (!is_pci_address(name)) continue;
    pci.hops.push_back(read_hop(tree, path, name));
    directory = path;
  }
  if (pci.hops.empty()) {
    return Missing{Why::absent, fmt::format("{} leads to {}, which is not on a PCI bus", device_link, *canonical)};
  }

  const PciHop& function = pci.hops.back();
  pci.address = function.address;
  pci.speed_gt_s = function.speed_gt_s;
  pci.width = function.width;
  pci.max_speed_gt_s = function.max_speed_gt_s;
  pci.max_width = function.max_width;
  pci.vendor_id = read_int(tree, directory + "/vendor");
  pci.device_id = read_int(tree, directory + "/device");
  pci.numa_node = read_int(tree, directory + "/numa_node");
  pci.local_cpulist = read_cpulist(tree, directory + "/local_cpulist");
  pci.iommu_group = read_link_name(tree, directory + "/iommu_group");

  // Both ends of a link report it; a virtual function reports none, its bridges do.
  pci.bandwidth_gbit_s =
      Missing{Why::not_supported, fmt::format("no link speed and width on the path to {}", pci.address)};
  pci.slowest_hop = pci.bandwidth_gbit_s.missing();
  for (const PciHop& hop : pci.hops) {
    if (!hop.speed_gt_s || !hop.width) continue;
    const double bandwidth = pci_bandwidth_gbit_s(*hop.speed_gt_s, *hop.width);
    if (pci.bandwidth_gbit_s && *pci.bandwidth_gbit_s < bandwidth) continue;
    // Of equal ones the last: the function itself where nothing above it is slower.
    pci.bandwidth_gbit_s = bandwidth;
    pci.slowest_hop = hop.address;
  }
  return pci;
}

}  // namespace rocekit::facts::readers
