#!/usr/bin/env python3
"""RDMA endpoints on real RoCE v2 nodes: every operation moves what it says, waits as it says, and each fault is one
sentence with its check, no hang; so do the collectives on host memory that run over them. verbs_exercise and
collectives_exercise hold all ends; one lab of two nodes serves all tests. Skips where QEMU is missing."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

import labtest
from labtest import AS_NOBODY

EXERCISE = labtest.BUILD / "tests" / "verbs_exercise"
COLLECTIVES = labtest.BUILD / "tests" / "collectives_exercise"
NETDEV = labtest.RAIL_0[1]
PEER = "node2-lan"  # talk goes over the LAN, so that faults of the rail do not reach it
OPERATIONS = ("send", "write", "write-imm", "read", "atomic")
LAB = labtest.Lab("tests/verbs_exercise")
setUpModule, tearDownModule = LAB.set_up, LAB.tear_down


class InLab(unittest.TestCase):
    def shell(self, script: str, seconds: int = 180) -> tuple[int, str]:
        done = LAB.node(1, script, timeout=seconds)
        return done.returncode, done.stdout + done.stderr

    def exercise(self, arguments: str, before: str = "true", after: str = "true", wrapper: str = "",
                 peer: str = f"--via {PEER}", program: Path = EXERCISE) -> tuple[int, str]:
        return self.shell(f"{before} || exit 90; {wrapper} {program} {peer} {arguments}; status=$?; {after}; exit $status")

    def moves(self, arguments: str, **how: str) -> str:
        status, text = self.exercise(arguments, **how)
        self.assertEqual(status, 0, text)
        self.assertIn("done", text)
        self.assertNotIn("CORRUPT", text)
        self.assertNotIn("MISSING", text)
        self.assertNotIn("WRONG", text)
        return text

    def fails(self, arguments: str, *words: str, **how: str) -> None:
        status, text = self.exercise(arguments, **how)
        self.assertEqual(status, 3, text)
        for word in words:
            self.assertIn(word, text)


class EveryOperation(InLab):
    def test_moves_what_it_says_polling(self) -> None:
        text = self.moves("--sizes 1,8,65536 --iterations 10 --stream-ms 30 --verify yes --bidirectional yes")
        for operation in OPERATIONS:
            self.assertRegex(text, rf"{operation} +8 B latency")
            self.assertRegex(text, rf"{operation} +8 B stream [1-9]")
            self.assertRegex(text, rf"{operation} +8 B both-ways [1-9]")
        self.moves("--ops send,write,read --sizes 1048576 --iterations 2 --stream-ms 30 --verify yes")

    def test_moves_what_it_says_sleeping(self) -> None:
        text = self.moves("--sizes 8,65536 --iterations 10 --stream-ms 60 --verify yes --waits event")
        for operation in OPERATIONS:
            self.assertRegex(text, rf"{operation} +8 B stream [1-9]")

    def test_spreads_over_queue_pairs(self) -> None:
        self.moves("--sizes 8,65536 --iterations 0 --stream-ms 60 --qps 3 --bidirectional yes")
        self.moves("--sizes 8,65536 --iterations 0 --stream-ms 60 --qps 3 --verify yes")

    def test_moves_datagrams(self) -> None:
        text = self.moves("--transport ud --ops send --sizes 1,8,4096 --iterations 30 --verify yes --waits poll,event")
        self.assertEqual(text.count("latency 30 round trips"), 6, text)

    def test_moves_between_ends_of_one_device(self) -> None:
        self.moves("--sizes 8,4096 --iterations 10 --stream-ms 30 --verify yes --waits event", peer="--local")

    def test_uses_huge_pages(self) -> None:
        reserve = "for node in node2-lan; do ssh $node sysctl -qw vm.nr_hugepages=16; done; sysctl -qw vm.nr_hugepages=16"
        free = "ssh node2-lan sysctl -qw vm.nr_hugepages=0; sysctl -qw vm.nr_hugepages=0"
        text = self.moves("--ops send,write --sizes 4096 --iterations 5 --stream-ms 30 --verify yes --memory hugepages",
                          before=reserve, after=free)
        self.assertIn("memory hugepages", text)


class TheConnection(InLab):
    def test_takes_the_smaller_path_mtu_of_both_ends_and_says_so(self) -> None:
        text = self.moves("--ops send --sizes 65536 --iterations 3 --stream-ms 0 --verify yes",
                          before=f"ssh {PEER} ip link set dev {NETDEV} mtu 1500",
                          after=f"ssh {PEER} ip link set dev {NETDEV} mtu 9000")
        self.assertRegex(text, r"path MTU 1024 \(this end 4096, rank 1 \(node2\) 1024\)")

    def test_takes_the_gid_of_the_address_not_of_an_index(self) -> None:
        text = self.moves("--ip 192.168.55.1 --ops send --sizes 8 --iterations 3 --stream-ms 0 --waits event", peer="--local",
                          before=f"ip address add 192.168.55.1/24 dev {NETDEV}; sleep 1",
                          after=f"ip address del 192.168.55.1/24 dev {NETDEV}")
        self.assertRegex(text, r"GID [2-9] \(RoCE v2, 192\.168\.55\.1\)")

    def test_survives_five_percent_of_loss_with_right_content(self) -> None:
        lossy = f"tc qdisc add dev {NETDEV} root netem loss 5%"
        mend = f"tc qdisc del dev {NETDEV} root"
        self.moves("--ops send,write,read --sizes 65536 --iterations 20 --stream-ms 40 --verify yes", before=lossy, after=mend)
        self.moves("--transport ud --ops send --sizes 8 --iterations 60 --verify yes", before=lossy, after=mend)


class CollectivesOnHostMemory(InLab):
    def test_bring_what_they_should(self) -> None:
        text = self.moves("--sizes 200,16386,600000 --iterations 1", program=COLLECTIVES)
        self.assertRegex(text, r"all-reduce +600000 B")

    def test_of_ranks_that_share_a_device(self) -> None:
        self.moves("--sizes 200000 --iterations 1", peer="--local --ranks 3", program=COLLECTIVES)

    def test_see_a_peer_that_is_gone(self) -> None:
        status, text = self.exercise("--vanish yes --sizes 64 --seconds 40", program=COLLECTIVES)
        self.assertEqual(status, 0, text)
        self.assertRegex(text, "found: .* to rank 1 .*ROCE-CTR-001")

    def test_see_that_ranks_do_not_do_the_same(self) -> None:
        # A message that waits for the other end's word, which never comes, is announced.
        status, text = self.exercise("--unlike yes --sizes 200000 --other-size 200 --seconds 20", program=COLLECTIVES)
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("all ranks must run the same operations"), 2, text)


class Faults(InLab):
    def test_bad_input_names_its_limit(self) -> None:
        wrong = {
            "--device mlx5_7": ("no RDMA device mlx5_7", "it has rocep1s0f0"),
            "--gid-index 9": ("that entry of rocep1s0f0:1 is empty",),
            "--gid-index 5000": ("has GID indexes 0 to",),
            "--ip 10.9.9.9": ("no RoCE v2 GID for 10.9.9.9", "ROCE-GID-001"),
            "--inline 100000": ("refuses so many bytes inline",),
            "--ops send --sizes 16777216": ("max_msg_sz 8388608",),
            "--transport ud --ops send --sizes 8192": ("holds 1 to 4096 B",),
            "--qps 5000": ("1 to 1024 queue pairs",),
            "--memory hugepages": ("vm.nr_hugepages=",),
            "--memory gpu": ("needs the CUDA driver",),
        }
        script = "; ".join(f"echo '== {key}'; {EXERCISE} --local --waits event {key} 2>&1; echo status $?" for key in wrong)
        _, text = self.shell(script)
        for part in text.split("== ")[1:]:
            key = part.splitlines()[0]
            self.assertIn("status 3", part)
            for word in wrong[key]:
                self.assertIn(word, part)

    def test_memlock_too_small(self) -> None:
        self.fails("--waits event", "RLIMIT_MEMLOCK) is 64 KiB", "ROCE-ACC-003", peer="--local",
                   wrapper=f"prlimit --memlock=65536:65536 {AS_NOBODY}")

    def test_uverbs_may_not_be_opened(self) -> None:
        self.fails("--waits event", "/dev/infiniband/uverbs0 may not be opened", "ROCE-ACC-002", peer="--local",
                   wrapper=AS_NOBODY, before="chmod 600 /dev/infiniband/uverbs*", after="chmod 666 /dev/infiniband/uverbs*")

    def test_uverbs_not_in_the_container(self) -> None:
        self.fails("--waits event", "/dev/infiniband/uverbs0 is not here", "ROCE-ACC-001", peer="--local",
                   wrapper="unshare --mount sh -c 'mount -t tmpfs none /dev/infiniband; exec \"$@\"' sh")

    def in_the_middle(self, fault: str, mend: str, arguments: str = "--ops write --sizes 8") -> str:
        """Runs without end until it is connected, makes the fault, and waits for the end."""
        script = f"""{EXERCISE} --via {PEER} {arguments} --iterations 3000000 --seconds 60 > /tmp/out 2>&1 & pid=$!
            for i in $(seq 300); do grep -q 'path MTU' /tmp/out && break; sleep 0.1; done; sleep 1
            {fault}; date +%s > /tmp/t0; wait $pid; status=$?; date +%s > /tmp/t1; {mend}
            cat /tmp/out; echo "took $(( $(cat /tmp/t1) - $(cat /tmp/t0) )) s"; exit $status"""
        status, text = self.shell(script)
        self.assertEqual(status, 3, text)
        took = int(re.search(r"took (\d+) s", text).group(1))
        self.assertLess(took, 15, text)  # seconds on hardware; emulated nodes that compete for cores are slow
        return text

    def test_port_goes_down_in_the_middle(self) -> None:
        up = f"ip link set dev {NETDEV} up"
        text = self.in_the_middle(f"ip link set dev {NETDEV} down", up)
        self.assertIn("the port is DOWN", text)
        self.assertIn("ROCE-LNK-002", text)

    def test_every_packet_is_lost_in_the_middle(self) -> None:
        mend = f"tc qdisc del dev {NETDEV} root"
        text = self.in_the_middle(f"tc qdisc add dev {NETDEV} root netem loss 100%", mend, "--ops write --sizes 8")
        self.assertIn("IBV_WC_RETRY_EXC_ERR", text)
        self.assertIn("ROCE-CTR-001", text)
        self.assertIn("rank 1 (node2)", text)


if __name__ == "__main__":
    unittest.main()
