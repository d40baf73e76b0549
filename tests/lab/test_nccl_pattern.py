#!/usr/bin/env python3
"""nccl-pattern between real RoCE v2 nodes, with the host backend: whole steps over RC and TCP, each proven by counters;
requirements, and a peer that is killed in the middle. One lab of two nodes serves all tests. Skips where QEMU is
missing."""

from __future__ import annotations

import json
import subprocess
import time
import unittest

import labtest

MEASURED, CRITICAL, UNKNOWN = (0, 1), 2, 3  # a starved Soft-RoCE resends, which is a warning
LAB = labtest.Lab("bin/nccl-pattern")
setUpModule, tearDownModule, node = LAB.set_up, LAB.tear_down, LAB.node


def under_mpirun(options: str, timeout: int = 100) -> subprocess.CompletedProcess:
    return LAB.mpi("sh", "-c", f"nccl-pattern {options} --quiet", timeout=timeout)


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
        node(2, "rdma link delete rocep1s0f0")
        try:
            done = under_mpirun(f"{short} --require rdma")
        finally:
            node(2, "rdma link add rocep1s0f0 type rxe netdev enp1s0f0np0")
        self.assertEqual(done.returncode, CRITICAL, done.stdout + done.stderr)
        self.assertIn("ROCE-PERF-010", done.stdout)
        self.assertIn("rank 1 (node2) has no RDMA device", done.stdout)

    def test_a_requirement_that_the_run_does_not_measure_is_refused(self) -> None:
        done = under_mpirun("--mode allreduce --sizes 64K --compare rdma --require socket")
        self.assertEqual(done.returncode, UNKNOWN, done.stdout + done.stderr)
        self.assertIn("--require socket: this run measures only rdma", done.stderr)

    def test_ranks_that_disagree_are_told_about_what(self) -> None:
        done = LAB.mpi("sh", "-c", "nccl-pattern --mode allreduce --sizes $((64 << OMPI_COMM_WORLD_RANK)) --quiet",
                       timeout=60)
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        self.assertIn("with --sizes 64, and rank 1 (node2) with --sizes 128", done.stderr)

    def test_a_peer_that_is_killed_in_the_middle_ends_the_run(self) -> None:
        tool = f"nccl-pattern --listen {labtest.LISTEN} --mode allreduce --sizes 4K --duration 60s --quiet"
        with LAB.listening(tool) as listening:
            node(2, f"nccl-pattern --join {listening.target} </dev/null >/dev/null 2>&1 & sleep 8; "
                    "pkill -KILL -x nccl-pattern")
            killed = time.monotonic()
            done = listening.end(60)
        self.assertLess(time.monotonic() - killed, 30)  # far below --duration
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        self.assertEqual(done.stdout, "")
        sentences = [text for text in done.stderr.splitlines() if text.startswith("nccl-pattern: ")]
        self.assertEqual(len(sentences), 1, done.stderr)
        self.assertIn("rank 1 (node2)", sentences[0])


if __name__ == "__main__":
    unittest.main()
