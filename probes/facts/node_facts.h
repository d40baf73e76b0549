// Everything that was read from one node. Plain data, no opinions; sources of each value: paths.h and the readers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/describe.h"
#include "probes/facts/fact.h"

namespace rocekit::facts {

/// One PCIe function or bridge on the way from the root port to a device.
struct PciHop {
  std::string address;      ///< "0000:01:00.0"
  Fact<double> speed_gt_s;  ///< negotiated, giga transfers per second and lane
  Fact<int> width;          ///< negotiated lanes
  Fact<double> max_speed_gt_s;
  Fact<int> max_width;
  friend bool operator==(const PciHop&, const PciHop&) = default;
};
template <class Self, class Visitor>
requires describes<Self, PciHop>
void describe(Self& self, Visitor&& visit) {
  visit("address", self.address);
  visit("speed_gt_s", self.speed_gt_s);
  visit("width", self.width);
  visit("max_speed_gt_s", self.max_speed_gt_s);
  visit("max_width", self.max_width);
}

/// A PCIe function and the path to it.
struct Pci {
  std::string address;
  Fact<int> vendor_id;
  Fact<int> device_id;
  Fact<double> speed_gt_s;
  Fact<int> width;
  Fact<double> max_speed_gt_s;
  Fact<int> max_width;
  Fact<int> numa_node;              ///< -1: the firmware names none
  Fact<std::string> local_cpulist;  ///< "0-9,15"
  Fact<std::string> iommu_group;
  std::vector<PciHop> hops;       ///< root port first, the function itself last
  Fact<double> bandwidth_gbit_s;  ///< of the slowest hop, one direction, after line encoding, before packet headers
  Fact<std::string> slowest_hop;  ///< its address
  friend bool operator==(const Pci&, const Pci&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Pci>
void describe(Self& self, Visitor&& visit) {
  visit("address", self.address);
  visit("vendor_id", self.vendor_id);
  visit("device_id", self.device_id);
  visit("speed_gt_s", self.speed_gt_s);
  visit("width", self.width);
  visit("max_speed_gt_s", self.max_speed_gt_s);
  visit("max_width", self.max_width);
  visit("numa_node", self.numa_node);
  visit("local_cpulist", self.local_cpulist);
  visit("iommu_group", self.iommu_group);
  visit("hops", self.hops);
  visit("bandwidth_gbit_s", self.bandwidth_gbit_s);
  visit("slowest_hop", self.slowest_hop);
}

/// A valid (not all-zero) entry of a port's GID table.
struct Gid {
  int index = 0;
  std::string gid;         ///< as in sysfs: "0000:0000:0000:0000:0000:ffff:c0a8:0075"
  Fact<std::string> type;  ///< "IB", "RoCE v1" or "RoCE v2"
  Fact<std::string> netdev;
  std::optional<std::string> ipv4;  ///< of an IPv4-mapped GID: "192.168.0.117"
  friend bool operator==(const Gid&, const Gid&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Gid>
void describe(Self& self, Visitor&& visit) {
  visit("index", self.index);
  visit("gid", self.gid);
  visit("type", self.type);
  visit("netdev", self.netdev);
  visit("ipv4", self.ipv4);
}

using Counters = std::map<std::string, std::uint64_t>;

struct Port {
  int number = 1;
  Fact<std::string> state;       ///< "ACTIVE", "DOWN", "INIT", "ARMED"
  Fact<std::string> phys_state;  ///< "LinkUp", "Disabled", "Polling", ...
  Fact<std::string> link_layer;  ///< "Ethernet" or "InfiniBand"
  Fact<double> rate_gbit_s;
  Fact<std::string> width;  ///< "4X", as the driver reports it (2X is normal on GB10)
  Fact<int> active_mtu;     ///< path MTU in bytes: 256 to 4096
  Fact<int> max_mtu;
  Fact<std::string> netdev;
  Fact<int> gid_table_size;
  std::vector<Gid> gids;
  Fact<Counters> counters;
  Fact<Counters> hw_counters;
  friend bool operator==(const Port&, const Port&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Port>
void describe(Self& self, Visitor&& visit) {
  visit("number", self.number);
  visit("state", self.state);
  visit("phys_state", self.phys_state);
  visit("link_layer", self.link_layer);
  visit("rate_gbit_s", self.rate_gbit_s);
  visit("width", self.width);
  visit("active_mtu", self.active_mtu);
  visit("max_mtu", self.max_mtu);
  visit("netdev", self.netdev);
  visit("gid_table_size", self.gid_table_size);
  visit("gids", self.gids);
  visit("counters", self.counters);
  visit("hw_counters", self.hw_counters);
}

/// The character device through which user space reaches an RDMA device.
struct Uverbs {
  std::string path;     ///< "/dev/infiniband/uverbs0"
  Fact<bool> openable;  ///< true, or why open() failed
  friend bool operator==(const Uverbs&, const Uverbs&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Uverbs>
void describe(Self& self, Visitor&& visit) {
  visit("path", self.path);
  visit("openable", self.openable);
}

enum class DeviceKind { roce, soft_roce, infiniband, iwarp, omni_path, unknown };
const char* to_string(DeviceKind kind);  ///< "roce", "soft-roce", "infiniband", "iwarp", "omni-path", "unknown"
std::optional<DeviceKind> device_kind_from_string(std::string_view word);

struct Device {
  std::string name;  ///< "rocep1s0f0"
  DeviceKind kind = DeviceKind::unknown;
  Fact<std::string> driver;  ///< kernel driver: "mlx5_core", "rdma_rxe"
  Fact<std::string> fw_version;
  Fact<std::string> board_id;
  Fact<std::string> hca_type;
  Fact<int> vendor_id;  ///< IEEE OUI as in libibverbs; 0xffffff for Soft-RoCE
  Fact<int> vendor_part_id;
  Fact<std::string> node_guid;
  Fact<std::string> sys_image_guid;
  Fact<std::string> parent_netdev;  ///< Soft-RoCE: the netdev it runs on
  Fact<Pci> pci;                    ///< absent: not on a PCI bus
  Fact<Uverbs> uverbs;              ///< absent: the kernel offers none (ib_uverbs not loaded)
  std::vector<Port> ports;
  friend bool operator==(const Device&, const Device&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Device>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("kind", self.kind);
  visit("driver", self.driver);
  visit("fw_version", self.fw_version);
  visit("board_id", self.board_id);
  visit("hca_type", self.hca_type);
  visit("vendor_id", self.vendor_id);
  visit("vendor_part_id", self.vendor_part_id);
  visit("node_guid", self.node_guid);
  visit("sys_image_guid", self.sys_image_guid);
  visit("parent_netdev", self.parent_netdev);
  visit("pci", self.pci);
  visit("uverbs", self.uverbs);
  visit("ports", self.ports);
}

struct Address {
  std::string family;  ///< "inet" or "inet6"
  std::string ip;
  int prefix_length = 0;
  std::string scope;  ///< "global", "link", "host"
  friend bool operator==(const Address&, const Address&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Address>
void describe(Self& self, Visitor&& visit) {
  visit("family", self.family);
  visit("ip", self.ip);
  visit("prefix_length", self.prefix_length);
  visit("scope", self.scope);
}

/// The plugged module or cable, decoded from its EEPROM (SFF-8636 or CMIS).
struct Module {
  std::string identifier;        ///< "QSFP28", "QSFP-DD", "OSFP", ... (SFF-8024 table 4-1)
  int identifier_code = 0;       ///< byte 0
  Fact<std::string> compliance;  ///< "200GBASE-CR4", ... from the extended compliance code (byte 192) or CMIS
  Fact<int> rate_class_gbit_s;   ///< what that compliance carries: 100, 200, 400
  Fact<std::string> vendor;
  Fact<std::string> part_number;
  Fact<std::string> serial;
  Fact<bool> passive_copper;
  Fact<int> length_m;
  friend bool operator==(const Module&, const Module&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Module>
void describe(Self& self, Visitor&& visit) {
  visit("identifier", self.identifier);
  visit("identifier_code", self.identifier_code);
  visit("compliance", self.compliance);
  visit("rate_class_gbit_s", self.rate_class_gbit_s);
  visit("vendor", self.vendor);
  visit("part_number", self.part_number);
  visit("serial", self.serial);
  visit("passive_copper", self.passive_copper);
  visit("length_m", self.length_m);
}

/// From ETHTOOL_MSG_LINKMODES: names as ethtool prints them ("200000baseCR4/Full").
struct LinkModes {
  std::vector<std::string> advertised;
  std::vector<std::string> supported;
  std::vector<std::string> peer;  ///< what the other end advertises; empty when the driver does not tell
  Fact<int> lanes;
  Fact<bool> autoneg;
  friend bool operator==(const LinkModes&, const LinkModes&) = default;
};
template <class Self, class Visitor>
requires describes<Self, LinkModes>
void describe(Self& self, Visitor&& visit) {
  visit("advertised", self.advertised);
  visit("supported", self.supported);
  visit("peer", self.peer);
  visit("lanes", self.lanes);
  visit("autoneg", self.autoneg);
}

/// From ETHTOOL_MSG_LINKSTATE.
struct LinkState {
  bool up = false;
  std::optional<std::string> reason;  ///< extended state: "No cable", "Cable issue", "Power budget exceeded", ...
  friend bool operator==(const LinkState&, const LinkState&) = default;
};
template <class Self, class Visitor>
requires describes<Self, LinkState>
void describe(Self& self, Visitor&& visit) {
  visit("up", self.up);
  visit("reason", self.reason);
}

/// From ETHTOOL_MSG_FEC: "RS", "BaseR", "Off", "LLRS".
struct Fec {
  std::string active;
  std::vector<std::string> configured;
  friend bool operator==(const Fec&, const Fec&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Fec>
void describe(Self& self, Visitor&& visit) {
  visit("active", self.active);
  visit("configured", self.configured);
}

/// Global (802.3x) pause.
struct Pause {
  bool autoneg = false;
  bool rx = false;
  bool tx = false;
  friend bool operator==(const Pause&, const Pause&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Pause>
void describe(Self& self, Visitor&& visit) {
  visit("autoneg", self.autoneg);
  visit("rx", self.rx);
  visit("tx", self.tx);
}

/// Data Center Bridging as IEEE_GET tells it.
struct Qos {
  Fact<std::vector<int>> pfc_priorities;         ///< priorities with priority flow control on
  Fact<std::vector<int>> ets_bandwidth_percent;  ///< of traffic classes 0 to 7
  Fact<std::string> trust;                       ///< "pcp" or "dscp" where the driver tells
  friend bool operator==(const Qos&, const Qos&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Qos>
void describe(Self& self, Visitor&& visit) {
  visit("pfc_priorities", self.pfc_priorities);
  visit("ets_bandwidth_percent", self.ets_bandwidth_percent);
  visit("trust", self.trust);
}

/// A configuration file that makes a netdev's settings survive a reboot.
struct PersistentConfig {
  std::string file;        ///< "/etc/netplan/40-cx7.yaml"
  std::string manager;     ///< "netplan", "systemd-networkd", "NetworkManager", "ifupdown"
  std::optional<int> mtu;  ///< set there for this netdev; nullopt: the file names the netdev but no MTU
  std::vector<std::string> addresses;
  friend bool operator==(const PersistentConfig&, const PersistentConfig&) = default;
};
template <class Self, class Visitor>
requires describes<Self, PersistentConfig>
void describe(Self& self, Visitor&& visit) {
  visit("file", self.file);
  visit("manager", self.manager);
  visit("mtu", self.mtu);
  visit("addresses", self.addresses);
}

struct Netdev {
  std::string name;
  Fact<int> ifindex;
  Fact<int> mtu;
  Fact<int> max_mtu;            ///< the most that may be set (IFLA_MAX_MTU); not_read where nobody asked
  Fact<std::string> operstate;  ///< "up", "down", "unknown", ...
  Fact<bool> admin_up;          ///< IFF_UP
  Fact<bool> running;           ///< IFF_RUNNING: what NCCL looks at
  Fact<bool> carrier;
  Fact<int> speed_mbit_s;
  Fact<std::string> mac;
  Fact<std::string> driver;
  Fact<int> carrier_changes;         ///< since the netdev appeared
  Fact<std::string> phys_port_name;  ///< "p0"
  Fact<std::string> phys_switch_id;
  Fact<int> dev_port;
  Fact<std::string> pci_address;  ///< absent: virtual
  Fact<std::string> type;  ///< "physical", "virtual", "bond", "bridge", "vlan", "veth", "wifi", "tun", "loopback",
                           ///< "macvlan", "ipvlan"
  std::vector<std::string> lower;    ///< members of a bond or bridge, parent of a VLAN
  std::optional<std::string> upper;  ///< the bond or bridge that it is a member of
  Fact<std::vector<Address>> addresses;
  std::optional<std::string> rdma_device;
  Fact<LinkModes> link_modes;
  Fact<LinkState> link_state;
  Fact<Fec> fec;
  Fact<Module> module;
  Fact<Pause> pause;
  Fact<Qos> qos;
  Fact<Counters> statistics;  ///< ethtool -S, only for netdevs of RDMA devices
  Fact<std::vector<PersistentConfig>> persistent;
  friend bool operator==(const Netdev&, const Netdev&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Netdev>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("ifindex", self.ifindex);
  visit("mtu", self.mtu);
  visit("max_mtu", self.max_mtu);
  visit("operstate", self.operstate);
  visit("admin_up", self.admin_up);
  visit("running", self.running);
  visit("carrier", self.carrier);
  visit("speed_mbit_s", self.speed_mbit_s);
  visit("mac", self.mac);
  visit("driver", self.driver);
  visit("carrier_changes", self.carrier_changes);
  visit("phys_port_name", self.phys_port_name);
  visit("phys_switch_id", self.phys_switch_id);
  visit("dev_port", self.dev_port);
  visit("pci_address", self.pci_address);
  visit("type", self.type);
  visit("lower", self.lower);
  visit("upper", self.upper);
  visit("addresses", self.addresses);
  visit("rdma_device", self.rdma_device);
  visit("link_modes", self.link_modes);
  visit("link_state", self.link_state);
  visit("fec", self.fec);
  visit("module", self.module);
  visit("pause", self.pause);
  visit("qos", self.qos);
  visit("statistics", self.statistics);
  visit("persistent", self.persistent);
}

struct Route {
  std::string destination;  ///< "192.168.0.0/24", "default"
  std::string netdev;
  std::optional<std::string> gateway;
  std::optional<std::string> source;  ///< preferred source address
  int metric = 0;
  friend bool operator==(const Route&, const Route&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Route>
void describe(Self& self, Visitor&& visit) {
  visit("destination", self.destination);
  visit("netdev", self.netdev);
  visit("gateway", self.gateway);
  visit("source", self.source);
  visit("metric", self.metric);
}

struct Gpu {
  std::string pci_address;  ///< "000f:01:00.0"
  Fact<std::string> name;
  Fact<Pci> pci;
  Fact<bool> integrated;                 ///< CU_DEVICE_ATTRIBUTE_INTEGRATED
  Fact<bool> gpu_direct_rdma_supported;  ///< attribute 116
  Fact<bool> dma_buf_supported;          ///< attribute 124
  Fact<bool> multicast_supported;        ///< attribute 132
  Fact<bool> pageable_memory_access;     ///< attribute 88
  Fact<std::string> compute_capability;  ///< "12.1"
  friend bool operator==(const Gpu&, const Gpu&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Gpu>
void describe(Self& self, Visitor&& visit) {
  visit("pci_address", self.pci_address);
  visit("name", self.name);
  visit("pci", self.pci);
  visit("integrated", self.integrated);
  visit("gpu_direct_rdma_supported", self.gpu_direct_rdma_supported);
  visit("dma_buf_supported", self.dma_buf_supported);
  visit("multicast_supported", self.multicast_supported);
  visit("pageable_memory_access", self.pageable_memory_access);
  visit("compute_capability", self.compute_capability);
}

/// How far an RDMA device is from a GPU, in nvidia-smi's words: PIX (one switch), PXB (several switches),
/// PHB (one host bridge), NODE (one NUMA node), SYS (across sockets).
struct Proximity {
  std::string device;
  std::string gpu;  ///< PCI address
  std::string distance;
  friend bool operator==(const Proximity&, const Proximity&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Proximity>
void describe(Self& self, Visitor&& visit) {
  visit("device", self.device);
  visit("gpu", self.gpu);
  visit("distance", self.distance);
}

/// Cores of one kind (hwloc cpukinds); the most performant kind has the highest efficiency.
struct CoreKind {
  std::string cpulist;
  int efficiency = -1;
  friend bool operator==(const CoreKind&, const CoreKind&) = default;
};
template <class Self, class Visitor>
requires describes<Self, CoreKind>
void describe(Self& self, Visitor&& visit) {
  visit("cpulist", self.cpulist);
  visit("efficiency", self.efficiency);
}

/// Cores near an RDMA device.
struct DeviceCores {
  std::string device;
  std::string cpulist;
  friend bool operator==(const DeviceCores&, const DeviceCores&) = default;
};
template <class Self, class Visitor>
requires describes<Self, DeviceCores>
void describe(Self& self, Visitor&& visit) {
  visit("device", self.device);
  visit("cpulist", self.cpulist);
}

struct Topology {
  int packages = 0;
  int numa_nodes = 0;
  int cores = 0;
  std::vector<CoreKind> core_kinds;
  std::vector<Proximity> proximity;
  std::vector<DeviceCores> near_cores;
  friend bool operator==(const Topology&, const Topology&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Topology>
void describe(Self& self, Visitor&& visit) {
  visit("packages", self.packages);
  visit("numa_nodes", self.numa_nodes);
  visit("cores", self.cores);
  visit("core_kinds", self.core_kinds);
  visit("proximity", self.proximity);
  visit("near_cores", self.near_cores);
}

/// A shared library found on the node.
struct Library {
  std::string path;
  Fact<std::string> version;
  friend bool operator==(const Library&, const Library&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Library>
void describe(Self& self, Visitor&& visit) {
  visit("path", self.path);
  visit("version", self.version);
}

/// One NCCL (or serving framework) setting and where it comes from.
struct Setting {
  std::string name;  ///< "NCCL_IB_HCA"
  std::string value;
  std::string source;  ///< "environment", or "/etc/nccl.conf:3"
  friend bool operator==(const Setting&, const Setting&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Setting>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("value", self.value);
  visit("source", self.source);
}

struct Host {
  Fact<std::string> hostname;
  Fact<std::string> kernel;        ///< release: "6.17.0-1014-nvidia"
  Fact<std::string> os;            ///< PRETTY_NAME of os-release
  Fact<std::string> architecture;  ///< "aarch64"
  Fact<std::string> machine;       ///< DMI product name
  Fact<int> page_size_bytes;
  Fact<std::string> container;                     ///< "podman", "docker", "lxc", "kubernetes", "none"
  Fact<Library> libibverbs;                        ///< found by the loader's rules; version is rdma-core's ("50.0")
  Fact<std::vector<std::string>> verbs_providers;  ///< drivers named by /etc/libibverbs.d: "mlx5", "rxe"
  std::vector<Library> nccl_libraries;             ///< the one the loader takes first
  Fact<std::vector<Library>> nccl_plugins;  ///< external network plugins (libnccl-net.so, ...) found, in NCCL's order
  Fact<std::string> nvidia_driver;
  Fact<std::map<std::string, std::string>> modules;  ///< loaded modules of interest -> version or ""
  Fact<std::uint64_t> memory_total_bytes;
  Fact<std::uint64_t> cma_total_bytes;
  Fact<std::uint64_t> cma_free_bytes;
  Fact<std::uint64_t> hugepages_total;
  Fact<std::uint64_t> hugepage_size_bytes;
  Fact<std::vector<std::string>> cpu_governors;          ///< distinct scaling governors in use
  Fact<std::vector<std::string>> cpu_frequency_drivers;  ///< distinct scaling drivers: "intel_pstate", "cppc_cpufreq"
  friend bool operator==(const Host&, const Host&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Host>
void describe(Self& self, Visitor&& visit) {
  visit("hostname", self.hostname);
  visit("kernel", self.kernel);
  visit("os", self.os);
  visit("architecture", self.architecture);
  visit("machine", self.machine);
  visit("page_size_bytes", self.page_size_bytes);
  visit("container", self.container);
  visit("libibverbs", self.libibverbs);
  visit("verbs_providers", self.verbs_providers);
  visit("nccl_libraries", self.nccl_libraries);
  visit("nccl_plugins", self.nccl_plugins);
  visit("nvidia_driver", self.nvidia_driver);
  visit("modules", self.modules);
  visit("memory_total_bytes", self.memory_total_bytes);
  visit("cma_total_bytes", self.cma_total_bytes);
  visit("cma_free_bytes", self.cma_free_bytes);
  visit("hugepages_total", self.hugepages_total);
  visit("hugepage_size_bytes", self.hugepage_size_bytes);
  visit("cpu_governors", self.cpu_governors);
  visit("cpu_frequency_drivers", self.cpu_frequency_drivers);
}

/// RLIMIT_MEMLOCK; nullopt is unlimited.
struct Memlock {
  std::optional<std::uint64_t> soft_bytes;
  std::optional<std::uint64_t> hard_bytes;
  friend bool operator==(const Memlock&, const Memlock&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Memlock>
void describe(Self& self, Visitor&& visit) {
  visit("soft_bytes", self.soft_bytes);
  visit("hard_bytes", self.hard_bytes);
}

/// A process's rights and settings: this one, as a stand-in for what would serve from the same shell.
struct Process {
  Fact<int> euid;
  Fact<Memlock> memlock;
  Fact<std::vector<std::string>> capabilities;      ///< effective: "CAP_IPC_LOCK", ...
  Fact<std::string> netns_mode;                     ///< RDMA subsystem: "shared" or "exclusive"
  Fact<std::vector<std::string>> infiniband_nodes;  ///< names in /dev/infiniband
  Fact<bool> rdma_cm_openable;
  std::map<std::string, std::string> nccl_env;  ///< NCCL_* and serving frameworks' variables of the environment
  std::vector<Setting> settings;                ///< in force: environment before user file before /etc/nccl.conf
  std::vector<std::string> conf_files;          ///< conf files that exist and were read
  friend bool operator==(const Process&, const Process&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Process>
void describe(Self& self, Visitor&& visit) {
  visit("euid", self.euid);
  visit("memlock", self.memlock);
  visit("capabilities", self.capabilities);
  visit("netns_mode", self.netns_mode);
  visit("infiniband_nodes", self.infiniband_nodes);
  visit("rdma_cm_openable", self.rdma_cm_openable);
  visit("nccl_env", self.nccl_env);
  visit("settings", self.settings);
  visit("conf_files", self.conf_files);
}

/// An RDMA device's node as another process finds it.
struct NodeAccess {
  std::string node;     ///< "uverbs0"
  Fact<bool> openable;  ///< that process may open it, or why not; not_read: its rights do not tell
  bool open = false;    ///< it holds it open
  friend bool operator==(const NodeAccess&, const NodeAccess&) = default;
};
template <class Self, class Visitor>
requires describes<Self, NodeAccess>
void describe(Self& self, Visitor&& visit) {
  visit("node", self.node);
  visit("openable", self.openable);
  visit("open", self.open);
}

/// A running process that is judged in place of this tool: what it may use, what it was told, what it has loaded.
/// Paths are those of its own root directory.
struct Serving {
  int pid = 0;
  std::string command;        ///< /proc/PID/comm: "VLLM::Worker"
  Process process;            ///< its rights and settings; its netns_mode is the node's
  Fact<bool> environment;     ///< true: /proc/PID/environ was read; Missing: nothing is known of its settings
  Fact<bool> user_namespace;  ///< it lives in a user namespace of its own (rootless): its capabilities count only there
  Fact<bool> same_network;    ///< it is in this tool's network namespace
  Fact<std::string> container;  ///< as Host::container, seen from its root
  /// Of its network namespace, with index, MTU, state and addresses alone; not_read where that is this tool's.
  Fact<std::vector<Netdev>> netdevs;
  Fact<std::vector<std::string>> rdma_devices;  ///< names in its /sys/class/infiniband
  std::vector<NodeAccess> uverbs;               ///< of each device's uverbs node
  Fact<bool> open_files;                        ///< true: what it holds open was listed
  Fact<std::vector<Library>> nccl_libraries;    ///< the libnccl that it has mapped
  bool verbs_mapped = false;                    ///< it has loaded libibverbs: NCCL does when it starts NET/IB
  Fact<Library> libibverbs;                     ///< mapped, or found where its loader looks
  Fact<std::vector<std::string>> verbs_providers;
  Fact<std::vector<Library>> nccl_plugins;  ///< mapped, or by NCCL's default name where its loader looks
  friend bool operator==(const Serving&, const Serving&) = default;
};
template <class Self, class Visitor>
requires describes<Self, Serving>
void describe(Self& self, Visitor&& visit) {
  visit("pid", self.pid);
  visit("command", self.command);
  visit("process", self.process);
  visit("environment", self.environment);
  visit("user_namespace", self.user_namespace);
  visit("same_network", self.same_network);
  visit("container", self.container);
  visit("netdevs", self.netdevs);
  visit("rdma_devices", self.rdma_devices);
  visit("uverbs", self.uverbs);
  visit("open_files", self.open_files);
  visit("nccl_libraries", self.nccl_libraries);
  visit("verbs_mapped", self.verbs_mapped);
  visit("libibverbs", self.libibverbs);
  visit("verbs_providers", self.verbs_providers);
  visit("nccl_plugins", self.nccl_plugins);
}

struct NodeFacts {
  Host host;
  Fact<bool> infiniband_class;  ///< /sys/class/infiniband exists; absent: no RDMA driver is loaded
  std::vector<Device> devices;  ///< in the order of ibv_get_device_list where known, else by name
  std::vector<Netdev> netdevs;
  Fact<std::vector<Route>> routes;  ///< of the main table, IPv4
  std::vector<Gpu> gpus;
  Fact<Topology> topology;
  Process process;
  std::optional<Serving> serving;  ///< --pid, --container
  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;

  /// nullptr when there is none of that name.
  const Netdev* find_netdev(std::string_view name) const;
  const Device* find_device(std::string_view name) const;
};
template <class Self, class Visitor>
requires describes<Self, NodeFacts>
void describe(Self& self, Visitor&& visit) {
  visit("host", self.host);
  visit("infiniband_class", self.infiniband_class);
  visit("devices", self.devices);
  visit("netdevs", self.netdevs);
  visit("routes", self.routes);
  visit("gpus", self.gpus);
  visit("topology", self.topology);
  visit("process", self.process);
  visit("serving", self.serving);
}

}  // namespace rocekit::facts
