#!/usr/bin/env python3
"""Documents that roce-pingpong writes follow docs/schema, and hold no key that is not described there."""

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

PINGPONG = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-pingpong"


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run = subprocess.run(
            [PINGPONG, "--local", "--transport", "tcp", "--sizes", "8,64K", "--duration", "200ms", "--json", "--quiet"],
            capture_output=True, text=True, timeout=90, check=False)
        if run.returncode != 0:
            raise RuntimeError(f"roce-pingpong ended with {run.returncode}: {run.stderr}")
        cls.document = json.loads(run.stdout)

    def refused(self, change):
        document = copy.deepcopy(self.document)
        change(document)
        return validate.problems_of(document, strict=False)

    def first(self, document, metric):
        return next(result for result in document["results"] if result["metric"] == metric)

    def test_what_was_measured(self):
        self.assertEqual(validate.problems_of(self.document, strict=True), [])
        self.assertEqual({result["metric"] for result in self.document["results"]}, {"latency", "bandwidth"})
        self.assertEqual(self.document["verdict"], "ready")
        self.assertGreater(self.first(self.document, "latency")["latency_us"]["p50"], 0)
        self.assertGreater(self.first(self.document, "bandwidth")["bandwidth_gbit_s"]["mean"], 0)

    def test_mistakes_are_refused(self):
        changes = {
            "number as text": lambda d: d["results"][0].update(samples="100"),
            "latency without percentiles": lambda d: self.first(d, "latency").pop("latency_us"),
            "bandwidth without figure": lambda d: self.first(d, "bandwidth").pop("bandwidth_gbit_s"),
            "unknown verdict": lambda d: d.update(verdict="fine"),
            "unknown transport": lambda d: d["results"][0].update(transport="quic"),
            "unknown proof": lambda d: d["results"][0]["proof"].update(verdict="sure"),
            "three ranks of a pair": lambda d: d["results"][0].update(ranks=[0, 1, 2]),
            "no hosts": lambda d: d.update(hosts=[]),
            "local time": lambda d: d.update(started_at="2026-01-02 03:04"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.assertNotEqual(self.refused(change), [])

    def test_strict_refuses_keys_that_are_not_described(self):
        document = copy.deepcopy(self.document)
        document["results"][0]["undocumented"] = 1
        self.assertNotEqual(validate.problems_of(document, strict=True), [])


if __name__ == "__main__":
    unittest.main()
