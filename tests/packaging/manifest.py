"""What a package holds (packaging/manifest), against what it was found to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
MANIFESTS = SOURCE / "packaging" / "manifest"


def patterns(package: str) -> list[str]:
    lines = (MANIFESTS / f"{package}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _names(pattern: str, path: str) -> bool:
    """A `*` stays within one folder."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]*"), path) is not None


def differences(wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    """One sentence for each file that no line names, and for each line that names no file."""
    wanted, found = list(wanted), sorted(found)
    extra = [path for path in found if not any(_names(pattern, path) for pattern in wanted)]
    missing = [pattern for pattern in wanted if not any(_names(pattern, path) for path in found)]
    return [f"{path} is not in the manifest" for path in extra] + [f"{path} is missing" for path in missing]
