// What no file tells: the answers of netlink, ioctl, libibverbs, the CUDA driver and the process's own limits.
//
// A live node is asked once (ask_this_node); a saved one holds the same answers in `facts-extra.json` in its root
// directory. Answers are raw: decoding them is the readers' work, so that saved and live nodes take the same path.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probes/facts/describe.h"
#include "probes/facts/fact.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts {

/// ETHTOOL_MSG_LINKMODES: numbers of set bits (enum ethtool_link_mode_bit_indices).
struct LinkModesAnswer {
  std::vector<int> supported_bits;
  std::vector<int> advertised_bits;
  std::vector<int> peer_bits;
  std::optional<int> speed_mbit_s;
  std::optional<int> lanes;
  std::optional<bool> autoneg;
  friend bool operator==(const LinkModesAnswer&, const LinkModesAnswer&) = default;
};
template <class Self, class Visitor>
requires describes<Self, LinkModesAnswer>
void describe(Self& self, Visitor&& visit) {
  visit("supported_bits", self.supported_bits);
  visit("advertised_bits", self.advertised_bits);
  visit("peer_bits", self.peer_bits);
  visit("speed_mbit_s", self.speed_mbit_s);
  visit("lanes", self.lanes);
  visit("autoneg", self.autoneg);
}

/// ETHTOOL_MSG_LINKSTATE: extended state and substate codes.
struct LinkStateAnswer {
  bool up = false;
  std::optional<int> ext_state;
  std::optional<int> ext_substate;
  friend bool operator==(const LinkStateAnswer&, const LinkStateAnswer&) = default;
};
template <class Self, class Visitor>
requires describes<Self, LinkStateAnswer>
void describe(Self& self, Visitor&& visit) {
  visit("up", self.up);
  visit("ext_state", self.ext_state);
  visit("ext_substate", self.ext_substate);
}

/// ETHTOOL_MSG_FEC: link-mode bits 49 (none), 50 (RS), 51 (BaseR), 74 (LLRS).
struct FecAnswer {
  std::vector<int> configured_bits;
  std::optional<int> active_bit;
  friend bool operator==(const FecAnswer&, const FecAnswer&) = default;
};
template <class Self, class Visitor>
requires describes<Self, FecAnswer>
void describe(Self& self, Visitor&& visit) {
  visit("configured_bits", self.configured_bits);
  visit("active_bit", self.active_bit);
}

/// All that netlink says of one netdev. Ethtool answers are asked only for netdevs that an RDMA device uses.
struct NetdevAnswers {
  std::string name;
  Fact<int> ifindex;
  Fact<std::uint32_t> flags;  ///< IFF_*
  Fact<int> hardware_type;    ///< ARPHRD_*
  Fact<int> mtu;
  Fact<int> max_mtu;            ///< IFLA_MAX_MTU
  Fact<std::string> operstate;  ///< in sysfs's words: "up", "lowerlayerdown"
  Fact<bool> carrier;           ///< not asked of a netdev that is set down, of which sysfs refuses to tell it
  Fact<int> carrier_changes;
  Fact<std::string> mac;
  Fact<std::string> phys_port_name;
  Fact<std::string> phys_switch_id;
  Fact<std::string> link_kind;  ///< IFLA_INFO_KIND: "bond", "vlan", "veth", ...; absent: a plain device
  Fact<std::vector<Address>> addresses;
  Fact<LinkModesAnswer> link_modes;
  Fact<LinkStateAnswer> link_state;
  Fact<FecAnswer> fec;
  Fact<std::string> eeprom_hex;  ///< SFF-8636: lower page and page 00h (256 bytes); CMIS: the same. Hex digits
  Fact<Pause> pause;
  Fact<Qos> qos;
  Fact<Counters> statistics;
  friend bool operator==(const NetdevAnswers&, const NetdevAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, NetdevAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("ifindex", self.ifindex);
  visit("flags", self.flags);
  visit("hardware_type", self.hardware_type);
  visit("mtu", self.mtu);
  visit("max_mtu", self.max_mtu);
  visit("operstate", self.operstate);
  visit("carrier", self.carrier);
  visit("carrier_changes", self.carrier_changes);
  visit("mac", self.mac);
  visit("phys_port_name", self.phys_port_name);
  visit("phys_switch_id", self.phys_switch_id);
  visit("link_kind", self.link_kind);
  visit("addresses", self.addresses);
  visit("link_modes", self.link_modes);
  visit("link_state", self.link_state);
  visit("fec", self.fec);
  visit("eeprom_hex", self.eeprom_hex);
  visit("pause", self.pause);
  visit("qos", self.qos);
  visit("statistics", self.statistics);
}

struct VerbsPortAnswers {
  int number = 1;
  Fact<int> active_mtu;  ///< bytes
  Fact<int> max_mtu;     ///< bytes
  Fact<int> gid_table_size;
  Fact<std::vector<int>>
      gid_indexes;  ///< GID table entries that are not empty: a table has up to 1024, most of them empty
  friend bool operator==(const VerbsPortAnswers&, const VerbsPortAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, VerbsPortAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("number", self.number);
  visit("active_mtu", self.active_mtu);
  visit("max_mtu", self.max_mtu);
  visit("gid_table_size", self.gid_table_size);
  visit("gid_indexes", self.gid_indexes);
}

/// ibv_query_device and ibv_query_port, or why the device could not be opened.
struct VerbsDeviceAnswers {
  std::string name;
  Fact<bool> openable;  ///< open() of its uverbs node
  Fact<int> vendor_id;
  Fact<int> vendor_part_id;
  std::vector<VerbsPortAnswers> ports;
  friend bool operator==(const VerbsDeviceAnswers&, const VerbsDeviceAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, VerbsDeviceAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("openable", self.openable);
  visit("vendor_id", self.vendor_id);
  visit("vendor_part_id", self.vendor_part_id);
  visit("ports", self.ports);
}

struct GpuAnswers {
  std::string pci_address;
  Fact<std::string> name;
  Fact<std::map<std::string, int>> attributes;  ///< CUdevice_attribute number as text -> value
  friend bool operator==(const GpuAnswers&, const GpuAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, GpuAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("pci_address", self.pci_address);
  visit("name", self.name);
  visit("attributes", self.attributes);
}

/// A node in another process's /dev/infiniband.
struct DeviceNodeAnswers {
  std::string name;  ///< "uverbs0"
  int mode = 0;      ///< permission bits
  int uid = 0;
  int gid = 0;
  friend bool operator==(const DeviceNodeAnswers&, const DeviceNodeAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, DeviceNodeAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("name", self.name);
  visit("mode", self.mode);
  visit("uid", self.uid);
  visit("gid", self.gid);
}

/// What files alone do not tell of another process (or only in megabytes).
struct ServingAnswers {
  int pid = 0;
  Fact<std::vector<DeviceNodeAnswers>> infiniband_nodes;
  Fact<bool>
      infiniband_volume;  ///< its /dev/infiniband is a directory of the host, not one made of devices given to it
  Fact<std::vector<std::string>> open_nodes;  ///< names in /dev/infiniband that it holds open
  Fact<std::vector<Library>> libraries;       ///< mapped: libnccl and its network plugins, libibverbs
  friend bool operator==(const ServingAnswers&, const ServingAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, ServingAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("pid", self.pid);
  visit("infiniband_nodes", self.infiniband_nodes);
  visit("infiniband_volume", self.infiniband_volume);
  visit("open_nodes", self.open_nodes);
  visit("libraries", self.libraries);
}

struct KernelAnswers {
  Fact<std::string> hostname;
  Fact<std::string> kernel;
  Fact<std::string> architecture;
  Fact<int> page_size_bytes;
  Fact<std::vector<NetdevAnswers>> netdevs;
  Fact<std::vector<Route>> routes;
  Fact<Library> libibverbs;  ///< as the loader finds it: path and version, or why it could not be loaded
  /// In the order of ibv_get_device_list; devices that it does not list (no library, provider or node) come last, with
  /// `openable` and the reason alone.
  Fact<std::vector<VerbsDeviceAnswers>> verbs_devices;
  Fact<std::string> rdma_netns_mode;  ///< "shared" or "exclusive"
  Fact<bool> rdma_cm_openable;
  Fact<int> euid;
  Fact<Memlock> memlock;
  Fact<std::string> capabilities_hex;       ///< the effective ones, as CapEff of /proc/self/status
  Fact<std::vector<GpuAnswers>> gpus;       ///< absent: no CUDA driver
  Fact<Library> nccl;                       ///< the libnccl that the loader (or NCCL's own variables) finds
  Fact<std::vector<Library>> nccl_plugins;  ///< NCCL's external network plugins that the loader finds, in NCCL's order
  Fact<std::string> topology_xml;           ///< hwloc's export
  Fact<std::map<std::string, std::string>> environment;  ///< only variables that NCCL and serving frameworks read
  Fact<ServingAnswers> serving;                          ///< not_read: no process was named
  friend bool operator==(const KernelAnswers&, const KernelAnswers&) = default;
};
template <class Self, class Visitor>
requires describes<Self, KernelAnswers>
void describe(Self& self, Visitor&& visit) {
  visit("hostname", self.hostname);
  visit("kernel", self.kernel);
  visit("architecture", self.architecture);
  visit("page_size_bytes", self.page_size_bytes);
  visit("netdevs", self.netdevs);
  visit("routes", self.routes);
  visit("libibverbs", self.libibverbs);
  visit("verbs_devices", self.verbs_devices);
  visit("rdma_netns_mode", self.rdma_netns_mode);
  visit("rdma_cm_openable", self.rdma_cm_openable);
  visit("euid", self.euid);
  visit("memlock", self.memlock);
  visit("capabilities_hex", self.capabilities_hex);
  visit("gpus", self.gpus);
  visit("nccl", self.nccl);
  visit("nccl_plugins", self.nccl_plugins);
  visit("topology_xml", self.topology_xml);
  visit("environment", self.environment);
  visit("serving", self.serving);
}

}  // namespace rocekit::facts
