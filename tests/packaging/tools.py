"""What each installed tool is asked to do, wherever it runs from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from outcome import require, succeeded

TOOLS = ("roce-probe", "roce-pingpong", "roce-preflight", "nccl-pattern")
SHORT = ["--local", "--transport", "tcp", "--sizes", "8", "--metric", "latency", "--iterations", "50", "--wait-mode", "block"]

Runner = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


def check(run: Runner, version: str, fixture: str, *, ranks_start: bool = True) -> int:
    """`run` starts a tool by name with its arguments. Returns how many command lines passed. `ranks_start`: a tool can
    start processes there."""
    passed = 0
    for tool in TOOLS:
        said = succeeded(run([tool, "--version"]), f"{tool} --version")
        require(version in said, f"{tool} --version says '{said.strip()}', the package is of {version}")
        require(tool in succeeded(run([tool, "--help"]), f"{tool} --help"), f"{tool} --help does not name the tool")
        passed += 2
    said = succeeded(run(["roce-probe", "--root", fixture]), "roce-probe of a saved node")
    require(said.rstrip().endswith("spark-head: READY"), f"roce-probe judges a healthy saved node: {said[-300:]}")
    # This machine, whatever it is: judged, and with a reason for what cannot be read.
    ran = run(["roce-probe"])
    succeeded(ran, "roce-probe", (0, 1, 2))
    require("checks passed" in ran.stdout, f"roce-probe says no verdict: {ran.stdout[-300:]}")
    said = succeeded(run(["nccl-pattern", "--mode", "tp2", "--model", "qwen3-coder-30b-a3b", "--phase", "decode", "--batch", "1", "--dry-run"]),
                     "nccl-pattern --dry-run")  # fmt: skip
    require("all" in said.lower(), f"nccl-pattern --dry-run prints no collective: {said[-300:]}")
    passed += 3
    if not ranks_start:
        return passed
    said = succeeded(run(["roce-pingpong", *SHORT]), "roce-pingpong --local over TCP", (0, 1))
    require("tcp" in said.lower(), f"roce-pingpong measured no TCP: {said[-300:]}")
    # Without RDMA the gate stays shut, and says so.
    ran = run(["roce-preflight", "--local", "--quick", "--budget", "20s"])
    succeeded(ran, "roce-preflight --local", (2, 3))
    require("NOT READY" in ran.stdout or "UNKNOWN" in ran.stdout, f"roce-preflight gives no verdict: {ran.stdout[-300:]}{ran.stderr[-300:]}")
    return passed + 2
