"""Starting a lab and ending it, as seen by the command that was typed."""

from __future__ import annotations

import dataclasses
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from . import accel, frames, processes
from .errors import LabError
from .host import architecture, find_tool, is_foreign, qemu_version, require_tools
from .initramfs import initramfs
from .kernel import kernel
from .nodefiles import make_key, write_node
from .qemu import Guest, cpus_a_node, node_command
from .state import CHECKOUT, Lab, StateDirectory, in_checkout
from .userspace import user_space

BOOT_TIMEOUT_S = 180.0
# Every instruction of another architecture is translated.
FOREIGN_BOOT_TIMEOUT_S = 900.0
STOP_TIMEOUT_S = 15.0
SUPERVISOR = Path(__file__).resolve().parent / "supervisor.py"


def say(text: str, end: str = "\n") -> None:
    """Progress, on stderr: stdout belongs to the command."""
    print(f"roce-lab: {text}", file=sys.stderr, end=end, flush=True)


def prepare_guest(machine: str | None = None) -> Guest:
    """Kernel, initramfs, user space and accelerator, from the cache where they are there already."""
    arch = architecture(machine)
    require_tools(arch)
    version = qemu_version(find_tool(arch.qemu) or arch.qemu)
    found = kernel(arch)
    root = user_space(arch)
    return accel.choose(Guest(arch, "tcg", found, initramfs(found, root), root), version)


class Launch:
    """A lab being launched or in use: while this object is open, the lab lives; when it closes, the lab ends.

    The supervisor watches a pipe whose other end only this process holds, so the lab ends too when this
    process is killed without a chance to clean up.
    """

    def __init__(self, lab: Lab, lock: int) -> None:
        self.state = lab.state
        self.topology = lab.topology
        self.build = lab.build
        self._lock = lock
        self._boot_timeout_s = BOOT_TIMEOUT_S
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Launch:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def boot(self, guest: Guest) -> None:
        """Returns when every node is ready; raises LabError with the consoles' last lines when that fails."""
        self._boot_timeout_s = FOREIGN_BOOT_TIMEOUT_S if is_foreign(guest.arch) else BOOT_TIMEOUT_S
        self._write_plan(guest)
        say(f"booting {self.topology.describe()} ({guest.accel}) ...", end=" ")
        try:
            with self.state.log.open("ab") as log:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-B", str(SUPERVISOR), str(self.state.path), str(self._lock)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0,
                    pass_fds=[self._lock], start_new_session=True,
                )  # fmt: skip
            message = self._next_message()
        except BaseException:
            print(file=sys.stderr)
            raise
        if "failed" in message:
            print("failed", file=sys.stderr)
            raise LabError("\n".join([message["failed"], *message.get("console", [])]))
        print(f"ready in {message['ready']:.1f} s", file=sys.stderr, flush=True)

    def detach(self) -> None:
        """Leaves the lab running."""
        assert self._supervisor and self._supervisor.stdin
        self._supervisor.stdin.write(b"detach\n")
        self._supervisor.stdin.close()
        self._supervisor = None
        os.close(self._lock)
        self._lock = -1

    def close(self) -> None:
        """Ends the lab unless it was detached; returns when nothing of it is left."""
        if self._lock < 0:
            return
        # Returning early would break the promise; all that follows has a deadline.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self._supervisor is not None:
            assert self._supervisor.stdin
            self._supervisor.stdin.close()
            try:
                self._supervisor.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                # The machines ask the kernel to be killed with the supervisor.
                self._supervisor.kill()
                self._supervisor.wait()
        self.state.remove()
        os.close(self._lock)
        self._lock = -1

    def _next_message(self) -> dict:
        assert self._supervisor and self._supervisor.stdout
        stream = self._supervisor.stdout
        deadline = time.monotonic() + self._boot_timeout_s + STOP_TIMEOUT_S
        data = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in data:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return {"failed": "the lab's supervisor does not answer"}
                chunk = stream.read(65536)
                if not chunk:
                    tail = self.state.log.read_text(errors="replace").strip() if self.state.log.exists() else ""
                    return {"failed": f"the lab's supervisor ended unexpectedly\n{tail}".strip()}
                data += chunk
        return json.loads(data.split(b"\n")[0])

    def _write_plan(self, guest: Guest) -> None:
        key = make_key(self.state)
        cpus = cpus_a_node(self.topology.nodes)
        nodes = []
        for number in range(1, self.topology.nodes + 1):
            directory = write_node(self.state, self.topology, self.build, number, guest, key)
            shares = {"lab": directory, "root": guest.root, "tree": CHECKOUT, "modules": guest.kernel.modules}
            if not in_checkout(self.build):
                shares["build"] = self.build
            command = node_command(guest, cpus, self.state.console(number), shares)
            nodes.append({"number": number, "command": command})
        self.state.write_json(
            "plan.json",
            {
                "topology": dataclasses.asdict(self.topology),
                "build": str(self.build),
                "machine": guest.arch.machine,
                "accel": guest.accel,
                "kernel": guest.kernel.version,
                "boot_timeout_s": self._boot_timeout_s,
                "nodes": nodes,
            },
        )


def stop(state: StateDirectory) -> None:
    """Ends a running lab; returns when its supervisor is gone."""
    summary = state.read_json("lab.json")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(STOP_TIMEOUT_S)
            connection.connect(str(state.control))
            connection.sendall(frames.HEADER.pack(0, frames.STOP, 0))
    except OSError:
        pass  # not listening (any more): what follows waits for it or kills it
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while state.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if state.alive() and summary:
        processes.kill_verified(summary["supervisor"]["pid"], summary["supervisor"]["started"])
        while state.alive() and time.monotonic() < deadline + STOP_TIMEOUT_S:
            time.sleep(0.05)
    if state.alive():
        raise LabError("the lab did not stop; its supervisor does not react")
    state.remove()
