#!/usr/bin/env python3
"""roce-pingpong between real RoCE v2 nodes: what it measures and proves, and that each fault ends in one sentence with
the right exit code, no hang and no process left. One lab of two nodes with two rails serves all tests. Skips where QEMU
is missing.

A tool built with sanitizers is tested in the same way, and what they report fails the test: leaked memory and leaked
registrations at the end of every process, faults included.
    cmake --preset asan && cmake --build build-asan --target roce-pingpong rocekit_mpi
    ROCEKIT_BUILD_DIR=$PWD/build-asan python3 tests/lab/test_roce_pingpong.py
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import unittest

import labtest
from labtest import AS_NOBODY, RAIL_0, RAIL_1

MEASURED, UNKNOWN = (0, 1), 3  # a starved Soft-RoCE resends, which is a warning
SHORT = "--duration 200ms --quiet"
SANITIZERS = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ")


def refuse_sanitizer_reports(*texts: str) -> None:
    for text in texts:
        if SANITIZERS.search(text):
            raise AssertionError(text)


def refuse_sanitized(done: subprocess.CompletedProcess) -> None:
    refuse_sanitizer_reports(done.stdout, done.stderr)


LAB = labtest.Lab("bin/roce-pingpong", rails=2, check=refuse_sanitized)
setUpModule, tearDownModule, node = LAB.set_up, LAB.tear_down, LAB.node


class Nodes(unittest.TestCase):
    def tearDown(self) -> None:
        for number in (1, 2):
            left = node(number, "pgrep -a roce-pingpong || true").stdout
            self.assertEqual(left, "", f"left on node {number}")

    def pair(self, options: str = "", before: str = "true", middle: str = "", after: str = "true",
             peer_wrapper: str = "", strangers: str = "") -> tuple[subprocess.CompletedProcess, str, float]:
        """Rank 0 listens on node 1 (over the LAN, which no fault touches), rank 1 joins on node 2. `before`, `middle` (2 s
        after it has joined), `after`, and before the peer joins `strangers` (at the port $1) run on node 2. Returns
        rank 0's end, what rank 1 said, and the seconds it took."""
        node(2, before)
        began = time.monotonic()
        with LAB.listening(f"roce-pingpong --listen {labtest.LISTEN} --color never {options}") as listening:
            if strangers:
                node(2, f"bash -c '{strangers}' sh {listening.port}")
            LAB.join(f"{peer_wrapper} roce-pingpong --join {listening.target}")
            if middle:
                node(2, f"{listening.wait_for_peer}; sleep 2; {middle}")
            done = listening.end(90)
        seconds = time.monotonic() - began
        refuse_sanitized(done)
        node(2, after)
        return done, LAB.joined(), seconds

    def assert_sentence(self, done: subprocess.CompletedProcess, *words: str) -> None:
        lines = [line for line in done.stderr.splitlines() if line.startswith("roce-pingpong: ")]
        self.assertEqual(done.returncode, UNKNOWN, done)
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])


class Measures(Nodes):
    def test_mpirun_measures_rc_and_tcp_and_proves_what_carried_them(self) -> None:
        done = LAB.mpi("sh", "-c", f"roce-pingpong --rails {RAIL_0[0]} --sizes 8,64K {SHORT} --json")
        self.assertIn(done.returncode, MEASURED, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual({host["name"] for host in document["hosts"]}, {"node1", "node2"})
        results = document["results"]
        self.assertEqual({result["transport"] for result in results}, {"rc", "tcp"})
        for result in results:
            if result["transport"] == "rc":
                self.assertEqual(result["proof"]["verdict"], "proven", result["proof"])
            self.assertNotEqual(result["proof"]["verdict"], "contradicted", result["proof"])
        self.assertEqual(len(document["comparisons"]), 4)

    def test_both_rails_and_all_at_once(self) -> None:
        done = LAB.mpi("sh", "-c", f"roce-pingpong --metric bandwidth --rails all --sizes 64K {SHORT} --json")
        self.assertIn(done.returncode, MEASURED, done.stderr)
        paths = [result["paths"] for result in json.loads(done.stdout)["results"] if result["transport"] == "rc"]
        self.assertEqual(paths, [[0], [1], [0, 1]])

    def test_listen_and_join_without_mpi(self) -> None:
        done, joined, _ = self.pair(f"--rails {RAIL_1[0]} --transport rc,tcp,ud --sizes 8 --metric latency {SHORT} --json")
        self.assertIn(done.returncode, MEASURED, done.stderr + joined)
        results = json.loads(done.stdout)["results"]
        self.assertEqual([result["transport"] for result in results], ["rc", "tcp", "ud"])
        self.assertEqual([result["lost_messages"] is None for result in results], [True, True, False])
        self.assertIn(f"exit {done.returncode}", joined)


class Faults(Nodes):
    def test_unknown_device(self) -> None:
        done, joined, _ = self.pair("--rails rocep1s0f7")
        self.assert_sentence(done, "rocep1s0f7", "did you mean rocep1s0f0")
        self.assertIn("exit 3", joined)

    def test_a_peer_with_a_smaller_mtu_is_measured_at_it_and_told(self) -> None:
        done, _, _ = self.pair(f"--rails {RAIL_0[0]} --transport rc --sizes 4K --metric latency {SHORT} --json",
                               before=f"ip link set dev {RAIL_0[1]} mtu 1500", after=f"ip link set dev {RAIL_0[1]} mtu 9000")
        document = json.loads(done.stdout)
        self.assertEqual(document["paths"][0]["path_mtu"], 1024)
        self.assertIn("ROCE-PAIR", " ".join(finding["id"] for finding in document["findings"]))

    def test_port_that_goes_down_in_the_middle(self) -> None:
        done, _, seconds = self.pair(f"--rails {RAIL_0[0]} --transport rc --sizes 64K --metric latency --duration 30 --quiet",
                                     middle=f"ip link set dev {RAIL_0[1]} down",
                                     after=f"ip link set dev {RAIL_0[1]} up")
        self.assert_sentence(done, "node2" if "node2" in done.stderr else RAIL_0[0])
        self.assertLess(seconds, 60)

    def test_peer_killed_or_stopped_ends_the_run(self) -> None:
        for signal, word in (("KILL", "rank 1 (node2)"), ("STOP", "rank 1 (node2)")):
            with self.subTest(signal=signal):
                done, _, seconds = self.pair(f"--rails {RAIL_0[0]} --sizes 8 --metric latency --duration 30 --quiet",
                                             middle=f"pkill -{signal} -x roce-pingpong", after="pkill -KILL -x roce-pingpong; true")
                self.assert_sentence(done, word)
                self.assertLess(seconds, 40)


class RareFaultsAndOperations(Nodes):
    """Not in ./check, which has little time."""

    def test_every_operation_is_verified(self) -> None:
        for operation in ("write", "write-imm", "read", "atomic"):
            sizes = "" if operation == "atomic" else "--sizes 64,16K"
            done = LAB.mpi("sh", "-c", f"roce-pingpong --rails {RAIL_0[0]} --transport rc --op {operation} {sizes} "
                                       f"--verify {SHORT} --json")
            self.assertIn(done.returncode, MEASURED, done.stderr)
            for result in json.loads(done.stdout)["results"]:
                self.assertEqual(result["corrupt_messages"], 0, result)

    def test_memory_that_may_not_be_locked(self) -> None:
        limited = "prlimit --memlock=65536:65536 setpriv --reuid 65534 --regid 65534 --clear-groups"
        done, _, _ = self.pair(f"--sizes 1M {SHORT}", peer_wrapper=limited)
        self.assert_sentence(done, "rank 1 (node2)", "ROCE-ACC-003")

    def test_no_common_subnet(self) -> None:
        change = "; ".join(f"ip address del 192.168.10{rail}.12/24 dev {netdev}; ip address add 172.30.{rail}.12/24 dev {netdev}"
                           for rail, (_, netdev) in enumerate((RAIL_0, RAIL_1)))
        back = "; ".join(f"ip address del 172.30.{rail}.12/24 dev {netdev}; ip address add 192.168.10{rail}.12/24 dev {netdev}"
                         for rail, (_, netdev) in enumerate((RAIL_0, RAIL_1)))
        done, _, _ = self.pair(SHORT, before=change, after=back)
        self.assert_sentence(done, "shares a subnet", "172.30.0.12/24", "ROCE-NET-001")

    def test_lossy_wire_is_measured_and_its_resends_are_counted(self) -> None:
        done, _, _ = self.pair(f"--rails {RAIL_0[0]} --transport rc --sizes 64K --metric latency --duration 2 --quiet --json",
                               before=f"tc qdisc add dev {RAIL_0[1]} root netem loss 5%",
                               after=f"tc qdisc del dev {RAIL_0[1]} root")
        if done.returncode == UNKNOWN and not done.stdout:  # RC gives up after a number of losses in a row
            self.assert_sentence(done, RAIL_0[0])
            return
        counters = json.loads(done.stdout)["results"][0]["proof"]["counters"]
        self.assertTrue([counter for counter in counters if counter["unit"] == "events" and counter["delta"] > 0], counters)

    def test_strangers_do_not_disturb(self) -> None:
        knock = ("for i in 1 2 3; do exec 3<>/dev/tcp/192.168.1.11/$1; head -c 5000 /dev/urandom >&3; exec 4<>/dev/tcp/192.168.1.11/$1; "
                 "exec 3>&-; done; sleep 60 <&4 >&4 2>&4 &")
        done, _, _ = self.pair(f"--rails {RAIL_0[0]} --transport tcp --sizes 8 --metric latency {SHORT} --json",
                               strangers=knock)
        self.assertIn(done.returncode, MEASURED, done.stderr)


if __name__ == "__main__":
    unittest.main()
