#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/checks/persist.h"

namespace rocekit::checks {
namespace {

using facts::Netdev;
using facts::PersistentConfig;

constexpr int ethernet_default_mtu = 1500;

// ---- ROCE-CFG-001 -------------------------------------------------------------------------------------------------

std::vector<Evidence> config_evidence(const Netdev& netdev) {
  std::vector<Evidence> seen{evidence("MTU now", netdev.mtu, facts::sysfs_net(netdev.name, "mtu"))};
  for (const PersistentConfig& file : *netdev.persistent) {
    seen.push_back(evidence("MTU in " + file.manager, file.mtu ? std::to_string(*file.mtu) : "not set", file.file));
  }
  if (netdev.persistent->empty()) {
    seen.push_back(evidence("configuration files that name " + netdev.name, "none",
                            "/etc/netplan, /etc/systemd/network, /etc/NetworkManager, /etc/network/interfaces"));
  }
  return seen;
}

void judge_persistent_mtu_of(const Netdev& netdev, const NodeView& view, Verdicts& verdicts) {
  if (!netdev.persistent) {
    const facts::Missing& why = netdev.persistent.missing();
    verdicts.unknown(
        netdev.name, fmt::format("whether MTU {} of {} survives a reboot could not be read", *netdev.mtu, netdev.name),
        why, why.why == facts::Why::permission ? rerun_as_root(view.node, "ROCE-CFG-001") : std::vector<std::string>{});
    return;
  }
  const std::vector<PersistentConfig>& files = *netdev.persistent;
  const auto sets_other = std::find_if(
      files.begin(), files.end(), [&](const PersistentConfig& file) { return file.mtu && *file.mtu != *netdev.mtu; });
  const bool set_somewhere = std::any_of(
      files.begin(), files.end(), [&](const PersistentConfig& file) { return file.mtu && *file.mtu == *netdev.mtu; });
  const std::vector<std::string> remedy = on_host(view.node, {});
  if (sets_other != files.end()) {
    verdicts.warning(
        netdev.name,
        fmt::format("MTU of {} is {} now, but {} sets {}", netdev.name, *netdev.mtu, sets_other->file,
                    *sets_other->mtu),
        config_evidence(netdev),
        "Someone set the MTU by hand. The file's value comes back with the next start, and large RDMA packets with a "
        "peer that kept its MTU fail.",
        concat(remedy, persist_mtu(view.node, netdev, *netdev.mtu)));
  } else if (set_somewhere) {
    verdicts.ok(netdev.name, fmt::format("MTU {} is set in a configuration file", *netdev.mtu),
                config_evidence(netdev));
  } else {
    verdicts.warning(
        netdev.name, fmt::format("MTU {} of {} is lost at the next start", *netdev.mtu, netdev.name),
        config_evidence(netdev),
        fmt::format(
            "No configuration file sets it, so it was set by hand. After a reboot or a firmware update {} comes "
            "up with {} again.",
            netdev.name, ethernet_default_mtu),
        concat(remedy, persist_mtu(view.node, netdev, *netdev.mtu)));
  }
}

void judge_persistent_mtu(const NodeView& view, Verdicts& verdicts) {
  if (in_container(view.node)) {
    verdicts.skipped(node_subject, "inside a container: the host's configuration is not visible");
    return;
  }
  for (const PortView& port : roce_ports(view)) {
    if (!port.active() || port.netdev == nullptr || !port.netdev->mtu) continue;
    const Netdev& netdev = *port.netdev;
    if (netdev.type.is("loopback")) {
      verdicts.skipped(netdev.name, "the kernel sets the MTU of the loopback");
    } else if (*netdev.mtu < expected_mtu(view, port).bytes) {
      verdicts.skipped(netdev.name, "its MTU is too small now: see ROCE-MTU-001");
    } else if (*netdev.mtu <= ethernet_default_mtu) {
      verdicts.skipped(netdev.name, fmt::format("MTU {} is what it starts with", *netdev.mtu));
    } else {
      judge_persistent_mtu_of(netdev, view, verdicts);
    }
  }
}

// ---- ROCE-CFG-002 -------------------------------------------------------------------------------------------------

/// These drivers choose the frequency by load under both of their governors, and "powersave" is the name of the normal
/// one.
bool powersave_follows_load(const facts::Host& host) {
  const auto& drivers = host.cpu_frequency_drivers;
  return drivers && std::all_of(drivers->begin(), drivers->end(), [](const std::string& driver) {
           return driver == "intel_pstate" || driver == "amd-pstate-epp";
         });
}

void judge_governor(const NodeView& view, Verdicts& verdicts) {
  const auto& governors = view.node.host.cpu_governors;
  const std::string source = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor";
  if (view.node.devices.empty()) {
    verdicts.skipped(node_subject, "no RDMA device (ROCE-DEV-001)");
    return;
  }
  if (!governors) {
    verdicts.skipped(node_subject, "frequency governors are not visible here: " + show(governors.missing()));
    return;
  }
  std::vector<Evidence> seen{evidence("frequency governors in use", *governors, source)};
  const bool powersave = std::find(governors->begin(), governors->end(), "powersave") != governors->end();
  if (powersave && powersave_follows_load(view.node.host)) {
    seen.push_back(evidence("frequency drivers", view.node.host.cpu_frequency_drivers,
                            "/sys/devices/system/cpu/cpu*/cpufreq/scaling_driver"));
    verdicts.ok(node_subject, "governor powersave, which follows the load with this driver", std::move(seen));
    return;
  }
  if (!powersave) {
    verdicts.ok(node_subject,
                governors->empty() ? "no frequency governor is in use" : "frequency governor " + join(*governors, ", "),
                std::move(seen));
    return;
  }
  verdicts.warning(
      node_subject, "processor cores run with the governor powersave", std::move(seen),
      "Cores that clock down between messages answer late: small messages, of which decoding is made, take several "
      "microseconds more. Bandwidth of large messages hardly changes.",
      concat({"# until the next start:"}, on_host(view.node, {"cpupower frequency-set -g performance"})));
}

constexpr std::array checks{
    Check{"ROCE-CFG-001", "MTU is lost at the next start",
          "An MTU that was set with \"ip link set\" lasts until the next start. Then one node has 9000 and the other "
          "1500, and large messages fail or crawl.",
          "Warning when the netdev of an ACTIVE RoCE port has a large MTU now, and no file of netplan, "
          "NetworkManager, systemd-networkd or ifupdown sets that value for it, or one sets another. Skipped inside "
          "containers. Unknown when the files need root.",
          "Set it in the node's network configuration, for example a netplan file with \"mtu: 9000\" below the "
          "netdev's name.",
          false, judge_persistent_mtu},
    Check{"ROCE-CFG-002", "Processor cores save power",
          "The frequency governor powersave lets cores clock down while they wait for the network. That adds to the "
          "latency of each small message.",
          "Warning when any core's scaling governor is powersave, except with the drivers intel_pstate and "
          "amd-pstate-epp, where that governor follows the load. Skipped where there are no governors, as in virtual "
          "machines.",
          "sudo cpupower frequency-set -g performance.", false, judge_governor},
};

}  // namespace

std::span<const Check> persistence_checks() { return checks; }

}  // namespace rocekit::checks
