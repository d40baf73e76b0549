"""What nodes see as their root file system: this machine's own, or, for another architecture, packages of the same
distribution, downloaded and unpacked into the cache and never configured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .cache import cache_directory, publish_directory
from .errors import LabError
from .host import NODE_PACKAGES, Architecture, is_foreign
from .kernel import apt

DOWNLOAD_TIMEOUT_S = 900
# What a node's init, setup and agent call, and the libraries that the tools are linked with (patterns where the name holds a
# version); what they depend on comes along.
PACKAGES = [
    "base-files", "base-passwd", "busybox-static", "python3-minimal", "libpython3-stdlib", "iproute2", "kmod", "hostname",
    "openssh-server", "openssh-client", "bash", "dash", "coreutils", "mount", "util-linux", "grep", "sed", "mawk", "procps",
    "ethtool", "ibverbs-providers", "libnl-route-3-200", "libhwloc15", r"^libfmt[0-9]+$", r"^libssl[0-9]+(t64)?$",
]  # fmt: skip


def user_space(arch: Architecture) -> Path:
    """The root directory to share; downloads it at the first use for another architecture."""
    if not is_foreign(arch):
        return Path("/")
    return publish_directory(cache_directory() / "userspace" / arch.machine, lambda root: _unpack(arch, root))


def _unpack(arch: Architecture, root: Path) -> None:
    print(f"roce-lab: downloading packages of {arch.debian} for the nodes (once) ...", file=sys.stderr, flush=True)
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    archives = root / "archives"
    (archives / "partial").mkdir(parents=True)
    status = archives / "status"
    status.touch()
    # To an empty machine: all that the packages need is fetched, whatever is installed here.
    options = ["-o", f"Dir::State::status={status}", "-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1"]
    install = ["apt-get", *options, "install", "--yes", "--download-only", "--no-install-recommends"]
    apt([*install, *PACKAGES, *NODE_PACKAGES], timeout_s=DOWNLOAD_TIMEOUT_S, arch=arch, what="user space")
    for package in sorted(archives.glob("*.deb")):
        content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        # Older packages have /bin and /lib of their own, which must not replace the links.
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", root, "-f", "-"],
                       stdin=content.stdout, check=True, timeout=DOWNLOAD_TIMEOUT_S)  # fmt: skip
        if content.wait() != 0:
            raise LabError(f"{package.name} cannot be unpacked")
        package.unlink()
    subprocess.run(["rm", "-r", archives], check=True)
    _configure(root)


def _configure(root: Path) -> None:
    """The little that packages' own scripts would have done and a node needs."""
    etc = root / "etc"
    masters = root / "usr" / "share" / "base-passwd"
    # sshd gives its rights away to a user of this name.
    (etc / "passwd").write_text((masters / "passwd.master").read_text().replace("*", "x")
                                + "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n")  # fmt: skip
    (etc / "group").write_text((masters / "group.master").read_text().replace("*", "x"))
    for name in ("root", "tmp", "proc", "sys", "dev", "run"):
        (root / name).mkdir(exist_ok=True)
