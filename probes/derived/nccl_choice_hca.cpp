#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::derived::nccl {
namespace {

using facts::Device;
using facts::Port;
using facts::Why;

constexpr std::size_t most_devices = 32;  // MAX_IB_DEVS

struct Access {
  std::string denied;    ///< empty: NCCL opens the device
  bool assumed = false;  ///< nobody tried
};

/// Names in /etc/libibverbs.d for kernel drivers; a driver that is not here is not judged.
struct Provider {
  std::string_view driver;
  std::string_view name;
};
constexpr std::array providers{
    Provider{"mlx5_core", "mlx5"}, Provider{"mlx5_ib", "mlx5"},    Provider{"mlx4_core", "mlx4"},
    Provider{"mlx4_ib", "mlx4"},   Provider{"rdma_rxe", "rxe"},    Provider{"rxe", "rxe"},
    Provider{"siw", "siw"},        Provider{"bnxt_en", "bnxt_re"}, Provider{"bnxt_re", "bnxt_re"},
    Provider{"efa", "efa"},        Provider{"hfi1", "hfi1verbs"},  Provider{"irdma", "irdma"},
    Provider{"ice", "irdma"},      Provider{"erdma", "erdma"},     Provider{"mana", "mana"},
    Provider{"qede", "qedr"},
};

std::string missing_provider(const facts::NodeFacts& node, const Device& device) {
  if (!node.host.verbs_providers || !device.driver) return "";
  const auto known = std::find_if(providers.begin(), providers.end(),
                                  [&](const Provider& provider) { return provider.driver == *device.driver; });
  if (known == providers.end()) return "";
  const auto& installed = *node.host.verbs_providers;
  if (std::find(installed.begin(), installed.end(), known->name) != installed.end()) return "";
  return fmt::format("libibverbs has no provider \"{}\" for driver {}", known->name, *device.driver);
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// The detail without the path, which the sentence names already.
std::string reason_of(const facts::Missing& missing, const std::string& path) {
  if (missing.detail.empty()) return to_string(missing.why);
  const std::string start = path + ": ";
  return missing.detail.starts_with(start) ? missing.detail.substr(start.size()) : missing.detail;
}

/// ibv_get_device_list() and ibv_open_device().
Access access_to(const facts::NodeFacts& node, const Device& device) {
  Access access;
  access.denied = missing_provider(node, device);
  if (!access.denied.empty()) return access;
  if (!device.uverbs) {
    if (device.uverbs.missing().why == Why::not_read) {
      access.assumed = true;
    } else {
      access.denied = "the kernel offers no uverbs node for it";
    }
    return access;
  }
  const auto& openable = device.uverbs->openable;
  const std::string node_name = file_name(device.uverbs->path);
  if (openable) {
    if (!*openable) access.denied = fmt::format("{} cannot be opened", node_name);
  } else if (openable.missing().why == Why::not_read) {
    access.assumed = true;
  } else {
    access.denied =
        fmt::format("{} cannot be opened: {}", node_name, reason_of(openable.missing(), device.uverbs->path));
  }
  return access;
}

std::string setting_text(const facts::NodeFacts& node, std::string_view name) {
  const facts::Setting* found = find_setting(node, name);
  return found == nullptr ? std::string(name) : describe_setting(*found);
}

/// Why NCCL passes over a port of a device that it opened; empty: it takes the port.
std::string objection_to(const facts::NodeFacts& node, const NameFilter& filter, const Device& device,
                         const Port& port) {
  if (!port.state) return fmt::format("port state could not be read ({})", port.state.missing().detail);
  if (*port.state != "ACTIVE") return fmt::format("port is {}", *port.state);
  if (port.link_layer && *port.link_layer != "InfiniBand" && *port.link_layer != "Ethernet") {
    return fmt::format("link layer {} is not supported by NET/IB", *port.link_layer);
  }
  if (!filter.accepts(device.name, port.number)) {
    return fmt::format("{} {}", filter.exclude ? "excluded by" : "not named by", setting_text(node, "NCCL_IB_HCA"));
  }
  return "";
}

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const Version&) const = default;
};

std::optional<Version> nccl_version(const facts::NodeFacts& node) {
  if (node.host.nccl_libraries.empty()) return std::nullopt;
  const auto& text = node.host.nccl_libraries.front().version;
  Version version;
  if (!text || std::sscanf(text->c_str(), "%d.%d.%d", &version.major, &version.minor, &version.patch) < 2) {
    return std::nullopt;
  }
  return version;
}

/// Domain, bus, device and function as one number; devices that are not on a PCI bus come last.
unsigned long long pci_order(const Device& device) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned slot = 0;
  unsigned function = 0;
  if (!device.pci || std::sscanf(device.pci->address.c_str(), "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
    return ~0ULL;
  }
  return (static_cast<unsigned long long>(domain) << 20) | (bus << 12) | (slot << 4) | function;
}

/// From 2.29.7 on NCCL sorts its ports by PCI address (src/transport/net_ib/init.cc, NCCL_IB_DEVICE_PCI_ORDER).
void sort_as_newer_versions(const facts::NodeFacts& node, std::vector<HcaChoice::Taken>& taken) {
  const auto version = nccl_version(node);
  if (!version || *version < Version{2, 29, 7} || integer_setting(node, "NCCL_IB_DEVICE_PCI_ORDER", 1) == 0) return;
  std::stable_sort(taken.begin(), taken.end(),
                   [](const auto& a, const auto& b) { return pci_order(*a.device) < pci_order(*b.device); });
}

}  // namespace

HcaChoice choose_hcas(const facts::NodeFacts& node) {
  HcaChoice choice;
  const NameFilter filter = NameFilter::parse(setting(node, "NCCL_IB_HCA").value_or(""), most_devices);
  for (const Device& device : node.devices) {
    const Access access = access_to(node, device);
    for (const Port& port : device.ports) {
      std::string objection = access.denied.empty() ? objection_to(node, filter, device, port) : access.denied;
      if (objection.empty() && choice.taken.size() == most_devices) {
        objection = fmt::format("NCCL takes no more than {} ports", most_devices);
      }
      if (objection.empty()) {
        choice.taken.push_back({&device, &port});
        choice.unread = choice.unread || access.assumed;
      } else {
        choice.rejected.push_back({device.name, port.number, std::move(objection)});
      }
    }
  }
  sort_as_newer_versions(node, choice.taken);
  return choice;
}

}  // namespace rocekit::derived::nccl
