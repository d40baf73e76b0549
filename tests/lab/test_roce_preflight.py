#!/usr/bin/env python3
"""roce-preflight between real RoCE v2 nodes: a healthy pair is READY, a fault is named first, a lost peer ends the run.
One lab of two nodes serves all tests. Skips where QEMU is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("ROCEKIT_BUILD_DIR", CHECKOUT / "build"))
PREFLIGHT = BUILD / "bin" / "roce-preflight"
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
sys.path.insert(0, str(CHECKOUT / "lab"))
sys.dont_write_bytecode = True

from labkit.errors import LabError  # noqa: E402
from labkit.host import require_tools  # noqa: E402

READY, DEGRADED, NOT_READY, UNKNOWN = 0, 1, 2, 3
_runtime = tempfile.TemporaryDirectory(prefix="lf-", dir="/tmp")  # sockets need a short path
ENVIRONMENT = {**os.environ, "XDG_RUNTIME_DIR": _runtime.name}


def lab(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(ROCE_LAB), *arguments], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)


def node(number: int, script: str, timeout: int = 60) -> subprocess.CompletedProcess:
    return lab("run", "--node", str(number), "--timeout", str(timeout), "--", "sh", "-c", script, timeout=timeout + 20)


def preflight(*options: str, timeout: int = 100) -> subprocess.CompletedProcess:
    return lab("run", "--mpi", "--timeout", str(timeout), "--", "roce-preflight", "--quiet", *options,
               timeout=timeout + 20)


def first_finding(report: str) -> str:
    found = re.search(r"^(?:CRITICAL|WARNING|UNKNOWN) +(ROCE-[A-Z]+-[0-9]+)", report, re.MULTILINE)
    return found.group(1) if found else ""


def setUpModule() -> None:
    if not PREFLIGHT.exists():
        raise unittest.SkipTest(f"{PREFLIGHT} is not built")
    try:
        require_tools()
    except LabError as error:
        raise unittest.SkipTest(str(error)) from error
    up = lab("up", "--nodes", "2", "--build", str(BUILD), timeout=240)
    if up.returncode != 0:
        tearDownModule()
        raise AssertionError(f"the lab did not boot: {up.stderr}")


def tearDownModule() -> None:
    lab("down")
    _runtime.cleanup()


class Nodes(unittest.TestCase):
    def test_a_healthy_pair_is_ready_with_the_step_of_its_model(self) -> None:
        began = time.monotonic()
        done = preflight("--model", "qwen3-coder-30b-a3b", "--require", "rdma")
        self.assertEqual(done.returncode, READY, done.stdout + done.stderr)
        self.assertLess(time.monotonic() - began, 60)
        self.assertIn("\nREADY: rocep1s0f0 ", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^tp2 of Qwen3-Coder-30B-A3B, decode.* proven$")

    def test_an_mtu_that_differs_stands_first(self) -> None:
        node(2, "ip link set dev enp1s0f0np0 mtu 1500")
        try:
            done = preflight("--quick")
        finally:
            node(2, "ip link set dev enp1s0f0np0 mtu 9000")
        self.assertIn(done.returncode, (DEGRADED, NOT_READY), done.stdout + done.stderr)
        self.assertEqual(first_finding(done.stdout), "ROCE-MTU-001", done.stdout)
        self.assertIn("ROCE-PAIR-002", done.stdout)

    def test_a_filter_for_roce_alone_is_told_and_the_run_goes_on(self) -> None:
        node(2, "echo 'add table inet t; add chain inet t i { type filter hook input priority 0; };"
                " add rule inet t i udp dport 4791 drop' | nft -f -")
        try:
            done = preflight("--quick")
        finally:
            node(2, "nft delete table inet t")
        self.assertEqual(done.returncode, NOT_READY, done.stdout + done.stderr)
        self.assertEqual(first_finding(done.stdout), "ROCE-PAIR-003", done.stdout)
        self.assertIn("reach done, rails FAILED, collectives", done.stdout)

    def test_a_peer_that_is_killed_ends_the_run(self) -> None:
        listening = subprocess.Popen(
            [sys.executable, str(ROCE_LAB), "run", "--node", "1", "--timeout", "90", "--", "sh", "-c",
             "roce-preflight --listen 192.168.1.11 --full --quiet"],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            line, said = "", ""
            while "--join" not in line:
                line = listening.stderr.readline()
                self.assertTrue(line, f"no line to paste: {said}")
                said += line
            token = re.search(r"--join (\S+)", line).group(1)
            node(2, f"roce-preflight --join {token} </dev/null >/dev/null 2>&1 & sleep 6; pkill -KILL -x roce-preflight")
            killed = time.monotonic()
            out, err = listening.communicate(timeout=60)
        finally:
            listening.kill()
        self.assertLess(time.monotonic() - killed, 20)  # far below --full
        self.assertEqual((listening.returncode, out), (UNKNOWN, ""), err)
        self.assertIn("rank 1 (node2)", err)


if __name__ == "__main__":
    unittest.main()
