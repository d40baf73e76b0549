"""The tarball, unpacked in a folder with spaces in its name, of another user, in a root with nothing installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import tools
from installed import FIXTURE, emulated
from outcome import require
from roots import Root, System, Unavailable, archive_of

FOLDER = "srv/of somebody else"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def find(packages: Path, architecture: str) -> Path:
    found = sorted(packages.glob(f"rocekit-*-{MACHINES[architecture]}.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Unavailable(f"there is no tarball of {MACHINES[architecture]} in {packages}")
    return found[-1]


def check(packages: Path, system: System) -> str:
    tarball = find(packages, system.architecture)
    with Root(archive_of(system)) as root:
        return _use(root, tarball, lambda program, arguments: root.run([program, *arguments], user="nobody"))


def check_emulated(packages: Path, system: System) -> str:
    tarball = find(packages, system.architecture)
    with emulated(system, ("libc6",)) as (root, emulator):
        return _use(root, tarball, lambda program, arguments: root.run([emulator, program, *arguments], user="nobody"))


def _use(root: Root, tarball: Path, run: Callable[[str, list[str]], subprocess.CompletedProcess[str]]) -> str:
    folder = root.path / FOLDER
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-C", folder, "--no-same-owner", "-xzf", tarball], check=True)
    top = next(folder.iterdir())
    _is_complete(top)
    shutil.copytree(FIXTURE, root.path / "srv" / "node", symlinks=True)
    version = re.match(r"rocekit-([0-9.]+)", top.name)
    require(version, f"the folder {top.name} has no version in its name")
    assert version is not None
    inside = f"/{FOLDER}/{top.name}/bin/"
    passed = tools.check(lambda command: run(inside + command[0], command[1:]), version[1].rstrip("."), "/srv/node")
    return f"{passed} command lines passed; {', '.join(sorted(_needed(top)))} alone are asked of the system"


def _is_complete(top: Path) -> None:
    for path in ["README", *(f"bin/{tool}" for tool in tools.TOOLS), *(f"share/man/man8/{tool}.8" for tool in tools.TOOLS)]:
        require((top / path).is_file(), f"{path} is not in the tarball")
    licences = {path.name for path in (top / "licenses").iterdir()}
    for wanted in ("LGPL-2.1", "libnl", "hwloc", "openssl", "fmt", "nlohmann-json", "CLI11", "libstdc++"):
        require(wanted in licences, f"the licence {wanted} is not in the tarball")
    for library in _needed(top):
        require(re.fullmatch(r"lib(c|m)\.so\.6|ld-linux-.*", library), f"a tool asks the system for {library}")


def _needed(top: Path) -> set[str]:
    said = subprocess.run(["objdump", "-p", *(top / "bin").iterdir()], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"NEEDED +(\S+)", said))
