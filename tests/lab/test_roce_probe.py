#!/usr/bin/env python3
"""roce-probe on real RoCE v2 nodes: healthy ones are ready, and each fault made in the kernel raises its check and no
other. One lab of two nodes with two rails serves all tests; each test undoes its fault. Skips where QEMU is missing."""

from __future__ import annotations

import json
import subprocess
import tempfile
import unittest

import labtest
from labtest import AS_NOBODY, RAIL_0, RAIL_1

PROBE = labtest.BUILD / "bin" / "roce-probe"
LAB = labtest.Lab("bin/roce-probe", rails=2)
setUpModule, tearDownModule = LAB.set_up, LAB.tear_down


class ProbeOnRealNodes(unittest.TestCase):
    def probe(self, before: str = "true", after: str = "true", wrapper: str = "") -> tuple[int, dict]:
        """Makes a fault with `before`, probes node 1, undoes it with `after`."""
        script = f"{before} || exit 90; {wrapper} roce-probe --json; status=$?; {after}; exit $status"
        done = LAB.node(1, script)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"exit {done.returncode}: {done.stdout}{done.stderr}") from error

    def assert_raises_only(self, expected: set[str], exit_code: int, **fault: str) -> dict:
        status, document = self.probe(**fault)
        raised = {finding["id"]: finding for finding in document["findings"]
                  if finding["severity"] in ("warning", "critical")}
        self.assertEqual(set(raised), expected, [finding["title"] for finding in raised.values()])
        for finding in raised.values():
            self.assertTrue(finding["evidence"] and finding["cause"] and finding["remedy"], finding)
        self.assertEqual(status, exit_code, document["verdict"])
        return document

    def test_every_healthy_node_is_ready(self) -> None:
        done = LAB.run("run", "--all", "--timeout", "90", "--", "roce-probe")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("READY"), 2, done.stdout)

    def test_devices_ports_and_rails_are_what_the_kernel_has(self) -> None:
        document = self.assert_raises_only(set(), 0)
        host = document["hosts"][0]
        self.assertEqual([device["name"] for device in host["devices"]], [RAIL_0[0], RAIL_1[0]])
        for device, (_, netdev) in zip(host["devices"], (RAIL_0, RAIL_1)):
            port = device["ports"][0]
            self.assertEqual((device["kind"], device["parent_netdev"], port["state"]), ("soft-roce", netdev, "ACTIVE"))
            self.assertEqual((port["active_mtu"], port["link_layer"]), (4096, "Ethernet"))
            self.assertIn("RoCE v2", {gid["type"] for gid in port["gids"] if gid.get("ipv4")})
        self.assertEqual(len(host["rails"]), 2)
        self.assertEqual(host["process"]["predicted_nccl"]["hcas"], [f"{RAIL_0[0]}:1", f"{RAIL_1[0]}:1"])

    def test_an_ordinary_user_gets_the_same_verdict(self) -> None:
        self.assert_raises_only(set(), 0, wrapper=AS_NOBODY)

    def test_mtu_1500_is_found_with_its_remedy(self) -> None:
        document = self.assert_raises_only({"ROCE-MTU-001"}, 1, before=f"ip link set dev {RAIL_0[1]} mtu 1500",
                                           after=f"ip link set dev {RAIL_0[1]} mtu 9000")
        finding = next(finding for finding in document["findings"] if finding["id"] == "ROCE-MTU-001"
                       and finding["severity"] == "warning")
        self.assertTrue(any(f"{RAIL_0[1]} mtu 9000" in line for line in finding["remedy"]), finding["remedy"])

    def test_port_down_beside_an_active_one(self) -> None:
        # The kernel drops the IPv6 link-local address with the link; IPv4 and routes come back with it.
        status, document = self.probe(before=f"ip link set dev {RAIL_1[1]} down", after=f"ip link set dev {RAIL_1[1]} up")
        raised = {finding["id"] for finding in document["findings"] if finding["severity"] in ("warning", "critical")}
        self.assertTrue(raised <= {"ROCE-LNK-002"}, raised)
        self.assertIn(status, (0, 2))
        down = [port for device in document["hosts"][0]["devices"] for port in device["ports"] if port["state"] != "ACTIVE"]
        self.assertEqual(len(down), 1)

    def test_rail_without_an_address(self) -> None:
        address = "192.168.101.11/24"
        self.assert_raises_only({"ROCE-NET-001"}, 2, before=f"ip address del {address} dev {RAIL_1[1]}",
                                after=f"ip address add {address} dev {RAIL_1[1]}")

    def test_rails_in_one_subnet(self) -> None:
        swap = "ip address del {} dev %s; ip address add {} dev %s" % (RAIL_1[1], RAIL_1[1])
        self.assert_raises_only({"ROCE-NET-002"}, 2, before=swap.format("192.168.101.11/24", "192.168.100.111/24"),
                                after=swap.format("192.168.100.111/24", "192.168.101.11/24"))

    def test_memlock_limit_of_an_ordinary_user(self) -> None:
        self.assert_raises_only({"ROCE-ACC-003"}, 2, wrapper=f"prlimit --memlock=65536:65536 {AS_NOBODY}")

    def test_uverbs_that_an_ordinary_user_may_not_open(self) -> None:
        self.assert_raises_only({"ROCE-ACC-002", "ROCE-ENV-006"}, 2, before="chmod 600 /dev/infiniband/uverbs*",
                                after="chmod 666 /dev/infiniband/uverbs*", wrapper=AS_NOBODY)

    def test_container_without_uverbs(self) -> None:
        self.assert_raises_only({"ROCE-ACC-001", "ROCE-ENV-006"}, 2,
                                wrapper="unshare --mount sh -c 'mount -t tmpfs none /dev/infiniband; exec \"$@\"' sh")

    def test_persistent_configuration_gone(self) -> None:
        self.assert_raises_only({"ROCE-CFG-001"}, 1, before="mv /etc/netplan/40-rocekit-lab.yaml /tmp/",
                                after="mv /tmp/40-rocekit-lab.yaml /etc/netplan/")

    def test_settings_of_nccl(self) -> None:
        self.assert_raises_only({"ROCE-ENV-001", "ROCE-ENV-006"}, 2, wrapper="env NCCL_IB_DISABLE=1")
        self.assert_raises_only({"ROCE-ENV-004"}, 1, wrapper=f"env NCCL_IB_HCA={RAIL_0[0]}")
        self.assert_raises_only({"ROCE-ENV-002", "ROCE-ENV-006"}, 2, wrapper="env NCCL_IB_HCA=mlx5_7")

    def test_driver_unloaded(self) -> None:
        links = " && ".join(f"rdma link add {device} type rxe netdev {netdev}" for device, netdev in (RAIL_0, RAIL_1))
        self.assert_raises_only({"ROCE-DEV-001", "ROCE-ENV-006"}, 2, before="modprobe -r rdma_rxe",
                                after=f"modprobe rdma_rxe && {links}")

    def test_saved_node_judges_alike_elsewhere(self) -> None:
        done = LAB.node(1, "roce-probe --anonymize --save /tmp/saved >&2 && cd /tmp/saved && tar c . | base64")
        self.assertEqual(done.returncode, 0, done.stderr)
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run("base64 -d | tar x", shell=True, cwd=directory, input=done.stdout, text=True, check=True)
            again = subprocess.run([PROBE, "--root", directory, "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertEqual(json.loads(again.stdout)["verdict"], "ready")


# Ends when megabytes have crossed the first rail.
UNTIL_BUSY = (f"bytes() {{ echo $(($(cat /sys/class/net/{RAIL_0[1]}/statistics/[rt]x_bytes | paste -sd+))); }}; first=$(bytes); "
              "for i in $(seq 100); do [ $(($(bytes) - first)) -gt 5000000 ] && break; sleep 0.3; done")


class Watch(unittest.TestCase):
    """roce-probe watch beside traffic of roce-pingpong."""

    def watch(self, transport: str, command: str) -> tuple[int, list[str]]:
        """Exit code and lines of `command` on node 1 while that transport is busy between the nodes."""
        measuring = f"--transport {transport} --metric bandwidth --sizes 64K --duration 90s --rails {RAIL_0[0]} --quiet"
        with LAB.listening(f"roce-pingpong --listen {labtest.LISTEN} {measuring}", timeout=150) as listening:
            LAB.join(f"roce-pingpong --join {listening.target}")
            done = LAB.node(1, f"{UNTIL_BUSY}; {command}")
            LAB.node(1, "pkill -INT -x roce-pingpong")
            ended = listening.end(timeout=60)
        self.assertTrue(done.stdout, done.stderr + ended.stderr)
        return done.returncode, done.stdout.splitlines()

    def test_traffic_over_rdma_is_said_to_take_rdma(self) -> None:
        code, lines = self.watch("rc", "roce-probe watch --count 4")
        self.assertEqual((code, len(lines)), (0, 5), lines)
        for line in lines:
            self.assertRegex(line, rf"RDMA: about [0-9.]+ Gb/s on {RAIL_0[0]}; .* serving traffic takes RDMA")

    def test_traffic_over_tcp_is_said_to_take_sockets(self) -> None:
        code, lines = self.watch("tcp", "roce-probe watch --count 4")
        self.assertEqual((code, len(lines)), (1, 5), lines)
        for line in lines:
            self.assertRegex(line, rf"sockets: [0-9.]+ Gb/s on {RAIL_0[1]}.* takes sockets, not RDMA")

    def test_ctrl_c_ends_it_with_the_sum_for_the_process_that_moves_it(self) -> None:
        code, lines = self.watch("rc", "timeout --preserve-status -s INT 12 roce-probe watch --pid $(pidof -s roce-pingpong)")
        self.assertEqual(code, 0, lines)
        self.assertRegex(lines[-1], "^in [0-9]+ s: RDMA: .* serving traffic takes RDMA")

    def test_rdma_of_other_processes_is_told_apart(self) -> None:
        code, lines = self.watch("rc", "sleep 60 & roce-probe watch --pid $! --count 3; code=$?; kill $!; exit $code")
        self.assertEqual(code, 3, lines)
        self.assertRegex(lines[-1], f"^in 3 s: RDMA: idle; .*RDMA of other processes: about [0-9.]+ Gb/s on {RAIL_0[0]}")


if __name__ == "__main__":
    unittest.main()
