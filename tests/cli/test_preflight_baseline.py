#!/usr/bin/env python3
"""roce-preflight --save-baseline and --baseline as their user meets them: files that cannot be used, a run that is
added, a run that is compared, nodes that are others."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PREFLIGHT = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-preflight"
UNKNOWN = 3
LAUNCHED = re.compile("OMPI_|PMIX_|SLURM_")
sys.path.insert(0, str(SOURCE / "tests" / "schema"))
try:
    import validate
except SystemExit:  # python3-jsonschema is not installed
    validate = None


def preflight(*arguments):
    environment = {key: value for key, value in os.environ.items() if key != "TERM" and not LAUNCHED.match(key)}
    return subprocess.run([PREFLIGHT, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, env=environment, check=False)


class WithFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="roce-preflight-baseline-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.file = cls.folder / "pair.json"

    def path(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


class Files(WithFolder):
    """Nothing is measured."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copy(SOURCE / "tests" / "fuzz" / "seeds" / "baseline_fuzzer" / "two-runs.json", cls.file)
        cls.document = json.loads(cls.file.read_text(encoding="utf-8"))

    def test_files_that_cannot_be_used_are_a_sentence_before_anything_is_measured(self):
        newer = json.dumps({**self.document, "schema_version": "2.0.0"})
        cases = {
            "no such file": (self.folder / "none.json", ["none.json", "No such file"]),
            "a folder": (self.folder, [str(self.folder), "directory"]),
            "empty": (self.path("empty.json", ""), ["empty.json", "empty"]),
            "damaged": (self.path("half.json", json.dumps(self.document)[:300]), ["half.json", "not JSON"]),
            "foreign": (self.path("foreign.json", "[1]"), ["foreign.json", "--save-baseline"]),
            "too new": (self.path("newer.json", newer), ["newer.json", "2.0.0", "update it"]),
        }
        for name, (path, words) in cases.items():
            for option in ("--baseline", "--save-baseline"):
                if option == "--save-baseline" and name in ("no such file", "empty"):
                    continue  # a new file begins there
                with self.subTest(name, option=option):
                    run = preflight("--local", option, path)
                    self.assertEqual((run.returncode, run.stdout), (UNKNOWN, ""), run)
                    self.assertTrue(run.stderr.startswith("roce-preflight: "), run.stderr)
                    self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
                    for word in words:
                        self.assertIn(word, run.stderr)
        for arguments in (["--local", "--save-baseline", "-"], ["--local", "--baseline", ""],
                          ["--local", "--save-baseline", "/no/such/folder/b.json"],
                          ["--join", "a@b:1", "--baseline", self.file]):
            self.assertEqual(preflight(*arguments).returncode, UNKNOWN, arguments)


class Runs(WithFolder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.saved = preflight("--local", "--quick", "--save-baseline", cls.file)
        cls.document = json.loads(cls.file.read_text(encoding="utf-8"))

    def test_what_is_saved_follows_its_schema_and_leaves_nothing_beside_it(self):
        if not validate:
            self.skipTest("python3-jsonschema is not installed")
        self.assertEqual(validate.problems_of(self.document, strict=True), [])
        self.assertNotEqual(validate.problems_of({**self.document, "runs": []}, strict=True), [])
        self.assertIn("which now holds 1 run", re.sub(r"\s+", " ", self.saved.stdout))
        self.assertEqual([path for path in self.folder.iterdir() if path.name.startswith((".", "pair.json."))], [])

    def test_a_run_is_compared_and_added_and_one_that_is_slower_is_neither_silent_nor_saved(self):
        again = self.folder / "again.json"
        shutil.copy(self.file, again)
        run = preflight("--local", "--quick", "--baseline", again, "--save-baseline", again, "--json")
        document = json.loads(run.stdout)
        outcome = document["baseline"]
        self.assertGreater(len(outcome["compared"]), 3)
        # On one host speeds swing: one run tells nothing.
        self.assertEqual({one["limit_from"] for one in outcome["compared"]}, {"none"})
        self.assertEqual(outcome["changes"], [])
        if validate:
            self.assertEqual(validate.problems_of(document, strict=True), [])
        self.assertTrue(outcome["saved"])
        self.assertEqual(len(json.loads(again.read_text(encoding="utf-8"))["runs"]), 2)
        # Five runs, a thousand times as fast.
        fast = json.loads(self.file.read_text(encoding="utf-8"))
        for quantity in fast["runs"][0]["quantities"]:
            factor = 1000 if quantity["kind"] == "bandwidth" else 0.001
            quantity["blocks"] = [value * factor for value in quantity["blocks"]]
        fast["runs"][0]["facts"].append({"host": fast["nodes"][0]["name"], "subject": "", "what": "governor",
                                         "value": "performance"})
        fast["runs"] *= 5
        fast_file = self.path("fast.json", json.dumps(fast))
        run = preflight("--local", "--quick", "--baseline", fast_file, "--save-baseline", fast_file)
        for check in ("ROCE-PERF-017", "ROCE-PERF-018", "ROCE-PERF-019"):
            self.assertRegex(run.stdout, f"(?m)^WARNING +{check}")
        self.assertIn("performance -> not there", run.stdout)
        self.assertIn("was not saved", run.stdout)
        self.assertEqual(len(json.loads(fast_file.read_text(encoding="utf-8"))["runs"]), 5)

    def test_a_baseline_of_other_nodes_is_unknown(self):
        other = json.loads(self.file.read_text(encoding="utf-8"))
        other["nodes"] = [{"name": "spark-1", "guids": ["1"]}, {"name": "spark-2", "guids": ["2"]}]
        run = preflight("--local", "--quick", "--baseline", self.path("other.json", json.dumps(other)), "--json")
        document = json.loads(run.stdout)
        self.assertEqual(document["checks"]["ROCE-PERF-020"], "unknown")
        self.assertIn("spark-1, spark-2", document["baseline"]["why_not_compared"])


if __name__ == "__main__":
    if not PREFLIGHT.exists():
        sys.exit(f"{PREFLIGHT} does not exist: build roce-preflight first")
    unittest.main()
