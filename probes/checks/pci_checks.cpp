#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/derived/gb10.h"

namespace rocekit::checks {
namespace {

using facts::Device;
using facts::Pci;
using facts::PciHop;

/// One direction of a PCIe link after line coding: 8b/10b up to 5 GT/s, 128b/130b up to 32 GT/s, 236 of 256 bytes of
/// each flit at 64 GT/s (PCI Express Base Specification 6.0, 4.2).
double bandwidth_gbit_s(double speed_gt_s, int width) {
  double coding = 128.0 / 130.0;
  if (speed_gt_s <= 5.0) coding = 0.8;
  if (speed_gt_s > 32.0) coding = 236.0 / 256.0;
  return speed_gt_s * width * coding;
}

/// "Gen5 x4"
std::string link_words(double speed_gt_s, int width) {
  struct Generation {
    double gt_s;
    int number;
  };
  constexpr std::array generations{Generation{2.5, 1}, Generation{5, 2},  Generation{8, 3},
                                   Generation{16, 4},  Generation{32, 5}, Generation{64, 6}};
  for (const Generation& generation : generations) {
    if (speed_gt_s == generation.gt_s) return fmt::format("Gen{} x{}", generation.number, width);
  }
  return fmt::format("{} GT/s x{}", show(speed_gt_s), width);
}

/// The hops of a function; where the path was not read, the function itself.
std::vector<PciHop> hops_of(const Pci& pci) {
  if (!pci.hops.empty()) return pci.hops;
  return {{pci.address, pci.speed_gt_s, pci.width, pci.max_speed_gt_s, pci.max_width}};
}

/// A hop with what it and the other end of its link can do.
struct JudgedHop {
  PciHop hop;
  double expected_gt_s = 0;
  int expected_width = 0;
  bool degraded() const { return *hop.speed_gt_s < expected_gt_s || *hop.width < expected_width; }
};

/// The other end of the link of hop `i`: links connect the last two hops, the two before them, and so on; what lies
/// between is the inside of a switch.
const PciHop* partner_of(const std::vector<PciHop>& hops, std::size_t i) {
  const std::size_t from_end = hops.size() - 1 - i;
  if (from_end % 2 == 1) return &hops[i + 1];
  return i == 0 ? nullptr : &hops[i - 1];
}

bool is_readable(const PciHop& hop) {
  // 0 lanes and unknown speeds are what the kernel shows for links inside a chip and in virtual machines.
  return hop.speed_gt_s && hop.width && hop.max_speed_gt_s && hop.max_width && *hop.width > 0 && *hop.speed_gt_s > 0;
}

struct JudgedPath {
  std::vector<JudgedHop> hops;
  const PciHop* unreadable = nullptr;
};

JudgedPath judge_path(const std::vector<PciHop>& hops) {
  JudgedPath path;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    const PciHop& hop = hops[i];
    if (!is_readable(hop)) {
      path.unreadable = &hop;
      continue;
    }
    JudgedHop judged{hop, *hop.max_speed_gt_s, *hop.max_width};
    const PciHop* partner = partner_of(hops, i);
    if (partner != nullptr && partner->max_speed_gt_s && *partner->max_speed_gt_s > 0) {
      judged.expected_gt_s = std::min(judged.expected_gt_s, *partner->max_speed_gt_s);
    }
    if (partner != nullptr && partner->max_width && *partner->max_width > 0) {
      judged.expected_width = std::min(judged.expected_width, *partner->max_width);
    }
    path.hops.push_back(std::move(judged));
  }
  return path;
}

const facts::Missing& why_unreadable(const PciHop& hop) {
  static const facts::Missing no_link{facts::Why::not_supported, "the kernel shows no PCIe link there"};
  if (!hop.width) return hop.width.missing();
  if (!hop.speed_gt_s) return hop.speed_gt_s.missing();
  if (!hop.max_width) return hop.max_width.missing();
  if (!hop.max_speed_gt_s) return hop.max_speed_gt_s.missing();
  return no_link;
}

/// Functions of one slot share their path: "0000:01:00" -> rocep1s0f0, rocep1s0f1.
struct Slot {
  std::vector<const Device*> devices;
  const derived::Rail* rail = nullptr;  ///< of an ACTIVE member; nullptr: none is ACTIVE
  std::string names() const {
    std::vector<std::string> all;
    for (const Device* device : devices) all.push_back(device->name);
    return join(all, ", ");
  }
};

std::map<std::string, Slot> slots_of(const NodeView& view) {
  std::map<std::string, Slot> slots;
  for (const PortView& port : all_ports(view)) {
    if (!is_hardware(*port.device) || !port.device->pci) continue;
    const std::string& address = port.device->pci->address;
    Slot& slot = slots[address.substr(0, address.rfind('.'))];
    if (std::find(slot.devices.begin(), slot.devices.end(), port.device) == slot.devices.end()) {
      slot.devices.push_back(port.device);
    }
    if (port.active() && slot.rail == nullptr) slot.rail = port.rail;
  }
  return slots;
}

std::vector<Evidence> hop_evidence(const JudgedHop& judged) {
  const std::string link = fmt::format("{} of {}", link_words(*judged.hop.speed_gt_s, *judged.hop.width),
                                       link_words(judged.expected_gt_s, judged.expected_width));
  return {evidence("PCIe link of " + judged.hop.address, link,
                   facts::sysfs_pci(judged.hop.address, "current_link_{speed,width}"))};
}

std::vector<std::string> look_and_repair(const NodeView& view, const std::vector<const JudgedHop*>& degraded) {
  std::vector<std::string> look;
  for (const JudgedHop* judged : degraded) {
    look.push_back(as_root(view.node, fmt::format("lspci -vv -s {} | grep -E 'LnkCap|LnkSta'", judged->hop.address)));
  }
  if (derived::is_gb10(view.node)) {
    return concat(
        look,
        {"# update the system firmware (BIOS) through the vendor's updater, then drain the power: shut both "
         "nodes down, unplug their power supplies for a minute, plug the QSFP cable in, start both. Do not rescan "
         "the PCI bus."});
  }
  return concat(look,
                {"# reboot first; when it stays: reseat the card or riser, look for a newer BIOS, check the slot's "
                 "lane setting in the BIOS"});
}

void report_degraded(const Slot& slot, const JudgedPath& path, const NodeView& view, Verdicts& verdicts) {
  std::vector<const JudgedHop*> degraded;
  double left = 0;
  double expected = 0;
  const JudgedHop* slowest = nullptr;
  for (const JudgedHop& judged : path.hops) {
    const double now = bandwidth_gbit_s(*judged.hop.speed_gt_s, *judged.hop.width);
    const double then = bandwidth_gbit_s(judged.expected_gt_s, judged.expected_width);
    if (expected == 0 || then < expected) expected = then;
    if (!judged.degraded()) continue;
    degraded.push_back(&judged);
    if (slowest == nullptr || now < left) {
      left = now;
      slowest = &judged;
    }
  }
  std::vector<Evidence> seen;
  for (const JudgedHop* judged : degraded) {
    for (Evidence& item : hop_evidence(*judged)) seen.push_back(std::move(item));
  }
  seen.push_back(
      evidence("PCIe bandwidth", fmt::format("{} of {}", show_rate(left), show_rate(expected)), slowest->hop.address));
  bool critical = false;
  std::string rail_words;
  if (slot.rail != nullptr && slot.rail->link_gbit_s) {
    double sum = 0;
    bool known = true;
    for (const derived::RailMember& member : slot.rail->members) {
      if (member.active) sum += member.pcie_gbit_s.value_or(0);
      known = known && (!member.active || member.pcie_gbit_s);
    }
    if (known) {
      critical = sum < *slot.rail->link_gbit_s / 2;
      rail_words = fmt::format(" The port's link runs at {}; over PCIe {} of payload {} reach it.",
                               show_rate(*slot.rail->link_gbit_s), show_rate(sum), critical ? "still" : "can");
    }
  }
  std::string title = fmt::format("PCIe link of {} is {}, not {}", slowest->hop.address,
                                  link_words(*slowest->hop.speed_gt_s, *slowest->hop.width),
                                  link_words(slowest->expected_gt_s, slowest->expected_width));
  std::string cause = fmt::format(
      "Both ends of this PCIe link can do more than they negotiated: {} instead of {}.{} {}", show_rate(left),
      show_rate(expected), rail_words,
      derived::is_gb10(view.node)
          ? "Old BIOS versions and a failed link training at start do that."
          : "Old BIOS versions, a card that is not fully seated, or a failed link training at start do that.");
  if (critical) {
    verdicts.critical(slot.names(), std::move(title), std::move(seen), std::move(cause),
                      look_and_repair(view, degraded));
  } else {
    verdicts.warning(slot.names(), std::move(title), std::move(seen), std::move(cause),
                     look_and_repair(view, degraded));
  }
}

/// A card in a slot with fewer or slower lanes than its own: nothing is degraded, and the port may still starve.
bool starves_in_slot(const Slot& slot, const JudgedHop& function) {
  if (slot.rail == nullptr || slot.rail->limited_by != "pcie") return false;
  const bool all_active = std::all_of(slot.rail->members.begin(), slot.rail->members.end(),
                                      [](const derived::RailMember& member) { return member.active; });
  return all_active &&
         (*function.hop.max_width > *function.hop.width || *function.hop.max_speed_gt_s > *function.hop.speed_gt_s);
}

void judge_slot(const Slot& slot, const NodeView& view, Verdicts& verdicts) {
  const Pci& pci = *slot.devices.front()->pci;
  const std::vector<PciHop> hops = hops_of(pci);
  const JudgedPath path = judge_path(hops);
  if (std::any_of(path.hops.begin(), path.hops.end(), [](const JudgedHop& judged) { return judged.degraded(); })) {
    report_degraded(slot, path, view, verdicts);
    return;
  }
  if (path.unreadable != nullptr) {
    verdicts.unknown(
        slot.names(), fmt::format("the PCIe link of {} could not be read", path.unreadable->address),
        why_unreadable(*path.unreadable),
        {as_root(view.node, fmt::format("lspci -vv -s {} | grep -E 'LnkCap|LnkSta'", path.unreadable->address))});
    return;
  }
  const JudgedHop& function = path.hops.back();
  const std::string now = link_words(*function.hop.speed_gt_s, *function.hop.width);
  if (starves_in_slot(slot, function)) {
    verdicts.warning(
        slot.names(),
        fmt::format("the slot of {} gives {}, less than its {} link needs", pci.address, now,
                    show_rate(*slot.rail->link_gbit_s)),
        hop_evidence({function.hop, *function.hop.max_speed_gt_s, *function.hop.max_width}),
        fmt::format("The card can do {}, the slot cannot: {}.",
                    link_words(*function.hop.max_speed_gt_s, *function.hop.max_width), slot.rail->bound_why),
        {"# move the card to a slot with more lanes of its generation; the board's manual names them",
         as_root(view.node, fmt::format("lspci -vv -s {} | grep -E 'LnkCap|LnkSta'", pci.address))});
    return;
  }
  std::vector<Evidence> seen = hop_evidence(function);
  if (pci.bandwidth_gbit_s)
    seen.push_back(evidence("PCIe bandwidth", show_rate(*pci.bandwidth_gbit_s), show(pci.slowest_hop)));
  verdicts.ok(slot.names(), fmt::format("PCIe {} along the whole path", now), std::move(seen));
}

void judge_pcie(const NodeView& view, Verdicts& verdicts) {
  for (const Device& device : view.node.devices) {
    if (!is_hardware(device)) {
      verdicts.skipped(device.name, "no PCIe path of its own: Soft-RoCE");
    } else if (!device.pci && device.pci.missing().why == facts::Why::absent) {
      verdicts.skipped(device.name, "not on a PCI bus");
    } else if (!device.pci) {
      verdicts.unknown(device.name, fmt::format("the PCIe path of {} could not be read", device.name),
                       device.pci.missing());
    }
  }
  for (const auto& [address, slot] : slots_of(view)) judge_slot(slot, view, verdicts);
}

constexpr std::array checks{
    Check{"ROCE-PCI-001", "PCIe link below what both ends can do",
          "All traffic of an adapter passes each PCIe link between it and the processor; the slowest bounds it. Links "
          "that come up with fewer lanes or at an older generation are a usual cause of half, or a tenth, of the "
          "bandwidth.",
          "Negotiated speed and width of the function and of every bridge above it, against the maximum that both "
          "ends of each link share. Warning; critical when less than half of the port's link rate fits through. Also "
          "a warning when the slot is narrower than the card and than the link needs. Gen5 x4 is the full width of "
          "each function of a GB10.",
          "sudo lspci -vv -s ADDRESS | grep LnkSta. Then: full power cycle, newer BIOS, reseat the card. Do not "
          "rescan the PCI bus of a GB10.",
          false, judge_pcie},
};

}  // namespace

std::span<const Check> pci_checks() { return checks; }

}  // namespace rocekit::checks
