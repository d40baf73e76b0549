"""The command line of one node's virtual machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .host import Architecture, find_tool
from .kernel import Kernel
from .topology import MAX_MTU, Topology

MEMORY_MIB = 1024
MAX_CPUS = 4
# Overrides the number of CPUs a node has.
CPUS_VARIABLE = "ROCEKIT_LAB_CPUS"


@dataclass(frozen=True)
class Guest:
    """What every node boots."""

    arch: Architecture
    accel: str  # "kvm" or "tcg"
    kernel: Kernel
    initramfs: Path
    root: Path = Path("/")  # what the nodes see as theirs


def cpus_a_node(nodes: int) -> int:
    """The host's cores shared out: two emulated CPUs that compete for one core boot at less than half the speed."""
    override = os.environ.get(CPUS_VARIABLE)
    if override is not None:
        if not override.isdigit() or not 1 <= int(override) <= 64:
            raise LabError(f"{CPUS_VARIABLE} must be a number from 1 to 64, not {override!r}")
        return int(override)
    return max(1, min(MAX_CPUS, len(os.sched_getaffinity(0)) // nodes))


def base_command(guest: Guest, console: str, cpus: int = 1, append: str = "") -> list[str]:
    arch = guest.arch
    machine = arch.qemu_machine
    if guest.accel == "kvm":
        accel, cpu = "kvm", "host"
        machine += ",gic-version=host" if arch.machine == "aarch64" else ""
    else:
        accel, cpu = "tcg,thread=multi", arch.tcg_cpu
        # The emulator keeps translated code by address: with addresses that differ from process to process each start of
        # a program is translated anew, and takes twice as long.
        append += " norandmaps"
    arguments = f"console={arch.console} quiet panic=-1 mitigations=off {arch.kernel_arguments} {append}"
    return [
        find_tool(arch.qemu) or arch.qemu,
        *("-machine", machine, "-accel", accel, "-cpu", cpu, "-smp", str(cpus), "-m", f"{MEMORY_MIB}M"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-kernel", str(guest.kernel.image), "-initrd", str(guest.initramfs)),
        # A guest that panics ends (panic=-1 with -no-reboot) instead of waiting for a deadline.
        *("-append", " ".join(arguments.split())),
        *("-serial", console),
        *("-device", "virtio-rng-pci"),
    ]


def node_command(guest: Guest, cpus: int, console: Path, shares: dict[str, Path]) -> list[str]:
    """One node without its wires; `shares` are host directories by 9p tag, read-only for the node."""
    command = base_command(guest, f"file:{_escape(console)}", cpus)
    for tag, path in shares.items():
        # The root share spans several file systems, whose inode numbers may be equal: hence multidevs.
        command += [
            *("-fsdev", f"local,id={tag},path={_escape(path)},security_model=none,readonly=on,multidevs=remap"),
            *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
        ]
    return command


def wire_arguments(topology: Topology, node: int, control_fd: int, nic_fds: list[int]) -> list[str]:
    """The node's control port and network cards; `nic_fds`: one connected datagram socket a segment."""
    arguments = [
        *("-chardev", f"socket,id=control,fd={control_fd}"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=control,name=rocekit.control"),
    ]
    # The cards can carry jumbo frames whatever MTU the lab starts with, so that a node can change it.
    for segment, fd in zip(topology.segments, nic_fds, strict=True):
        card = (
            f"virtio-net-pci,netdev={segment.netdev},mac={segment.mac(node)},host_mtu={MAX_MTU}"
            f",speed={segment.speed_mbit_s},duplex=full,romfile="
        )
        arguments += ["-netdev", f"dgram,id={segment.netdev},local.type=fd,local.str={fd}", "-device", card]
    return arguments


def _escape(path: Path) -> str:
    """QEMU's option syntax doubles a comma that is meant literally."""
    return str(path).replace(",", ",,")
