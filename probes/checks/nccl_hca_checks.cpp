#include "probes/checks/nccl_hca_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/evidence.h"
#include "probes/checks/settings.h"
#include "probes/checks/usable_ports.h"

namespace rocekit::checks {
namespace {

using derived::FilterEntry;
using derived::NameFilter;

/// NCCL_IB_HCA as set; nullopt: NCCL takes every ACTIVE port.
struct HcaList {
  const facts::Setting* setting = nullptr;
  NameFilter filter;
};

std::optional<HcaList> hca_list(const NodeView& view) {
  const facts::Setting* setting = derived::find_setting(view.node, "NCCL_IB_HCA");
  if (setting == nullptr || setting->value.empty()) return std::nullopt;
  HcaList list{setting, NameFilter::parse(setting->value)};
  if (list.filter.entries.empty()) return std::nullopt;
  return list;
}

constexpr const char* unset = "NCCL_IB_HCA is not set: NCCL takes every device with an ACTIVE port";

std::string text_of(const FilterEntry& entry) {
  return entry.port ? fmt::format("{}:{}", entry.name, *entry.port) : entry.name;
}

/// The value that lists exactly these devices; a leading = where one name is the beginning of another device's.
std::string exact_list(const NodeView& view, const std::vector<std::string>& devices) {
  const bool ambiguous = std::any_of(devices.begin(), devices.end(), [&](const std::string& name) {
    return std::any_of(view.node.devices.begin(), view.node.devices.end(), [&](const facts::Device& other) {
      return other.name.starts_with(name) && std::find(devices.begin(), devices.end(), other.name) == devices.end();
    });
  });
  return (ambiguous ? "=" : "") + join(devices, ",");
}

std::vector<std::string> device_names(const std::vector<PortView>& ports) {
  std::vector<std::string> names;
  for (const PortView& port : ports) {
    if (std::find(names.begin(), names.end(), port.device->name) == names.end()) names.push_back(port.device->name);
  }
  return names;
}

std::vector<PortView> accepted(const std::vector<PortView>& ports, const NameFilter& filter) {
  std::vector<PortView> found;
  std::copy_if(ports.begin(), ports.end(), std::back_inserter(found),
               [&](const PortView& port) { return filter.accepts(port.device->name, port.port->number); });
  return found;
}

/// Every usable port that is worth listing, in the node's order: those that go together with the fastest one.
std::vector<PortView> worth_listing(const NodeView& view) {
  std::vector<PortView> usable = usable_ports(view);
  const auto fastest = std::max_element(usable.begin(), usable.end(), [](const PortView& a, const PortView& b) {
    return a.port->rate_gbit_s.value_or(0) < b.port->rate_gbit_s.value_or(0);
  });
  if (fastest == usable.end()) return {};
  std::vector<PortView> used{*fastest};
  const std::vector<PortView> more = ports_that_would_add(view, used);
  std::vector<PortView> listed;
  for (const PortView& port : usable) {
    const bool wanted = port.port == used.front().port || std::any_of(more.begin(), more.end(), [&](const auto& other) {
                          return other.port == port.port;
                        });
    if (wanted) listed.push_back(port);
  }
  return listed;
}

enum class EntryState { matches_active, down, down_with_active_twin, absent };

EntryState state_of(const NodeView& view, const NameFilter& filter, const FilterEntry& entry) {
  EntryState state = EntryState::absent;
  for (const PortView& port : all_ports(view)) {
    if (!filter.matches(entry, port.device->name, port.port->number)) continue;
    if (port.active()) return EntryState::matches_active;
    const bool twin_active = port.rail != nullptr && port.rail->active;
    if (state != EntryState::down_with_active_twin) {
      state = twin_active ? EntryState::down_with_active_twin : EntryState::down;
    }
  }
  return state;
}

bool any_active(const NodeView& view) {
  const std::vector<PortView> ports = all_ports(view);
  return std::any_of(ports.begin(), ports.end(), [](const PortView& port) { return port.active(); });
}

/// What an entry matches beyond the device that it names in full.
std::vector<std::string> unmeant_matches(const NodeView& view, const NameFilter& filter, const FilterEntry& entry) {
  std::vector<std::string> unmeant;
  if (filter.exact || view.node.find_device(entry.name) == nullptr) return unmeant;
  for (const facts::Device& device : view.node.devices) {
    if (device.name == entry.name || !device.name.starts_with(entry.name)) continue;
    const bool named = std::any_of(filter.entries.begin(), filter.entries.end(),
                                   [&](const FilterEntry& other) { return other.name == device.name; });
    if (!named) unmeant.push_back(device.name);
  }
  return unmeant;
}

std::vector<std::string> all_unmeant_matches(const NodeView& view, const NameFilter& filter) {
  std::vector<std::string> all;
  for (const FilterEntry& entry : filter.entries) {
    const std::vector<std::string> unmeant = unmeant_matches(view, filter, entry);
    all.insert(all.end(), unmeant.begin(), unmeant.end());
  }
  return all;
}

}  // namespace

std::vector<std::string> idle_hca_entries(const NodeView& view) {
  std::vector<std::string> idle;
  const auto list = hca_list(view);
  if (!list || list->filter.exclude) return idle;
  for (const FilterEntry& entry : list->filter.entries) {
    const EntryState state = state_of(view, list->filter, entry);
    // Without any ACTIVE port the link is at fault (ROCE-LNK-001), not the list.
    if (state == EntryState::absent || (state == EntryState::down && any_active(view))) idle.push_back(text_of(entry));
  }
  return idle;
}

void check_hca_names(const NodeView& view, Verdicts& verdicts) {
  const auto list = hca_list(view);
  if (!list) {
    verdicts.ok("node", unset);
    return;
  }
  if (view.node.devices.empty()) {
    verdicts.skipped("node", "no RDMA device on this node: ROCE-DEV-001");
    return;
  }
  if (list->filter.exclude) {
    verdicts.ok("node", "NCCL_IB_HCA only excludes devices", {evidence_of(*list->setting)});
    return;
  }
  const std::vector<std::string> idle = idle_hca_entries(view);
  std::vector<Evidence> evidence_lines{evidence_of(*list->setting)};
  if (idle.empty()) {
    verdicts.ok("node", "every device that NCCL_IB_HCA names is here", std::move(evidence_lines));
    return;
  }
  std::vector<std::string> absent;
  std::vector<std::string> down;
  for (const FilterEntry& entry : list->filter.entries) {
    const std::string text = text_of(entry);
    if (std::find(idle.begin(), idle.end(), text) == idle.end()) continue;
    const EntryState state = state_of(view, list->filter, entry);
    (state == EntryState::absent ? absent : down).push_back(text);
  }
  std::vector<std::string> names;
  for (const facts::Device& device : view.node.devices) names.push_back(device.name);
  evidence_lines.push_back(evidence("devices here", names, "/sys/class/infiniband"));
  for (const PortView& port : all_ports(view)) {
    if (std::find(down.begin(), down.end(), port.device->name) == down.end()) continue;
    evidence_lines.push_back(evidence("state of " + port.name(), port.port->state,
                                      facts::sysfs_port(port.device->name, port.port->number, "state")));
  }
  const std::vector<std::string> right = device_names(worth_listing(view));
  std::vector<std::string> remedy = right.empty() ? remove_setting(view.node, *list->setting)
                                                  : change_setting(view.node, "NCCL_IB_HCA", exact_list(view, right));
  std::string what;
  if (!absent.empty())
    what = fmt::format("{} {} not on this node", join_words(absent), absent.size() == 1 ? "is" : "are");
  if (!down.empty()) {
    what += fmt::format("{}{} {} down", what.empty() ? "" : ", ", join_words(down), down.size() == 1 ? "is" : "are");
  }
  const std::vector<PortView> matched = accepted(all_ports(view), list->filter);
  const bool left = std::any_of(matched.begin(), matched.end(), [](const PortView& port) { return port.active(); });
  const std::string title = fmt::format("NCCL_IB_HCA: {}", what);
  if (left) {
    verdicts.warning("node", title, std::move(evidence_lines),
                     "NCCL ignores names that match no ACTIVE port without a word and uses the rest of the list only, "
                     "so bandwidth that was counted on is missing.",
                     std::move(remedy));
  } else {
    verdicts.critical(
        "node", title, std::move(evidence_lines),
        "NCCL ignores names that match no ACTIVE port without a word. None is left here, so NCCL uses TCP "
        "sockets.",
        std::move(remedy));
  }
}

void check_hca_prefixes(const NodeView& view, Verdicts& verdicts) {
  const auto list = hca_list(view);
  if (!list) {
    verdicts.ok("node", unset);
    return;
  }
  const std::vector<std::string> unmeant = all_unmeant_matches(view, list->filter);
  if (unmeant.empty()) {
    verdicts.ok("node",
                list->filter.exact ? "NCCL_IB_HCA is exact" : "NCCL_IB_HCA matches no device that it does not name",
                {evidence_of(*list->setting)});
    return;
  }
  std::vector<std::string> named;
  for (const FilterEntry& entry : list->filter.entries) named.push_back(text_of(entry));
  const std::string sign = list->filter.exclude ? "^=" : "=";
  std::vector<std::string> remedy =
      concat({"# exactly what is named:"}, change_setting(view.node, "NCCL_IB_HCA", sign + join(named, ",")));
  const std::vector<std::string> right = device_names(worth_listing(view));
  if (!list->filter.exclude && right.size() > named.size()) {
    remedy = concat(std::move(remedy), concat({"# or all rails of this node:"},
                                              change_setting(view.node, "NCCL_IB_HCA", exact_list(view, right))));
  }
  verdicts.warning(
      "node", fmt::format("NCCL_IB_HCA={} also matches {}", list->setting->value, join_words(unmeant)),
      {evidence_of(*list->setting), evidence("also matched", unmeant, "/sys/class/infiniband")},
      fmt::format("Without a leading = the names are prefixes, so NCCL {} {} as well. Traffic then {}.",
                  list->filter.exclude ? "excludes" : "uses", join_words(unmeant),
                  list->filter.exclude ? "misses rails that were meant to carry it"
                                       : "takes rails that were not meant, and the other node may choose others"),
      std::move(remedy));
}

void check_hca_left_out(const NodeView& view, Verdicts& verdicts) {
  const auto list = hca_list(view);
  if (!list) {
    verdicts.ok("node", unset);
    return;
  }
  if (!all_unmeant_matches(view, list->filter).empty()) {
    verdicts.skipped("node", "the list does not mean what it says: ROCE-ENV-003");
    return;
  }
  const std::vector<PortView> used = accepted(usable_ports(view), list->filter);
  if (used.empty()) {
    verdicts.skipped("node", "NCCL_IB_HCA leaves no usable port");
    return;
  }
  std::vector<PortView> left_out;
  bool twin = false;
  for (const PortView& port : ports_that_would_add(view, used)) {
    const bool is_twin = is_twin_of_any(port, used);
    if (list->filter.exclude && !is_twin) continue;
    twin = twin || is_twin;
    left_out.push_back(port);
  }
  if (left_out.empty()) {
    verdicts.ok("node", "NCCL_IB_HCA lists every device that adds bandwidth", {evidence_of(*list->setting)});
    return;
  }
  std::vector<PortView> all = used;
  all.insert(all.end(), left_out.begin(), left_out.end());
  std::vector<std::string> ordered;
  for (const facts::Device& device : view.node.devices) {
    const bool listed =
        std::any_of(all.begin(), all.end(), [&](const PortView& port) { return port.device == &device; });
    if (listed) ordered.push_back(device.name);
  }
  std::vector<Evidence> evidence_lines{evidence_of(*list->setting)};
  for (const PortView& port : left_out) {
    evidence_lines.push_back(
        evidence(fmt::format("{}, left out", port.name()),
                 fmt::format("{}, {}{}", show(port.port->state),
                             port.port->rate_gbit_s ? show_rate(*port.port->rate_gbit_s) : show(port.port->rate_gbit_s),
                             port.rail == nullptr ? "" : ", " + port.rail->cage),
                 facts::sysfs_port(port.device->name, port.port->number, "state")));
  }
  const std::vector<std::string> left_names = device_names(left_out);
  std::string cause;
  if (twin) {
    cause = fmt::format(
        "{} {} the same physical port as a listed device through another PCIe link (a twin). Each of "
        "them carries about half of the port's rate, so NCCL gets half of what the cable can do.",
        join_words(left_names), left_names.size() == 1 ? "uses" : "use");
  } else {
    cause = fmt::format("{} of {} rails of the same rate are in use; the bandwidth of the others stays unused.",
                        device_names(used).size(), ordered.size());
  }
  verdicts.warning("node", fmt::format("NCCL_IB_HCA leaves out {}", join_words(left_names)), std::move(evidence_lines),
                   std::move(cause),
                   concat(change_setting(view.node, "NCCL_IB_HCA", exact_list(view, ordered)),
                          {"# on both nodes, with each node's own device names"}));
}

}  // namespace rocekit::checks
