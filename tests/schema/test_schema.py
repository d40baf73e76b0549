#!/usr/bin/env python3
"""Every document that roce-probe writes follows docs/schema, and holds no key that is not described there."""

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

PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
FIXTURES = SOURCE / "tests" / "fixtures"
MACHINES = sorted(path for path in FIXTURES.iterdir() if (path / "fixture.json").is_file() or (path / "sys").is_dir())


def document_of(*arguments):
    run = subprocess.run([PROBE, "--json", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    return json.loads(run.stdout)


class Documents(unittest.TestCase):
    def test_there_are_machines(self):
        self.assertGreater(len(MACHINES), 20)

    def test_every_fixture_machine(self):
        for machine in MACHINES:
            with self.subTest(machine=machine.name):
                self.assertEqual(validate.problems_of(document_of("--root", machine), strict=True), [])

    def test_this_machine(self):
        self.assertEqual(validate.problems_of(document_of("--no-gpu"), strict=True), [])

    def test_a_comparison(self):
        document = document_of("--root", FIXTURES / "gb10-healthy", "--diff", FIXTURES / "hgx-8x400g")
        self.assertEqual(validate.problems_of(document, strict=True), [])


class Mistakes(unittest.TestCase):
    """The schema is strict enough to catch what a change may break."""

    @classmethod
    def setUpClass(cls):
        cls.healthy = document_of("--root", FIXTURES / "gb10-healthy")

    def refused(self, change):
        document = copy.deepcopy(self.healthy)
        change(document)
        return validate.problems_of(document, strict=False)

    def test_wrong_types_words_and_missing_keys(self):
        changes = {
            "number as text": lambda d: d["hosts"][0]["devices"][0]["ports"][0].update(active_mtu="4096"),
            "unknown verdict": lambda d: d.update(verdict="fine"),
            "unknown severity": lambda d: d["findings"][0].update(severity="bad"),
            "finding without title": lambda d: d["findings"][0].pop("title"),
            "id of another form": lambda d: d["findings"][0].update(id="MTU-1"),
            "no verdict": lambda d: d.pop("verdict"),
            "host without devices": lambda d: d["hosts"][0].pop("devices"),
            "no prediction": lambda d: d["hosts"][0]["process"].pop("predicted_nccl"),
            "reason of no known kind": lambda d: d["hosts"][0].update(kernel=None, missing={"kernel": {"why": "because"}}),
            "negative counter": lambda d: d["hosts"][0]["devices"][0]["ports"][0]["counters"].update(symbol_error=-1),
            "limited by the moon": lambda d: d["hosts"][0]["rails"][0].update(limited_by="moon"),
            "local time": lambda d: d.update(started_at="2026-01-02 03:04"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.assertNotEqual(self.refused(change), [])

    def test_keys_of_later_versions_are_allowed(self):
        self.assertEqual(self.refused(lambda d: d["hosts"][0].update(new_in_1_1=1)), [])

    def test_strict_refuses_keys_that_are_not_described(self):
        document = copy.deepcopy(self.healthy)
        document["hosts"][0]["undocumented"] = 1
        self.assertNotEqual(validate.problems_of(document, strict=True), [])


if __name__ == "__main__":
    unittest.main()
