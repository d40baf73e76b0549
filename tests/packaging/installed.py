"""Packages installed by apt in a fresh root, used, and removed again without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import contents
import tools
from outcome import require, succeeded
from roots import Root, System, Unavailable, archive_of

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "gb10-healthy"
APT_TIMEOUT_S = 600


def check(packages: Path, system: System) -> str:
    found = contents.find(packages, system.architecture)
    with Root(archive_of(system)) as root:
        (root.path / "srv").mkdir(exist_ok=True)
        shutil.copytree(FIXTURE, root.path / "srv" / "node", symlinks=True)
        files = []
        for package in found.values():
            shutil.copy(package, root.path / "srv")
            files.append(f"/srv/{package.name}")
        _apt(root, system, "install", *files, "openmpi-bin")
        # The dependencies stay: what is compared is what rocekit's own packages add and take away.
        _apt(root, system, "purge", *found)
        without = root.files()
        succeeded(root.run(["dpkg", "-i", *files], timeout_s=APT_TIMEOUT_S), "dpkg -i")
        require(root.files() != without, "installing added no file")
        passed = _use(root, contents.fields(found["rocekit"])["Version"])
        _apt(root, system, "remove", *found)
        left = sorted(root.files() - without)
        require(not left, f"left behind after removal: {', '.join(left[:5])}")
        # apt does not know a package any more that left no configuration behind.
        succeeded(root.run(["dpkg", "--purge", *found]), "dpkg --purge")
        states = succeeded(root.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"]), "dpkg-query")
        kept = [line for line in states.splitlines() if line.startswith("rocekit") and "not-installed" not in line]
        require(not kept, f"dpkg still knows {', '.join(kept)}")
        require(root.files() == without, "purging did not restore what was there before")
    return f"{passed} command lines passed, nothing left behind"


def _apt(root: Root, system: System, verb: str, *packages: str) -> None:
    command = ["apt-get", "-y", "-q", verb, *(["--no-install-recommends"] if verb == "install" else []), *packages]
    ran = root.run(command, network=True, timeout_s=APT_TIMEOUT_S)
    if ran.returncode != 0 and verb == "install":
        # The lists in a root that was kept may be older than the archive.
        update = root.run(["apt-get", "update", "-q"], network=True, timeout_s=APT_TIMEOUT_S)
        ran = root.run(command, network=True, timeout_s=APT_TIMEOUT_S)
        if ran.returncode != 0 and "unmet dependencies" not in ran.stderr + ran.stdout and update.returncode != 0:
            raise Unavailable(f"apt cannot fetch packages of {system.name}")
    succeeded(ran, f"apt-get {verb}")


def _use(root: Root, version: str) -> int:
    version = version.split("~")[0].split("+")[0]
    passed = tools.check(lambda command: root.run(command, user="nobody"), version, "/srv/node")
    for tool in tools.TOOLS:
        page = root.path / "usr/share/man/man8" / f"{tool}.8.gz"
        require(page.exists(), f"there is no manual of {tool}")
        if shutil.which("man"):
            environment = {**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
            read = subprocess.run(["man", "--warnings", "-l", page], env=environment, capture_output=True, text=True,
                                  timeout=60, check=False)  # fmt: skip
            require("SYNOPSIS" in succeeded(read, f"man {tool}"), f"the manual of {tool} has no synopsis")
            require(not read.stderr, f"the manual of {tool}: {read.stderr[-300:]}")
        source = f"/usr/share/bash-completion/completions/{tool}"
        succeeded(root.run(["bash", "-c", f". {source} && complete -p {tool}"]), f"bash's completion of {tool}")
        for shell, file in (("zsh", f"zsh/vendor-completions/_{tool}"), ("fish", f"fish/vendor_completions.d/{tool}.fish")):
            require((root.path / "usr/share" / file).exists(), f"{shell} has no completion of {tool}")
        passed += 2
    # Under MPI the tools find their module where the package put it.
    command = ["mpirun", "--oversubscribe", "-np", "2", "roce-pingpong", *[word for word in tools.SHORT if word != "--local"]]
    said = succeeded(root.run(command, user="nobody", environment={"OMPI_MCA_btl": "self,vader,tcp"}), "mpirun roce-pingpong", (0, 1))
    require("tcp" in said.lower(), f"roce-pingpong under mpirun measured no TCP: {said[-300:]}")
    return passed + 1


def check_emulated(packages: Path, system: System) -> str:
    """Of another architecture: maintainers' scripts cannot run, so that the dependencies are unpacked only, and the tools
    run under qemu-user."""
    found = contents.find(packages, system.architecture)
    depends = ",".join(contents.fields(package)["Depends"] for name, package in found.items() if name != "rocekit-mpi")
    names = sorted({word.strip().split(" ")[0] for word in depends.split(",")} | {"libc-bin"})
    with emulated(system, tuple(names)) as (root, emulator):
        for package in found.values():
            subprocess.run(["dpkg-deb", "-x", package, root.path], check=True)
        shutil.copytree(FIXTURE, root.path / "srv" / "node", symlinks=True)
        version = contents.fields(found["rocekit"])["Version"].split("~")[0].split("+")[0]
        passed = tools.check(lambda command: root.run([emulator, f"/usr/bin/{command[0]}", *command[1:]], user="nobody"),
                             version, "/srv/node")  # fmt: skip
    return f"{passed} command lines passed with {', '.join(names)}"


class emulated:  # noqa: N801 -- used like a function
    """A root of another architecture with qemu-user inside: (root, the emulator's path in it)."""

    def __init__(self, system: System, include: tuple[str, ...]):
        self._emulator = shutil.which("qemu-aarch64-static")
        if self._emulator is None:
            raise Unavailable("qemu-aarch64-static is not installed (apt install qemu-user-static)")
        self._root = Root(archive_of(system, include))

    def __enter__(self) -> tuple[Root, str]:
        for folder in ("proc", "dev", "tmp", "srv"):
            (self._root.path / folder).mkdir(exist_ok=True)
        (self._root.path / "tmp").chmod(0o1777)
        shutil.copy(str(self._emulator), self._root.path / "qemu")
        return self._root, "/qemu"

    def __exit__(self, *_: object) -> None:
        self._root.__exit__()
