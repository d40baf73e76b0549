#include "probes/checks/measured_checks.h"

namespace rocekit::checks {
namespace {

constexpr Check checks[] = {
    {"ROCE-PAIR-001", "No subnet in common between two nodes",
     "RoCE v2 packets find their way by IP address. Two ports can talk when their addresses lie in one subnet, or "
     "when a route leads from one to the other; a rail whose ends share none carries nothing, and NCCL then uses the "
     "other rails or falls back to sockets.",
     "Each ACTIVE RDMA port of a rank needs a port of the other rank in its IPv4 subnet, or a route that leaves by "
     "it. Critical when no port of the two has one, so that nothing can go over RDMA; warning when other rails have.",
     "Give both ends of each rail an address in one subnet, each rail its own subnet:\n"
     "  sudo ip addr add 192.168.100.10/24 dev enp1s0f0np0    # first node\n"
     "  sudo ip addr add 192.168.100.11/24 dev enp1s0f0np0    # second node\n"
     "and keep them in netplan. To see what is there: roce-probe on both nodes.",
     true, nullptr},
    {"ROCE-PAIR-002", "MTU differs between the two ends",
     "Both ends of a connection use the smaller path MTU, so one node that was left at MTU 1500 sets 1024 bytes for "
     "both: each byte then costs four times the headers. Frames larger than the receiver's MTU are dropped without a "
     "message, which TCP notices as stalls.",
     "Warning when the path MTU that the two RDMA ports allow, or the MTU of the two netdevs, differs.",
     "Set the same MTU on both ends, and keep it in netplan:\n"
     "  sudo ip link set dev enp1s0f0np0 mtu 9000\n"
     "Proof that 9000 passes: a ping of 8972 bytes that must not be fragmented.\n"
     "  ping -M do -s 8972 -c 3 192.168.100.11\n"
     "roce-probe tells whether the setting survives a restart (ROCE-CFG-001).",
     false, nullptr},
    {"ROCE-PAIR-003", "The other end of a rail does not answer",
     "The addresses fit, and yet no packet arrives: the cable leads to another port than the addresses say (rails "
     "cabled crosswise), two interfaces of one node lie in one subnet so that the answer leaves through the wrong "
     "one, a firewall or a VLAN drops UDP port 4791, or the node is not up.",
     "roce-preflight: critical when neither TCP nor datagrams cross a rail whose addresses fit, and when both do and "
     "RDMA alone is never acknowledged. roce-pingpong ends with exit code 3 when the kernel cannot resolve the other "
     "end's address (ibv_modify_qp to RTR: ETIMEDOUT), when the first message of a connection is never acknowledged "
     "(completion error 12), or when a TCP connection along the rail is not accepted.",
     "From each interface on its own, on both nodes:\n"
     "  ping -I enp1s0f0np0 -c 3 192.168.100.11\n"
     "  ip neigh show dev enp1s0f0np0\n"
     "When an interface reaches the other's twin instead, swap the cables or the addresses. roce-probe names "
     "interfaces that share a subnet (ROCE-NET-002).",
     true, nullptr},
    {"ROCE-PAIR-004", "Link rate differs between the two ends",
     "The slower link decides. On a direct cable both ends must have negotiated the same rate; through a switch one "
     "node on a slower port slows every exchange with it.",
     "Warning when the link rates of the two ends of a path are known and differ.",
     "Compare what the ports of both nodes offer and accept:\n"
     "  ethtool enp1s0f0np0\n"
     "roce-probe on the slower node judges link and cable (ROCE-LNK-003, ROCE-LNK-004).",
     false, nullptr},
    {"ROCE-PAIR-005", "NCCL versions differ",
     "NCCL compares versions when ranks meet and gives up when they differ (\"Mismatched NCCL version detected\"); "
     "builds whose bootstrap differs hang before they come so far. It happens when one node's image or package was "
     "updated and the other's was not.",
     "The version of the libnccl that the named serving process has loaded, else of the one that the loader finds: "
     "critical when it differs between nodes, unknown when one node shows none. Not judged when no node has one.",
     "Use one image, or one package version, on all nodes:\n"
     "  podman images --digests        # the same digest on every node\n"
     "  sudo apt-get install --only-upgrade libnccl2\n"
     "What a serving container has loaded: roce-probe --pid PID.",
     true, nullptr},
    {"ROCE-PAIR-006", "Adapters of one kind run different firmware",
     "Nodes that were updated one by one behave differently: link training, lossless settings and congestion control "
     "all live in the adapter's firmware, and a fault that shows on one side only is hard to find.",
     "Adapters with the same board ID on different nodes: warning when their firmware differs. Adapters of different "
     "boards are not compared. Differences inside one node: ROCE-DEV-003.",
     "Bring all nodes to one level of firmware by the vendor's update, with the nodes out of service:\n"
     "  fwupdmgr get-devices           # what is installed and what is offered\n"
     "then switch them off and on again.",
     false, nullptr},
    {"ROCE-PAIR-007", "Kernel, driver or rdma-core differ",
     "The kernel brings the RDMA driver, rdma-core its user-space half; with the GPU driver they decide what NCCL can "
     "use. On one release memory registration works, on the next it fails: nodes that differ fail one at a time.",
     "Warning when the kernel's release series (6.17), the branch of the NVIDIA driver (580), the first number of "
     "rdma-core's version, or the version of the RDMA driver's module differs. Later numbers that differ are told and "
     "pass.",
     "What each node has:\n"
     "  uname -r; modinfo -F version mlx5_core; cat /proc/driver/nvidia/version\n"
     "  dpkg -l ibverbs-providers rdma-core\n"
     "Update the nodes together, and restart them.",
     false, nullptr},
    {"ROCE-PAIR-008", "rocekit's own version differs",
     "Both ends run the same measuring code only when they are the same version; rules and bounds change too.",
     "Warning when the tool's version differs between ranks.", "Install one version on all nodes, then run again.",
     false, nullptr},
    {"ROCE-PAIR-009", "GIDs of different type or family",
     "The two ends of a connection must speak the same protocol: RoCE v1 frames do not reach RoCE v2, and NCCL refuses "
     "a pair of IPv4 and IPv6 (\"Found Incompatibility issue with GID types\").",
     "The GID that NCCL will take for each port, by what ports of one subnet have: critical when RoCE version or "
     "address family differs. Not judged on InfiniBand, nor where NCCL does not take RDMA.",
     "Leave the choice to NCCL on all nodes, which takes RoCE v2 with IPv4:\n"
     "  unset NCCL_IB_GID_INDEX NCCL_IB_ADDR_FAMILY NCCL_IB_ROCE_VERSION_NUM\n"
     "and give both ends of each rail an IPv4 address.",
     false, nullptr},
    {"ROCE-PAIR-010", "NCCL takes different networks on the nodes",
     "All ranks must be on one network: when NCCL takes RDMA on one node and sockets or another plugin on the other, "
     "it hangs when it connects, or ends with an error that names neither.",
     "The network that NCCL is predicted to take on each node: critical when they differ. That all fall back to "
     "sockets is said by ROCE-ENV-006.",
     "On the node that does not take RDMA, see why, and put it right:\n"
     "  roce-probe --check ENV,ACC\n"
     "NCCL_NET=IB on all nodes turns the silent fallback into an error.",
     true, nullptr},
    {"ROCE-PAIR-011", "NCCL uses a rail on one node only",
     "NCCL_IB_HCA is a list of device names, and names differ between machines: a list that was copied from one node "
     "leaves devices out on the next. A rail that one end leaves out carries nothing, and NCCL then connects devices "
     "that do not lie opposite each other.",
     "For each rail, whether NCCL is predicted to take the port at each end: warning when they differ, critical when "
     "two nodes have no rail left that both take. Not judged where NCCL does not take RDMA.",
     "See what NCCL takes and leaves out on each node, and list each node's own devices:\n"
     "  roce-probe env --for shell     # prints NCCL_IB_HCA for this node\n"
     "or leave NCCL_IB_HCA unset on all.",
     false, nullptr},
    {"ROCE-PAIR-012", "Bootstrap interfaces lie in different networks",
     "NCCL's ranks first meet over TCP, each at the address of its first socket interface. Where these lie in networks "
     "that do not lead to each other by the same interface, the start hangs or is refused, or goes over the LAN "
     "instead of the fabric.",
     "The first interface that NCCL takes for sockets on each node: warning when their addresses share no subnet and "
     "no route leads from each to the other by that interface, or when two nodes have the same address.",
     "Name the interface of one network on every node (the names may differ):\n"
     "  export NCCL_SOCKET_IFNAME==enp1s0f0np0\n"
     "  export GLOO_SOCKET_IFNAME=enp1s0f0np0\n"
     "With podman and docker the same by -e; roce-probe env prints them for each node.",
     false, nullptr},
    {"ROCE-PAIR-013", "NCCL settings differ between nodes",
     "Protocol, algorithm, channels, buffer sizes and traffic class must be the same on all ranks. NCCL does not "
     "compare them: a mix hangs, is slow, or gives wrong results.",
     "All NCCL_* settings in force, from environment and conf files: warning when a value differs. Left out: what "
     "names the node itself or only logging, devices and interfaces (ROCE-PAIR-011, -012), what decides the network "
     "(ROCE-PAIR-010) and the GID (ROCE-GID-002, ROCE-PAIR-009).",
     "What is set on each node:\n"
     "  env | grep NCCL_; cat ~/.nccl.conf /etc/nccl.conf\n"
     "Start all ranks with the same settings: mpirun -x NAME hands one on.",
     false, nullptr},
    {"ROCE-PAIR-014", "Rails cabled or addressed crosswise",
     "NCCL connects the first device of one node with the first of the other, the second with the second. When the "
     "addresses say that the first lies opposite the second, packets take a way that does not exist, and connecting "
     "fails with errno 110 (Connection timed out) or completion error 12.",
     "Subnets of the devices in NCCL's order (of the ACTIVE ports where it takes none): critical when the nodes have "
     "the same subnets in another order.",
     "Swap the addresses of the two rails on one node, or the cables where each rail has its own:\n"
     "  ip -br -4 address              # on both nodes\n"
     "  ping -I enp1s0f0np0 -c 3 192.168.100.11\n"
     "Keep the new addresses in netplan.",
     true, nullptr},
    {"ROCE-PAIR-015", "Several rails of two nodes share a subnet",
     "Each rail needs a subnet of its own. In a shared one the kernel chooses one interface for all of it, either "
     "interface answers ARP for both addresses, and what is sent to one twin arrives at the other.",
     "Warning when two or more RoCE ports of a node are in the subnet of another node's port. Each node by itself: "
     "ROCE-NET-002.",
     "Give the second rail a subnet of its own, on all nodes:\n"
     "  sudo ip address del 192.168.100.12/24 dev enP2p1s0f0np0\n"
     "  sudo ip address add 192.168.101.12/24 dev enP2p1s0f0np0\n"
     "Keep the new addresses in netplan.",
     false, nullptr},
    {"ROCE-PAIR-016", "PCIe paths of the two ends differ",
     "A rail carries what the narrower of its two adapters gets through PCIe. Nodes of one kind have the same width "
     "and speed; one that differs was trained down, sits in another slot or has an older BIOS.",
     "Bandwidth of the slowest hop above the adapters of one rail: warning when it differs between nodes. Not judged "
     "on Soft-RoCE. A link below what its ends can do: ROCE-PCI-001.",
     "  sudo lspci -s 0000:01:00.0 -vv | grep -E 'LnkCap|LnkSta'\n"
     "Update the BIOS, reseat the adapter, take the power away for a minute.",
     false, nullptr},
    {"ROCE-PAIR-017", "Limits or container of the processes differ",
     "The rank with the lower limit on locked memory fails to register buffers while the others wait for it. And a "
     "node that was looked at from the host tells nothing of the container that serves there.",
     "Limit on locked memory (none with CAP_IPC_LOCK; all from 1 GiB on count as one), and whether and in which kind "
     "of container: warning when they differ between nodes.",
     "Start all ranks the same way, with:\n"
     "  --ulimit memlock=-1:-1 --device /dev/infiniband --network host\n"
     "A process that serves already is looked at by roce-probe --pid PID.",
     false, nullptr},
    {"ROCE-PAIR-018", "Clock of a node far off",
     "Certificates and tokens are refused, Ray and etcd take a node for dead, and logs of the two nodes cannot be laid "
     "side by side.",
     "Clocks as the ranks told them to each other: warning when one is more than 60 s off the others (their median; "
     "with two nodes, off each other).",
     "On the node that is off:\n"
     "  timedatectl status\n"
     "  sudo timedatectl set-ntp true\n"
     "Without a way to a time server: chrony on one node, with the others as its clients.",
     false, nullptr},
    {"ROCE-PAIR-019", "Full-size packets do not pass between the ends",
     "Both ends of a rail are set to one MTU, and a switch port, bridge, VLAN or tunnel between them carries less. "
     "Small packets pass, so ping and logins work; large ones vanish without a message, RDMA ends in retries and TCP "
     "stalls.",
     "roce-preflight sends datagrams as large as the smaller MTU of the two ends, not to be fragmented, and the other "
     "end tells what arrived. Critical when small ones arrive and these do not; unknown when none do.",
     "From each end, with the MTU less 28 bytes of headers:\n"
     "  ping -M do -s 8972 -c 3 -I enp1s0f0np0 192.168.100.11\n"
     "Raise the MTU of everything on the way, or lower that of both ends.",
     false, nullptr},
    {"ROCE-PAIR-020", "TCP does not get through on a rail",
     "Datagrams arrive and TCP connections do not come about: a firewall lets some through. NCCL's bootstrap, its "
     "sockets and mpirun connect to ports that the kernel chooses, so opening single ports is not enough.",
     "roce-preflight connects from each end of a rail to a port of the kernel's choice at the other. Critical when "
     "that fails and datagrams arrive; where nothing arrives it is ROCE-PAIR-003.",
     "See what filters on the receiving node, and let the rail's subnet in:\n"
     "  sudo nft list ruleset\n"
     "  sudo iptables -I INPUT -i enp1s0f0np0 -j ACCEPT\n"
     "and keep the rule in the configuration of the firewall.",
     true, nullptr},
    {"ROCE-PAIR-021", "Route to the other end of a rail leaves through another interface",
     "The kernel sends what is not bound to the rail's address through another interface: a more specific route, a "
     "second interface in the same subnet, or a policy rule. TCP then runs at that interface's speed, and answers may "
     "be dropped.",
     "Warning when the source address that the kernel chooses towards the other end is not that of the rail.",
     "  ip route get 192.168.100.11\n"
     "  ip route; ip rule\n"
     "Give each rail its own subnet (ROCE-NET-002) and remove routes that compete with it.",
     false, nullptr},
    {"ROCE-PAIR-022", "One direction of a rail slower than the other",
     "A link carries as much one way as the other. Where it does not, one node sends more slowly or the other receives "
     "more slowly: a narrower PCIe link, reads or writes held up by ordering (ACS, IOMMU, relaxed ordering off), cores "
     "that save power on one node, pauses that one end asks for, a lane of the module that resends, or a limit on what "
     "a port sends. Every exchange of a model runs at the pace of the slower direction, and a measurement in one "
     "direction does not show it.",
     "RC streams of 64 KiB messages from each end of a rail in turn, ten pairs of short blocks: warning when the ratio "
     "of the two, with its 99 % interval, lies beyond 0.85 (over Soft-RoCE, whose speed swings with processors: beyond "
     "0.5). With two nodes the sending side of one cannot be told from the receiving side of the other; with three and "
     "more the node is named that is slow towards, or from, all others. roce-preflight measures it, but not with "
     "--quick.",
     "Compare the two ends, what slows sending and what slows receiving:\n"
     "  roce-probe --check PCI-001,CFG-002          # PCIe width and speed, cores that save power\n"
     "  ethtool -S enp1s0f0np0 | grep -E 'pause|discard|symbol|corrected'\n"
     "  tc qdisc show dev enp1s0f0np0; mlnx_qos -i enp1s0f0np0    # limits on what is sent\n"
     "Then swap the two modules or the ends of the cable and measure again: what moves with the cable is the cable.",
     false, nullptr},
};

}  // namespace

std::span<const Check> pair_checks() { return checks; }

}  // namespace rocekit::checks
