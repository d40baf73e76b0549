#include "probes/checks/areas.h"
#include "probes/checks/nccl_hca_checks.h"
#include "probes/checks/nccl_net_checks.h"
#include "probes/checks/socket_checks.h"

namespace rocekit::checks {
namespace {

constexpr Check checks[] = {
    {"ROCE-ENV-001", "RDMA switched off by NCCL_IB_DISABLE",
     "NCCL_IB_DISABLE=1 makes NCCL use TCP sockets even where RDMA works. It is often left over from a first try "
     "without RDMA, or comes with a container image.",
     "A value of NCCL_IB_DISABLE other than 0, from the environment or one of NCCL's conf files, is critical; warning "
     "when an external network plugin that ignores it carries the traffic.",
     "unset NCCL_IB_DISABLE, or start the container without -e NCCL_IB_DISABLE.", false, check_ib_disabled,
     Scope::settings},
    {"ROCE-ENV-002", "NCCL_IB_HCA names a device or port that is absent or down",
     "NCCL_IB_HCA lists the RDMA devices that NCCL may use. Names that are not on this node are ignored without a "
     "word; when none is left, NCCL uses TCP sockets. Device names differ between machines (rocep1s0f0, mlx5_0).",
     "Every entry of NCCL_IB_HCA must match an ACTIVE port, by NCCL's own rules (prefix unless the list starts with "
     "=). Critical when no usable port is left, else warning. Lists that exclude (^) are not judged.",
     "List the devices of this node: roce-probe prints the right value, for example "
     "export NCCL_IB_HCA=rocep1s0f0,roceP2p1s0f0.",
     false, check_hca_names, Scope::settings},
    {"ROCE-ENV-003", "NCCL_IB_HCA matches more devices than it names",
     "Without a leading = the names in NCCL_IB_HCA are prefixes: mlx5_1 also matches mlx5_10 to mlx5_19. NCCL then "
     "uses devices that were not meant, or excludes them with ^.",
     "An entry that is the full name of one device and the beginning of another's, which the list does not name, is a "
     "warning. A prefix that is no device's full name (mlx5) is taken as meant.",
     "Make the list exact with a leading =, in quotes: export NCCL_IB_HCA='=mlx5_1'.", false, check_hca_prefixes,
     Scope::settings},
    {"ROCE-ENV-004", "Usable devices left out of NCCL_IB_HCA",
     "On GB10 one physical port is two RDMA devices (twins), each behind its own PCIe link of about half the port's "
     "rate. With one of them listed NCCL uses half of the port: 12.8 in place of 20.9 GB/s of bus bandwidth were "
     "measured.",
     "A port that is ACTIVE, has a RoCE v2 IPv4 GID and is not accepted by NCCL_IB_HCA is a warning when it is the "
     "twin of a listed one, or another rail of the same kind and at least the same rate. Slower ports, and rails that "
     "a list with ^ excludes, are taken as meant.",
     "export NCCL_IB_HCA=rocep1s0f0,roceP2p1s0f0 (the finding prints the value for this node), or unset it.", false,
     check_hca_left_out, Scope::settings},
    {"ROCE-ENV-005", "NCCL's socket interface is missing or of the wrong kind",
     "NCCL opens its first connections (bootstrap, and the exchange before RDMA connects) over the interface that "
     "NCCL_SOCKET_IFNAME chooses, or over the first one it finds: that can be WiFi, a VPN or a container bridge, which "
     "the other node cannot reach or reaches slowly.",
     "NCCL's own choice is followed. No interface at all is critical; a first interface that is WiFi, a VPN or tunnel, "
     "a container or VM bridge or loopback is a warning.",
     "export NCCL_SOCKET_IFNAME=enp1s0f0np0 (the interface of the fabric; the finding names it).", false,
     check_socket_interface, Scope::settings},
    {"ROCE-ENV-006", "NCCL will use sockets, not RDMA",
     "NCCL does not fail when RDMA is unusable, it silently uses TCP sockets. On two GB10 nodes decode was measured at "
     "17.2 tokens/s over sockets and 29.8 over RDMA (one request at a time), and an all-reduce of 40 KB at 371 against "
     "34 microseconds.",
     "NCCL's choice is predicted as coded: critical when sockets will carry the traffic, or when NCCL cannot start. "
     "This check accompanies the one that explains it and names it.",
     "Remedy the finding that explains it. export NCCL_NET=IB makes NCCL stop with an error in place of using sockets.",
     true, check_fallback, Scope::settings},
    {"ROCE-ENV-007", "NCCL transport settings in a conf file",
     "NCCL reads ~/.nccl.conf (or the file named by NCCL_CONF_FILE) and /etc/nccl.conf. Settings there change the "
     "transport of every job, and nobody sees them in the environment; container images bring them along.",
     "Settings in force that choose devices, networks, interfaces or GIDs and come from a file are a warning.",
     "Comment the line out: sudo sed -i '3s/^/# /' /etc/nccl.conf (the finding names file and line).", false,
     check_conf_files, Scope::settings},
    {"ROCE-ENV-008", "NCCL_NET demands sockets or a network that does not exist",
     "NCCL_NET and NCCL_NET_PLUGIN choose NCCL's network by name. NCCL_NET=Socket leaves RDMA unused; a name that no "
     "network has makes NCCL stop with \"Failed to initialize any NET plugin\".",
     "NCCL_NET=Socket, or a name (an empty one too) that no network found here has, is critical. NCCL_NET=IB is right. "
     "NCCL_NET_PLUGIN naming a plugin that is not found is a warning: NCCL goes on without it.",
     "unset NCCL_NET, or export NCCL_NET=IB.", false, check_net_name, Scope::settings},
    {"ROCE-ENV-009", "Address or interface of a serving framework outside the fabric",
     "Ray, vLLM, Gloo and NCCL's bootstrap are told by variables which address and interface to use. On the LAN in "
     "place of the fabric they are slow or, when the two nodes disagree, hang at the start.",
     "GLOO_SOCKET_IFNAME, TP_SOCKET_IFNAME and NCCL_SOCKET_IFNAME must name interfaces of this node, VLLM_HOST_IP and "
     "HOST_IP addresses of this node; on nodes with at most two rails these, MASTER_ADDR, VLLM_DP_MASTER_IP, "
     "RAY_ADDRESS and NCCL_COMM_ID must be in the fabric. Warning otherwise. Servers with more rails use their LAN for "
     "this on purpose. Host names and loopback addresses are not judged.",
     "export VLLM_HOST_IP=<this node's fabric address> GLOO_SOCKET_IFNAME=<fabric interface>, on both nodes.", false,
     check_framework_addresses, Scope::settings},
    {"ROCE-ENV-010", "NCCL 2.29 or newer with rdma-core 50",
     "NCCL from 2.29 on with the libibverbs of rdma-core 50 (Ubuntu 24.04's own) in one image finds no RDMA device: "
     "\"NET/IB : No device found.\", and the traffic goes over TCP sockets.",
     "The version of the NCCL library that the loader finds (2.29 or newer) together with that of libibverbs (50.x) is "
     "critical.",
     "Use NCCL 2.28.9 (Ubuntu: libnccl2=2.28.9-1+cuda13.0), or put a newer rdma-core into the image.", false,
     check_nccl_rdma_core, Scope::process},
};

}  // namespace

std::span<const Check> environment_checks() { return checks; }

}  // namespace rocekit::checks
