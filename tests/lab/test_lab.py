#!/usr/bin/env python3
"""The lab itself, tried with real virtual machines: does it boot, carry RDMA, return what a command returned, and
leave nothing behind however it ends? Takes about three minutes on two cores. Skips where QEMU is missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
sys.path.insert(0, str(CHECKOUT / "lab"))
sys.dont_write_bytecode = True

from labkit.errors import LabError  # noqa: E402
from labkit.host import require_tools  # noqa: E402

READY_LIMIT_S = 30.0
COMMAND_LIMIT_S = 240.0
MARKER = f"ROCEKIT_LAB_TEST={uuid.uuid4().hex}"
RAILS = (("rocep1s0f0", "enp1s0f0np0", "192.168.100"), ("roceP2p1s0f0", "enP2p1s0f0np0", "192.168.101"))

_runtime = tempfile.TemporaryDirectory(prefix="lt-", dir="/tmp")  # sockets need a short path
_mounts_before = ""


def setUpModule() -> None:
    global _mounts_before
    try:
        require_tools()
    except LabError as error:
        raise unittest.SkipTest(str(error)) from error
    _mounts_before = mounts()


def tearDownModule() -> None:
    _runtime.cleanup()


def environment() -> dict[str, str]:
    """A state directory of our own, so that a lab that is up is left alone, and a mark that all descendants carry."""
    name, _, value = MARKER.partition("=")
    return {**os.environ, "XDG_RUNTIME_DIR": _runtime.name, name: value}


def start(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(ROCE_LAB), *arguments], env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options,
    )  # fmt: skip


def roce_lab(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROCE_LAB), *arguments],
        env=environment(), input=stdin, capture_output=True, timeout=COMMAND_LIMIT_S,
    )  # fmt: skip


def run(script: str, *options: str) -> subprocess.CompletedProcess:
    return roce_lab("run", "--timeout", "90", *options, "--", "sh", "-c", script)


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def descendants() -> list[str]:
    """Every live process that a lab of this test run started, whoever its parent is by now."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if MARKER.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100])
        except OSError:
            continue
    return found


def booting() -> bool:
    """True once the machines are being started; QEMU alone also runs to tell its version."""
    return any("hub.py" in line for line in descendants())


def leftovers() -> list[str]:
    """Processes, mounts and state directories that outlived their lab."""
    left = descendants()
    left += [str(path) for path in Path(_runtime.name).glob("rocekit-lab/*/*")]
    if mounts() != _mounts_before:
        left.append("the mount table changed")
    return left


def wait_for(condition, limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.1)


def text(done: subprocess.CompletedProcess) -> str:
    return f"exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"


def ready_seconds(stderr: bytes) -> float:
    found = re.search(rb"ready in ([\d.]+) s", stderr)
    assert found, stderr
    return float(found.group(1))


class LabThatIsUp(unittest.TestCase):
    """One lab with two nodes and two rails serves all of these."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.tools = tempfile.TemporaryDirectory(prefix="lab-build-")
        cls.build = Path(cls.tools.name).resolve()
        (cls.build / "bin").mkdir()
        cls.write_tool("echo one")
        cls.load_before = os.getloadavg()[0]
        done = roce_lab("up", "--rails", "2", "--build", str(cls.build))
        if done.returncode != 0:
            raise AssertionError(text(done))
        cls.ready_s = ready_seconds(done.stderr)

    @classmethod
    def tearDownClass(cls) -> None:
        roce_lab("down")
        cls.tools.cleanup()
        if leftovers():
            raise AssertionError(f"left after down: {leftovers()}")

    @classmethod
    def write_tool(cls, script: str) -> None:
        """As a linker does: a new file under the old name."""
        fresh = cls.build / "bin" / "fresh"
        fresh.write_text(f"#!/bin/sh\n{script}\n")
        fresh.chmod(0o755)
        fresh.rename(cls.build / "bin" / "lab-test-tool")

    def check(self, script: str, *options: str) -> str:
        done = run(script, *options)
        self.assertEqual(done.returncode, 0, text(done))
        return done.stdout.decode()

    def test_is_ready_in_time(self) -> None:
        print(f"(ready in {self.ready_s} s) ", end="", file=sys.stderr, flush=True)
        if self.ready_s >= READY_LIMIT_S and self.load_before > 1.5 * (os.cpu_count() or 1):
            self.skipTest(f"{self.ready_s} s, but other work kept the machine busy (load {self.load_before:.1f})")
        self.assertLess(self.ready_s, READY_LIMIT_S)

    def test_run_keeps_stdout_stderr_and_exit_code_apart(self) -> None:
        done = run("echo out; echo err >&2; exit 7")
        self.assertEqual((done.stdout, done.stderr, done.returncode), (b"out\n", b"err\n", 7))

    def test_run_says_which_signal_killed_the_command(self) -> None:
        self.assertEqual(run("kill -9 $$").returncode, 128 + signal.SIGKILL)

    def test_a_program_that_does_not_exist_is_exit_code_127(self) -> None:
        done = roce_lab("run", "--", "no-such-program")
        self.assertEqual(done.returncode, 127)
        self.assertIn(b"no-such-program", done.stderr)

    def test_streams_are_binary_safe_and_larger_than_any_buffer(self) -> None:
        data = os.urandom(3_000_000)
        done = roce_lab("run", "--node", "2", "--", "cat", stdin=data)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout == data, "the bytes came back changed")

    def test_all_runs_on_every_node_and_returns_the_highest_exit_code(self) -> None:
        done = run("hostname; exit $ROCEKIT_LAB_NODE", "--all")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, b"=== node1 (exit 1)\nnode1\n=== node2 (exit 2)\nnode2\n")

    def test_mpi_runs_a_rank_on_every_node(self) -> None:
        done = roce_lab("run", "--timeout", "90", "--mpi", "--", "hostname")
        self.assertEqual(sorted(done.stdout.split()), [b"node1", b"node2"], text(done))

    def test_mpi_returns_the_exit_code(self) -> None:
        done = roce_lab("run", "--timeout", "90", "--mpi", "--", "sh", "-c", "exit 5")
        self.assertEqual(done.returncode, 5, text(done))

    def test_a_tool_rebuilt_while_the_lab_is_up_is_the_one_that_runs(self) -> None:
        self.assertEqual(self.check("lab-test-tool"), "one\n")
        self.write_tool("echo two")
        self.assertEqual(self.check("lab-test-tool"), "two\n")

    def test_checkout_is_there_at_its_own_path_and_read_only(self) -> None:
        done = roce_lab("run", "--", "sh", "-c", f"cmp {ROCE_LAB} {ROCE_LAB} && ! touch {CHECKOUT}/lab/written && pwd")
        self.assertEqual(done.returncode, 0, text(done))
        self.assertTrue(Path(done.stdout.decode().strip()).is_relative_to(CHECKOUT))

    def test_a_node_cannot_change_the_host(self) -> None:
        name = f"/var/tmp/{uuid.uuid4().hex}"
        self.check(f"echo x > {name} && test -e {name}")
        self.assertFalse(Path(name).exists())

    def test_devices_are_named_and_active_as_on_the_real_machines(self) -> None:
        for device, netdev, _ in RAILS:
            links = self.check("rdma link", "--node", "2")
            self.assertRegex(links, rf"link {device}/1 state ACTIVE .*netdev {netdev}")

    def test_rails_have_jumbo_frames_now_and_after_a_reboot(self) -> None:
        for _, netdev, _ in RAILS:
            self.assertEqual(self.check(f"cat /sys/class/net/{netdev}/mtu"), "9000\n")
            self.assertRegex(self.check("cat /etc/netplan/*.yaml"), rf"{netdev}:\n.*\n      mtu: 9000")

    def test_jumbo_frame_passes_unfragmented_on_each_rail(self) -> None:
        for _, _, subnet in RAILS:
            self.check(f"ping -q -c 2 -W 5 -M do -s 8972 {subnet}.12")

    def test_memory_may_be_pinned_and_verbs_devices_opened(self) -> None:
        self.assertEqual(self.check("ulimit -l; ssh node2 'ulimit -l'"), "unlimited\nunlimited\n")
        self.check("test -w /dev/infiniband/uverbs0 -a -w /dev/infiniband/uverbs1 -a -w /dev/infiniband/rdma_cm")

    def test_verbs_traffic_flows_between_the_nodes_on_each_rail(self) -> None:
        for device, _, subnet in RAILS:
            sent = f"cat /sys/class/infiniband/{device}/ports/1/hw_counters/sent_pkts"
            before = int(self.check(sent, "--node", "2"))
            server = start("run", "--timeout", "60", "--node", "2", "--", "ibv_rc_pingpong", "-d", device, "-g", "1")
            attempt = f"sleep 1; ibv_rc_pingpong -d {device} -g 1 {subnet}.12 && exit"
            client = self.check(f"for i in 1 2 3 4 5 6 7 8; do {attempt}; done; exit 1")
            server.communicate(timeout=90)
            self.assertEqual(server.returncode, 0)
            self.assertIn("1000 iters in", client)
            self.assertGreaterEqual(int(self.check(sent, "--node", "2")) - before, 1000)

    def test_smaller_mtu_at_one_end_stops_jumbo_frames_both_ways(self) -> None:
        netdev = RAILS[1][1]
        self.check(f"ip link set dev {netdev} mtu 1500", "--node", "2")
        try:
            time.sleep(1)
            self.assertNotEqual(run("ping -q -c 1 -W 2 -M do -s 8972 192.168.101.11", "--node", "2").returncode, 0)
            self.assertNotEqual(run("ping -q -c 1 -W 2 -M do -s 8972 192.168.101.12").returncode, 0)
            self.check("ping -q -c 1 -W 5 192.168.101.12")
        finally:
            self.check(f"ip link set dev {netdev} mtu 9000", "--node", "2")
        time.sleep(1)
        self.check("ping -q -c 2 -W 5 -M do -s 8972 192.168.101.12")

    def test_netem_slows_the_fabric(self) -> None:
        self.check("tc qdisc add dev enP2p1s0f0np0 root netem delay 300ms")
        try:
            rtt = self.check("ping -q -c 3 -W 5 192.168.101.12")
        finally:
            self.check("tc qdisc del dev enP2p1s0f0np0 root")
        self.assertGreater(float(rtt.rsplit("= ", 1)[1].split("/")[0]), 300)

    def test_commands_reach_a_node_whose_network_is_down(self) -> None:
        down = "for n in enP7s7 enP2p1s0f0np0; do ip link set dev $n down; done"
        up = down.replace("$n down", "$n up")
        try:
            self.assertIn("state DOWN", self.check(f"{down}; rdma link"))
        finally:
            self.check(up)

    def test_timeout_ends_the_command_and_all_its_children(self) -> None:
        done = roce_lab("run", "--timeout", "2", "--", "sh", "-c", "sleep 4321 & sleep 4321")
        self.assertEqual(done.returncode, 124)
        self.assertIn(b"did not end within 2 s", done.stderr)
        wait_for(lambda: run("pgrep -f 'sleep 432[1]'").returncode == 1, 10, "the sleeps are gone")

    def test_ctrl_c_interrupts_the_command_and_leaves_the_lab_up(self) -> None:
        script = "trap 'echo caught; exit 9' INT; echo started; while :; do sleep 0.1; done"
        process = start("run", "--", "sh", "-c", script)
        self.assertEqual(process.stdout.readline(), b"started\n")
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        self.assertEqual((out, process.returncode), (b"caught\n", 9))
        self.check("true")

    def test_command_ends_when_its_launcher_is_killed(self) -> None:
        process = start("run", "--", "sh", "-c", "echo started; sleep 9876")
        self.assertEqual(process.stdout.readline(), b"started\n")
        process.kill()
        process.communicate()
        wait_for(lambda: run("pgrep -f 'sleep 987[6]'").returncode == 1, 10, "the sleep is gone")

    def test_other_shape_than_what_is_up_is_refused(self) -> None:
        done = roce_lab("run", "--nodes", "3", "--", "true")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"roce-lab down", done.stderr)

    def test_status_names_the_nodes(self) -> None:
        self.assertIn(b"node 2: qemu pid", roce_lab("status").stdout)


class LabsThatEnd(unittest.TestCase):
    """Every way a lab can end leaves nothing running, mounted or lying about."""

    def assert_nothing_left(self, limit_s: float = 10) -> None:
        wait_for(lambda: not leftovers(), limit_s, f"nothing left; left: {leftovers()}")

    def started_run(self) -> subprocess.Popen:
        process = start("run", "--", "sh", "-c", "echo started; sleep 1000")
        self.assertEqual(process.stdout.readline(), b"started\n")
        return process

    def test_one_shot_run_returns_the_exit_code_and_cleans_up(self) -> None:
        script = "cat /sys/class/net/enp1s0f0np0/mtu; ping -qc 1 node1 >&2 && ping -qc 1 node2 >&2 && exit 6"
        done = roce_lab("run", "--nodes", "3", "--mtu", "1500", "--node", "3", "--", "sh", "-c", script)
        self.assertEqual((done.stdout, done.returncode), (b"1500\n", 6), text(done))
        self.assertEqual(leftovers(), [])

    def test_ctrl_c_while_booting(self) -> None:
        process = start("run", "--", "true")
        wait_for(booting, 60, "the nodes boot")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertEqual(leftovers(), [])

    def test_kill_9_of_up_while_booting(self) -> None:
        process = start("up")
        wait_for(booting, 60, "the nodes boot")
        process.kill()
        process.communicate()
        self.assert_nothing_left()

    def test_ctrl_c_while_the_command_runs(self) -> None:
        process = self.started_run()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertEqual(leftovers(), [])

    def test_hang_up_and_kill_9_while_the_command_runs(self) -> None:
        # Two labs at once, which must not notice each other.
        hung_up, killed = self.started_run(), self.started_run()
        killed.kill()
        killed.communicate()
        self.assertIsNone(hung_up.poll())
        os.kill(hung_up.pid, signal.SIGHUP)
        hung_up.communicate(timeout=30)
        self.assertEqual(hung_up.returncode, 128 + signal.SIGHUP)
        self.assert_nothing_left()

    def test_crash_of_a_node_and_then_of_the_supervisor(self) -> None:
        done = roce_lab("up")
        self.assertEqual(done.returncode, 0, text(done))
        pids = re.findall(rb"qemu pid (\d+)", roce_lab("status").stdout)
        waiting = start("run", "--node", "2", "--", "sleep", "1000")
        time.sleep(1)
        os.kill(int(pids[1]), signal.SIGKILL)
        _, errors = waiting.communicate(timeout=30)
        self.assertEqual(waiting.returncode, 3)
        self.assertIn(b"node 2 has stopped", errors)
        self.assertEqual(run("hostname").stdout, b"node1\n")

        supervisor = int(Path(f"/proc/{int(pids[0])}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: not descendants(), 10, f"processes are gone: {descendants()}")
        self.assertEqual(roce_lab("status").stdout, b"no lab is up\n")
        self.assertEqual(roce_lab("down").returncode, 0)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main(verbosity=2)
