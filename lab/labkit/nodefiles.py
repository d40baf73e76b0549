"""The files of one node that its init, setup and agent read: node.env, network, keys."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

from .host import find_tool, is_foreign
from .qemu import Guest
from .state import CHECKOUT, StateDirectory, in_checkout
from .topology import Topology, hosts_file, ip_batch, netplan_file

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The key exchange is the slow part of a connection under emulation.
SSH_ALGORITHMS = "KexAlgorithms curve25519-sha256\nHostKeyAlgorithms ssh-ed25519\n"
_SSH_CONFIG = f"Host *\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n{SSH_ALGORITHMS}"


def command_path(build: Path) -> str:
    """PATH inside the nodes: the build's tools first, then the caller's own PATH, and root's directories."""
    entries = [str(build / "bin"), *os.environ.get("PATH", "").split(":"), *SYSTEM_PATH.split(":")]
    return ":".join(dict.fromkeys(entry for entry in entries if entry))


def command_environment(node: int, topology: Topology, build: Path) -> dict[str, str]:
    """Environment of every command in a node. Open MPI keeps to TCP: it starts anywhere and leaves RDMA to tools."""
    return {
        "PATH": command_path(build),
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "ROCEKIT_LAB_NODE": str(node),
        "ROCEKIT_LAB_NODES": str(topology.nodes),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_pml": "ob1",
        "OMPI_MCA_btl": "tcp,vader,self",
        "OMPI_MCA_btl_tcp_if_include": topology.fabric[0].netdev,
        "OMPI_MCA_oob_tcp_if_include": topology.fabric[0].netdev,
    }


def make_key(state: StateDirectory) -> Path:
    """One ed25519 key a lab, for mpirun and ssh among the nodes: it is each node's host key and root's key."""
    key = state.path / "id_ed25519"
    keygen = find_tool("ssh-keygen") or "ssh-keygen"
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "rocekit-lab", "-f", key], check=True, timeout=30)
    return key


def write_node(
    state: StateDirectory, topology: Topology, build: Path, node: int, guest: Guest, key: Path
) -> Path:
    """Returns the directory to share with the node; what is under `files` goes over its root file system."""
    directory = state.node(node)
    lab_files = {
        "node.env": _shell_variables(node, guest, build),
        "netdevs": "".join(f"{s.mac(node)} {s.netdev}\n" for s in topology.segments),
        "rdma": "".join(f"{s.rdma_device} {s.netdev}\n" for s in topology.fabric),
        "ip.batch": ip_batch(topology, node),
        "files/etc/hostname": f"node{node}\n",
        "files/etc/hosts": hosts_file(topology),
        "files/etc/machine-id": uuid.uuid4().hex + "\n",
        "files/etc/netplan/40-rocekit-lab.yaml": netplan_file(topology, node),
        # Distributions lock root's account with "!", and sshd without PAM refuses a locked account even a key.
        "files/etc/shadow": "root:*:19000:0:99999:7:::\n",
        "files/run/sshd/host_key": key.read_text(),
        "files/run/sshd/config": _sshd_config(command_environment(node, topology, build)),
        "files/root/.ssh/id_ed25519": key.read_text(),
        "files/root/.ssh/authorized_keys": key.with_suffix(".pub").read_text(),
        "files/root/.ssh/config": _SSH_CONFIG,
    }
    for name, content in lab_files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        secret = path.name == "shadow" or path.parent.name in (".ssh", "sshd", "netplan")
        path.chmod(0o600 if secret else 0o644)
    return directory


def _shell_variables(node: int, guest: Guest, build: Path) -> str:
    own = not is_foreign(guest.arch)
    variables = {
        "LAB_NODE": node,
        "LAB_TREE": CHECKOUT,
        "LAB_BUILD": "" if in_checkout(build) else build,
        "LAB_KERNEL": guest.kernel.version,
        "LAB_PYTHON": Path(sys.executable).resolve() if own else "/usr/bin/python3",
        "LAB_SSHD": find_tool("sshd") if own else "/usr/sbin/sshd",
    }
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())


def _sshd_config(environment: dict[str, str]) -> str:
    """PAM and file mode checks off: they would look at the host's accounts and the overlay's owners."""
    settings = " ".join(f'"{name}={value}"' for name, value in environment.items() if name not in ("HOME", "USER"))
    return (
        "Port 22\nHostKey /run/sshd/host_key\nPidFile /run/sshd.pid\nUsePAM no\nStrictModes no\nUseDNS no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "AuthorizedKeysFile /root/.ssh/authorized_keys\nPrintMotd no\nPrintLastLog no\n"
        f"Subsystem sftp internal-sftp\n{SSH_ALGORITHMS}SetEnv {settings}\n"
    )
