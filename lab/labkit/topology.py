"""What the nodes are called and how they are wired: names, MAC and IPv4 addresses.

Names follow the real machines (DGX Spark and kin): the two rails are the twins of one QSFP cage,
`enP7s7` is the LAN port that has no RDMA device.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_NODES = 4
MAX_RAILS = 2
LAN_MTU = 1500
# Below 1280 IPv6 ends, and with it the link-local GIDs.
MIN_MTU = 1280
MAX_MTU = 9000


@dataclass(frozen=True)
class Segment:
    """One Ethernet segment that all nodes share."""

    netdev: str
    rdma_device: str | None
    subnet: str  # first three octets
    host_base: int  # node I has host number host_base + I
    mac_prefix: str
    speed_mbit_s: int  # what ethtool reports, not what the lab delivers

    def address(self, node: int) -> str:
        return f"{self.subnet}.{self.host_base + node}"

    def mac(self, node: int) -> str:
        return f"{self.mac_prefix}:{node:02x}"


LAN = Segment("enP7s7", None, "192.168.1", 10, "52:54:00:1a:00", 10_000)
RAILS = (
    Segment("enp1s0f0np0", "rocep1s0f0", "192.168.100", 10, "52:54:00:2a:00", 200_000),
    Segment("enP2p1s0f0np0", "roceP2p1s0f0", "192.168.101", 10, "52:54:00:2a:01", 200_000),
)


@dataclass(frozen=True)
class Topology:
    nodes: int = 2
    rails: int = 1
    mtu: int = 9000

    @property
    def fabric(self) -> tuple[Segment, ...]:
        return RAILS[: self.rails]

    @property
    def segments(self) -> tuple[Segment, ...]:
        return (LAN, *self.fabric)

    def mtu_of(self, segment: Segment) -> int:
        return LAN_MTU if segment is LAN else self.mtu

    def hostnames(self) -> list[str]:
        return [f"node{node}" for node in range(1, self.nodes + 1)]

    def describe(self) -> str:
        rails = "1 rail" if self.rails == 1 else f"{self.rails} rails"
        return f"{self.nodes} nodes, {rails}, MTU {self.mtu}"


def hosts_file(topology: Topology) -> str:
    """Names resolve to rail 0, so that mpirun's own traffic takes the fabric as on the real machines."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{RAILS[0].address(peer)} node{peer}" for peer in range(1, topology.nodes + 1)]
    lines += [f"{LAN.address(peer)} node{peer}-lan" for peer in range(1, topology.nodes + 1)]
    return "\n".join(lines) + "\n"


def netplan_file(topology: Topology, node: int) -> str:
    """The persistent form of what the node's setup applies; a healthy node has both."""
    lines = ["network:", "  version: 2", "  ethernets:"]
    for segment in topology.segments:
        lines += [
            f"    {segment.netdev}:",
            "      dhcp4: false",
            f"      mtu: {topology.mtu_of(segment)}",
            f"      addresses: [{segment.address(node)}/24]",
        ]
    return "\n".join(lines) + "\n"


def ip_batch(topology: Topology, node: int) -> str:
    """Input of `ip -batch`: one process instead of a dozen, each costs tens of milliseconds under emulation."""
    lines = ["link set dev lo up"]
    for segment in topology.segments:
        lines += [
            f"link set dev {segment.netdev} mtu {topology.mtu_of(segment)} up",
            f"address add {segment.address(node)}/24 broadcast + dev {segment.netdev}",
        ]
    return "\n".join(lines) + "\n"
