"""What the tests in a lab share: one lab for a test module, and commands in its nodes.

    LAB = labtest.Lab("bin/roce-probe", rails=2)
    setUpModule, tearDownModule, node = LAB.set_up, LAB.tear_down, LAB.node
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("ROCEKIT_BUILD_DIR", CHECKOUT / "build"))
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
sys.path.insert(0, str(CHECKOUT / "lab"))
# A byte code cache in the source tree would differ between the host's and the nodes' view of it.
sys.dont_write_bytecode = True

from labkit.errors import LabError  # noqa: E402
from labkit.host import require_tools  # noqa: E402

RAIL_0, RAIL_1 = ("rocep1s0f0", "enp1s0f0np0"), ("roceP2p1s0f0", "enP2p1s0f0np0")
LISTEN = "192.168.1.11"  # node 1 on the LAN, which no fault of a rail touches
AS_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"


def first_finding(report: str) -> str:
    """The check of the first finding in a text report; empty: there is none."""
    found = re.search(r"^(?:CRITICAL|WARNING|UNKNOWN) +(ROCE-[A-Z]+-[0-9]+)", report, re.MULTILINE)
    return found.group(1) if found else ""


class Lab:
    """A lab of this process alone: another's is not seen, and this one's goes with it."""

    def __init__(self, needs: str, nodes: int = 2, rails: int = 1, build: Path = BUILD,
                 check: Callable[[subprocess.CompletedProcess], None] = lambda done: None) -> None:
        """`needs`: what must have been built, under `build`. `check` sees what each command said."""
        self.needs = build / needs
        self.build = build
        self.shape = ("--nodes", str(nodes), "--rails", str(rails))
        self.check = check
        self._runtime: tempfile.TemporaryDirectory | None = None

    def set_up(self) -> None:
        """Boots it. Raises unittest.SkipTest where the tool is not built or a lab cannot be."""
        if not self.needs.exists():
            raise unittest.SkipTest(f"{self.needs} is not built")
        try:
            require_tools()
        except LabError as error:
            raise unittest.SkipTest(str(error)) from error
        self._runtime = tempfile.TemporaryDirectory(prefix="lt-", dir="/tmp")  # sockets need a short path
        up = self.run("up", *self.shape, "--build", str(self.build), timeout=240)
        if up.returncode != 0:
            self.tear_down()
            raise AssertionError(f"the lab did not boot: {up.stderr}")

    def tear_down(self) -> None:
        if self._runtime is None:
            return
        self.run("down")
        self._runtime.cleanup()
        self._runtime = None

    def environment(self) -> dict[str, str]:
        assert self._runtime is not None, "the lab is not up"
        return {**os.environ, "XDG_RUNTIME_DIR": self._runtime.name}

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
        """`roce-lab ARGUMENTS`."""
        done = subprocess.run([sys.executable, str(ROCE_LAB), *arguments], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        self.check(done)
        return done

    def node(self, number: int, script: str, timeout: int = 90) -> subprocess.CompletedProcess:
        """A shell script on one node."""
        return self.run("run", "--node", str(number), "--timeout", str(timeout), "--", "sh", "-c", script,
                        timeout=timeout + 20)

    def mpi(self, *command: str, timeout: int = 100) -> subprocess.CompletedProcess:
        """Under mpirun, one rank a node."""
        return self.run("run", "--mpi", "--timeout", str(timeout), "--", *command, timeout=timeout + 20)

    @contextlib.contextmanager
    def listening(self, script: str, timeout: int = 90) -> Iterator[Listening]:
        """A shell script on node 1 that runs one of the tools with --listen. It is killed on leaving."""
        process = subprocess.Popen(
            [sys.executable, str(ROCE_LAB), "run", "--node", "1", "--timeout", str(timeout), "--", "sh", "-c", script],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            yield Listening(process)
        finally:
            process.kill()
            process.communicate()


    def join(self, command: str) -> None:
        """Starts the other end, in a shell on node 2, and does not wait for it."""
        self.node(2, f"rm -f /tmp/join.*; ({command} >/tmp/join.out 2>&1; echo $? >/tmp/join.code) "
                     "</dev/null >/dev/null 2>&1 &")

    def joined(self) -> str:
        """Waits for the end of what join() started: all that it said, and "exit CODE"."""
        return self.node(2, "for i in 1 2 3 4 5 6 7 8 9 10; do test -s /tmp/join.code && break; sleep 1; done; "
                            "cat /tmp/join.out; echo exit $(cat /tmp/join.code)").stdout


class Listening:
    """A tool that waits for its peer; it has printed the line to paste there."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.said = ""
        line = ""
        while "--join" not in line:
            line = process.stderr.readline()
            if not line:
                raise AssertionError(f"no line to paste: {self.said}")
            self.said += line
        self.target = re.search(r"--join (\S+)", line).group(1)
        self.port = self.target.rsplit(":", 1)[1]
        # For node 2: ends when its tool has connected. A sanitized tool takes seconds to start.
        self.wait_for_peer = (f"for i in $(seq 100); do ss -Htn state established dst {LISTEN}:{self.port} | grep -q . "
                              "&& break; sleep 0.2; done")

    def end(self, timeout: float) -> subprocess.CompletedProcess:
        """Waits for its end. `stderr` has all that it said, from the beginning."""
        out, err = self.process.communicate(timeout=timeout)
        return subprocess.CompletedProcess([], self.process.returncode, out, self.said + err)
