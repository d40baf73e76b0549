#include "probes/checks/persist.h"

#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/evidence.h"

namespace rocekit::checks {
namespace {

using facts::Netdev;
using facts::NodeFacts;
using facts::PersistentConfig;

const PersistentConfig* file_of(const Netdev& netdev, const std::string& manager) {
  if (!netdev.persistent) return nullptr;
  for (const PersistentConfig& file : *netdev.persistent) {
    if (file.manager == manager) return &file;
  }
  return nullptr;
}

/// A file written as root, on one line so that it can be pasted from an indented report.
std::string write_file(const NodeFacts& node, const std::string& text, const std::string& file) {
  return fmt::format("printf '{}' | {}", text, as_root(node, fmt::format("tee {}", file)));
}

std::vector<std::string> with_netplan(const NodeFacts& node, const Netdev& netdev, int mtu) {
  const PersistentConfig* existing = file_of(netdev, "netplan");
  const bool conflicts = existing != nullptr && existing->mtu && *existing->mtu != mtu;
  if (conflicts) {
    return {fmt::format("# in {}, set \"mtu: {}\" for {}:", existing->file, mtu, netdev.name),
            as_root(node, fmt::format("nano {}", existing->file)), as_root(node, "netplan apply")};
  }
  const std::string file = fmt::format("/etc/netplan/90-roce-{}.yaml", netdev.name);
  const std::string text =
      fmt::format("network:\\n  version: 2\\n  ethernets:\\n    {}:\\n      mtu: {}\\n", netdev.name, mtu);
  return {write_file(node, text, file), as_root(node, "chmod 600 " + file), as_root(node, "netplan apply")};
}

std::vector<std::string> with_network_manager(const NodeFacts& node, const Netdev& netdev, int mtu) {
  return {as_root(node, fmt::format("nmcli connection modify \"$(nmcli -g GENERAL.CONNECTION device show {})\" "
                                    "802-3-ethernet.mtu {}",
                                    netdev.name, mtu))};
}

std::vector<std::string> with_networkd(const NodeFacts& node, const Netdev& netdev, int mtu) {
  const PersistentConfig* existing = file_of(netdev, "systemd-networkd");
  const std::string reload = as_root(node, "networkctl reload");
  if (existing == nullptr) {
    return {write_file(node, fmt::format("[Match]\\nName={}\\n\\n[Link]\\nMTUBytes={}\\n", netdev.name, mtu),
                       fmt::format("/etc/systemd/network/60-{}.network", netdev.name)),
            reload};
  }
  const std::string folder = existing->file + ".d";
  return {as_root(node, "mkdir -p " + folder),
          write_file(node, fmt::format("[Link]\\nMTUBytes={}\\n", mtu), folder + "/90-mtu.conf"), reload};
}

std::vector<std::string> with_ifupdown(const NodeFacts& node, const Netdev& netdev, int mtu) {
  const PersistentConfig* existing = file_of(netdev, "ifupdown");
  const std::string file = existing != nullptr ? existing->file : "/etc/network/interfaces";
  return {fmt::format("# in {}, below the line \"iface {} inet ...\", write: mtu {}", file, netdev.name, mtu),
          as_root(node, "nano " + file)};
}

}  // namespace

std::string network_manager_of(const NodeFacts& node, const Netdev& netdev) {
  for (const char* manager : {"netplan", "NetworkManager", "systemd-networkd", "ifupdown"}) {
    if (file_of(netdev, manager) != nullptr) return manager;
  }
  const std::string os = node.host.os.value_or("");
  const auto is = [&](const char* name) { return os.find(name) != std::string::npos; };
  if (is("Ubuntu") || is("DGX")) return "netplan";
  if (is("Debian")) return "ifupdown";
  return "NetworkManager";
}

std::vector<std::string> persist_mtu(const NodeFacts& node, const Netdev& netdev, int mtu) {
  const std::string manager = network_manager_of(node, netdev);
  if (manager == "netplan") return with_netplan(node, netdev, mtu);
  if (manager == "systemd-networkd") return with_networkd(node, netdev, mtu);
  if (manager == "ifupdown") return with_ifupdown(node, netdev, mtu);
  return with_network_manager(node, netdev, mtu);
}

std::vector<std::string> persist_address(const NodeFacts& node, const Netdev& netdev, const std::string& address) {
  const std::string manager = network_manager_of(node, netdev);
  if (manager == "netplan") {
    // netplan joins the addresses of all files that name the netdev.
    const std::string file = fmt::format("/etc/netplan/90-roce-{}-address.yaml", netdev.name);
    const std::string text = fmt::format("network:\\n  version: 2\\n  ethernets:\\n    {}:\\n      addresses: [{}]\\n",
                                         netdev.name, address);
    return {write_file(node, text, file), as_root(node, "chmod 600 " + file), as_root(node, "netplan apply")};
  }
  if (manager == "systemd-networkd") {
    const std::string reload = as_root(node, "networkctl reload");
    const PersistentConfig* existing = file_of(netdev, manager);
    if (existing == nullptr) {
      return {write_file(node, fmt::format("[Match]\\nName={}\\n\\n[Network]\\nAddress={}\\n", netdev.name, address),
                         fmt::format("-a /etc/systemd/network/60-{}.network", netdev.name)),
              reload};
    }
    const std::string folder = existing->file + ".d";
    return {as_root(node, "mkdir -p " + folder),
            write_file(node, fmt::format("[Network]\\nAddress={}\\n", address), folder + "/90-address.conf"), reload};
  }
  if (manager == "ifupdown") {
    return {write_file(
        node, fmt::format("auto {}\\niface {} inet static\\n  address {}\\n", netdev.name, netdev.name, address),
        fmt::format("/etc/network/interfaces.d/{}", netdev.name))};
  }
  return {as_root(node, fmt::format("nmcli connection add type ethernet ifname {} con-name roce-{} ipv4.method manual "
                                    "ipv4.addresses {}",
                                    netdev.name, netdev.name, address))};
}

}  // namespace rocekit::checks
