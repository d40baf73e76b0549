#!/usr/bin/env python3
"""roce-preflight between real RoCE v2 nodes: a healthy pair is READY, a fault is named first, a lost peer ends the run.
One lab of two nodes serves all tests. Skips where QEMU is missing."""

from __future__ import annotations

import subprocess
import time
import unittest

import labtest

READY, DEGRADED, NOT_READY, UNKNOWN = 0, 1, 2, 3
LAB = labtest.Lab("bin/roce-preflight")
setUpModule, tearDownModule, node = LAB.set_up, LAB.tear_down, LAB.node


def preflight(*options: str, timeout: int = 100) -> subprocess.CompletedProcess:
    return LAB.mpi("roce-preflight", "--quiet", *options, timeout=timeout)


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
        self.assertEqual(labtest.first_finding(done.stdout), "ROCE-MTU-001", done.stdout)
        self.assertIn("ROCE-PAIR-002", done.stdout)

    def test_a_filter_for_roce_alone_is_told_and_the_run_goes_on(self) -> None:
        node(2, "echo 'add table inet t; add chain inet t i { type filter hook input priority 0; };"
                " add rule inet t i udp dport 4791 drop' | nft -f -")
        try:
            done = preflight("--quick")
        finally:
            node(2, "nft delete table inet t")
        self.assertEqual(done.returncode, NOT_READY, done.stdout + done.stderr)
        self.assertEqual(labtest.first_finding(done.stdout), "ROCE-PAIR-003", done.stdout)
        self.assertIn("reach done, rails FAILED, collectives", done.stdout)

    def test_one_direction_that_is_limited_is_named_and_kept_out_of_the_baseline(self) -> None:
        node(1, "rm -f /tmp/pair.json")
        healthy = preflight("--save-baseline", "/tmp/pair.json")
        self.assertEqual(healthy.returncode, READY, healthy.stdout + healthy.stderr)
        self.assertRegex(healthy.stdout, r"(?m)^rocep1s0f0, 64 KiB, node2 to node1 .* proven$")
        # Five such runs, so that even Soft-RoCE's speed is judged.
        node(1, "python3 -c 'import json; d = json.load(open(\"/tmp/pair.json\")); d[\"runs\"] *= 5;"
                " json.dump(d, open(\"/tmp/pair.json\", \"w\"))'")
        node(2, "tc qdisc add dev enp1s0f0np0 root tbf rate 24mbit burst 64kb latency 10s")
        try:
            slow = preflight("--baseline", "/tmp/pair.json", "--save-baseline", "/tmp/pair.json")
        finally:
            node(2, "tc qdisc del dev enp1s0f0np0 root")
        self.assertEqual(slow.returncode, DEGRADED, slow.stdout + slow.stderr)
        self.assertEqual(labtest.first_finding(slow.stdout), "ROCE-PAIR-022", slow.stdout)
        self.assertRegex(slow.stdout, r"rocep1s0f0 carries 0\.\d\d from node2 to node1 of what it carries")
        self.assertIn("cannot be pinned on one of them", " ".join(slow.stdout.split()))
        self.assertIn("ROCE-PERF-018", slow.stdout)
        self.assertIn("was not saved", slow.stdout)

    def test_a_peer_that_is_killed_ends_the_run(self) -> None:
        with LAB.listening(f"roce-preflight --listen {labtest.LISTEN} --full --quiet") as listening:
            node(2, f"roce-preflight --join {listening.target} </dev/null >/dev/null 2>&1 & sleep 6; "
                    "pkill -KILL -x roce-preflight")
            killed = time.monotonic()
            done = listening.end(60)
        # 5 s on a machine (tests/cli); here the emulated processors and roce-lab's own command come on top.
        self.assertLess(time.monotonic() - killed, 20)
        self.assertEqual((done.returncode, done.stdout), (UNKNOWN, ""), done.stderr)
        self.assertIn("rank 1 (node2)", done.stderr)


# The node's own /usr is the image. Its root is an overlay, on which podman's usual storage does not work.
START_CONTAINER = """
mkdir -p /etc/containers /tmp/c/usr /tmp/c/proc /tmp/c/sys /tmp/c/dev /tmp/c/etc/libibverbs.d /tmp/c/run
for name in bin lib lib64 sbin; do ln -sfn usr/$name /tmp/c/$name; done
printf '[storage]\\ndriver = "vfs"\\nrunroot = "/run/c"\\ngraphroot = "/tmp/storage"\\n' >/etc/containers/storage.conf
podman rm --force --time 0 vllm >/dev/null 2>&1
podman run --detach --name vllm --network=host --cgroups=disabled --log-driver=k8s-file --device=/dev/infiniband \\
  -v /usr:/usr:ro -v /etc/libibverbs.d:/etc/libibverbs.d:ro {options} --rootfs /tmp/c sleep 1000
"""


class Containers(unittest.TestCase):
    """The same run with --container: what NCCL would find in a real container of each node."""

    def start(self, number: int, options: str = "") -> None:
        done = node(number, START_CONTAINER.format(options=options or "--ulimit=memlock=-1:-1"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @classmethod
    def setUpClass(cls) -> None:
        if node(1, "command -v podman && command -v crun").returncode != 0:
            raise unittest.SkipTest("podman is not installed")
        for number in (1, 2):
            cls().start(number)

    def judge(self) -> subprocess.CompletedProcess:
        return preflight("--quick", "--container", "vllm")

    def test_containers_that_are_alike_and_have_what_it_takes_are_ready(self) -> None:
        done = preflight("--container", "vllm")
        self.assertEqual(done.returncode, READY, done.stdout + done.stderr)
        for rank in (0, 1):
            self.assertRegex(done.stdout, rf"rank {rank} \(node{rank + 1}\): process \d+ \(sleep\): in a container \(podman\)")

    def test_a_limit_of_one_container_is_told_as_its_fault_and_as_the_difference(self) -> None:
        self.start(2, "--ulimit=memlock=65536:65536")
        try:
            done = self.judge()
        finally:
            self.start(2)
        self.assertEqual(done.returncode, NOT_READY, done.stdout + done.stderr)
        self.assertEqual(labtest.first_finding(done.stdout), "ROCE-ACC-003", done.stdout)
        self.assertIn("ROCE-PAIR-017", done.stdout)

    def test_a_setting_of_one_container_that_switches_rdma_off_is_told(self) -> None:
        self.start(2, "--ulimit=memlock=-1:-1 --env=NCCL_IB_DISABLE=1")
        try:
            done = self.judge()
        finally:
            self.start(2)
        self.assertEqual(done.returncode, NOT_READY, done.stdout + done.stderr)
        self.assertIn("ROCE-ENV-001", done.stdout)
        self.assertIn("ROCE-PAIR-010", done.stdout)

    def test_a_container_that_is_not_there_on_one_node_is_one_sentence_and_never_ready(self) -> None:
        node(2, "podman rename vllm other")
        try:
            done = self.judge()
        finally:
            node(2, "podman rename other vllm")
        self.assertEqual((done.returncode, done.stdout), (UNKNOWN, ""), done.stdout + done.stderr)
        self.assertIn("rank 1 (node2): no container vllm is known", done.stderr)
        self.assertNotIn("rank 0 (node1): no", done.stderr)


if __name__ == "__main__":
    unittest.main()
