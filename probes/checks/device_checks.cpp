#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/derived/gb10.h"

namespace rocekit::checks {
namespace {

using facts::Device;
using facts::Netdev;
using facts::NodeFacts;
using facts::Why;

// ---- ROCE-DEV-001 -------------------------------------------------------------------------------------------------

/// Kernel driver of an Ethernet function, and the module that makes an RDMA device of it.
struct RdmaModule {
  std::string_view netdev_driver;
  std::string_view module;
};
constexpr std::array rdma_modules{
    RdmaModule{"mlx5_core", "mlx5_ib"}, RdmaModule{"mlx4_en", "mlx4_ib"},  RdmaModule{"mlx4_core", "mlx4_ib"},
    RdmaModule{"bnxt_en", "bnxt_re"},   RdmaModule{"ice", "irdma"},        RdmaModule{"i40e", "irdma"},
    RdmaModule{"qede", "qedr"},         RdmaModule{"cxgb4", "iw_cxgb4"},   RdmaModule{"hns3", "hns_roce_hw_v2"},
    RdmaModule{"mana", "mana_ib"},      RdmaModule{"ionic", "ionic_rdma"},
};

std::string_view rdma_module_of(const Netdev& netdev) {
  for (const RdmaModule& entry : rdma_modules) {
    if (netdev.driver.is(std::string(entry.netdev_driver))) return entry.module;
  }
  return {};
}

/// A netdev that Soft-RoCE could run on: it has an IPv4 address and is no tunnel or bridge.
const Netdev* netdev_for_soft_roce(const NodeFacts& node) {
  for (const Netdev& netdev : node.netdevs) {
    if (!netdev.type.is("physical") || !netdev.addresses) continue;
    const auto& addresses = *netdev.addresses;
    if (std::any_of(addresses.begin(), addresses.end(), [](const auto& item) { return item.family == "inet"; })) {
      return &netdev;
    }
  }
  return nullptr;
}

std::vector<std::string> power_cycle_gb10(const NodeFacts& node) {
  return {"# shut both nodes down, unplug their power supplies for a minute, plug the QSFP cable in, start both:",
          as_root(node, "poweroff")};
}

void explain_no_device(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  std::vector<Evidence> seen{evidence("RDMA devices", "none", "/sys/class/infiniband")};
  std::set<std::string> modules;
  for (const Netdev& netdev : node.netdevs) {
    const std::string_view module = rdma_module_of(netdev);
    if (module.empty()) continue;
    modules.insert(std::string(module));
    seen.push_back(evidence("adapter that can do RDMA", fmt::format("{} (driver {})", netdev.name, *netdev.driver),
                            facts::sysfs_net(netdev.name, "device/driver")));
  }
  if (node.host.modules) {
    std::vector<std::string> loaded;
    for (const auto& [module, version] : *node.host.modules) loaded.push_back(module);
    seen.push_back(evidence("RDMA modules loaded", loaded, "/sys/module"));
  }
  if (node.process.netns_mode) {
    seen.push_back(evidence("RDMA network namespace mode", *node.process.netns_mode, "rdma system"));
  }

  if (node.infiniband_class.is(true) && node.process.netns_mode.is("exclusive")) {
    verdicts.critical(
        node_subject, "no RDMA device in this network namespace", std::move(seen),
        "The RDMA subsystem is in exclusive mode: each device is visible in one network namespace only, and none was "
        "given to this one. NCCL finds no device here and uses TCP sockets.",
        {"# on the host: start the container in the host's network namespace (--network host), or give it a device:",
         "rdma dev", "sudo rdma dev set DEVICE netns NAMESPACE"});
    return;
  }
  if (!modules.empty()) {
    const std::string list = join({modules.begin(), modules.end()}, " ");
    std::vector<std::string> load;
    for (const std::string& module : modules) load.push_back("modprobe " + module);
    load.emplace_back("# then look for the devices, and for errors of the driver when there are none:");
    std::vector<std::string> look{
        "rdma link", fmt::format("{} | grep -iE 'mlx|rdma|infiniband' | tail -20", as_root(node, "dmesg"))};
    verdicts.critical(node_subject, "no RDMA device on this node", std::move(seen),
                      fmt::format("An adapter that can do RDMA is here, but the driver that makes an RDMA device of it "
                                  "is not loaded or failed ({}). NCCL finds no device and uses TCP sockets.",
                                  list),
                      concat(on_host(node, load), look));
    return;
  }
  if (derived::is_gb10(node)) {
    verdicts.critical(node_subject, "no RDMA device on this node: the built-in ConnectX-7 is not seen", std::move(seen),
                      "This is a GB10 machine, whose ConnectX-7 shows as four functions; none of them is on the PCIe "
                      "bus or has a driver. After a failed firmware or link start they come back only with a full "
                      "power drain.",
                      power_cycle_gb10(node));
    return;
  }
  std::vector<std::string> remedy{"# which adapters there are (ConnectX, BCM57xxx, E810 and kin can do RDMA):",
                                  "lspci -nn | grep -iE 'ethernet|infiniband'"};
  if (const Netdev* netdev = netdev_for_soft_roce(node)) {
    remedy.emplace_back("# without such hardware, Soft-RoCE gives a device to try things with (not to serve with):");
    remedy = concat(remedy, on_host(node, {"modprobe rdma_rxe",
                                           fmt::format("rdma link add rxe0 type rxe netdev {}", netdev->name)}));
  }
  verdicts.critical(node_subject, "no RDMA device on this node", std::move(seen),
                    "No RDMA driver has a device here, and no network adapter that is known to do RDMA was seen. NCCL "
                    "uses TCP sockets.",
                    std::move(remedy));
}

void judge_devices_present(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (!node.devices.empty()) {
    std::vector<std::string> names;
    std::vector<Evidence> seen;
    for (const Device& device : node.devices) {
      names.push_back(device.name);
      seen.push_back(evidence(device.name, kind_words(device.kind), facts::sysfs_device(device.name)));
    }
    verdicts.ok(node_subject,
                fmt::format("{} RDMA device{}: {}", names.size(), names.size() == 1 ? "" : "s", join(names, ", ")),
                std::move(seen));
    return;
  }
  if (!node.infiniband_class && node.infiniband_class.missing().why != Why::absent) {
    verdicts.unknown(node_subject, "whether there are RDMA devices could not be read", node.infiniband_class.missing(),
                     {"ls -l /sys/class/infiniband"});
    return;
  }
  explain_no_device(view, verdicts);
}

// ---- ROCE-DEV-002 -------------------------------------------------------------------------------------------------

/// Kernel driver of a device and the provider (a plug-in of libibverbs) that user space needs for it.
struct Provider {
  std::string_view driver;
  std::string_view name;
};
constexpr std::array providers{
    Provider{"mlx5_core", "mlx5"},  Provider{"mlx5_ib", "mlx5"},       Provider{"mlx4_core", "mlx4"},
    Provider{"mlx4_ib", "mlx4"},    Provider{"rdma_rxe", "rxe"},       Provider{"siw", "siw"},
    Provider{"bnxt_re", "bnxt_re"}, Provider{"bnxt_en", "bnxt_re"},    Provider{"irdma", "irdma"},
    Provider{"ice", "irdma"},       Provider{"i40e", "irdma"},         Provider{"hfi1", "hfi1verbs"},
    Provider{"qib", "ipathverbs"},  Provider{"cxgb4", "cxgb4"},        Provider{"iw_cxgb4", "cxgb4"},
    Provider{"qedr", "qedr"},       Provider{"qede", "qedr"},          Provider{"efa", "efa"},
    Provider{"erdma", "erdma"},     Provider{"hns_roce_hw_v2", "hns"}, Provider{"hns3", "hns"},
    Provider{"mana", "mana"},       Provider{"mana_ib", "mana"},       Provider{"vmw_pvrdma", "vmw_pvrdma"},
};

std::string_view provider_of(const Device& device) {
  for (const Provider& entry : providers) {
    if (device.driver.is(std::string(entry.driver))) return entry.name;
  }
  return {};
}

std::vector<std::string> install_verbs(const NodeFacts& node) {
  const std::string os = node.host.os.value_or("");
  const auto is_like = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](const char* name) { return os.find(name) != std::string::npos; });
  };
  std::string command = "apt-get install -y libibverbs1 ibverbs-providers";
  if (is_like({"Red Hat", "Rocky", "Alma", "Fedora", "CentOS", "Oracle Linux"})) command = "dnf install -y libibverbs";
  if (is_like({"SUSE"})) command = "zypper install -y libibverbs1 rdma-core";
  if (in_container(node)) {
    return {"# in the image's Dockerfile or Containerfile, then build it again:", "RUN " + command,
            "# or, to try it, as root inside this container:", command};
  }
  return {as_root(node, command)};
}

void judge_provider(const Device& device, const NodeFacts& node, Verdicts& verdicts) {
  if (!device.driver) {
    verdicts.unknown(device.name,
                     fmt::format("the driver of {} could not be read, nor which provider it needs", device.name),
                     device.driver.missing());
    return;
  }
  const std::string_view provider = provider_of(device);
  if (provider.empty()) {
    verdicts.skipped(device.name,
                     fmt::format("driver {} is not known here, nor which provider it needs", *device.driver));
    return;
  }
  const auto& installed = node.host.verbs_providers;
  if (!installed && installed.missing().why != Why::absent) {
    verdicts.unknown(device.name, "which providers libibverbs has could not be read", installed.missing(),
                     {"ls /etc/libibverbs.d"});
    return;
  }
  const std::vector<std::string> names = installed.value_or({});
  std::vector<Evidence> seen{
      evidence("libibverbs", node.host.libibverbs ? node.host.libibverbs->path : std::string(), "dynamic loader"),
      evidence("driver", *device.driver, facts::sysfs_device(device.name, "device/driver")),
      evidence("providers", names, "/etc/libibverbs.d")};
  if (std::find(names.begin(), names.end(), provider) != names.end()) {
    verdicts.ok(device.name, fmt::format("libibverbs has the provider {} for it", provider), std::move(seen));
    return;
  }
  verdicts.critical(device.name, fmt::format("libibverbs has no provider {} for {}", provider, device.name),
                    std::move(seen),
                    fmt::format("libibverbs reaches a device only through the provider of its driver, and {} is not "
                                "among those installed. Programs, NCCL too, see no such device.",
                                provider),
                    install_verbs(node));
}

void judge_libibverbs(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (node.devices.empty()) {
    verdicts.skipped(node_subject, "no RDMA device (ROCE-DEV-001)");
    return;
  }
  const auto& library = node.host.libibverbs;
  if (!library) {
    const facts::Missing& why = library.missing();
    if (why.why != Why::absent && why.why != Why::failed) {
      verdicts.unknown(node_subject, "whether libibverbs can be loaded could not be found out", why,
                       {"ldconfig -p | grep libibverbs"});
      return;
    }
    verdicts.critical(node_subject, "libibverbs cannot be loaded",
                      {evidence("libibverbs.so.1", show(why), "dynamic loader")},
                      "NCCL and every other RDMA program reach the devices through libibverbs. Without it NCCL says "
                      "nothing and uses TCP sockets.",
                      install_verbs(node));
    return;
  }
  for (const Device& device : node.devices) judge_provider(device, node, verdicts);
}

// ---- ROCE-DEV-003 -------------------------------------------------------------------------------------------------

/// Devices of one adapter, by the GUID of its firmware image.
std::map<std::string, std::vector<const Device*>> adapters_of(const NodeFacts& node) {
  std::map<std::string, std::vector<const Device*>> adapters;
  for (const Device& device : node.devices) {
    if (!is_hardware(device) || !device.sys_image_guid) continue;
    if (device.sys_image_guid->find_first_not_of("0:") == std::string::npos) continue;
    adapters[*device.sys_image_guid].push_back(&device);
  }
  return adapters;
}

std::string names_of(const std::vector<const Device*>& devices) {
  std::vector<std::string> names;
  for (const Device* device : devices) names.push_back(device->name);
  return join(names, ", ");
}

void judge_firmware_of(const std::vector<const Device*>& functions, const NodeFacts& node, Verdicts& verdicts) {
  std::set<std::string> versions;
  std::vector<Evidence> seen;
  const Device* unread = nullptr;
  for (const Device* device : functions) {
    seen.push_back(evidence(device->name, device->fw_version, facts::sysfs_device(device->name, "fw_ver")));
    if (device->fw_version) {
      versions.insert(*device->fw_version);
    } else {
      unread = device;
    }
  }
  const std::string subject = names_of(functions);
  if (versions.size() > 1) {
    std::vector<std::string> remedy;
    if (derived::is_gb10(node)) {
      remedy = concat({"# bring the system up to date (DGX OS ships the adapter's firmware), then drain the power:"},
                      power_cycle_gb10(node));
    } else {
      remedy = {"# finish the update with a cold start (power off, not reboot), then compare again:",
                as_root(node, "poweroff")};
    }
    verdicts.warning(
        subject,
        fmt::format("functions of one adapter report different firmware: {}",
                    join_words({versions.begin(), versions.end()})),
        std::move(seen),
        "All functions of an adapter run one firmware image. Different versions mean an update that was not "
        "finished by a cold start; such adapters have been seen slow and losing links.",
        std::move(remedy));
  } else if (unread != nullptr) {
    verdicts.unknown(subject, fmt::format("the firmware version of {} could not be read", unread->name),
                     unread->fw_version.missing());
  } else {
    verdicts.ok(subject, "firmware " + *versions.begin(), std::move(seen));
  }
}

void judge_firmware(const NodeView& view, Verdicts& verdicts) {
  for (const auto& [guid, functions] : adapters_of(view.node)) {
    if (functions.size() > 1) judge_firmware_of(functions, view.node, verdicts);
  }
}

// ---- ROCE-DEV-004 -------------------------------------------------------------------------------------------------

/// Whether a device is a function of GB10's built-in adapter; any one sign will do, so that one unreadable file does
/// not make a function look lost.
bool is_connectx7(const Device& device) {
  return device.kind == facts::DeviceKind::roce &&
         (device.driver.is("mlx5_core") || device.hca_type.is("MT4129") || device.vendor_part_id.is(4129) ||
          device.board_id.is("NVD0000000087") || (device.pci && device.pci->device_id.is(0x1021)));
}

void judge_gb10_functions(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (node.devices.empty()) {
    verdicts.skipped(node_subject, "no RDMA device (ROCE-DEV-001)");
    return;
  }
  if (!derived::is_gb10(node)) {
    verdicts.skipped(node_subject, "how many functions an adapter must have is known for GB10 only");
    return;
  }
  if (node.process.netns_mode.is("exclusive") && in_container(node)) {
    verdicts.skipped(node_subject, "RDMA devices are given to network namespaces one by one here (exclusive mode)");
    return;
  }
  std::vector<Evidence> seen;
  std::vector<std::string> addresses;
  std::size_t count = 0;
  for (const Device& device : node.devices) {
    if (!is_connectx7(device)) continue;
    ++count;
    const std::string address = device.pci ? device.pci->address : show(device.pci.missing());
    addresses.push_back(address);
    seen.push_back(evidence(device.name, address, facts::sysfs_device(device.name, "device")));
  }
  if (count >= derived::gb10_functions.size()) {
    verdicts.ok(node_subject, "all four functions of the ConnectX-7 are there", std::move(seen));
    return;
  }
  std::vector<std::string> lost;
  std::vector<std::string> look;
  for (const std::string_view expected : derived::gb10_functions) {
    if (std::find(addresses.begin(), addresses.end(), expected) != addresses.end()) continue;
    lost.emplace_back(expected);
    look.push_back(fmt::format("lspci -nnk -s {}", expected));
  }
  for (const std::string& address : lost) {
    seen.push_back(evidence("missing function", address, facts::sysfs_pci(address)));
  }
  verdicts.critical(
      node_subject,
      fmt::format("{} of the four functions of the ConnectX-7 {} missing: {}", lost.size(),
                  lost.size() == 1 ? "is" : "are", join(lost, ", ")),
      std::move(seen),
      "GB10 reaches each QSFP cage through two functions, one per PCIe domain (0000 and 0002). A function that "
      "vanished takes half of the port with it, or the whole adapter at the next start. It comes back with a full "
      "power drain; a PCI rescan has hung these machines.",
      concat(concat({"# is it on the bus, and has it a driver?"}, look),
             concat({fmt::format("{} | grep -iE 'mlx5|pcie' | tail -30", as_root(node, "dmesg"))},
                    power_cycle_gb10(node))));
}

constexpr std::array checks{
    Check{
        "ROCE-DEV-001", "No RDMA device",
        "Without an RDMA device NCCL has nothing to use but TCP sockets, which cost several times the latency. It says "
        "so in one INFO line only. The driver may not be loaded, the adapter may have vanished from the PCIe bus, or "
        "the device may live in another network namespace.",
        "Critical when /sys/class/infiniband is missing or empty. Unknown when it cannot be read.",
        "Load the driver (sudo modprobe mlx5_ib), start containers with --network host, and on GB10 drain the power "
        "fully when the adapter has vanished.",
        true, judge_devices_present, Scope::process},
    Check{
        "ROCE-DEV-002", "libibverbs or its provider is missing",
        "Programs reach RDMA devices through libibverbs and one provider library per driver (mlx5 for ConnectX, rxe "
        "for Soft-RoCE). Container images often lack one or both. NCCL then uses TCP sockets without a warning.",
        "Critical when libibverbs.so.1 cannot be loaded, or /etc/libibverbs.d does not name the provider of a device's "
        "driver. Skipped for drivers that are not known here.",
        "Debian and Ubuntu: sudo apt-get install -y libibverbs1 ibverbs-providers. In a container: in its image.", true,
        judge_libibverbs, Scope::process},
    Check{"ROCE-DEV-003", "Functions of one adapter run different firmware",
          "All functions of an adapter come from one firmware image. Different versions are the sign of an update "
          "without the cold start that finishes it.",
          "Warning when fw_ver differs between devices with the same sys_image_guid.",
          "Finish the update with a full power cycle of the node.", false, judge_firmware},
    Check{
        "ROCE-DEV-004", "Part of the adapter has vanished",
        "GB10's ConnectX-7 shows as four PCIe functions, two for each QSFP cage. When one does not start, its cage has "
        "half of its bandwidth or none.",
        "Critical when a GB10 machine has fewer than four functions of its ConnectX-7. Skipped elsewhere.",
        "Shut both nodes down, unplug their power supplies for a minute, plug the cable in, start both. Do not rescan "
        "the PCI bus: that has hung these machines.",
        true, judge_gb10_functions},
};

}  // namespace

std::span<const Check> device_checks() { return checks; }

}  // namespace rocekit::checks
