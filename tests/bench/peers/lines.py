"""One comparison of ours with theirs: runs that alternate, and the line that is printed of them."""

from __future__ import annotations

import math
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass

LIMIT = 1.05
ATTEMPTS = 3  # of their program, where it gives no figure
PASS, FAIL, SKIPPED = "PASS", "FAIL", "SKIPPED"


class Skip(Exception):
    """This line cannot be measured here; the message says what is missing."""


class Broken(Exception):
    """A program that should have given a figure did not."""


def need(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Skip(f"{program} is not installed (apt install {package})")
    return path


@dataclass
class Line:
    """`ours` and `theirs` each make one run and return its figure. `unit` goes with both."""

    name: str
    unit: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    higher_is_better: bool = False
    rounds: int | None = None  # None: as asked on the command line
    limit: float = LIMIT


@dataclass
class Outcome:
    line: Line
    verdict: str
    ours: float = math.nan
    theirs: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    why: str = ""

    def text(self) -> str:
        head = f"{self.verdict:7}  {self.line.name:46}"
        if self.verdict == SKIPPED or math.isnan(self.ratio):
            return f"{head}  {self.why}"
        relation = ">=" if self.line.higher_is_better else "<="
        bound = 1 / self.line.limit if self.line.higher_is_better else self.line.limit
        return (
            f"{head}  ours {self.ours:>10.4g}  theirs {self.theirs:>10.4g} {self.line.unit:6}"
            f"  ratio {self.ratio:.3f} ({self.low:.3f} to {self.high:.3f}, {relation} {bound:.3f})"
        )


def figure_of_theirs(line: Line) -> float:
    """What their program did not say proves nothing of ours: it runs again."""
    for _ in range(ATTEMPTS):
        try:
            figure = line.theirs()
        except Broken as broken:
            why = str(broken)
        else:
            if figure > 0:
                return figure
            why = f"it printed {figure}"
    raise Skip(f"their program gave no figure in {ATTEMPTS} runs: {why}")


def measure(line: Line, rounds: int) -> Outcome:
    """Alternates ours-theirs and theirs-ours, so that a drift of the machine favours neither. The ratio is the median
    of the rounds' ratios: a disturbance that both runs of a round suffer cancels."""
    pairs: list[tuple[float, float]] = []
    try:
        for number in range(line.rounds or rounds):
            if number % 2 == 0:
                ours, theirs = line.ours(), figure_of_theirs(line)
            else:
                theirs, ours = figure_of_theirs(line), line.ours()
            if not ours > 0:
                raise Broken(f"our figure must be positive: {ours}")
            pairs.append((ours, theirs))
    except Skip as skip:
        return Outcome(line, SKIPPED, why=str(skip))
    except Broken as broken:
        return Outcome(line, FAIL, why=str(broken))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ratio = statistics.median(ratios)
    good = ratio >= 1 / line.limit if line.higher_is_better else ratio <= line.limit
    return Outcome(
        line,
        PASS if good else FAIL,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        ratio,
        ratios[0],
        ratios[-1],
    )
