#include "probes/checks/evidence.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace rocekit::checks {
namespace {

const derived::Rail* rail_of(const NodeView& view, const std::string& device, int port) {
  for (const derived::Rail& rail : view.rails) {
    for (const derived::RailMember& member : rail.members) {
      if (member.device == device && member.port == port) return &rail;
    }
  }
  return nullptr;
}

PortView view_of(const NodeView& view, const facts::Device& device, const facts::Port& port) {
  PortView result;
  result.device = &device;
  result.port = &port;
  // Soft-RoCE names its netdev in `parent`, before any GID does.
  result.netdev_name = port.netdev ? *port.netdev : device.parent_netdev.value_or("");
  result.netdev = result.netdev_name.empty() ? nullptr : view.node.find_netdev(result.netdev_name);
  result.rail = rail_of(view, device.name, port.number);
  return result;
}

}  // namespace

std::string show(const std::string& value) { return value.empty() ? "(empty)" : value; }
std::string show(bool value) { return value ? "yes" : "no"; }
std::string show(int value) { return std::to_string(value); }
std::string show(std::uint64_t value) { return std::to_string(value); }
std::string show(double value) { return fmt::format("{:.10g}", std::round(value * 100) / 100); }
std::string show(const std::vector<std::string>& value) { return value.empty() ? "(none)" : join(value, ", "); }

std::string show(const facts::Missing& missing) {
  if (missing.why == facts::Why::absent) {
    return missing.detail.empty() ? "none" : fmt::format("none ({})", missing.detail);
  }
  std::string reason;
  switch (missing.why) {
    case facts::Why::not_read:
      reason = "not read";
      break;
    case facts::Why::permission:
      reason = "not readable without more rights";
      break;
    case facts::Why::not_supported:
      reason = "not told by this driver or kernel";
      break;
    case facts::Why::malformed:
      reason = "malformed";
      break;
    case facts::Why::absent:
    case facts::Why::failed:
      reason = "not readable";
      break;
  }
  return missing.detail.empty() ? reason : fmt::format("{} ({})", reason, missing.detail);
}

Evidence evidence(std::string what, const char* value, std::string source) {
  return {std::move(what), value, std::move(source)};
}

std::string show_bytes(std::uint64_t bytes) {
  struct Unit {
    double bytes;
    const char* name;
  };
  constexpr std::array units{Unit{1024.0 * 1024 * 1024, "GiB"}, Unit{1024.0 * 1024, "MiB"}, Unit{1024.0, "KiB"}};
  for (const Unit& unit : units) {
    if (static_cast<double>(bytes) >= unit.bytes) {
      return fmt::format("{:.10g} {}", std::round(static_cast<double>(bytes) / unit.bytes * 10) / 10, unit.name);
    }
  }
  return fmt::format("{} B", bytes);
}

std::string show_rate(double gbit_s) {
  return fmt::format("{:.10g} Gb/s", gbit_s >= 100 ? std::round(gbit_s) : std::round(gbit_s * 10) / 10);
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string join_words(const std::vector<std::string>& words) {
  if (words.size() < 2) return words.empty() ? "" : words.front();
  const std::vector<std::string> first(words.begin(), words.end() - 1);
  return join(first, ", ") + " and " + words.back();
}

std::string PortView::name() const {
  return device->ports.size() > 1 ? fmt::format("{}:{}", device->name, port->number) : device->name;
}

std::vector<PortView> all_ports(const NodeView& view) {
  std::vector<PortView> ports;
  for (const facts::Device& device : view.node.devices) {
    for (const facts::Port& port : device.ports) ports.push_back(view_of(view, device, port));
  }
  return ports;
}

std::vector<PortView> roce_ports(const NodeView& view) {
  std::vector<PortView> ports;
  for (const PortView& port : all_ports(view)) {
    // A two-port card can have InfiniBand on one port and Ethernet on the other.
    if (is_roce(*port.device) && !port.port->link_layer.is("InfiniBand")) ports.push_back(port);
  }
  return ports;
}

bool is_hardware(const facts::Device& device) { return device.kind != facts::DeviceKind::soft_roce; }

bool is_roce(const facts::Device& device) {
  return device.kind == facts::DeviceKind::roce || device.kind == facts::DeviceKind::soft_roce;
}

const char* kind_words(facts::DeviceKind kind) {
  switch (kind) {
    case facts::DeviceKind::roce:
      return "RoCE";
    case facts::DeviceKind::soft_roce:
      return "Soft-RoCE";
    case facts::DeviceKind::infiniband:
      return "InfiniBand";
    case facts::DeviceKind::iwarp:
      return "iWARP";
    case facts::DeviceKind::omni_path:
      return "Omni-Path";
    case facts::DeviceKind::unknown:
      return "RDMA of unknown kind";
  }
  return "RDMA of unknown kind";
}

std::vector<const derived::RailMember*> twins_of(const PortView& port) {
  std::vector<const derived::RailMember*> twins;
  if (port.rail == nullptr || !port.rail->twins) return twins;
  for (const derived::RailMember& member : port.rail->members) {
    if (member.device != port.device->name || member.port != port.port->number) twins.push_back(&member);
  }
  return twins;
}

ExpectedMtu expected_mtu(const NodeView& view, const PortView& port) {
  if (view.expect.mtu) return {*view.expect.mtu, true, fmt::format("--expect-mtu {}", *view.expect.mtu)};
  constexpr int jumbo = 9000;
  if (port.netdev != nullptr && port.netdev->max_mtu && *port.netdev->max_mtu<jumbo&& * port.netdev->max_mtu> 0) {
    return {*port.netdev->max_mtu, false, fmt::format("the most that {} can do", port.netdev_name)};
  }
  // A WiFi frame carries 2304 bytes at most, whatever the driver lets one set.
  if (port.netdev != nullptr && port.netdev->type.is("wifi")) return {1500, false, "usual on WiFi"};
  return {jumbo, false, "jumbo frames, which RoCE needs for its path MTU of 4096"};
}

bool in_container(const facts::NodeFacts& node) { return !container_kind(node).empty(); }

std::string container_kind(const facts::NodeFacts& node) {
  const std::string kind = node.host.container.value_or("");
  return kind == "none" ? "" : kind;
}

bool is_root(const facts::NodeFacts& node) { return node.process.euid.is(0); }

std::string as_root(const facts::NodeFacts& node, std::string_view command) {
  // The user of a serving process is not the one who reads this.
  const bool already = is_root(node) && !in_container(node) && !node.serving;
  return already ? std::string(command) : fmt::format("sudo {}", command);
}

std::vector<std::string> on_host(const facts::NodeFacts& node, std::vector<std::string> commands) {
  std::vector<std::string> lines;
  if (in_container(node)) lines.emplace_back("# on the host, outside this container:");
  for (const std::string& command : commands) {
    lines.push_back(command.rfind('#', 0) == 0 ? command : as_root(node, command));
  }
  return lines;
}

std::vector<std::string> restart_container_with(const facts::NodeFacts& node, const std::vector<std::string>& flags,
                                                const std::string& elsewhere) {
  const std::string kind = container_kind(node);
  if (kind == "podman" || kind == "docker") {
    return {fmt::format("# start the container again on the host, with these flags added to its {} run line:", kind),
            fmt::format("{} run {} ...", kind, join(flags, " "))};
  }
  return {"# " + elsewhere};
}

std::vector<std::string> rerun_as_root(const facts::NodeFacts& node, std::string_view check_id) {
  if (node.serving) return {fmt::format("sudo roce-probe --pid {} --check {}", node.serving->pid, check_id)};
  if (is_root(node)) return {};
  return {fmt::format("sudo roce-probe --check {}", check_id)};
}

std::vector<std::string> concat(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace rocekit::checks
