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
PINGPONG = BUILD / "bin" / "roce-pingpong"
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
sys.path.insert(0, str(CHECKOUT / "lab"))
sys.dont_write_bytecode = True

from labkit.errors import LabError  # noqa: E402
from labkit.host import require_tools  # noqa: E402

RAIL_0, RAIL_1 = ("rocep1s0f0", "enp1s0f0np0"), ("roceP2p1s0f0", "enP2p1s0f0np0")
MEASURED, UNKNOWN = (0, 1), 3  # a starved Soft-RoCE resends, which is a warning
SHORT = "--duration 200ms --quiet"
SANITIZERS = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ")
_runtime = tempfile.TemporaryDirectory(prefix="lq-", dir="/tmp")  # sockets need a short path


def refuse_sanitizer_reports(*texts: str) -> None:
    for text in texts:
        if SANITIZERS.search(text):
            raise AssertionError(text)


def lab(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.executable, str(ROCE_LAB), *arguments], env={**os.environ, "XDG_RUNTIME_DIR": _runtime.name},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
    refuse_sanitizer_reports(done.stdout, done.stderr)
    return done


def node(number: int, script: str, timeout: int = 90) -> subprocess.CompletedProcess:
    return lab("run", "--node", str(number), "--timeout", str(timeout), "--", "sh", "-c", script, timeout=timeout + 20)


def setUpModule() -> None:
    if not PINGPONG.exists():
        raise unittest.SkipTest(f"{PINGPONG} is not built")
    try:
        require_tools()
    except LabError as error:
        raise unittest.SkipTest(str(error)) from error
    up = lab("up", "--nodes", "2", "--rails", "2", "--build", str(BUILD), timeout=240)
    if up.returncode != 0:
        tearDownModule()
        raise AssertionError(f"the lab did not boot: {up.stderr}")


def tearDownModule() -> None:
    lab("down")
    _runtime.cleanup()


class Nodes(unittest.TestCase):
    def tearDown(self) -> None:
        for number in (1, 2):
            left = node(number, "pgrep -a roce-pingpong || true").stdout
            self.assertEqual(left, "", f"left on node {number}")

    def pair(self, options: str = "", before: str = "true", middle: str = "", after: str = "true",
             peer_wrapper: str = "", strangers: str = "") -> tuple[subprocess.CompletedProcess, str, float]:
        """Rank 0 listens on node 1 (over the LAN, which no fault touches), rank 1 joins on node 2. `before`, `middle` (2 s
        after it has joined), `after`, and before the peer joins `strangers` (at the port $1) run on node 2. Returns rank 0's end, what rank 1 said, and the seconds it took."""
        node(2, f"{before}; rm -f /tmp/join.*")
        began = time.monotonic()
        listening = subprocess.Popen(
            [sys.executable, str(ROCE_LAB), "run", "--node", "1", "--timeout", "90", "--", "sh", "-c",
             f"roce-pingpong --listen 192.168.1.11 --color never {options}"],
            env={**os.environ, "XDG_RUNTIME_DIR": _runtime.name}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        said = ""
        try:
            line = ""
            while "--join" not in line:
                line = listening.stderr.readline()
                self.assertTrue(line, f"no line to paste: {said}")
                said += line
            token = re.search(r"--join (\S+)", line).group(1)
            port = token.rsplit(":", 1)[1]
            if strangers:
                node(2, f"bash -c '{strangers}' sh {port}")
            node(2, f"({peer_wrapper} roce-pingpong --join {token} >/tmp/join.out 2>&1; echo $? >/tmp/join.code) "
                    "</dev/null >/dev/null 2>&1 &")
            if middle:
                # A sanitized tool takes seconds to start.
                node(2, f"for i in $(seq 100); do ss -Htn state established dst 192.168.1.11:{port} | grep -q . && break; "
                        f"sleep 0.2; done; sleep 2; {middle}")
            out, err = listening.communicate(timeout=90)
        finally:
            listening.kill()
        seconds = time.monotonic() - began
        refuse_sanitizer_reports(out, err)
        node(2, after)
        joined = node(2, "for i in 1 2 3 4 5 6 7 8 9 10; do test -s /tmp/join.code && break; sleep 1; done; "
                         "cat /tmp/join.out; echo exit $(cat /tmp/join.code)").stdout
        return subprocess.CompletedProcess([], listening.returncode, out, said + err), joined, seconds

    def assert_sentence(self, done: subprocess.CompletedProcess, *words: str) -> None:
        lines = [line for line in done.stderr.splitlines() if line.startswith("roce-pingpong: ")]
        self.assertEqual(done.returncode, UNKNOWN, done)
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])


class Measures(Nodes):
    def test_mpirun_measures_rc_and_tcp_and_proves_what_carried_them(self) -> None:
        done = lab("run", "--mpi", "--timeout", "90", "--", "sh", "-c",
                   f"roce-pingpong --rails {RAIL_0[0]} --sizes 8,64K {SHORT} --json")
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
        done = lab("run", "--mpi", "--timeout", "90", "--", "sh", "-c",
                   f"roce-pingpong --metric bandwidth --rails all --sizes 64K {SHORT} --json")
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
            done = lab("run", "--mpi", "--timeout", "90", "--", "sh", "-c",
                       f"roce-pingpong --rails {RAIL_0[0]} --transport rc --op {operation} {sizes} --verify {SHORT} --json")
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
