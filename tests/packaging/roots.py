"""Fresh systems to install in: made once by mmdebstrap, kept as tar archives in a cache, unpacked for each use."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Of the key that signs Ubuntu's archive since 2018; a Debian machine has no package with it.
UBUNTU_KEY = "F6ECB3762474EDA9D21B7022871920D1991BC93C"
PREPARE_TIMEOUT_S = 900


class Unavailable(Exception):
    """Why a root cannot be had here; the tests in it are skipped."""


@dataclass(frozen=True)
class System:
    name: str
    distribution: str
    suite: str
    architecture: str

    @property
    def label(self) -> str:
        return f"{self.name} {self.architecture}"


DEBIAN_12 = System("Debian 12", "Debian", "bookworm", "amd64")
DEBIAN_12_ARM = System("Debian 12", "Debian", "bookworm", "arm64")
UBUNTU_22 = System("Ubuntu 22.04", "Ubuntu", "jammy", "amd64")
UBUNTU_24 = System("Ubuntu 24.04", "Ubuntu", "noble", "amd64")
UBUNTU_24_ARM = System("Ubuntu 24.04", "Ubuntu", "noble", "arm64")


def cache_directory() -> Path:
    override = os.environ.get("ROCEKIT_PACKAGING_CACHE")
    path = Path(override or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rocekit-packaging").absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def host_architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


def configured_mirror(system: System) -> str | None:
    """Where this machine's apt gets that distribution from; None: mmdebstrap has a default."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"],
                            capture_output=True, text=True, check=False).stdout  # fmt: skip
    for line in listed.splitlines():
        words = line.split()
        if len(words) == 3 and words[:2] == [system.distribution, system.suite]:
            return words[2]
    return None


def mmdebstrap(system: System, target: Path, *options: str) -> None:
    mirror = [configured_mirror(system)] if configured_mirror(system) else []
    command = ["mmdebstrap", "--quiet", f"--architectures={system.architecture}", *options, system.suite, str(target), *mirror]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PREPARE_TIMEOUT_S, check=False)
    if ran.returncode != 0:
        target.unlink(missing_ok=True)
        said = [line for line in ran.stderr.splitlines() if line.startswith("E:")] or ran.stderr.splitlines() or ["no word"]
        raise Unavailable(f"mmdebstrap cannot make {system.label}: {re.sub(r'https?://[^ ]+', 'its mirror', said[0])}")


def keyring(system: System) -> list[str]:
    """Options by which mmdebstrap trusts the distribution's signatures."""
    if system.distribution != "Ubuntu" or Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg").exists():
        return []
    kept = cache_directory() / f"ubuntu-{UBUNTU_KEY}.gpg"
    if not kept.exists():
        _fetch_ubuntu_key(kept)
    # apt reads it as a user of its own, who may not look into this one's home directory.
    folder = tempfile.mkdtemp(prefix="rocekit-keyring-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    return [f"--keyring={shutil.copy(kept, folder)}"]


def _fetch_ubuntu_key(target: Path) -> None:
    """The distribution's own package of it, not yet trusted: what counts is the key's fingerprint."""
    with tempfile.TemporaryDirectory(prefix="rocekit-key-") as folder:
        archive = Path(folder) / "keyring.tar"
        mmdebstrap(System("Ubuntu's keyring", "Ubuntu", "noble", "amd64"), archive, "--variant=extract",
                   "--include=ubuntu-keyring", "--components=main", '--aptopt=Acquire::AllowInsecureRepositories "true"',
                   '--aptopt=APT::Get::AllowUnauthenticated "true"')  # fmt: skip
        subprocess.run(["tar", "-C", folder, "-xf", archive, "./usr/share/keyrings/ubuntu-archive-keyring.gpg"], check=True)
        gpg = ["gpg", "--homedir", folder, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", f"{folder}/usr/share/keyrings/ubuntu-archive-keyring.gpg"], check=True, capture_output=True)
        key = subprocess.run([*gpg, "--export", UBUNTU_KEY], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False, capture_output=True)
    if not key:
        raise Unavailable(f"the key {UBUNTU_KEY} is not in Ubuntu's keyring as it was fetched")
    target.write_bytes(key)


def archive_of(system: System, include: tuple[str, ...] = ()) -> Path:
    """A system of nothing but apt, or of `include` and what it depends on, unpacked only, where this machine cannot run it."""
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("mmdebstrap is not installed (apt install mmdebstrap)")
    foreign = system.architecture != host_architecture()
    contents = hashlib.sha256(" ".join(include).encode()).hexdigest()[:8] if include else "base"
    target = cache_directory() / f"{system.distribution.lower()}-{system.suite}-{system.architecture}-{contents}.tar"
    if target.exists():
        return target
    options = [f"--variant={'extract' if foreign else 'apt'}", *keyring(system)]
    options += [f"--include={','.join(include)}"] if include else []
    # The lists stay, so that a kept root installs without asking what there is.
    options += ["--skip=cleanup/apt/lists", "--mode=root"]
    options += ["--components=main,universe"] if system.distribution == "Ubuntu" else []
    partial = target.with_suffix(".partial.tar")
    mmdebstrap(system, partial, *options)
    partial.rename(target)
    return target


class Root:
    """A system unpacked into a folder of its own, gone at the end."""

    def __init__(self, archive: Path):
        self._folder = tempfile.TemporaryDirectory(prefix="rocekit-root-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name) / "root"
        self.path.mkdir()
        subprocess.run(["tar", "-C", self.path, "-xpf", archive, "--numeric-owner"], check=True, timeout=PREPARE_TIMEOUT_S)
        shutil.copyfile("/etc/resolv.conf", self.path / "etc" / "resolv.conf") if (self.path / "etc").is_dir() else None

    def __enter__(self) -> Root:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, command: list[str], *, user: str | None = None, network: bool = False, timeout_s: float = 120,
            environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """In namespaces of its own: whatever it leaves running ends with it. Without `network` there is loopback alone."""
        inner = ["chroot", *(["--userspec=65534:65534"] if user else []), str(self.path), *command]
        prepared = 'mount -t proc proc "$0/proc" 2>/dev/null; [ -z "$LOOPBACK" ] || ip link set lo up; exec "$@"'
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "LOOPBACK": "" if network else "1",
                     "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}  # fmt: skip
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        return subprocess.run(["unshare", *spaces, "sh", "-c", prepared, str(self.path), *inner], env=variables, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False, errors="replace")  # fmt: skip

    def files(self) -> set[str]:
        """All paths but those of the package managers' own records and caches."""
        records = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "etc/ld.so.cache", "proc", "tmp", "run")
        found = set()
        for folder, folders, names in os.walk(self.path):
            here = os.path.relpath(folder, self.path)
            if here in records:
                folders.clear()
                continue
            found.update(os.path.normpath(os.path.join(here, name)) for name in folders + names)
        return {path for path in found if not path.startswith(records)}
