#!/usr/bin/env python3
"""Validates documents of the tools against docs/schema.

    validate.py [--strict] FILE...      FILE may be - for standard input

The schema is chosen by the document's own "schema" ("rocekit/probe" -> docs/schema/probe.schema.json). With --strict a
key that the schema does not describe is an error: what the tools write must be documented.
Exit code: 0 all valid, 1 a document is not, 3 it cannot be checked.
"""

import argparse
import json
import sys
from pathlib import Path

try:
    import jsonschema
except ImportError:
    print("validate.py: python3-jsonschema is not installed (apt install python3-jsonschema)", file=sys.stderr)
    sys.exit(3)

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schema"


def load_schema(name):
    """The schema of "rocekit/<name>"; exits when there is none."""
    path = SCHEMAS / f"{name}.schema.json"
    if not path.is_file():
        raise LookupError(f"there is no schema {path}")
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def close_objects(schema):
    """The same schema in which objects hold what is described and nothing else."""
    if isinstance(schema, list):
        return [close_objects(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: close_objects(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def problems_of(document, strict):
    """Sentences, one a problem; empty when the document is valid."""
    kind = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(kind, str) or not kind.startswith("rocekit/"):
        return ['"schema" names no rocekit document']
    schema = load_schema(kind.removeprefix("rocekit/"))
    if strict:
        schema = close_objects(schema)
    validator = jsonschema.Draft202012Validator(schema)
    found = []
    for error in sorted(validator.iter_errors(document), key=lambda item: list(map(str, item.absolute_path))):
        while error.context:  # the branch of oneOf that came closest says more than "is not valid under any"
            error = max(error.context, key=lambda item: len(item.absolute_path))
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        found.append(f"{place.lstrip('.') or 'top'}: {error.message[:300]}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()
    valid = True
    for name in options.files:
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
            problems = problems_of(json.loads(text), options.strict)
        except (OSError, ValueError, LookupError) as error:
            print(f"validate.py: {name}: {error}", file=sys.stderr)
            return 3
        for problem in problems:
            print(f"{name}: {problem}")
        valid = valid and not problems
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
