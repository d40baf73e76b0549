#!/usr/bin/env python3
"""Documents that roce-preflight writes follow docs/schema, and hold no key that is not described there."""

import copy
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    import jsonschema  # noqa: F401  validate.py ends the process without it
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(0)
import validate  # noqa: E402

PREFLIGHT = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-preflight"


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with subprocess.Popen(["sleep", "60"], env={**os.environ, "NCCL_DEBUG": "INFO"}) as serving:
            try:
                run = subprocess.run([PREFLIGHT, "--local", "--budget", "3s", "--json", "--quiet", "--pid",
                                      str(serving.pid)], capture_output=True, text=True, timeout=60, check=False)
            finally:
                serving.kill()
        cls.pid = serving.pid
        if not run.stdout:
            raise RuntimeError(f"roce-preflight ended with {run.returncode}: {run.stderr}")
        cls.document = json.loads(run.stdout)

    def test_what_was_judged(self):
        self.assertEqual(validate.problems_of(self.document, strict=True), [])
        self.assertEqual([step["step"] for step in self.document["steps"]],
                         ["probe", "compare", "reach", "rails", "collectives"])
        self.assertNotEqual(self.document["verdict"], "ready")
        serving = self.document["hosts"][0]["serving"]
        self.assertEqual((serving["pid"], serving["process"]["nccl_env"]["NCCL_DEBUG"]), (self.pid, "INFO"))

    def test_facts_of_processes_are_those_of_roce_probe(self):
        mine, probes = (validate.load_schema(name)["$defs"] for name in ("preflight", "probe"))
        for name in ("process", "serving", "predicted_nccl", "setting", "library", "netdev"):
            self.assertEqual(mine[name], probes[name], name)

    def test_mistakes_are_refused(self):
        changes = {
            "unknown verdict": lambda d: d.update(verdict="fine"),
            "unknown step": lambda d: d["steps"][0].update(step="guess"),
            "step without a state": lambda d: d["steps"][0].pop("state"),
            "check that is none": lambda d: d["checks"].update({"MTU": "ok"}),
            "finding without hosts": lambda d: d["findings"][0].pop("hosts"),
            "host without its process": lambda d: d["hosts"][0].pop("process"),
            "process number as text": lambda d: d["hosts"][0]["serving"].update(pid="4711"),
            "no ranks": lambda d: d.update(ranks=[]),
        }
        for name, change in changes.items():
            with self.subTest(name):
                document = copy.deepcopy(self.document)
                change(document)
                self.assertNotEqual(validate.problems_of(document, strict=False), [])


if __name__ == "__main__":
    if not PREFLIGHT.exists():
        sys.exit(f"{PREFLIGHT} does not exist: build roce-preflight first")
    unittest.main()
