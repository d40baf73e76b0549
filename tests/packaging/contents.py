"""What can be said of a package without installing it: its files, its fields, lintian's opinion."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import manifest
from outcome import Failed, require
from roots import Unavailable

NAMES = ("rocekit", "rocekit-mpi", "rocekit-gpu")
# Loaded at run time or not at all: a package that depended on one could not be installed where it is most needed.
NEVER_LINKED = re.compile(r"lib(ibverbs|cuda|nccl|cudart|rdmacm)")


def find(packages: Path, architecture: str) -> dict[str, Path]:
    """The newest package of each name."""
    found = {}
    for name in NAMES:
        candidates = sorted(packages.glob(f"{name}_*_{architecture}.deb"), key=lambda path: path.stat().st_mtime)
        if candidates:
            found[name] = candidates[-1]
    if not found:
        raise Unavailable(f"there are no packages of {architecture} in {packages}")
    require("rocekit" in found and "rocekit-gpu" in found, f"rocekit and rocekit-gpu are not both in {packages}")
    return found


def fields(package: Path) -> dict[str, str]:
    text = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
    return dict(re.findall(r"^([A-Za-z-]+): (.*)$", text, re.MULTILINE))


def files(package: Path) -> list[str]:
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    listed = subprocess.run(["tar", "-t"], input=tar, check=True, capture_output=True).stdout.decode()
    return [path.removeprefix("./") for path in listed.splitlines() if not path.endswith("/")]


def check(packages: Path, architecture: str) -> str:
    found = find(packages, architecture)
    versions = set()
    for name, package in found.items():
        wrong = manifest.differences(manifest.patterns(name), files(package))
        require(not wrong, f"{package.name}: {'; '.join(wrong)}")
        control = fields(package)
        versions.add(control["Version"])
        require(control["Architecture"] == architecture, f"{package.name} says it is of {control['Architecture']}")
        require("libc6" in control.get("Depends", ""), f"{package.name}: the dependencies were not computed")
        linked = control["Depends"].replace("libibverbs1", "", 1) if name == "rocekit" else control["Depends"]
        require(not NEVER_LINKED.search(linked), f"{package.name} depends on what is loaded at run time: {linked}")
        _programs_are_of(package, architecture)
    require("libibverbs1" in fields(found["rocekit"])["Depends"], "rocekit does not depend on libibverbs1")
    require(len(versions) == 1, f"the packages are of different versions: {', '.join(sorted(versions))}")
    return f"{', '.join(found)} {versions.pop()}; rocekit: {fields(found['rocekit'])['Depends']}"


def _programs_are_of(package: Path, architecture: str) -> None:
    machine = {"amd64": 62, "arm64": 183}[architecture]
    with tempfile.TemporaryDirectory(prefix="rocekit-deb-") as folder:
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        programs = [path for path in Path(folder).rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
        require(programs, f"{package.name} has no program or library")
        for path in programs:
            found = int.from_bytes(path.read_bytes()[18:20], "little")
            require(found == machine, f"{package.name}: {path.name} is of another machine")


def lintian(packages: Path, architecture: str) -> str:
    if shutil.which("lintian") is None:
        raise Unavailable("lintian is not installed (apt install lintian)")
    found = find(packages, architecture)
    # lintian has its own doubts about root and about a time in the future, which are not the package's.
    ran = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", *found.values()],
                         capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    said = [line for line in ran.stdout.splitlines() if line[:2] in ("E:", "W:")]
    if ran.returncode != 0:
        raise Failed("; ".join(said) or ran.stderr[-400:])
    return f"no errors, {len(said)} warnings" + "".join(f"; {line}" for line in said)
