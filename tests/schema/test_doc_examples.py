#!/usr/bin/env python3
"""The documents in docs/schema/examples follow their schemas and hold no key that is not described there
(tests/schema/write_examples.py writes them)."""

import json
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

SCHEMAS = SOURCE / "docs" / "schema"
EXAMPLES = SCHEMAS / "examples"


class Examples(unittest.TestCase):
    def test_each_schema_has_one(self):
        schemas = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")}
        self.assertEqual(schemas - {path.stem for path in EXAMPLES.glob("*.json")}, set())

    def test_are_valid_and_described(self):
        for path in EXAMPLES.glob("*.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            self.assertEqual(document["schema"], f"rocekit/{path.stem}")
            self.assertEqual(validate.problems_of(document, strict=True), [], path.name)

    def test_hold_nothing_of_the_machine_that_made_them(self):
        for path in EXAMPLES.glob("*.json"):
            text = path.read_text(encoding="utf-8")
            for word in (str(SOURCE), "/tmp/", "/root/", "/home/"):
                self.assertNotIn(word, text, path.name)


if __name__ == "__main__":
    unittest.main()
