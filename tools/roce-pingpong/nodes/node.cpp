#include "tools/roce-pingpong/nodes/node.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "core/measure/affinity.h"
#include "probes/checks/fabric.h"
#include "probes/derived/rails.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/read_node.h"

namespace rocekit::pingpong {
namespace {

using facts::NodeFacts;

std::vector<int> cpus_of(const std::string& list) { return measure::parse_cpulist(list).value_or(std::vector<int>{}); }

std::vector<int> cpus_near(const NodeFacts& facts, const std::string& pci_address) {
  for (const facts::Device& device : facts.devices) {
    if (device.pci && device.pci->address == pci_address) return cpus_of(device.pci->local_cpulist.value_or(""));
  }
  return {};
}

/// A netdev whose subnet may exist on many machines without being one network: a container bridge, a tunnel's end.
bool is_local_only(const NodeFacts& facts, const facts::Netdev& netdev) {
  const std::string type = netdev.type.value_or("");
  if (type == "veth" || type == "tun") return true;
  if (type != "bridge") return false;
  return std::none_of(netdev.lower.begin(), netdev.lower.end(), [&](const std::string& name) {
    const facts::Netdev* lower = facts.find_netdev(name);
    return lower != nullptr && (lower->type.is("physical") || lower->type.is("bond") || lower->type.is("vlan"));
  });
}

NodeAddress address_on(const NodeFacts& facts, const facts::Netdev& netdev, const facts::Address& address) {
  NodeAddress found;
  found.netdev = netdev.name;
  found.ip = address.ip;
  found.prefix_length = address.prefix_length;
  found.mtu = netdev.mtu.value_or(0);
  if (netdev.speed_mbit_s && *netdev.speed_mbit_s > 0) found.link_gbit_s = *netdev.speed_mbit_s / 1000.0;
  found.local_only = is_local_only(facts, netdev);
  if (netdev.pci_address) found.cpus = cpus_near(facts, *netdev.pci_address);
  return found;
}

const derived::Rail* rail_of(const std::vector<derived::Rail>& rails, const std::string& device, int port) {
  for (const derived::Rail& rail : rails) {
    for (const derived::RailMember& member : rail.members) {
      if (member.device == device && member.port == port) return &rail;
    }
  }
  return nullptr;
}

std::string netdev_of(const facts::Device& device, const facts::Port& port) {
  if (port.netdev && !port.netdev->empty()) return *port.netdev;
  return device.parent_netdev.value_or("");
}

RdmaPort port_of(const NodeFacts& facts, const std::vector<derived::Rail>& rails, const facts::Device& device,
                 const facts::Port& port) {
  RdmaPort found;
  found.device = device.name;
  found.port = port.number;
  found.netdev = netdev_of(device, port);
  found.infiniband = port.link_layer.is("InfiniBand");
  found.soft_roce = device.kind == facts::DeviceKind::soft_roce;
  found.state = port.state ? *port.state : "unknown (" + port.state.missing().detail + ")";
  if (device.pci) {
    if (device.pci->numa_node) found.numa_node = *device.pci->numa_node;
    found.cpus = cpus_of(device.pci->local_cpulist.value_or(""));
  }
  const facts::Netdev* netdev = facts.find_netdev(found.netdev);
  if (netdev != nullptr) {
    for (const facts::Netdev* over : checks::netdevs_over(facts, *netdev)) {
      for (const facts::Address& address : checks::ipv4_addresses(*over)) {
        found.addresses.push_back(address_on(facts, *over, address));
      }
    }
  }
  found.active_mtu = port.active_mtu.value_or(0);
  if (found.active_mtu == 0 && !found.infiniband && netdev != nullptr && netdev->mtu) {
    found.active_mtu = derived::path_mtu_within(*netdev->mtu);
  }
  if (const derived::Rail* rail = rail_of(rails, device.name, port.number)) {
    found.physical = rail->cage;
    found.link_gbit_s = rail->link_gbit_s;
    if (!rail->bound_gbit_s) found.no_bound = rail->bound_why;
    for (const derived::RailMember& member : rail->members) {
      if (member.device == device.name && member.port == port.number) found.pcie_gbit_s = member.pcie_gbit_s;
    }
  }
  return found;
}

std::string first_line(const char* file) {
  std::string line;
  std::getline(std::ifstream(file), line);
  return line;
}

}  // namespace

Node summarize(const NodeFacts& facts) {
  Node node;
  const std::vector<derived::Rail> rails = derived::find_rails(facts);
  for (const facts::Device& device : facts.devices) {
    for (const facts::Port& port : device.ports) node.ports.push_back(port_of(facts, rails, device, port));
  }
  for (const facts::Netdev& netdev : facts.netdevs) {
    if (netdev.type.is("loopback") || netdev.operstate.is("down") || netdev.carrier.is(false)) continue;
    for (const facts::Address& address : checks::ipv4_addresses(netdev)) {
      node.addresses.push_back(address_on(facts, netdev, address));
    }
  }
  std::stable_sort(node.addresses.begin(), node.addresses.end(), [](const NodeAddress& a, const NodeAddress& b) {
    if (a.local_only != b.local_only) return b.local_only;
    return a.link_gbit_s.value_or(0) > b.link_gbit_s.value_or(0);
  });
  return node;
}

Node read_this_node() {
  facts::AskOptions ask;
  ask.gpus = false;
  ask.topology = false;
  const facts::FileTree tree = facts::FileTree::live();
  Node node = summarize(facts::read_node(tree, facts::ask_this_node(ask)));
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) node.host = name.data();
  node.machine = first_line("/proc/sys/kernel/random/boot_id");
  if (node.machine.empty()) node.machine = node.host;
  struct stat network {};
  if (::stat("/proc/self/ns/net", &network) == 0) node.network = std::to_string(network.st_ino);
  return node;
}

}  // namespace rocekit::pingpong
