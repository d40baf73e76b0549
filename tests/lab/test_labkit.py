#!/usr/bin/env python3
"""The lab's parts that need no virtual machine."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "lab"))
sys.dont_write_bytecode = True

from labkit import accel, cache, cli, faults, frames, host, hub, kernel, processes, qemu, state, topology  # noqa: E402
from labkit.errors import LabError  # noqa: E402
from labkit.initramfs import CpioArchive  # noqa: E402


class Frames(unittest.TestCase):
    def setUp(self) -> None:
        self.left, self.right = socket.socketpair()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def test_frames_survive_being_cut_anywhere(self) -> None:
        channel = frames.Channel(self.right.fileno())
        stream = b"".join(frames.HEADER.pack(n, frames.STDOUT, n) + bytes([n]) * n for n in range(20))
        received = []
        for byte in stream:
            self.left.sendall(bytes([byte]))
            received += channel.receive()
        self.assertEqual(received, [(n, frames.STDOUT, bytes([n]) * n) for n in range(20)])

    def test_closed_peer_is_told_apart_from_silence(self) -> None:
        channel = frames.Channel(self.right.fileno())
        self.assertEqual(channel.receive(), [])
        self.left.close()
        with self.assertRaises(frames.ChannelClosed):
            channel.receive()

    def test_what_the_peer_does_not_take_yet_is_kept(self) -> None:
        channel = frames.Channel(self.right.fileno())
        payload = os.urandom(frames.MAX_PAYLOAD)
        while not channel.wants_write():
            channel.send(1, frames.STDOUT, payload)
        reader = frames.Channel(self.left.fileno())
        got = []
        while channel.wants_write() or not got:
            got += reader.receive()
            channel.flush()
        self.assertTrue(all(data == payload for _, _, data in got))


class Faults(unittest.TestCase):
    def test_each_has_a_name_of_its_own_and_is_expected_by_the_campaign(self) -> None:
        self.assertEqual(len(faults.BY_NAME), len(faults.FAULTS))
        campaign = Path(__file__).resolve().parent / "faults"
        listed = subprocess.run([sys.executable, campaign, "--list"], capture_output=True, text=True, check=True).stdout
        self.assertEqual([line.split()[0] for line in listed.splitlines()], [fault.name for fault in faults.FAULTS])

    def test_what_is_made_on_a_node_is_healed_there(self) -> None:
        for fault in faults.FAULTS:
            if fault.name != "peer-dies":  # heals itself
                self.assertEqual(set(fault.make), set(fault.heal), fault.name)

    def test_scripts_are_what_a_shell_reads(self) -> None:
        for fault in faults.FAULTS:
            under = [f"{words} true" for words in fault.under.values()]
            for script in (*fault.make.values(), *fault.heal.values(), *under):
                with self.subTest(script=script):
                    subprocess.run(["sh", "-n", "-c", script], check=True)

    def test_a_command_runs_under_the_words_of_its_node_alone(self) -> None:
        fault = faults.Fault("f", "", under={2: "env 'SET=a b'"})
        command = fault.wrap(["sh", "-c", 'echo "$SET-$1"', "sh", "it's"])
        for node, said in (("1", "-it's\n"), ("2", "a b-it's\n")):
            environment = {**os.environ, "ROCEKIT_LAB_NODE": node}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, said)


class Hub(unittest.TestCase):
    BROADCAST = b"\xff" * 6
    MACS = [bytes([2, 0, 0, 0, 0, n]) for n in range(3)]

    def setUp(self) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(3)]
        self.nodes = [node for node, _ in pairs]
        for node in self.nodes:
            node.setblocking(False)
            self.addCleanup(node.close)
        self.segment = hub.Segment([port.detach() for _, port in pairs])
        self.hub = hub.Hub([self.segment])
        self.addCleanup(lambda: [port.socket.close() for port in self.segment.ports])
        self.addCleanup(self.hub.selector.close)

    def send(self, source: int, destination: bytes, body: bytes = b"x" * 50) -> bytes:
        frame = destination + self.MACS[source] + body
        port = self.segment.ports[source]
        self.nodes[source].send(frame)
        self.hub._forward(port)
        return frame

    def received(self, node: int) -> list[bytes]:
        got = []
        try:
            while True:
                got.append(self.nodes[node].recv(hub.MAX_FRAME))
        except BlockingIOError:
            return got

    def test_broadcast_reaches_all_but_the_sender(self) -> None:
        frame = self.send(0, self.BROADCAST)
        self.assertEqual([self.received(n) for n in range(3)], [[], [frame], [frame]])

    def test_unicast_to_a_learned_address_reaches_only_its_owner(self) -> None:
        self.send(1, self.BROADCAST)
        for node in range(3):
            self.received(node)
        frame = self.send(0, self.MACS[1])
        self.assertEqual([self.received(n) for n in range(3)], [[], [frame], []])

    def test_node_that_does_not_read_stops_nobody_else(self) -> None:
        self.send(1, self.BROADCAST)
        self.send(2, self.BROADCAST)
        for node in range(3):
            self.received(node)
        for _ in range(3 * hub.QUEUE_FRAMES):
            self.send(0, self.MACS[1])
        frame = self.send(0, self.MACS[2])
        self.assertEqual(self.received(2), [frame])
        self.assertEqual(len(self.segment.ports[1].queue), hub.QUEUE_FRAMES)

    def test_node_that_is_gone_is_unplugged(self) -> None:
        self.nodes[1].close()
        frame = self.send(0, self.BROADCAST)
        self.assertEqual(self.received(2), [frame])
        self.assertEqual(len(self.segment.ports), 2)


class Cpio(unittest.TestCase):
    def test_archive_lists_what_was_added(self) -> None:
        archive = CpioArchive()
        archive.add_file("init", b"hello", 0o755)
        data = archive.finish()
        names, at = [], 0
        while at < len(data):
            self.assertEqual(data[at : at + 6], b"070701")
            size, name_size = int(data[at + 54 : at + 62], 16), int(data[at + 94 : at + 102], 16)
            name = data[at + 110 : at + 110 + name_size - 1].decode()
            body = at + (110 + name_size + 3) // 4 * 4
            names.append((name, data[body : body + size]))
            at = body + (size + 3) // 4 * 4
        self.assertEqual(names, [("dev", b""), ("dev/console", b""), ("init", b"hello"), ("TRAILER!!!", b"")])


class States(unittest.TestCase):
    def setUp(self) -> None:
        runtime = tempfile.TemporaryDirectory(prefix="lt-")
        self.addCleanup(runtime.cleanup)
        patch = mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": runtime.name})
        patch.start()
        self.addCleanup(patch.stop)

    def test_directory_of_a_crashed_lab_is_removed_and_that_of_a_live_one_is_not(self) -> None:
        live, live_lock = state.new_run_directory()
        crashed, crashed_lock = state.new_run_directory()
        os.close(crashed_lock)
        self.assertEqual(state.remove_stale(), 1)
        self.assertTrue(live.alive())
        self.assertFalse(crashed.path.exists())
        os.close(live_lock)

    def test_second_up_is_refused_while_the_first_boots(self) -> None:
        _, lock = state.new_up_directory()
        with self.assertRaisesRegex(LabError, "in progress"):
            state.new_up_directory()
        os.close(lock)

    def test_runtime_directory_that_makes_socket_paths_too_long_is_not_used(self) -> None:
        deep = Path(os.environ["XDG_RUNTIME_DIR"]) / ("d" * 80)
        deep.mkdir()
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(deep)}):
            self.assertEqual(state.up_directory().path.parts[1], "tmp")


class Host(unittest.TestCase):
    def test_missing_tools_are_named_with_the_packages_that_bring_them(self) -> None:
        with mock.patch.object(host, "find_tool", lambda name: None if name in ("busybox", "rdma") else name):
            with self.assertRaisesRegex(LabError, "busybox, rdma not found.*apt-get install busybox-static iproute2"):
                host.require_tools()

    def test_old_qemu_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            qemu_path = Path(directory) / "qemu"
            qemu_path.write_text("#!/bin/sh\necho 'QEMU emulator version 6.2.0 (Debian)'\n")
            qemu_path.chmod(0o755)
            with self.assertRaisesRegex(LabError, "6.2.0 is too old"):
                host.qemu_version(str(qemu_path))

    def test_every_architecture_has_its_own_qemu(self) -> None:
        for machine, arch in host.ARCHITECTURES.items():
            with mock.patch.object(host.platform, "machine", lambda machine=machine: machine):
                self.assertEqual(host.packages()[0], arch.qemu_package)


class Kernels(unittest.TestCase):
    CASES = [
        ("debian", "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n", "linux-image-6.1.0-56-amd64"),
        (
            "ubuntu",
            "linux-image-generic\n  Depends: linux-image-6.8.0-87-generic\n"
            "  Depends: linux-modules-extra-6.8.0-87-generic\n  Depends: linux-firmware\n",
            "linux-image-6.8.0-87-generic",
        ),
    ]

    def test_current_kernel_is_what_the_meta_package_depends_on(self) -> None:
        for distribution, text, package in self.CASES:
            with (
                mock.patch.object(kernel, "distribution", lambda: distribution),
                mock.patch.object(kernel, "apt", lambda *arguments, **options: text),
            ):
                self.assertEqual(kernel._current_package(host.ARCHITECTURES["x86_64"]), package)

    def test_ubuntu_kernel_comes_in_three_packages(self) -> None:
        with mock.patch.object(kernel, "distribution", lambda: "ubuntu"):
            self.assertEqual(
                kernel._packages_of("linux-image-unsigned-6.8.0-87-generic"),
                ["linux-image-unsigned-6.8.0-87-generic", "linux-modules-6.8.0-87-generic",
                 "linux-modules-extra-6.8.0-87-generic"],
            )  # fmt: skip

    def test_without_network_and_cache_the_error_is_one_sentence(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            apt = Path(directory) / "apt-cache"
            apt.write_text("#!/bin/sh\necho 'E: No packages found' >&2\nexit 100\n")
            apt.chmod(0o755)
            surroundings = {"PATH": f"{directory}:{os.environ['PATH']}", "ROCEKIT_LAB_CACHE": directory}
            with mock.patch.dict(os.environ, surroundings):
                with self.assertRaisesRegex(LabError, r"^no kernel in the cache .* network once$"):
                    kernel.kernel(host.ARCHITECTURES["x86_64"])


class Cache(unittest.TestCase):
    def test_directory_appears_whole_or_not_at_all(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            target = Path(directory) / "kernel"

            def fail(path: Path) -> None:
                (path / "half").touch()
                raise LabError("no network")

            with self.assertRaises(LabError):
                cache.publish_directory(target, fail)
            self.assertEqual(list(Path(directory).iterdir()), [])
            cache.publish_directory(target, lambda path: (path / "whole").touch())
            self.assertTrue((target / "whole").exists())


class Kvm(unittest.TestCase):
    def test_guest_that_hangs_with_kvm_is_ended_and_means_no(self) -> None:
        with mock.patch.object(accel, "base_command", lambda *arguments, **options: ["sleep", "1000"]):
            with redirect_stderr(io.StringIO()):
                guest = qemu.Guest(host.ARCHITECTURES["x86_64"], "tcg", mock.Mock(), Path("/none"))
                self.assertFalse(accel.boots_with_kvm(guest, timeout_s=0.2))


class Processes(unittest.TestCase):
    def test_recycled_pid_is_not_killed(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            child = processes.spawn(["sleep", "1000"], Path(directory) / "log")
            processes.kill_verified(child.pid, "1")
            self.assertIsNone(child.poll())
            processes.kill_verified(child.pid, processes.start_time(child.pid))
            self.assertEqual(child.wait(5), -9)
            self.assertIsNone(processes.start_time(child.pid))


class Wiring(unittest.TestCase):
    def test_addresses_and_macs_are_distinct_and_one_subnet_a_rail(self) -> None:
        full = topology.Topology(nodes=topology.MAX_NODES, rails=topology.MAX_RAILS)
        ends = [(segment, node) for segment in full.segments for node in range(1, full.nodes + 1)]
        self.assertEqual(len({segment.address(node) for segment, node in ends}), len(ends))
        self.assertEqual(len({segment.mac(node) for segment, node in ends}), len(ends))
        self.assertEqual(len({segment.subnet for segment in full.segments}), len(full.segments))

    def test_a_comma_in_a_path_does_not_end_qemus_option(self) -> None:
        guest = qemu.Guest(host.ARCHITECTURES["x86_64"], "tcg", mock.Mock(), Path("/i"))
        command = qemu.node_command(guest, 1, Path("/c"), {"tree": Path("/a,b")})
        self.assertTrue(any("path=/a,,b," in part for part in command))


class CommandLine(unittest.TestCase):
    def test_wrong_usage_is_exit_code_3(self) -> None:
        for arguments in (
            [], ["fly"], ["up", "--nodes", "5"], ["up", "--rails", "3"], ["up", "--mtu", "9001"], ["run"],
            ["run", "--all", "--mpi", "--", "true"], ["run", "--timeout", "0", "--", "true"],
            ["run", "--node", "3", "--", "true"], ["up", "--build", "/does/not/exist"],
        ):  # fmt: skip
            with self.subTest(arguments), redirect_stderr(io.StringIO()) as errors:
                try:
                    code = cli.main(arguments)
                except SystemExit as end:
                    code = end.code
                self.assertEqual(code, 3)
                self.assertIn("roce-lab: ", errors.getvalue())


if __name__ == "__main__":
    unittest.main()
