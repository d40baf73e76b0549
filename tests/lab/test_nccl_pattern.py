#!/usr/bin/env python3
"""nccl-pattern between real RoCE v2 nodes, with the host backend: whole steps over RC and TCP, each proven by counters;
requirements, and a peer that is killed in the middle. One lab of two nodes serves all tests. Skips where QEMU is
missing."""

from __future__ import annotations

import json
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
PATTERN = BUILD / "bin" / "nccl-pattern"
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
sys.path.insert(0, str(CHECKOUT / "lab"))
sys.dont_write_bytecode = True

from labkit.errors import LabError  # noqa: E402
from labkit.host import require_tools  # noqa: E402

MEASURED, CRITICAL, UNKNOWN = (0, 1), 2, 3  # a starved Soft-RoCE resends, which is a warning
_runtime = tempfile.TemporaryDirectory(prefix="lp-", dir="/tmp")  # sockets need a short path
ENVIRONMENT = {**os.environ, "XDG_RUNTIME_DIR": _runtime.name}


def lab(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(ROCE_LAB), *arguments], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)


def node(number: int, script: str, timeout: int = 60) -> subprocess.CompletedProcess:
    return lab("run", "--node", str(number), "--timeout", str(timeout), "--", "sh", "-c", script, timeout=timeout + 20)


def under_mpirun(options: str, timeout: int = 100) -> subprocess.CompletedProcess:
    return lab("run", "--mpi", "--timeout", str(timeout), "--", "sh", "-c", f"nccl-pattern {options} --quiet",
               timeout=timeout + 20)


def setUpModule() -> None:
    if not PATTERN.exists():
        raise unittest.SkipTest(f"{PATTERN} is not built")
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
    def tearDown(self) -> None:
        for number in (1, 2):
            self.assertEqual(node(number, "pgrep -a nccl-pattern || true").stdout, "", f"left on node {number}")

    def test_a_step_over_rc_and_over_tcp_is_proven_by_counters_and_priced(self) -> None:
        done = under_mpirun("--mode ep2 --model qwen3-coder-30b-a3b --duration 20ms --json")
        self.assertIn(done.returncode, MEASURED, done.stderr)
        document = json.loads(done.stdout)
        proofs = {side["name"]: side["proof"] for side in document["sides"]}
        self.assertEqual(set(proofs), {"rdma", "socket"})
        for name, proof in proofs.items():
            self.assertEqual((proof["verdict"], proof["transport"]), ("proven", name), proof)
        self.assertEqual(proofs["rdma"]["rails"], ["rocep1s0f0:1"])
        self.assertEqual(len(document["predictions"]), 3)  # one each form of expert parallelism
        self.assertEqual(sum(verified["wrong_calls"] for verified in document["verification"]), 0)

    def test_a_requirement_that_is_not_met_is_exit_code_2(self) -> None:
        short = "--mode allreduce --sizes 64K --duration 20ms"
        self.assertIn(under_mpirun(f"{short} --require rdma").returncode, MEASURED)
        done = under_mpirun(f"{short} --compare rdma --require socket")
        self.assertEqual(done.returncode, CRITICAL, done.stdout + done.stderr)
        self.assertIn("ROCE-PERF-010", done.stdout)

    def test_ranks_that_disagree_are_told_about_what(self) -> None:
        done = lab("run", "--mpi", "--timeout", "60", "--", "sh", "-c",
                   "nccl-pattern --mode allreduce --sizes $((64 << OMPI_COMM_WORLD_RANK)) --quiet")
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        self.assertIn("with --sizes 64, and rank 1 (node2) with --sizes 128", done.stderr)

    def test_a_peer_that_is_killed_in_the_middle_ends_the_run(self) -> None:
        listening = subprocess.Popen(
            [sys.executable, str(ROCE_LAB), "run", "--node", "1", "--timeout", "90", "--", "sh", "-c",
             "nccl-pattern --listen 192.168.1.11 --mode allreduce --sizes 4K --duration 60s --quiet"],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            line, said = "", ""
            while "--join" not in line:
                line = listening.stderr.readline()
                self.assertTrue(line, f"no line to paste: {said}")
                said += line
            token = re.search(r"--join (\S+)", line).group(1)
            node(2, f"nccl-pattern --join {token} </dev/null >/dev/null 2>&1 & sleep 8; pkill -KILL -x nccl-pattern")
            killed = time.monotonic()
            out, err = listening.communicate(timeout=60)
        finally:
            listening.kill()
        self.assertLess(time.monotonic() - killed, 30)  # far below --duration
        self.assertEqual(listening.returncode, UNKNOWN, err)
        self.assertEqual(out, "")
        sentences = [text for text in err.splitlines() if text.startswith("nccl-pattern: ")]
        self.assertEqual(len(sentences), 1, err)
        self.assertIn("rank 1 (node2)", sentences[0])


if __name__ == "__main__":
    unittest.main()
