#!/usr/bin/env python3
"""roce-pingpong as its user meets it without RDMA: mistyped options, exit codes, both ends on one machine."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PINGPONG = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-pingpong"
MEASURED, UNKNOWN = 0, 3
LAUNCHED = re.compile("OMPI_|PMIX_|SLURM_")
SHORT = ("--transport", "tcp", "--sizes", "8", "--metric", "latency", "--duration", "50ms")


def environment():
    return {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM") and not LAUNCHED.match(key)}


def pingpong(*arguments, timeout=60):
    return subprocess.run([PINGPONG, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=timeout, env=environment(), check=False)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="roce-pingpong-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_sentence(self, run, *words):
        """One line on standard error, nothing on standard output, exit code 3."""
        self.assertEqual(run.returncode, UNKNOWN, run)
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("roce-pingpong: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertLess(len(run.stderr), 600)
        for word in words:
            self.assertIn(word, run.stderr)


class CommandLine(Case):
    def test_without_another_end_the_doors_are_named(self):
        self.assert_sentence(pingpong(), "--listen", "mpirun", "--via ssh", "--local")

    def test_mistyped_option_names_the_near_one(self):
        self.assert_sentence(pingpong("--local", "--transprot", "tcp"), "did you mean --transport?", "--help")

    def test_wrong_values_are_sentences(self):
        self.assert_sentence(pingpong("--local", "--sizes", "4Q"), '"4Q"')
        self.assert_sentence(pingpong("--local", "--listen"), "one of them")
        self.assert_sentence(pingpong("--join", "nonsense"), "--join")
        self.assert_sentence(pingpong("--local", "--rails", "no-such-device", *SHORT), "no-such-device")

    def test_escape_sequences_of_arguments_are_not_echoed(self):
        self.assertNotIn("\033", pingpong("--\033[31m").stderr)
        self.assertNotIn("\033", pingpong("--local", "--rails", "\033[31m", *SHORT).stderr)

    def test_help_begins_with_three_examples(self):
        run = pingpong("--help")
        self.assertEqual(run.returncode, 0)
        lines = run.stdout.splitlines()
        self.assertTrue(lines[0].startswith("  roce-pingpong --listen"), lines[0])
        self.assertTrue(lines[1].startswith("  mpirun"), lines[1])
        self.assertTrue(lines[2].startswith("  roce-pingpong --local"), lines[2])
        self.assertLessEqual(max(map(len, lines)), 125)

    def test_version(self):
        run = pingpong("--version")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertTrue(run.stdout.startswith("roce-pingpong 0."), run.stdout)

    def test_a_folder_that_is_not_there_is_told_before_the_measurement(self):
        self.assert_sentence(pingpong("--local", *SHORT, f"--json={self.folder}/none/x.json"), "there is no directory")


class OnOneMachine(Case):
    def test_tcp_is_measured_and_written_as_json_csv_and_histogram(self):
        run = pingpong("--local", *SHORT, f"--json={self.folder}/p.json", f"--csv={self.folder}/p.csv", "--histogram",
                       self.folder / "h.csv")
        self.assertEqual(run.returncode, MEASURED, run.stderr)
        self.assertIn("TCP", run.stdout)
        self.assertEqual(run.stderr, "")  # no terminal, no progress
        document = json.loads((self.folder / "p.json").read_text())
        self.assertEqual(document["schema"], "rocekit/pingpong")
        self.assertEqual([(result["transport"], result["size_bytes"]) for result in document["results"]], [("tcp", 8)])
        self.assertGreater(document["results"][0]["samples"], 0)
        self.assertEqual(len((self.folder / "p.csv").read_text().splitlines()), 2)
        self.assertGreater(len((self.folder / "h.csv").read_text().splitlines()), 1)

    def test_verified_streams_in_both_directions(self):
        run = pingpong("--local", "--transport", "tcp", "--sizes", "100,64K", "--metric", "bandwidth", "--bidirectional",
                       "--streams", "2", "--verify", "--duration", "100ms", "--json")
        self.assertEqual(run.returncode, MEASURED, run.stderr)
        for result in json.loads(run.stdout)["results"]:
            self.assertEqual(result["corrupt_messages"], 0)
            self.assertTrue(result["bidirectional"])

    def test_three_ranks_are_every_pair(self):
        run = pingpong("--local", "3", *SHORT, "--json")
        self.assertEqual(run.returncode, MEASURED, run.stderr)
        pairs = {tuple(result["ranks"]) for result in json.loads(run.stdout)["results"]}
        self.assertEqual(pairs, {(0, 1), (0, 2), (1, 2)})

    @unittest.skipIf(os.path.isdir("/sys/class/infiniband") and os.listdir("/sys/class/infiniband"), "there is RDMA here")
    def test_without_rdma_rc_is_a_note_unless_it_was_asked_for(self):
        run = pingpong("--local", "--sizes", "8", "--metric", "latency", "--duration", "50ms")
        self.assertEqual(run.returncode, MEASURED, run.stderr)
        self.assertIn("no RDMA device", " ".join(run.stdout.split()))
        self.assert_sentence(pingpong("--local", "--transport", "rc"), "no RDMA device", "ROCE-DEV-001")

    def test_listen_and_join(self):
        listening = subprocess.Popen([PINGPONG, "--listen", "127.0.0.1", *SHORT, "--json"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.addCleanup(listening.kill)
        line = ""
        while "--join" not in line:
            line = listening.stderr.readline()
            self.assertTrue(line)
        joined = pingpong("--join", re.search(r"--join (\S+)", line).group(1))
        out, _ = listening.communicate(timeout=60)
        self.assertEqual((listening.returncode, joined.returncode), (MEASURED, MEASURED), joined.stderr)
        self.assertEqual(joined.stdout, "")
        self.assertEqual(json.loads(out)["results"][0]["transport"], "tcp")

    def test_ctrl_c_ends_both_ends_with_130(self):
        run = subprocess.Popen([PINGPONG, "--local", "--transport", "tcp", "--duration", "30"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
                               start_new_session=True)
        time.sleep(1.5)
        os.killpg(run.pid, signal.SIGINT)
        _, err = run.communicate(timeout=20)
        self.assertEqual(run.returncode, 130, err)
        self.assertEqual(err.count("roce-pingpong: "), 1, err)
        self.assertRaises(ProcessLookupError, os.killpg, run.pid, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
