"""The nodes' kernel: the distribution's generic one, downloaded and unpacked into the cache, never installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_directory, publish_directory, publish_file
from .errors import LabError
from .host import Architecture, distribution, find_tool, is_foreign

DOWNLOAD_TIMEOUT_S = 600
LIST_TIMEOUT_S = 120
# Overrides the package: linux-image-6.12.94+deb12-amd64 (Debian), linux-image-6.14.0-33-generic (Ubuntu).
PACKAGE_VARIABLE = "ROCEKIT_LAB_KERNEL"


@dataclass(frozen=True)
class Kernel:
    package: str
    version: str  # as in uname -r
    image: Path
    root: Path  # the unpacked package: root/lib/modules/<version>

    @property
    def modules(self) -> Path:
        return self.root / "lib" / "modules" / self.version


def kernel(arch: Architecture) -> Kernel:
    """The cached kernel; downloads it first when there is none. Needs the network only then."""
    kernels = cache_directory() / "kernels" / arch.machine
    package = os.environ.get(PACKAGE_VARIABLE) or _remembered_default(kernels, arch)
    root = publish_directory(kernels / package, lambda directory: _download(package, directory, arch))
    return _describe(package, root)


def _remembered_default(kernels: Path, arch: Architecture) -> str:
    """The distribution's current kernel as it was at the first use: later starts need neither apt nor the network."""
    note = kernels / "default"
    if note.is_file() and (kernels / note.read_text().strip()).is_dir():
        return note.read_text().strip()
    package = _current_package(arch)
    publish_file(note, package.encode())
    return package


def _current_package(arch: Architecture) -> str:
    if distribution() == "debian":
        meta, pattern = f"linux-image-{arch.debian}", rf"linux-image-\d\S*-{arch.debian}"
    else:
        meta, pattern = "linux-image-generic", r"linux-image-(?:unsigned-)?\d\S*-generic"
    text = apt(["apt-cache", "depends", "--important", meta], timeout_s=LIST_TIMEOUT_S, arch=arch)
    found = re.search(rf"Depends: ({pattern})\s", text)
    if not found:
        raise LabError(f"apt knows no kernel behind {meta}; run apt-get update and try again")
    return found.group(1)


def _packages_of(package: str) -> list[str]:
    """Debian ships image and modules in one package, Ubuntu in three (rdma_rxe is in modules-extra)."""
    if distribution() == "debian":
        return [package]
    version = re.sub(r"^linux-image-(?:unsigned-)?", "", package)
    return [package, f"linux-modules-{version}", f"linux-modules-extra-{version}"]


def _download(package: str, directory: Path, arch: Architecture) -> None:
    print(f"roce-lab: downloading {package} (once) ...", file=sys.stderr, flush=True)
    debs = directory / "debs"
    debs.mkdir()
    names = _packages_of(package)
    try:
        _apt_download(names, debs, arch)
    except LabError:
        # Newer Ubuntu kernels have no modules-extra package: its content moved into modules.
        if len(names) < 3:
            raise
        _apt_download(names[:2], debs, arch)
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(deb), str(directory)], check=True, timeout=DOWNLOAD_TIMEOUT_S)
        deb.unlink()
    debs.rmdir()
    _merge_usr(directory)
    found = _describe(package, directory)
    depmod = find_tool("depmod") or "depmod"
    subprocess.run([depmod, "-b", str(directory), found.version], check=True, timeout=120)


def _merge_usr(directory: Path) -> None:
    """depmod and modprobe look under lib/modules; newer packages ship usr/lib/modules."""
    if not (directory / "lib").exists() and (directory / "usr" / "lib" / "modules").is_dir():
        (directory / "lib").symlink_to("usr/lib")


def _apt_download(names: list[str], directory: Path, arch: Architecture) -> None:
    apt(["apt-get", "download", *names], timeout_s=DOWNLOAD_TIMEOUT_S, arch=arch, directory=directory)


def apt(
    command: list[str], timeout_s: float, arch: Architecture, directory: Path | None = None, what: str = "kernel"
) -> str:
    """Standard output of an apt command; names are packages of `arch`. Raises LabError, that there is no `what`."""
    if is_foreign(arch):
        own = ["-o", f"APT::Architecture={arch.debian}", "-o", f"APT::Architectures={arch.debian}"]
        command = [command[0], *own, *command[1:]]
    environment = {**os.environ, "LC_ALL": "C"}
    if os.geteuid() == 0:
        # apt's sandbox user cannot write into the cache.
        command = [command[0], "-o", "APT::Sandbox::User=root", *command[1:]]
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} not found: the lab takes its {what} from the distribution's packages") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{command[0]} did not finish within {timeout_s:.0f} s; is the network there?") from error
    if done.returncode != 0:
        errors = [line[3:] for line in done.stderr.splitlines() if line.startswith("E: ")]
        reason = errors[-1] if errors else f"exit code {done.returncode}"
        raise LabError(f"no {what} in the cache and apt cannot fetch one ({reason}); it needs the network once")
    return done.stdout


def _describe(package: str, root: Path) -> Kernel:
    images = sorted((root / "boot").glob("vmlinuz-*"))
    if not images:
        raise LabError(f"{package} holds no kernel image; remove {root} and try again")
    version = images[-1].name.removeprefix("vmlinuz-")
    return Kernel(package, version, images[-1], root)
