#!/usr/bin/env python3
"""docs/checks is what the checks say: `cmake --build build --target docs-checks` writes it."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
PAGES = SOURCE / "docs" / "checks"


class CheckPages(unittest.TestCase):
    def test_committed_pages_are_those_of_the_checks(self):
        with tempfile.TemporaryDirectory(prefix="rocekit-pages-") as folder:
            subprocess.run([PROBE, "write-check-pages", folder], check=True, timeout=60)
            written = {path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir()}
        committed = {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}
        self.assertEqual(sorted(written), sorted(committed), "run: cmake --build build --target docs-checks")
        for name, text in written.items():
            self.assertEqual(text, committed[name], f"{name} is out of date: cmake --build build --target docs-checks")


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} does not exist: build roce-probe first")
    unittest.main()
