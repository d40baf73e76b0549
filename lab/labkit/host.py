"""What this machine offers: architecture, distribution, tools, and which packages bring what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError


@dataclass(frozen=True)
class Architecture:
    machine: str  # as in uname -m
    debian: str  # as in dpkg --print-architecture
    qemu: str
    qemu_package: str
    qemu_machine: str
    tcg_cpu: str
    console: str
    kernel_arguments: str


ARCHITECTURES = {
    # With MONITOR/MWAIT the kernel idles by mwait, which QEMU emulates as a busy loop when there are several CPUs.
    # On a loaded host the emulated timer is late now and then, and the kernel's boot-time check of it would panic.
    "x86_64": Architecture(
        "x86_64", "amd64", "qemu-system-x86_64", "qemu-system-x86", "q35", "max,monitor=off", "ttyS0", "no_timer_check"
    ),
    # Emulating pointer authentication with its real cipher costs a large part of the run time.
    "aarch64": Architecture(
        "aarch64", "arm64", "qemu-system-aarch64", "qemu-system-arm", "virt", "max,pauth-impdef=on", "ttyAMA0", ""
    ),
}

# QEMU's dgram network backend appeared in 7.2.
MIN_QEMU = (7, 2)

# Tool that the lab itself calls, and its package.
HOST_TOOLS = {
    "busybox": "busybox-static",
    "modprobe": "kmod",
    "depmod": "kmod",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "ip": "iproute2",
    "rdma": "iproute2",
}

# Not needed to boot, but what one runs in a node: verbs, MPI, ping, fault injection.
NODE_PACKAGES = [
    "rdma-core", "ibverbs-utils", "rdmacm-utils", "perftest", "iputils-ping", "openmpi-bin", "nftables", "tcpdump",
]  # fmt: skip


def architecture(name: str | None = None) -> Architecture:
    """This machine's, or the one of that name, as uname or as Debian calls it."""
    machine = name or platform.machine()
    for arch in ARCHITECTURES.values():
        if machine in (arch.machine, arch.debian):
            return arch
    raise LabError(f"the lab runs on {' and '.join(ARCHITECTURES)}, not on {machine}")


def is_foreign(arch: Architecture) -> bool:
    """Whether nodes of `arch` run none of this machine's programs."""
    return arch.machine != platform.machine()


def distribution() -> str:
    """`ubuntu` or `debian`; derivatives count as what they derive from."""
    fields = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        fields[key] = value.strip('"')
    family = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".split()
    for name in ("ubuntu", "debian"):
        if name in family:
            return name
    raise LabError("the lab takes its kernel from Debian or Ubuntu packages, and this system is neither")


def packages() -> list[str]:
    """Packages that the lab needs on this host."""
    names = [architecture().qemu_package, *dict.fromkeys(HOST_TOOLS.values()), *NODE_PACKAGES]
    if distribution() == "ubuntu":
        names.append("zstd")  # Ubuntu compresses its kernel modules with it
    return names


def find_tool(name: str) -> str | None:
    """Like shutil.which, but also where root's tools are when the caller is not root."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")


def require_tools(arch: Architecture | None = None) -> None:
    """Raises LabError that names the packages to install."""
    arch = arch or architecture()
    wanted = {arch.qemu: arch.qemu_package, **HOST_TOOLS}
    missing = [tool for tool in wanted if find_tool(tool) is None]
    if missing:
        install = " ".join(dict.fromkeys(wanted[tool] for tool in missing))
        raise LabError(f"{', '.join(missing)} not found; install with: apt-get install {install}")


def qemu_version(qemu: str) -> str:
    """Version text such as 7.2.22; raises LabError when it is too old."""
    text = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    version = text.split("version", 1)[1].split()[0]
    numbers = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split(".")[:2])
    if numbers < MIN_QEMU:
        raise LabError(f"QEMU {version} is too old: the lab's network needs {MIN_QEMU[0]}.{MIN_QEMU[1]} or newer")
    return version
