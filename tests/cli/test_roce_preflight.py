#!/usr/bin/env python3
"""roce-preflight as its user meets it without RDMA: mistyped options, a verdict that is never READY, its files."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PREFLIGHT = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-preflight"
NOT_READY, UNKNOWN = 2, 3
LAUNCHED = re.compile("OMPI_|PMIX_|SLURM_")


def preflight(*arguments, timeout=60, **variables):
    environment = {key: value for key, value in os.environ.items() if key != "TERM" and not LAUNCHED.match(key)}
    environment.update(variables)
    return subprocess.run([PREFLIGHT, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, env=environment, check=False)


class CommandLine(unittest.TestCase):
    def assert_sentence(self, run, *words, code=UNKNOWN):
        self.assertEqual(run.returncode, code, run)
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("roce-preflight: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)

    def test_what_cannot_be_used_is_a_sentence(self):
        self.assert_sentence(preflight(), "--listen", "mpirun", "--local")
        self.assert_sentence(preflight("--local", "--bugdet", "5s"), "did you mean --budget?")
        self.assert_sentence(preflight("--local", "--quick", "--full"), "exclude")
        self.assert_sentence(preflight("--local", "--require", "rmda"), '"rmda"', "rdma")
        self.assert_sentence(preflight("--local", "--min-fraction", "90"), "--min-fraction", '"90"')
        self.assert_sentence(preflight("--local", "--budget", "0s"), "--budget")
        self.assert_sentence(preflight("--local", "--model", "no-such-model"), "no-such-model")
        self.assert_sentence(preflight("--local", "--mode", "tp2"), "--model")
        self.assert_sentence(preflight("--local", "--model", "qwen3-coder-30b-a3b", "--mode", "tp4"), "tp4", "4 ranks")
        self.assert_sentence(preflight("--local", "--prometheus", "/no/such/folder/x.prom"), "/no/such/folder")
        self.assert_sentence(preflight("--join", "a@b:1", "--quick"), "--quick")
        self.assert_sentence(preflight("--local", "--pid", "vllm"), "--pid", '"vllm"')
        self.assert_sentence(preflight("--local", "--pid", "1", "--container", "a"), "--pid does not go with --container")
        self.assert_sentence(preflight("--local", "--container", "a,-f"), '"-f"', "container")
        self.assert_sentence(preflight("--local", "--container", ","), "--container")

    def test_kubernetes_sees_2_for_what_could_not_be_checked(self):
        self.assert_sentence(preflight("--exit-style=k8s"), "--listen", code=2)


class ServingProcess(unittest.TestCase):
    """What was named and is not there ends the run: the verdict would be that of something else."""

    assert_sentence = CommandLine.assert_sentence

    def refused(self, *options, **variables):
        return preflight("--local", "--budget", "30s", *options, **variables)

    def test_a_process_that_is_not_there_is_told_with_its_node(self):
        began = time.monotonic()
        run = self.refused("--pid", 4194304)
        self.assert_sentence(run, "process 4194304 is not there")
        self.assertRegex(run.stderr, r"^roce-preflight: rank 0 \(\S+\): ")
        self.assertLess(time.monotonic() - began, 20)  # nothing is measured
        self.assert_sentence(self.refused("--pid", 4194304, "--exit-style=k8s"), "4194304", code=2)

    def test_a_list_fits_the_nodes(self):
        self.assert_sentence(self.refused("--pid", "1,1"), "--pid names 2, and there is 1 node")

    def test_a_container_that_is_not_there_is_told_with_its_node(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assert_sentence(self.refused("--container", "vllm", PATH=folder), "rank 0", "podman", "docker")


class LostPeer(unittest.TestCase):
    def test_a_killed_rank_ends_the_other_within_5_s_with_its_name(self):
        with subprocess.Popen([PREFLIGHT, "--listen", "127.0.0.1", "--full", "--quiet"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as listening:
            self.addCleanup(listening.kill)
            line = ""
            while "--join" not in line:
                line = listening.stderr.readline()
                self.assertTrue(line, "no line to paste")
            token = re.search(r"--join (\S+)", line).group(1)
            joining = subprocess.Popen([PREFLIGHT, "--join", token], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1.5)
            joining.kill()
            killed = time.monotonic()
            joining.wait()
            out, err = listening.communicate(timeout=60)
            self.assertLess(time.monotonic() - killed, 5)
        self.assertEqual((listening.returncode, out), (UNKNOWN, ""), err)
        self.assertRegex(err, r"(?m)^roce-preflight: rank 1 \(\S+\) was lost ")


class OneNode(unittest.TestCase):
    """Ranks of one node are no pair: whatever the node is like, the verdict is not READY."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="roce-preflight-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        serving = subprocess.Popen(["sleep", "60"], env={**os.environ, "NCCL_IB_DISABLE": "1", "VLLM_API_KEY": "sk-secret"})
        cls.pid = serving.pid
        try:
            cls.done = preflight("--local", "--budget", "4s", f"--json={cls.folder}/a.json", "--prometheus",
                                cls.folder / "a.prom", "--junit", cls.folder / "a.xml", "--timings", "--pid", cls.pid)
        finally:
            serving.kill()
            serving.wait()
        cls.document = json.loads((cls.folder / "a.json").read_text(encoding="utf-8"))

    def test_it_is_never_ready(self):
        self.assertIn(self.done.returncode, (NOT_READY, UNKNOWN), self.done)
        self.assertRegex(self.done.stdout.splitlines()[-2] + self.done.stdout.splitlines()[-1], "NOT READY: |UNKNOWN: ")
        self.assertIn("ROCE-PERF-016", self.done.stdout)
        self.assertIn("all ranks are on one node", self.done.stdout)
        states = {step["step"]: step["state"] for step in self.document["steps"]}
        self.assertEqual((states["probe"], states["compare"], states["reach"]), ("done", "not-run", "not-run"))

    def test_the_process_that_serves_is_judged_and_named(self):
        self.assertRegex(self.done.stdout, rf"(?m)^PROC +rank 0 .*: process {self.pid} \(sleep\): ")
        (host,) = self.document["hosts"]
        self.assertEqual(host["serving"]["process"]["nccl_env"]["NCCL_IB_DISABLE"], "1")
        self.assertNotIn("NCCL_IB_DISABLE", host["process"]["nccl_env"])
        self.assertEqual(self.document["checks"]["ROCE-ENV-001"], "critical", self.done.stdout)
        self.assertNotIn("sk-secret", self.done.stdout + json.dumps(self.document))

    def test_all_outputs_say_the_same(self):
        verdict = self.document["verdict"]
        self.assertIn(f'verdict{{verdict="{verdict}"}} 1\n', (self.folder / "a.prom").read_text(encoding="utf-8"))
        suite = xml.etree.ElementTree.parse(self.folder / "a.xml").getroot()
        bad = [id for id, severity in self.document["checks"].items() if severity in ("warning", "critical", "unknown")]
        self.assertEqual(int(suite.get("failures")) + int(suite.get("errors")), len(bad))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["a.json", "a.prom", "a.xml"])

    def test_what_has_no_time_is_not_run(self):
        run = preflight("--local", "--budget", "1s", "--json")
        states = {step["step"]: step["state"] for step in json.loads(run.stdout)["steps"]}
        self.assertEqual(states["collectives"], "not-run")
        self.assertIn(run.returncode, (NOT_READY, UNKNOWN))


if __name__ == "__main__":
    if not PREFLIGHT.exists():
        sys.exit(f"{PREFLIGHT} does not exist: build roce-preflight first")
    unittest.main()
