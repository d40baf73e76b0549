#!/usr/bin/env python3
"""Every document that nccl-pattern writes follows docs/schema, and holds no key that is not described there."""

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

TOOL = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "nccl-pattern"
MODEL = ("--model", "minimax-m2.5")
TABLE = """op,transport,size,p50_us,p10_us,p90_us
all-reduce,socket,4K,121,115,130
all-reduce,socket,1M,900,800,1000
all-reduce,rdma,4K,7.5,,
all-reduce,rdma,1M,80,,
send-recv,socket,4K,50,,
send-recv,socket,1M,800,,
send-recv,rdma,4K,7,,
send-recv,rdma,1M,60,,
"""


def document_of(*arguments):
    run = subprocess.run([TOOL, "--json", *map(str, arguments)], input=TABLE, capture_output=True, text=True, timeout=60,
                         check=False)
    return json.loads(run.stdout)


def predicted(mode, *arguments):
    return document_of("predict", "--mode", mode, *MODEL, "--latencies", "-", *arguments)


class Documents(unittest.TestCase):
    def assert_valid(self, document):
        self.assertEqual(validate.problems_of(document, strict=True), [])

    def test_every_mode(self):
        for mode in ("tp2", "pp2", "tp2pp2", "ep2", "dp2ep2"):
            for phase in ("decode", "prefill"):
                with self.subTest(mode=mode, phase=phase):
                    self.assert_valid(document_of("--mode", mode, *MODEL, "--phase", phase, "--dry-run"))
        self.assert_valid(document_of("--mode", "tp2", *MODEL, "--speculative", "eagle3:3", "--dry-run"))

    def test_every_pattern(self):
        for mode in ("allreduce", "allgather", "reducescatter", "alltoall", "alltoallv", "sendrecv", "sendrecv-ring",
                     "sendrecv-bidirectional", "broadcast"):
            with self.subTest(mode=mode):
                self.assert_valid(document_of("--mode", mode, "--dry-run"))

    def test_predictions(self):
        measured = ("--tok-s", "22.4", "--measured-on", "socket")
        self.assert_valid(predicted("tp2", *measured))
        self.assert_valid(predicted("pp2", *measured))
        self.assert_valid(predicted("ep2", *measured))
        self.assert_valid(predicted("tp2", *measured, "--speculative", "eagle3:2"))
        self.assert_valid(predicted("tp2"))  # ceilings alone
        self.assert_valid(predicted("tp2", "--tok-s", "2240", "--measured-on", "socket"))  # contradicted


def measured(*arguments):
    """What a run over sockets on this machine writes."""
    return document_of("--local", 2, "--backend", "host", "--compare", "socket", "--duration", "10ms", "--quiet",
                       *arguments)


class Measured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.step = measured("--mode", "tp2", *MODEL)
        cls.pattern = measured("--mode", "alltoall", "--sizes", "8,64K")

    def test_what_was_measured(self):
        for document in (self.step, self.pattern):
            self.assertEqual(validate.problems_of(document, strict=True), [])
            self.assertEqual({side["transport"] for side in document["sides"]}, {"socket"})
            for result in document["results"]:
                self.assertGreater(result["latency_us"]["mean"], 0)
        self.assertEqual({result["size_bytes"] for result in self.pattern["results"]}, {8, 64 << 10})
        self.assertGreater(self.step["steps"][0]["results"][0]["latency_us"]["mean"], 0)

    def test_mistakes_are_refused(self):
        changes = {
            "no sides": lambda d: d.pop("sides"),
            "no verdict": lambda d: d.pop("verdict"),
            "no timing": lambda d: d["results"][0].pop("timing"),
            "unknown timing": lambda d: d["results"][0].update(timing="warm"),
            "whole step among the results": lambda d: d["results"][0].update(op="step"),
            "no proof": lambda d: d["results"][0].pop("proof"),
            "unknown proof": lambda d: d["sides"][0]["proof"].update(verdict="sure"),
            "mean as text": lambda d: d["results"][0]["latency_us"].update(mean="12"),
            "unknown backend": lambda d: d["sides"][0].update(backend="gloo"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                document = copy.deepcopy(self.step)
                change(document)
                self.assertNotEqual(validate.problems_of(document, strict=False), [])


class Mistakes(unittest.TestCase):
    """The schema is strict enough to catch what a change may break."""

    def test_wrong_types_words_and_missing_keys(self):
        good = predicted("ep2", "--tok-s", "22.4", "--measured-on", "socket")
        step = good["plan"]["steps"][0]
        self.assertTrue(step["operations"][0]["pair_bytes"])
        changes = {
            "no plan": lambda d: d.pop("plan"),
            "neither steps nor pattern": lambda d: d["plan"].pop("steps"),
            "unknown operation": lambda d: d["plan"]["steps"][0]["operations"][0].update(op="all-swap"),
            "no count": lambda d: d["plan"]["steps"][0]["operations"][0].pop("count"),
            "size as text": lambda d: d["plan"]["steps"][0]["operations"][0].update(size_bytes="4096"),
            "no parts": lambda d: d["plan"]["steps"][0]["operations"][0].update(parts=[]),
            "unknown form": lambda d: d["plan"]["steps"][0].update(form="round-robin"),
            "no model": lambda d: d["plan"].pop("model"),
            "no warnings": lambda d: d["predictions"][0].pop("warnings"),
            "latency of zero": lambda d: d["predictions"][0]["operations"][0]["measured_latency_us"].update(p50=0),
            "local time": lambda d: d.update(started_at="2026-01-02 03:04"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                document = copy.deepcopy(good)
                change(document)
                self.assertNotEqual(validate.problems_of(document, strict=False), [])


if __name__ == "__main__":
    unittest.main()
