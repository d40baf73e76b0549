"""The state directories of labs.

base/<checkout>/up           the lab that `up` left running
base/<checkout>/run-XXXXXX   a one-shot run

The supervisor of a lab holds an flock on `lock` in its directory for as long as it lives, and children do not
inherit it; so a directory whose lock is free belongs to a lab that crashed, and may be removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LabError
from .topology import Topology

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# sockaddr_un holds 108 bytes.
MAX_SOCKET_PATH = 100


def in_checkout(path: Path) -> bool:
    """Whether the nodes see the path because they see the checkout."""
    return path == CHECKOUT or CHECKOUT in path.parents


def _base() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    name = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:12]
    if runtime and os.access(runtime, os.W_OK):
        base = Path(runtime) / "rocekit-lab"
        if len(str(base / name / "run-XXXXXXXX" / "control")) < MAX_SOCKET_PATH:
            return _private(base) / name
    return _private(Path("/tmp") / f"rocekit-lab-{os.geteuid()}") / name


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if info.st_uid != os.geteuid() or path.is_symlink():
        raise LabError(f"{path} belongs to someone else; the lab keeps its keys and sockets there")
    return path


class StateDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def log(self) -> Path:
        return self.path / "supervisor.log"

    def node(self, number: int) -> Path:
        return self.path / f"node{number}"

    def console(self, number: int) -> Path:
        # Beside the node's directory, not in it: the node sees that one, and its own console must not loop into it.
        return self.path / f"node{number}.console"

    def write_json(self, name: str, value: Any) -> None:
        temporary = self.path / f".{name}"
        temporary.write_text(json.dumps(value, indent=1))
        temporary.rename(self.path / name)

    def read_json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None

    def lock(self) -> int | None:
        """A descriptor that holds the lab's lock, or None when another process holds it."""
        try:
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def alive(self) -> bool:
        """Whether some process holds the lab's lock."""
        if not (self.path / "lock").exists():
            return False
        fd = self.lock()
        if fd is None:
            return self.path.exists()
        os.close(fd)
        return False

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True)
class Lab:
    """A lab as commands see it."""

    state: StateDirectory
    topology: Topology
    build: Path  # build tree, whose bin directory comes first in PATH


def up_directory() -> StateDirectory:
    """Where `up` keeps its lab; it need not exist."""
    return StateDirectory(_base() / "up")


def new_up_directory() -> tuple[StateDirectory, int]:
    """The directory for a new `up`, and its held lock."""
    base = _base()
    base.mkdir(mode=0o700, exist_ok=True)
    directory = up_directory()
    directory.path.mkdir(mode=0o700, exist_ok=True)
    lock = _lock_new(directory)
    if lock is None:
        raise LabError("another `roce-lab up` of this checkout is in progress")
    return directory, lock


def new_run_directory() -> tuple[StateDirectory, int]:
    base = _base()
    base.mkdir(mode=0o700, exist_ok=True)
    while True:
        directory = StateDirectory(Path(tempfile.mkdtemp(prefix="run-", dir=base)))
        lock = _lock_new(directory)
        if lock is not None:
            return directory, lock


def _lock_new(directory: StateDirectory) -> int | None:
    """None when another process took the new directory for a stale one before it was locked."""
    lock = directory.lock()
    if lock is not None and not (directory.path / "lock").exists():
        os.close(lock)
        return None
    return lock


def remove_stale() -> int:
    """Removes what crashed labs of this checkout left; returns how many there were."""
    removed = 0
    base = _base()
    for path in base.iterdir() if base.is_dir() else ():
        directory = StateDirectory(path)
        fd = directory.lock()
        if fd is not None:
            directory.remove()
            os.close(fd)
            removed += 1
    return removed
