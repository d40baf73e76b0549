// What the rules share: values as evidence, ports with their netdevs, commands for this very node.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/check.h"
#include "probes/facts/paths.h"

namespace rocekit::checks {

// ---- values -------------------------------------------------------------------------------------------------------

std::string show(const std::string& value);  ///< itself; "(empty)" when empty
std::string show(bool value);                ///< "yes" or "no"
std::string show(int value);
std::string show(std::uint64_t value);
std::string show(double value);                           ///< without trailing zeros: "31.5", "200"
std::string show(const std::vector<std::string>& value);  ///< joined by ", "; "(none)" when empty
/// "not readable (permission): /dev/...: Permission denied"; "none" for Why::absent without detail.
std::string show(const facts::Missing& missing);

template <class T>
std::string show(const facts::Fact<T>& fact) {
  return fact ? show(*fact) : show(fact.missing());
}

/// {"MTU", "1500", "/sys/class/net/enp1s0f0np0/mtu"}; a fact that is missing shows why.
template <class T>
Evidence evidence(std::string what, const T& value, std::string source) {
  return {std::move(what), show(value), std::move(source)};
}
Evidence evidence(std::string what, const char* value, std::string source);

/// "64 MiB", "121.5 GiB", "65536 B"
std::string show_bytes(std::uint64_t bytes);
/// "200 Gb/s", "31.5 Gb/s"
std::string show_rate(double gbit_s);
/// "a", "a and b", "a, b and c"
std::string join_words(const std::vector<std::string>& words);
std::string join(const std::vector<std::string>& words, std::string_view separator);

// ---- devices, ports, netdevs --------------------------------------------------------------------------------------

/// One port of an RDMA device with the netdev it uses.
struct PortView {
  const facts::Device* device = nullptr;
  const facts::Port* port = nullptr;
  std::string netdev_name;                ///< empty: none, or its name could not be read
  const facts::Netdev* netdev = nullptr;  ///< nullptr: none, or not visible in this network namespace
  const derived::Rail* rail = nullptr;    ///< the physical port it belongs to

  /// ACTIVE was read. Everything else, an unreadable state too, is not active.
  bool active() const { return port->state.is("ACTIVE"); }
  /// "rocep1s0f0"; "mlx4_0:2" on devices with several ports.
  std::string name() const;
};

/// Every port of every device, in the node's order.
std::vector<PortView> all_ports(const NodeView& view);
/// Ports that speak RoCE: of RoCE hardware and Soft-RoCE.
std::vector<PortView> roce_ports(const NodeView& view);
/// RoCE over hardware: has a cable, an EEPROM and a PCIe path.
bool is_hardware(const facts::Device& device);
/// RoCE, hardware or software.
bool is_roce(const facts::Device& device);
/// "Soft-RoCE", "InfiniBand", "RoCE", "iWARP", "Omni-Path", "RDMA of unknown kind"
const char* kind_words(facts::DeviceKind kind);
/// Names of the functions of other devices on the same physical port, ACTIVE or not.
std::vector<const derived::RailMember*> twins_of(const PortView& port);

/// The MTU that a netdev of RoCE should have and where that figure comes from.
struct ExpectedMtu {
  int bytes = 9000;
  bool demanded = false;  ///< by --expect-mtu
  std::string why;        ///< "--expect-mtu 9000", "jumbo frames, usual on RoCE", "the most that wlan0 can do"
};
ExpectedMtu expected_mtu(const NodeView& view, const PortView& port);

// ---- where we are -------------------------------------------------------------------------------------------------

/// The probe ran inside a container (facts say which kind).
bool in_container(const facts::NodeFacts& node);
/// "podman", "docker", "kubernetes", "lxc"; "" outside a container or when unknown.
std::string container_kind(const facts::NodeFacts& node);
bool is_root(const facts::NodeFacts& node);

// ---- remedies -----------------------------------------------------------------------------------------------------

/// "sudo COMMAND", or COMMAND itself where the probe ran as root outside a container.
std::string as_root(const facts::NodeFacts& node, std::string_view command);
/// Lines that must be run on the host: as_root() each; inside a container preceded by a remark that says so.
/// Lines starting with "#" are remarks and stay as they are.
std::vector<std::string> on_host(const facts::NodeFacts& node, std::vector<std::string> commands);
/// How to start this container again with `flags` ("--device /dev/infiniband", "--ulimit memlock=-1"): for podman and
/// docker the run line, for Kubernetes and others a remark in `elsewhere`.
std::vector<std::string> restart_container_with(const facts::NodeFacts& node, const std::vector<std::string>& flags,
                                                const std::string& elsewhere);
/// The command that reads what an unprivileged probe could not: "sudo roce-probe --check ROCE-LNK-004"; with --pid
/// where a serving process is judged.
std::vector<std::string> rerun_as_root(const facts::NodeFacts& node, std::string_view check_id);

/// Remedies one after the other.
std::vector<std::string> concat(std::vector<std::string> a, const std::vector<std::string>& b);

}  // namespace rocekit::checks
