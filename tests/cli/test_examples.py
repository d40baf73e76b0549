#!/usr/bin/env python3
"""examples/: start scripts, Slurm and systemd pieces run against saved machines, with podman and scontrol replaced by recorders."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
PREFLIGHT = PROBE.with_name("roce-preflight")
EXAMPLES = SOURCE / "examples"
FIXTURES = SOURCE / "tests" / "fixtures"

RECORDER = """#!/bin/sh
for word; do printf '%s\\n' "$word" >>"$CALLS"; done
echo -- >>"$CALLS"
[ "$1 $2" != "show node" ] || echo "NodeName=spark-head State=$NODE_STATE"
exit "${CALL_CODE:-0}"
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rocekit-examples-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.calls_file = self.folder / "calls"
        for name in ("podman", "scontrol", "srun"):
            program = self.folder / name
            program.write_text(RECORDER)
            program.chmod(0o755)

    def run_example(self, script, *arguments, machine="gb10-healthy", **environment):
        reading = f"{PROBE} --root {FIXTURES / machine}"
        variables = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.folder), "CALLS": str(self.calls_file),
                     "ROCE_GATE": f"{reading} --fail-on crit", "ROCE_PROBE": reading, "SLURMD_NODENAME": "spark-head",
                     "NODE_STATE": "IDLE", **environment}
        return subprocess.run([EXAMPLES / script, *arguments], env=variables, capture_output=True, text=True, timeout=60,
                              check=False)

    def calls(self):
        """Words of each call of a recorder."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        return [call.splitlines() for call in text.split("--\n")[:-1]] if "\n--\n" in text else []


class Containers(Case):
    def test_head_and_worker_start_a_container_with_rdma_on_the_fabric(self):
        head = self.run_example("ray-vllm-podman/head")
        self.assertEqual(head.returncode, 0, head)
        self.assertIn("./worker 192.168.100.10", head.stdout)
        worker = self.run_example("ray-vllm-podman/worker", "192.168.100.11")
        self.assertEqual(worker.returncode, 0, worker)
        words = self.calls_file.read_text().splitlines()
        for flag in ("--device=/dev/infiniband", "--ulimit=memlock=-1:-1", "--cap-add=IPC_LOCK", "--network=host",
                     "--env=NCCL_IB_HCA==rocep1s0f0:1,roceP2p1s0f0:1", "--env=NCCL_NET=IB"):
            self.assertEqual(words.count(flag), 2, flag)
        self.assertIn("exec ray start --block --head --node-ip-address=192.168.100.10 --port=6379", words)
        self.assertIn("exec ray start --block --address=192.168.100.11:6379 --node-ip-address=192.168.100.10", words)

    def test_nothing_starts_where_the_gate_says_no(self):
        for script, arguments in (("head", []), ("worker", ["192.168.100.11"]), ("serve", ["some/model"])):
            with self.subTest(script):
                run = self.run_example(f"ray-vllm-podman/{script}", *arguments, machine="gb10-no-cable")
                self.assertEqual(run.returncode, 2, run)
                self.assertIn("ROCE-LNK-001", run.stderr)
                self.assertIn("nothing was started", run.stderr)
                self.assertFalse(self.calls_file.exists())

    def test_any_other_gate_takes_its_place(self):
        run = self.run_example("ray-vllm-podman/head", ROCE_GATE="sh -c exit\\ 1")
        self.assertNotEqual(run.returncode, 0)
        self.assertFalse(self.calls_file.exists())
        self.assertEqual(self.run_example("ray-vllm-podman/head", ROCE_GATE="true").returncode, 0)

    def gate_of(self, script, *arguments, code="0", **environment):
        """What the script asks where nobody sets ROCE_GATE: its words, and how the script ended."""
        for name in ("roce-preflight", "roce-probe"):
            asked = self.folder / name
            asked.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name}" "$@" >"$CALLS.gate"\nexit {code}\n')
            asked.chmod(0o755)
        run = self.run_example(script, *arguments, ROCE_GATE="", ROCE_PROBE=str(self.folder / "roce-probe"), **environment)
        return self.folder.joinpath("calls.gate").read_text().split(), run

    def test_what_spans_the_nodes_is_measured_over_them(self):
        every = ["roce-preflight", "--via", "ssh", "spark-2,spark-3", "--fail-on", "crit"]
        for script, arguments, expected in (("head", (), every), ("serve", ("some/model",), [*every, "--container", "vllm-rdma"])):
            with self.subTest(script):
                asked, run = self.gate_of(f"ray-vllm-podman/{script}", *arguments, code="2", WORKERS="spark-2,spark-3")
                self.assertEqual((asked, run.returncode), (expected, 2), run)
                self.assertFalse(self.calls_file.exists())

    def test_what_sees_one_node_reads_that(self):
        for script, arguments, said in (("worker", ("192.168.100.11",), ""), ("head", (), "WORKERS"),
                                        ("serve", ("some/model",), "WORKERS")):
            with self.subTest(script):
                asked, run = self.gate_of(f"ray-vllm-podman/{script}", *arguments, code="2")
                self.assertEqual((asked, run.returncode), (["roce-probe", "--fail-on", "crit"], 2), run)
                self.assertIn(said, run.stderr)

    def test_the_gates_are_command_lines_that_the_tool_takes(self):
        if not PREFLIGHT.exists():
            self.skipTest(f"{PREFLIGHT} is not built")
        # The far end does not answer: the command line was understood before.
        for options in (("--fail-on", "crit", "--container", "vllm-rdma"), ("--fail-on", "crit", "--quiet", "--color=never")):
            run = subprocess.run([PREFLIGHT, "--via", "false", "spark-2", *options], capture_output=True, text=True,
                                 timeout=60, check=False)
            self.assertEqual(run.returncode, 3, run)
            self.assertIn("spark-2", run.stderr)

    def test_serve_waits_for_a_complete_cluster(self):
        self.assertEqual(self.run_example("ray-vllm-podman/serve", "some/model", "--max-model-len", "8192").returncode, 0)
        words = self.calls_file.read_text().splitlines()
        serve = words[words.index("vllm"):]
        self.assertEqual(serve[:5], ["vllm", "serve", "some/model", "--tensor-parallel-size", "2"])
        self.assertIn("8192", serve)
        run = self.run_example("ray-vllm-podman/serve", "some/model", CALL_CODE="1")
        self.assertEqual(run.returncode, 3, run)
        self.assertIn("not complete", run.stderr)

    def test_usage_is_told(self):
        for script in ("worker", "serve"):
            run = self.run_example(f"ray-vllm-podman/{script}")
            self.assertEqual(run.returncode, 3)
            self.assertIn(f"usage: {script}", run.stderr)


class Slurm(Case):
    def test_prolog_keeps_jobs_off_a_node_that_is_not_ready(self):
        self.assertEqual(self.run_example("slurm/prolog").returncode, 0)
        self.assertEqual(self.run_example("slurm/prolog", machine="gb10-loss").returncode, 0)
        run = self.run_example("slurm/prolog", machine="gb10-no-cable")
        self.assertEqual(run.returncode, 1)
        self.assertIn("ROCE-LNK-001", run.stderr)
        self.assertEqual(self.run_example("slurm/prolog", ROCE_GATE="sleep 60", LIMIT="0.2").returncode, 1)

    def test_health_check_drains_with_the_verdict_as_reason(self):
        self.assertEqual(self.run_example("slurm/health-check", machine="gb10-no-cable").returncode, 0)
        last = self.calls()[-1]
        self.assertEqual(last[:3], ["update", "NodeName=spark-head", "State=DRAIN"])
        self.assertTrue(last[3].startswith("Reason=RDMA gate: spark-head: NOT READY (ROCE-LNK-001"), last)

    def test_health_check_resumes_only_what_it_drained(self):
        self.run_example("slurm/health-check", NODE_STATE="IDLE+DRAIN Reason=RDMA gate: spark-head: NOT READY")
        self.assertEqual(self.calls()[-1], ["update", "NodeName=spark-head", "State=RESUME"])
        self.calls_file.unlink()
        self.run_example("slurm/health-check", NODE_STATE="IDLE+DRAIN Reason=bad disk")
        self.run_example("slurm/health-check", NODE_STATE="IDLE+DRAIN Reason=bad disk", machine="gb10-no-cable")
        self.run_example("slurm/health-check")
        self.assertEqual([call[0] for call in self.calls()], ["show"] * 3)


    def test_a_job_starts_only_on_nodes_that_fit_together(self):
        run = self.run_example("slurm/serve.sbatch", "vllm", "serve", ROCE_GATE="")
        self.assertEqual(run.returncode, 0, run)
        self.assertEqual(self.calls(), [["roce-preflight", "--fail-on", "crit", "--quiet"], ["vllm", "serve"]])
        self.calls_file.unlink()
        run = self.run_example("slurm/serve.sbatch", "vllm", "serve", ROCE_GATE="", CALL_CODE="2")
        self.assertEqual((run.returncode, len(self.calls())), (2, 1), run)
        self.assertIn("nothing was started", run.stderr)
        self.assertEqual(self.run_example("slurm/serve.sbatch").returncode, 3)


class Manifests(Case):
    def test_pod_waits_for_its_gate(self):
        if yaml is None:
            self.skipTest("python3-yaml is not installed")
        pod = yaml.safe_load((EXAMPLES / "kubernetes" / "pod.yaml").read_text())
        spec = pod["spec"]
        self.assertEqual((pod["kind"], spec["hostNetwork"]), ("Pod", True))
        (gate,) = spec["initContainers"]
        self.assertEqual(subprocess.run([PROBE, *gate["command"][1:], "--root", FIXTURES / "gb10-no-cable"],
                                        capture_output=True, check=False).returncode, 2)
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in (gate, *spec["containers"]):
            self.assertLessEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)

    def test_systemd_units_are_valid(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        units = self.folder / "units"
        (units / "vllm.service.d").mkdir(parents=True)
        (units / "vllm.service").write_text("[Service]\nExecStart=/bin/true\n")
        for source, target in (("roce-check.service", "roce-check.service"), ("roce-check.timer", "roce-check.timer"),
                               ("rdma-gate.conf", "vllm.service.d/rdma-gate.conf"),
                               ("rdma-pair-gate.conf", "vllm.service.d/rdma-pair-gate.conf")):
            text = (EXAMPLES / "systemd" / source).read_text()
            # systemd-analyze wants the program to be there.
            text = text.replace("=/usr/bin/roce-preflight", "=/bin/true").replace("=/usr/bin/roce-probe", f"={PROBE}")
            (units / target).write_text(text)
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                              *(units / name for name in ("roce-check.service", "roce-check.timer", "vllm.service"))],
                             capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((run.returncode, run.stderr), (0, ""), run)


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} is not built")
    unittest.main()
