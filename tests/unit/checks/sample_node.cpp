#include "tests/unit/checks/sample_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace rocekit::checks::sample {
namespace {

using facts::Missing;
using facts::Why;

struct Gb10Function {
  const char* device;
  const char* netdev;
  const char* address;
  const char* root_port;
  int uverbs;
  int port_index;
  const char* ip;         // "" in the empty cage
  const char* mapped_ip;  // the last two groups of its IPv4-mapped GID
  const char* mac_end;
};
constexpr Gb10Function functions[] = {
    {"rocep1s0f0", "enp1s0f0np0", "0000:01:00.0", "0000:00:00.0", 0, 0, "192.168.100.10", "c0a8:640a", "10"},
    {"rocep1s0f1", "enp1s0f1np1", "0000:01:00.1", "0000:00:00.0", 1, 1, "", "", "11"},
    {"roceP2p1s0f0", "enP2p1s0f0np0", "0002:01:00.0", "0002:00:00.0", 2, 0, "192.168.101.10", "c0a8:650a", "14"},
    {"roceP2p1s0f1", "enP2p1s0f1np1", "0002:01:00.1", "0002:00:00.0", 3, 1, "", "", "15"},
};

facts::Pci pci_gen5_x4(const std::string& address, const std::string& root_port) {
  facts::Pci pci;
  pci.address = address;
  pci.vendor_id = 0x15b3;
  pci.device_id = 0x1021;
  pci.speed_gt_s = pci.max_speed_gt_s = 32.0;
  pci.width = pci.max_width = 4;
  pci.numa_node = -1;
  pci.local_cpulist = std::string("0-19");
  pci.iommu_group = absent;
  for (const std::string& hop_address : {root_port, address}) {
    pci.hops.push_back({hop_address, 32.0, 4, 32.0, 4});
  }
  pci.bandwidth_gbit_s = 32.0 * 4 * 128 / 130;
  pci.slowest_hop = address;
  return pci;
}

facts::Gid gid(int index, const std::string& text, const std::string& type, const std::string& netdev_name,
               std::optional<std::string> ipv4 = std::nullopt) {
  return {index, text, type, netdev_name, std::move(ipv4)};
}

std::vector<facts::Gid> gids_of(const std::string& mac_end, const std::string& netdev_name, const std::string& ip,
                                const std::string& mapped_ip) {
  const std::string link_local = fmt::format("fe80:0000:0000:0000:4ebb:47ff:fe00:00{}", mac_end);
  std::vector<facts::Gid> gids{gid(0, link_local, "RoCE v1", netdev_name), gid(1, link_local, "RoCE v2", netdev_name)};
  if (!ip.empty()) {
    const std::string mapped = "0000:0000:0000:0000:0000:ffff:" + mapped_ip;
    gids.push_back(gid(2, mapped, "RoCE v1", netdev_name, ip));
    gids.push_back(gid(3, mapped, "RoCE v2", netdev_name, ip));
  }
  return gids;
}

facts::Module dac_200g() {
  facts::Module module;
  module.identifier = "QSFP28";
  module.identifier_code = 0x11;
  module.compliance = std::string("200GBASE-CR4");
  module.rate_class_gbit_s = 200;
  module.vendor = std::string("Amphenol");
  module.part_number = std::string("NJAAKK-N911");
  module.serial = std::string("APF25080012345");
  module.passive_copper = true;
  module.length_m = 0;
  return module;
}

facts::Counters quiet_port_counters() {
  return {{"symbol_error", 0},
          {"link_downed", 1},
          {"link_error_recovery", 0},
          {"port_rcv_errors", 0},
          {"port_rcv_data", 9000000000},
          {"port_xmit_data", 9000000000},
          {"port_rcv_packets", 40000000},
          {"port_xmit_packets", 40000000}};
}

facts::Counters quiet_hw_counters() {
  return {{"out_of_sequence", 0},     {"packet_seq_err", 0},
          {"implied_nak_seq_err", 0}, {"local_ack_timeout_err", 0},
          {"roce_adp_retrans", 0},    {"roce_adp_retrans_to", 0},
          {"duplicate_request", 0},   {"rnr_nak_retry_err", 0},
          {"out_of_buffer", 0},       {"req_transport_retries_exceeded", 0},
          {"np_cnp_sent", 0},         {"rp_cnp_handled", 0}};
}

void fill_environment_of_host(facts::NodeFacts& node) {
  node.host.page_size_bytes = 4096;
  node.host.container = std::string("none");
  node.host.memory_total_bytes = 130'000'000'000;
  node.host.cma_total_bytes = 268'435'456;
  node.host.cma_free_bytes = 200'000'000;
  node.host.hugepages_total = 0;
  node.host.hugepage_size_bytes = 2'097'152;
  node.infiniband_class = true;
  node.process.euid = 1000;
  node.process.memlock = facts::Memlock{};
  node.process.capabilities = std::vector<std::string>{};
  node.process.netns_mode = std::string("shared");
  node.process.rdma_cm_openable = true;
}

facts::Netdev plain_netdev(const std::string& name, int ifindex, const std::string& type, const std::string& ip,
                           int prefix_length) {
  facts::Netdev item;
  item.name = name;
  item.ifindex = ifindex;
  item.mtu = 1500;
  item.max_mtu = 9194;
  item.operstate = std::string("up");
  item.admin_up = item.running = item.carrier = true;
  item.speed_mbit_s = 10000;
  item.mac = fmt::format("4c:bb:47:00:01:{:02x}", ifindex);
  item.driver = std::string("r8127");
  item.carrier_changes = 2;
  item.phys_port_name = item.phys_switch_id = absent;
  item.dev_port = 0;
  item.pci_address = std::string("0007:01:00.0");
  item.type = type;
  item.addresses = std::vector<facts::Address>{{"inet", ip, prefix_length, "global"}};
  item.persistent = std::vector<facts::PersistentConfig>{};
  return item;
}

facts::Netdev loopback() {
  facts::Netdev lo = plain_netdev("lo", 1, "loopback", "127.0.0.1", 8);
  lo.mtu = 65536;
  lo.max_mtu = 0;
  lo.operstate = std::string("unknown");
  lo.pci_address = absent;
  lo.driver = absent;
  lo.speed_mbit_s = Missing{Why::not_supported, "/sys/class/net/lo/speed: Invalid argument"};
  (*lo.addresses.value().begin()).scope = "host";
  return lo;
}

facts::Netdev gb10_netdev(const Gb10Function& function, int ifindex) {
  const bool up = *function.ip != '\0';
  facts::Netdev item;
  item.name = function.netdev;
  item.ifindex = ifindex;
  item.mtu = up ? 9000 : 1500;
  item.max_mtu = 9978;
  item.operstate = std::string(up ? "up" : "down");
  item.admin_up = true;
  item.running = item.carrier = up;
  item.speed_mbit_s = up ? facts::Fact<int>(200000) : Missing{Why::not_supported, "speed: Invalid argument"};
  item.mac = fmt::format("4c:bb:47:00:00:{}", function.mac_end);
  item.driver = std::string("mlx5_core");
  item.carrier_changes = up ? 2 : 1;
  item.phys_port_name = fmt::format("p{}", function.port_index);
  item.phys_switch_id = absent;
  item.dev_port = 0;
  item.pci_address = std::string(function.address);
  item.type = std::string("physical");
  item.addresses = std::vector<facts::Address>{};
  if (up) {
    item.addresses.value().push_back({"inet", function.ip, 24, "global"});
    item.addresses.value().push_back({"inet6", fmt::format("fe80::4ebb:47ff:fe00:{}", function.mac_end), 64, "link"});
  }
  item.rdma_device = function.device;
  facts::LinkModes modes;
  modes.supported = {"100000baseCR4/Full", "100000baseCR2/Full", "200000baseCR4/Full", "200000baseCR2/Full"};
  modes.advertised = modes.supported;
  modes.lanes = up ? facts::Fact<int>(4) : absent;
  modes.autoneg = true;
  item.link_modes = modes;
  item.link_state = up ? facts::LinkState{true, std::nullopt} : facts::LinkState{false, "No cable"};
  item.fec = up ? facts::Fec{"RS", {"Auto"}} : facts::Fec{"Off", {"Auto"}};
  item.module = up ? facts::Fact<facts::Module>(dac_200g())
                   : Missing{Why::failed, "ETHTOOL_MSG_MODULE_EEPROM_GET: Input/output error"};
  item.pause = facts::Pause{false, true, true};
  facts::Qos qos;
  qos.pfc_priorities = std::vector<int>{};
  qos.ets_bandwidth_percent = std::vector<int>(8, 0);
  qos.trust = std::string("pcp");
  item.qos = qos;
  item.statistics = facts::Counters{{"rx_packets_phy", 40000000}, {"tx_packets_phy", 40000000},
                                    {"rx_crc_errors_phy", 0},     {"rx_discards_phy", 0},
                                    {"rx_pcs_symbol_err_phy", 0}, {"link_down_events_phy", up ? 0U : 1U},
                                    {"rx_global_pause", 0},       {"rx_oversize_pkts_phy", 0}};
  item.persistent = std::vector<facts::PersistentConfig>{};
  if (up) {
    item.persistent.value().push_back(
        {"/etc/netplan/40-cx7.yaml", "netplan", 9000, {fmt::format("{}/24", function.ip)}});
  }
  return item;
}

facts::Device gb10_device(const Gb10Function& function) {
  const bool up = *function.ip != '\0';
  facts::Device item;
  item.name = function.device;
  item.kind = facts::DeviceKind::roce;
  item.driver = std::string("mlx5_core");
  item.fw_version = std::string("28.45.4028");
  item.board_id = std::string("NVD0000000087");
  item.hca_type = std::string("MT4129");
  item.vendor_id = 0x2c9;
  item.vendor_part_id = 4129;
  item.node_guid = fmt::format("4cbb:4703:0000:00{}", function.mac_end);
  item.sys_image_guid = std::string("4cbb:4703:0000:0010");
  item.parent_netdev = absent;
  item.pci = pci_gen5_x4(function.address, function.root_port);
  item.uverbs = facts::Uverbs{fmt::format("/dev/infiniband/uverbs{}", function.uverbs), true};
  facts::Port only;
  only.number = 1;
  only.state = std::string(up ? "ACTIVE" : "DOWN");
  only.phys_state = std::string(up ? "LinkUp" : "Disabled");
  only.link_layer = std::string("Ethernet");
  only.rate_gbit_s = up ? 200.0 : 40.0;
  only.width = std::string(up ? "2X" : "4X");
  only.active_mtu = up ? 4096 : 1024;
  only.max_mtu = 4096;
  only.netdev = std::string(function.netdev);
  only.gid_table_size = 255;
  only.gids = gids_of(function.mac_end, function.netdev, function.ip, function.mapped_ip);
  only.counters = quiet_port_counters();
  only.hw_counters = quiet_hw_counters();
  item.ports.push_back(only);
  return item;
}

template <class List>
auto& find_or_throw(List& list, std::string_view name) {
  for (auto& item : list) {
    if (item.name == name) return item;
  }
  throw std::logic_error("no such name in the sample: " + std::string(name));
}

NodeView view_of(const facts::NodeFacts& node, const std::vector<derived::Rail>& rails, const derived::NcclChoice& nccl,
                 const Expectations& expect) {
  return {node, rails, nccl, expect};
}

}  // namespace

facts::NodeFacts gb10() {
  facts::NodeFacts node;
  fill_environment_of_host(node);
  node.host.hostname = std::string("spark-1");
  node.host.kernel = std::string("6.17.0-1014-nvidia");
  node.host.os = std::string("Ubuntu 24.04.3 LTS");
  node.host.architecture = std::string("aarch64");
  node.host.machine = std::string("NVIDIA_DGX_Spark");
  node.host.libibverbs = facts::Library{"/usr/lib/aarch64-linux-gnu/libibverbs.so.1", std::string("50.0")};
  node.host.verbs_providers = std::vector<std::string>{"efa", "mlx4", "mlx5", "rxe", "siw"};
  node.host.nccl_libraries = {{"/usr/lib/aarch64-linux-gnu/libnccl.so.2", std::string("2.28.9")}};
  node.host.nvidia_driver = std::string("580.95.05");
  node.host.modules = std::map<std::string, std::string>{{"mlx5_core", ""}, {"mlx5_ib", ""}, {"ib_core", ""},
                                                         {"ib_uverbs", ""}, {"rdma_cm", ""}, {"rdma_ucm", ""}};
  node.host.cpu_governors = std::vector<std::string>{"performance"};

  int ifindex = 3;
  for (const Gb10Function& function : functions) {
    node.devices.push_back(gb10_device(function));
    node.netdevs.push_back(gb10_netdev(function, ifindex++));
  }
  node.netdevs.push_back(loopback());
  node.netdevs.push_back(plain_netdev("enP7s7", 2, "physical", "192.168.1.117", 24));
  facts::Netdev wifi = plain_netdev("wlP9s9", 8, "wifi", "192.168.1.217", 24);
  wifi.driver = std::string("mt7925e");
  wifi.pci_address = std::string("0009:01:00.0");
  wifi.operstate = std::string("down");
  wifi.running = wifi.carrier = false;
  wifi.addresses = std::vector<facts::Address>{};
  node.netdevs.push_back(wifi);

  node.routes = std::vector<facts::Route>{
      {"default", "enP7s7", "192.168.1.1", std::nullopt, 100},
      {"192.168.1.0/24", "enP7s7", std::nullopt, "192.168.1.117", 100},
      {"192.168.100.0/24", "enp1s0f0np0", std::nullopt, "192.168.100.10", 0},
      {"192.168.101.0/24", "enP2p1s0f0np0", std::nullopt, "192.168.101.10", 0},
  };
  facts::Gpu gpu;
  gpu.pci_address = "000f:01:00.0";
  gpu.name = std::string("NVIDIA GB10");
  gpu.pci = absent;
  gpu.integrated = true;
  gpu.gpu_direct_rdma_supported = false;
  gpu.dma_buf_supported = false;
  gpu.multicast_supported = false;
  gpu.pageable_memory_access = true;
  gpu.compute_capability = std::string("12.1");
  node.gpus.push_back(gpu);
  facts::Topology topology;
  topology.packages = topology.numa_nodes = 1;
  topology.cores = 20;
  topology.core_kinds = {{"0-4,10-14", 0}, {"5-9,15-19", 1}};
  for (const Gb10Function& function : functions) {
    topology.proximity.push_back({function.device, gpu.pci_address, "NODE"});
    topology.near_cores.push_back({function.device, "0-19"});
  }
  node.topology = topology;
  node.process.infiniband_nodes = std::vector<std::string>{"rdma_cm", "uverbs0", "uverbs1", "uverbs2", "uverbs3"};
  // On the LAN the first interface would carry NCCL's bootstrap; on a node set up right the fabric does.
  set_env(node, "NCCL_SOCKET_IFNAME", "enp1s0f0np0");
  return node;
}

facts::NodeFacts soft_roce() {
  facts::NodeFacts node;
  fill_environment_of_host(node);
  node.host.hostname = std::string("node1");
  node.host.kernel = std::string("6.1.0-38-amd64");
  node.host.os = std::string("Debian GNU/Linux 12 (bookworm)");
  node.host.architecture = std::string("x86_64");
  node.host.machine = std::string("Standard PC (Q35 + ICH9, 2009)");
  node.host.libibverbs = facts::Library{"/usr/lib/x86_64-linux-gnu/libibverbs.so.1", std::string("44.0")};
  node.host.verbs_providers = std::vector<std::string>{"mlx5", "rxe"};
  node.host.nvidia_driver = absent;
  node.host.modules = std::map<std::string, std::string>{{"rdma_rxe", ""}, {"ib_uverbs", ""}, {"ib_core", ""}};
  node.host.cpu_governors = absent;
  node.host.cma_total_bytes = 0;
  node.host.cma_free_bytes = 0;
  node.process.euid = 0;
  node.process.capabilities = std::vector<std::string>{"CAP_IPC_LOCK", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"};
  node.process.infiniband_nodes = std::vector<std::string>{"rdma_cm", "uverbs0", "uverbs1"};

  struct Link {
    const char* device;
    const char* netdev;
    const char* ip;
    const char* mapped_ip;
    const char* mac_end;
    int uverbs;
  };
  constexpr Link links[] = {{"rocep1s0f0", "enp1s0f0np0", "10.10.0.1", "0a0a:0001", "01", 0},
                            {"roceP2p1s0f0", "enP2p1s0f0np0", "10.10.1.1", "0a0a:0101", "02", 1}};
  node.netdevs.push_back(loopback());
  std::vector<facts::Route> routes;
  for (const Link& link : links) {
    facts::Netdev item = plain_netdev(link.netdev, 2 + link.uverbs, "physical", link.ip, 24);
    item.mtu = 9000;
    item.max_mtu = 65535;
    item.driver = std::string("virtio_net");
    item.speed_mbit_s = Missing{Why::not_supported, fmt::format("/sys/class/net/{}/speed: unknown", link.netdev)};
    item.carrier_changes = 1;
    item.rdma_device = link.device;
    item.pci_address = fmt::format("0000:00:0{}.0", 2 + link.uverbs);
    const Missing unsupported{Why::not_supported, "Operation not supported"};
    item.link_modes = unsupported;
    item.fec = unsupported;
    item.module = unsupported;
    item.pause = unsupported;
    item.link_state = facts::LinkState{true, std::nullopt};
    item.qos = unsupported;
    item.statistics = facts::Counters{};
    item.persistent = std::vector<facts::PersistentConfig>{
        {fmt::format("/etc/systemd/network/{}.network", link.netdev), "systemd-networkd", 9000, {}}};
    node.netdevs.push_back(item);
    routes.push_back({fmt::format("10.10.{}.0/24", link.uverbs), link.netdev, std::nullopt, link.ip, 0});

    facts::Device rxe;
    rxe.name = link.device;
    rxe.kind = facts::DeviceKind::soft_roce;
    rxe.driver = std::string("rdma_rxe");
    rxe.fw_version = std::string("0.0.0");
    rxe.board_id = absent;
    rxe.hca_type = absent;
    rxe.vendor_id = 0xffffff;
    rxe.vendor_part_id = 0;
    rxe.node_guid = fmt::format("5054:00ff:fe00:00{}", link.mac_end);
    rxe.sys_image_guid = fmt::format("5054:00ff:fe00:00{}", link.mac_end);
    rxe.parent_netdev = std::string(link.netdev);
    rxe.pci = absent;
    rxe.uverbs = facts::Uverbs{fmt::format("/dev/infiniband/uverbs{}", link.uverbs), true};
    facts::Port only;
    only.state = std::string("ACTIVE");
    only.phys_state = std::string("LinkUp");
    only.link_layer = std::string("Ethernet");
    only.rate_gbit_s = 2.5;
    only.width = std::string("1X");
    only.active_mtu = 4096;
    only.max_mtu = 4096;
    only.netdev = std::string(link.netdev);
    only.gid_table_size = 1024;
    const std::string link_local = fmt::format("fe80:0000:0000:0000:5054:00ff:fe00:00{}", link.mac_end);
    only.gids = {
        gid(0, link_local, "RoCE v2", link.netdev),
        gid(1, std::string("0000:0000:0000:0000:0000:ffff:") + link.mapped_ip, "RoCE v2", link.netdev, link.ip)};
    only.counters = facts::Counters{};
    only.hw_counters = facts::Counters{{"sent_pkts", 100000},     {"rcvd_pkts", 100000}, {"duplicate_request", 0},
                                       {"out_of_seq_request", 0}, {"rcvd_rnr_err", 0},   {"retry_exceeded_err", 0},
                                       {"send_err", 0},           {"link_downed", 0}};
    rxe.ports.push_back(only);
    node.devices.push_back(rxe);
  }
  node.routes = routes;
  facts::Topology topology;
  topology.packages = topology.numa_nodes = 1;
  topology.cores = 2;
  node.topology = topology;
  return node;
}

derived::NcclChoice gb10_choice() {
  derived::NcclChoice choice;
  choice.hcas = {"rocep1s0f0:1", "roceP2p1s0f0:1"};
  choice.rejected = {{"rocep1s0f1", 1, "port is DOWN"}, {"roceP2p1s0f1", 1, "port is DOWN"}};
  choice.gids["rocep1s0f0:1"] = {3, "0000:0000:0000:0000:0000:ffff:c0a8:640a", "RoCE v2", false, true, ""};
  choice.gids["roceP2p1s0f0:1"] = {3, "0000:0000:0000:0000:0000:ffff:c0a8:650a", "RoCE v2", false, true, ""};
  choice.socket_ifnames = {"enp1s0f0np0"};
  choice.socket_why = "NCCL_SOCKET_IFNAME";
  choice.net = "IB";
  choice.why = "two ACTIVE devices";
  return choice;
}

derived::NcclChoice soft_roce_choice() {
  derived::NcclChoice choice;
  choice.hcas = {"rocep1s0f0:1", "roceP2p1s0f0:1"};
  choice.gids["rocep1s0f0:1"] = {1, "0000:0000:0000:0000:0000:ffff:0a0a:0001", "RoCE v2", false, true, ""};
  choice.gids["roceP2p1s0f0:1"] = {1, "0000:0000:0000:0000:0000:ffff:0a0a:0101", "RoCE v2", false, true, ""};
  choice.socket_ifnames = {"enp1s0f0np0", "enP2p1s0f0np0"};
  choice.socket_why = "every interface but docker, lo and virbr";
  choice.net = "IB";
  choice.why = "two ACTIVE devices";
  return choice;
}

facts::Device& device(facts::NodeFacts& node, std::string_view name) { return find_or_throw(node.devices, name); }
facts::Port& port(facts::NodeFacts& node, std::string_view device_name) {
  return device(node, device_name).ports.at(0);
}
facts::Netdev& netdev(facts::NodeFacts& node, std::string_view name) { return find_or_throw(node.netdevs, name); }

void remove_ipv4(facts::NodeFacts& node, std::string_view device_name) {
  facts::Port& broken = port(node, device_name);
  std::erase_if(broken.gids, [](const facts::Gid& item) { return item.ipv4.has_value(); });
  facts::Netdev& link = netdev(node, *broken.netdev);
  std::erase_if(link.addresses.value(), [](const facts::Address& address) { return address.family == "inet"; });
  std::erase_if(node.routes.value(), [&](const facts::Route& route) { return route.netdev == link.name; });
}

void take_down(facts::NodeFacts& node, std::string_view device_name) {
  facts::Port& broken = port(node, device_name);
  broken.state = std::string("DOWN");
  broken.phys_state = std::string("Disabled");
  broken.rate_gbit_s = 40.0;
  broken.active_mtu = 1024;
  facts::Netdev& link = netdev(node, *broken.netdev);
  link.operstate = std::string("down");
  link.carrier = link.running = false;
  link.speed_mbit_s = Missing{Why::not_supported, "speed: Invalid argument"};
  link.link_state = facts::LinkState{false, "No cable"};
  link.fec = facts::Fec{"Off", {"Auto"}};
}

void set_env(facts::NodeFacts& node, const std::string& name, const std::string& value) {
  node.process.nccl_env[name] = value;
  std::erase_if(node.process.settings, [&](const facts::Setting& setting) { return setting.name == name; });
  node.process.settings.push_back({name, value, "environment"});
}

std::vector<Finding> run(std::string_view id, const facts::NodeFacts& node, const derived::NcclChoice& nccl,
                         const Expectations& expect) {
  const Check* check = find_check(id);
  if (check == nullptr) throw std::logic_error("no such check: " + std::string(id));
  const std::vector<derived::Rail> rails = derived::find_rails(node);
  return run_checks({&check, 1}, view_of(node, rails, nccl, expect));
}

Severity worst(const std::vector<Finding>& findings) {
  Severity found = Severity::skipped;
  for (const Finding& finding : findings) {
    if (weight(finding.severity) > weight(found)) found = finding.severity;
  }
  return found;
}

std::vector<std::string> subjects(const std::vector<Finding>& findings, Severity severity) {
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    if (finding.severity == severity) names.push_back(finding.subject);
  }
  return names;
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{} {} {}: {}\n", finding.id, to_string(finding.severity), finding.subject, finding.title);
    for (const Evidence& item : finding.evidence) {
      text += fmt::format("  {} = {} ({})\n", item.what, item.value, item.source);
    }
    if (!finding.cause.empty()) text += fmt::format("  cause: {}\n", finding.cause);
    for (const std::string& line : finding.remedy) text += fmt::format("  $ {}\n", line);
  }
  return text;
}

}  // namespace rocekit::checks::sample
