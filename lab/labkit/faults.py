"""Faults that can be made in a lab, one at a time, and healed again.

A fault changes nodes (a script each, run as root), or what a command runs under there (words before it), or both. All
hold in a lab of two nodes with two rails and leave the LAN alone, so that ranks that talk over it still meet.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from .topology import RAILS

RAIL_0, RAIL_1 = RAILS
DEVICES = tuple((rail.rdma_device, rail.netdev) for rail in RAILS)
SPARE = "rocep1s0f01"  # begins with rail 0's name
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"


@dataclass(frozen=True)
class Fault:
    name: str
    says: str
    make: Mapping[int, str] = field(default_factory=dict)  # scripts by node
    heal: Mapping[int, str] = field(default_factory=dict)
    under: Mapping[int, str] = field(default_factory=dict)  # shell words before the command, by node

    @property
    def rails(self) -> int:
        return len(RAILS)

    def wrap(self, argv: list[str]) -> list[str]:
        """`argv` for all nodes: each takes its own words."""
        if not self.under:
            return argv
        cases = [f'{node}) exec {words} "$@";;' for node, words in self.under.items()]
        return ["sh", "-c", f'case $ROCEKIT_LAB_NODE in {" ".join(cases)} *) exec "$@";; esac', "sh", *argv]


def _both(text: str) -> dict[int, str]:
    return {1: text, 2: text}


def _mtu(rail: int, mtu: int) -> str:
    return f"ip link set dev {RAILS[rail].netdev} mtu {mtu}"


def _move(netdev: str, old: str, new: str) -> str:
    return f"ip address del {old}/24 dev {netdev}; ip address add {new}/24 broadcast + dev {netdev}"


def _environment(name: str, says: str, setting: str, make: Mapping[int, str] | None = None,
                 heal: Mapping[int, str] | None = None) -> Fault:  # fmt: skip
    return Fault(name, says, make or {}, heal or {}, under=_both(f"env {shlex.quote(setting)}"))


def _netem(name: str, says: str, discipline: str) -> Fault:
    """On what node 2 sends on rail 0."""
    return Fault(
        name,
        says,
        make={2: f"tc qdisc add dev {RAIL_0.netdev} root {discipline}"},
        heal={2: f"tc qdisc del dev {RAIL_0.netdev} root"},
    )


def _filter(name: str, says: str, match: str) -> Fault:
    """On what node 2 receives on its rails."""
    rails = ", ".join(f'"{rail.netdev}"' for rail in RAILS)
    rules = (
        "add table inet fault; add chain inet fault input { type filter hook input priority 0; }; "
        f"add rule inet fault input iifname {{ {rails} }} {match} drop"
    )
    return Fault(name, says, make={2: f"nft {shlex.quote(rules)}"}, heal={2: "nft delete table inet fault"})


def _when_running(tool: str, seconds: int, action: str) -> str:
    """In the background: `action`, `seconds` after the tool has started."""
    return (
        f"(i=0; until pgrep -x {tool} || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done; sleep {seconds}; {action}) "
        ">/dev/null 2>&1 </dev/null &"
    )


# The filter sees packets as they came over the wire only where the kernel does not merge them first.
_NARROW = (
    f"ethtool -K {RAIL_0.netdev} gro off; tc filter add dev {RAIL_0.netdev} ingress protocol all pref 7 "
    'basic match "meta(pkt_len gt 4000)" action drop'
)
_WIDE = f"tc filter del dev {RAIL_0.netdev} ingress pref 7; ethtool -K {RAIL_0.netdev} gro on"
_UNDO_RDMA = "; ".join(f"rdma link delete {device}" for device, _ in DEVICES)
_REDO_RDMA = "; ".join(f"rdma link add {device} type rxe netdev {netdev}" for device, netdev in DEVICES)
_PREFLIGHT = "roce-preflight"
_OTHER = "/tmp/other-version"
_LIBIBVERBS = "lib=$(ldconfig -p | sed -n 's/.*libibverbs.so.1 .*=> //p' | head -n 1); real=$(readlink -f $lib)"

FAULTS = (
    Fault("mtu-one-side", "rail 0 has MTU 1500 on node 2", {2: _mtu(0, 1500)}, {2: _mtu(0, 9000)}),
    Fault("mtu-between", "what lies between the ends of rail 0 drops packets above 4000 bytes, both have MTU 9000",
          _both(_NARROW), _both(_WIDE)),
    Fault("twin-without-address", "rail 1 has no address on node 2",
          {2: f"ip address del {RAIL_1.address(2)}/24 dev {RAIL_1.netdev}"},
          {2: f"ip address add {RAIL_1.address(2)}/24 broadcast + dev {RAIL_1.netdev}"}),
    Fault("twins-in-one-subnet", "both rails of both nodes are in the subnet of rail 0",
          {node: _move(RAIL_1.netdev, RAIL_1.address(node), f"{RAIL_0.subnet}.{110 + node}") for node in (1, 2)},
          {node: _move(RAIL_1.netdev, f"{RAIL_0.subnet}.{110 + node}", RAIL_1.address(node)) for node in (1, 2)}),
    Fault("crosswise", "the rails of node 2 have each other's address",
          {2: f"{_move(RAIL_0.netdev, RAIL_0.address(2), RAIL_1.address(2))}; "
              f"{_move(RAIL_1.netdev, RAIL_1.address(2), RAIL_0.address(2))}"},
          {2: f"{_move(RAIL_0.netdev, RAIL_1.address(2), RAIL_0.address(2))}; "
              f"{_move(RAIL_1.netdev, RAIL_0.address(2), RAIL_1.address(2))}"}),
    Fault("port-down", "rail 1 is down on node 2", {2: f"ip link set dev {RAIL_1.netdev} down"},
          {2: f"ip link set dev {RAIL_1.netdev} up"}),
    Fault("device-deleted", "node 2 has no RDMA device", {2: _UNDO_RDMA}, {2: _REDO_RDMA}),
    Fault("uverbs-missing", "the tool sees no uverbs nodes on node 2, as in a container that was not given them",
          under={2: "unshare --mount sh -c 'mount -t tmpfs none /dev/infiniband; exec \"$@\"' sh"}),
    Fault("uverbs-unreadable", "an ordinary user of node 2 may not open the uverbs nodes",
          {2: "chmod 600 /dev/infiniband/uverbs*"}, {2: "chmod 666 /dev/infiniband/uverbs*"}, {2: NOBODY}),
    Fault("memlock-64k", "an ordinary user of node 2 may lock 64 KiB",
          under={2: f"prlimit --memlock=65536:65536 {NOBODY}"}),
    _environment("hca-wrong", "NCCL_IB_HCA names a device of other machines", "NCCL_IB_HCA=mlx5_7"),
    _environment("hca-prefix", f"NCCL_IB_HCA={RAIL_0.rdma_device}, which is how {SPARE} begins, too",
                 f"NCCL_IB_HCA={RAIL_0.rdma_device}",
                 _both(f"rdma dev set {RAIL_1.rdma_device} name {SPARE}"),
                 _both(f"rdma dev set {SPARE} name {RAIL_1.rdma_device}")),
    _environment("hca-down", "NCCL_IB_HCA names only rail 1, which has neither link nor address",
                 f"NCCL_IB_HCA=={RAIL_1.rdma_device}",
                 _both(f"ip address flush dev {RAIL_1.netdev}; ip link set dev {RAIL_1.netdev} down"),
                 {node: f"ip link set dev {RAIL_1.netdev} up; "
                        f"ip address add {RAIL_1.address(node)}/24 broadcast + dev {RAIL_1.netdev}"
                  for node in (1, 2)}),
    Fault("ib-disabled-in-conf", "/etc/nccl.conf of node 2 sets NCCL_IB_DISABLE=1",
          {2: "echo NCCL_IB_DISABLE=1 > /etc/nccl.conf"}, {2: "rm /etc/nccl.conf"}),
    _environment("gid-index-pinned", "NCCL_IB_GID_INDEX=7, an empty slot", "NCCL_IB_GID_INDEX=7"),
    _filter("firewall-tcp", "node 2 drops TCP that arrives on its rails", "meta l4proto tcp"),
    _filter("firewall-roce", "node 2 drops UDP to port 4791, which is RoCE v2", "udp dport 4791"),
    _netem("loss-2-percent", "rail 0 loses 2 % of what node 2 sends", "netem loss 2%"),
    _netem("delay-20-ms", "rail 0 delays what node 2 sends by 20 ms", "netem delay 20ms limit 100000"),
    _netem("rate-a-tenth", "rail 0 carries 24 Mb/s of what node 2 sends, a tenth of what it can here",
           "tbf rate 24mbit burst 64kb latency 10s"),
    Fault("peer-never-starts", "nothing is started on node 2"),
    Fault("peer-dies", "the tool on node 2 is killed 3 s after its start",
          {2: _when_running(_PREFLIGHT, 3, f"pkill -KILL -x {_PREFLIGHT}")}),
    Fault("peer-stopped", "the tool on node 2 is stopped 3 s after its start",
          {2: _when_running(_PREFLIGHT, 3, f"pkill -STOP -x {_PREFLIGHT}")},
          {2: f"pkill -KILL -x {_PREFLIGHT} || true"}),
    Fault("tool-versions-differ", "the tool on node 2 tells another commit",
          {2: f"mkdir -p {_OTHER} && commit=$({_PREFLIGHT} --version | sed -n 's/.*(commit \\([^)]*\\)).*/\\1/p') && "
              f"other=$(echo $commit | tr 0-9a-z 1-9a-z0) && "
              f"sed \"s/$commit/$other/g\" $(command -v {_PREFLIGHT}) > {_OTHER}/{_PREFLIGHT} && "
              f"chmod +x {_OTHER}/{_PREFLIGHT} && {_OTHER}/{_PREFLIGHT} --version"},
          {2: f"rm -r {_OTHER}"}, {2: f'env "PATH={_OTHER}:$PATH"'}),
    Fault("rdma-core-differs", "the libibverbs of node 2 is called one of rdma-core 61",
          {2: f"{_LIBIBVERBS}; mv $real ${{real%/*}}/libibverbs.so.1.14.61.0; ln -sf libibverbs.so.1.14.61.0 $lib; "
              "echo $real > /tmp/libibverbs"},
          {2: f"{_LIBIBVERBS}; was=$(cat /tmp/libibverbs); mv $real $was; ln -sf ${{was##*/}} $lib"}),
    Fault("namespace-hides-netdev", "the tool on node 2 is in a network namespace without the rails",
          {2: "ip netns add serving"}, {2: "ip netns delete serving"}, {2: "ip netns exec serving"}),
)  # fmt: skip
BY_NAME = {fault.name: fault for fault in FAULTS}
