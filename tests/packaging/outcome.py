"""How a check says that something is wrong."""

from __future__ import annotations

import subprocess


class Failed(Exception):
    """One sentence for the table."""


def require(condition: object, sentence: str) -> None:
    if not condition:
        raise Failed(sentence)


def succeeded(ran: subprocess.CompletedProcess[str], what: str, codes: tuple[int, ...] = (0,)) -> str:
    """Its standard output; the last words of one that failed are in the sentence."""
    if ran.returncode not in codes:
        raise Failed(f"{what} ended with {ran.returncode}: {(ran.stderr.strip() or ran.stdout.strip())[-600:]}")
    return ran.stdout
