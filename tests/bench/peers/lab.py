"""RDMA between two nodes of the lab: ours against perftest."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from .lines import Broken, Line, Skip, need
from .programs import background, number_in, only_result, run

CHECKOUT = Path(__file__).resolve().parent.parent.parent.parent
ROCE_LAB = CHECKOUT / "lab" / "roce-lab"
EXIT_LAB = 3

# What both sides are told, so that they do the same: the rail, its RoCE v2 GID by IPv4 (index 1 in the lab), path MTU,
# the largest message sent inline, and how many messages of a stream are under way.
DEVICE = "rocep1s0f0"
NODE_1 = "192.168.100.11"
GID_INDEX = 1
MTU = 4096
INLINE_BYTES = 64
WINDOW = {64 << 10: 64, 1 << 20: 16}
LATENCY_ITERATIONS = 2000
RUN_TIMEOUT_S = 150
GBITS_OF_MIB = (1 << 20) * 8 / 1e9


def size_name(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"


class Lab:
    """Two nodes that are up."""

    def __init__(self, build: Path, seconds: float) -> None:
        self.build = build
        self.seconds = seconds

    @staticmethod
    @contextlib.contextmanager
    def up(build: Path, seconds: float) -> Iterator[Lab]:
        """Boots one, or uses the one that is up; Skip when this machine cannot run it."""
        was_up = "no lab is up" not in run([sys.executable, str(ROCE_LAB), "status"], 60)
        try:
            run([sys.executable, str(ROCE_LAB), "up", "--build", str(build)], 300)
        except Broken as broken:
            raise Skip(f"the lab does not start: {broken}") from broken
        try:
            yield Lab(build, seconds)
        finally:
            if not was_up:
                run([sys.executable, str(ROCE_LAB), "down"], 60)

    def lines(self) -> list[Line]:
        lines = []
        for operation in ("write", "send"):
            for size in (8, 4096):
                lines.append(
                    Line(
                        f"RC {operation} latency, {size_name(size)}: ib_{operation}_lat",
                        "us",
                        self.our_latency(operation, size),
                        self.their_latency(operation, size),
                    )
                )
        for size in WINDOW:
            lines.append(
                Line(
                    f"RC write bandwidth, {size_name(size)}: ib_write_bw",
                    "Gbit/s",
                    self.our_bandwidth(size),
                    self.their_bandwidth(size),
                    higher_is_better=True,
                )
            )
        return lines

    def command(self, *where: str, timeout_s: float) -> list[str]:
        return [sys.executable, str(ROCE_LAB), "run", *where, "--timeout", f"{timeout_s:.0f}", "--"]

    # ---- ours

    def ours(self, *arguments: str) -> dict:
        """Listens on node 1; node 2 joins with the line that it prints."""
        measured = ["--transport", "rc", "--rails", DEVICE, "--gid-index", str(GID_INDEX), "--quiet", "--json", *arguments]
        listen = [*self.command("--node", "1", timeout_s=RUN_TIMEOUT_S), "roce-pingpong", "--listen", NODE_1, *measured]
        with tempfile.TemporaryFile("w+") as results, tempfile.TemporaryFile("w+") as said:
            listening = subprocess.Popen(listen, stdin=subprocess.DEVNULL, stdout=results, stderr=said)
            try:
                join = self.line_to_paste(listening, said)
                run([*self.command("--node", "2", timeout_s=RUN_TIMEOUT_S), "roce-pingpong", "--join", join],
                    timeout_s=RUN_TIMEOUT_S + 30, accept=(0, 1, 2))  # fmt: skip
                code = listening.wait(RUN_TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                raise Broken(f"roce-pingpong did not end within {RUN_TIMEOUT_S} s") from error
            finally:
                if listening.poll() is None:
                    listening.terminate()
                    listening.wait()
            if code not in (0, 1, 2):
                said.seek(0)
                raise Broken(f"roce-pingpong --listen ended with {code}: {said.read().strip()[-300:]}")
            results.seek(0)
            return only_result(results.read())

    @staticmethod
    def line_to_paste(listening: subprocess.Popen, said: TextIO) -> str:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            said.seek(0)
            text = said.read()
            found = re.search(r"--join (\S+@\S+)", text)
            if found:
                return found.group(1)
            if listening.poll() is not None:
                raise Broken(f"roce-pingpong --listen ended with {listening.returncode}: {text.strip()[-300:]}")
            time.sleep(0.05)
        raise Broken("roce-pingpong --listen printed no line to paste within 60 s")

    def our_latency(self, operation: str, size: int) -> Callable[[], float]:
        arguments = ["--metric", "latency", "--op", operation, "--sizes", str(size), "--inline", str(INLINE_BYTES),
                     "--iterations", str(LATENCY_ITERATIONS)]  # fmt: skip
        return lambda: self.ours(*arguments)["latency_us"]["p50"]

    def our_bandwidth(self, size: int) -> Callable[[], float]:
        def once() -> float:
            figure = self.ours("--metric", "bandwidth", "--op", "write", "--sizes", str(size),
                               "--window", str(WINDOW[size]), "--duration", f"{self.seconds * 1000:.0f}ms")[
                "bandwidth_gbit_s"
            ]  # fmt: skip
            return figure["mean"] if isinstance(figure, dict) else figure

        return once

    # ---- theirs

    def perftest(self, program: str, *arguments: str) -> str:
        """Server on node 1, client on node 2; what the client printed. -F: nothing is said of the CPU's frequency."""
        need(program, "perftest")
        common = [program, "-d", DEVICE, "-x", str(GID_INDEX), "-m", str(MTU), "-F", *arguments]
        # The client finds the server still starting: it is refused, and tries again.
        words = shlex.join([*common, "node1"])
        client = f"for try in 1 2 3 4 5 6 7 8 9 10; do said=$({words} 2>&1) && break; sleep 0.3; done; echo \"$said\""
        with background([*self.command("--node", "1", timeout_s=RUN_TIMEOUT_S), *common]):
            return run([*self.command("--node", "2", timeout_s=RUN_TIMEOUT_S), "sh", "-c", client], timeout_s=RUN_TIMEOUT_S + 30)

    def their_latency(self, operation: str, size: int) -> Callable[[], float]:
        def once() -> float:
            said = self.perftest(f"ib_{operation}_lat", "-s", str(size), "-n", str(LATENCY_ITERATIONS), "-I", str(INLINE_BYTES))
            # "bytes iterations t_min t_max t_typical ...": t_typical is the median.
            return number_in(rf"^\s*{size}\s+\d+\s+[\d.]+\s+[\d.]+\s+([\d.]+)", said, "t_typical of perftest")

        return once

    def their_bandwidth(self, size: int) -> Callable[[], float]:
        def once() -> float:
            # A margin is left out at both ends of a timed run (-f), as we leave out what drains.
            seconds = max(2, round(self.seconds))
            said = self.perftest("ib_write_bw", "-s", str(size), "-t", str(WINDOW[size]), "-D", str(seconds + 1), "-f", "0")
            # "bytes iterations peak average rate". Two decimals of MiB/s; of Gb/s they would be too few for a slow wire.
            return number_in(rf"^\s*{size}\s+\d+\s+[\d.]+\s+([\d.]+)", said, "average of perftest") * GBITS_OF_MIB

        return once
