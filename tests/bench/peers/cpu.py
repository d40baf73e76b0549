"""What the CPU does for each message, apart from any wire: our RC ping-pong loop and perftest's over one and the same
device that takes no time and answers at once (mirror_device.cpp). Each figure is of the iterations between two messages
in the middle of a run, so that starting, connecting and reporting are not in it; the device's own share, some tens of
instructions, is in both."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .lines import Broken, Line, need
from .programs import free_port, number_in

FIRST, LAST = 1_000, 11_000  # messages between which is counted
TIMED_LAST = 1_001_000  # where it is the time that counts
SIZE = 8
CALLGRIND = ["--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"]
COUNTED = r"Collected\s*: (\d+)"
TIMED = r"mirror device: ([\d.]+) ns an iteration"
TIMEOUT_S = 120


class Mirror:
    def __init__(self, build: Path) -> None:
        self.device = build / "bench" / "mirror" / "libibverbs.so.1"
        self.pingpong = build / "bench" / "mirror_pingpong"

    def ours(self, operation: str, counts: bool) -> float:
        command = [str(self.pingpong), operation, str(SIZE), str(self.last(counts) + FIRST)]
        return self.first_figure([command], {"LD_LIBRARY_PATH": str(self.device.parent)}, counts)

    def theirs(self, operation: str, counts: bool) -> float:
        # ibv_post_send() as ours does, not the newer functions that do the same in several calls.
        command = [need(f"ib_{operation}_lat", "perftest"), "-d", "mirror0", "-F", "--use_old_post_send", "-s", str(SIZE),
                   "-n", str(self.last(counts) + FIRST), "-p", str(free_port())]  # fmt: skip
        # The end that sends first is answered at once and comes to the last message; the other waits for ever.
        return self.first_figure([command, [*command, "127.0.0.1"]], {"LD_PRELOAD": str(self.device)}, counts)

    @staticmethod
    def last(counts: bool) -> int:
        return LAST if counts else TIMED_LAST

    def first_figure(self, commands: list[list[str]], environment: dict[str, str], counts: bool) -> float:
        """Of the command that gives one first; all have ended when it returns."""
        for path in (self.device, self.pingpong):
            if not path.is_file():
                raise Broken(f"{path} is not built")
        environment = {**os.environ, **environment, "MIRROR_FROM": str(FIRST), "MIRROR_TO": str(self.last(counts))}
        before = [need("valgrind", "valgrind"), *CALLGRIND] if counts else []
        processes: list[tuple[subprocess.Popen, tempfile._TemporaryFileWrapper]] = []
        try:
            for command in commands:
                output = tempfile.TemporaryFile("w+")
                process = subprocess.Popen([*before, *command], env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=output)  # fmt: skip
                processes.append((process, output))
                if len(processes) < len(commands):
                    time.sleep(2 if counts else 0.5)  # the server must listen
            end = time.monotonic() + TIMEOUT_S
            while time.monotonic() < end:
                for process, output in processes:
                    if process.poll() == 0:
                        output.seek(0)
                        said = output.read()
                        if counts:
                            return number_in(COUNTED, said, "count of callgrind") / (LAST - FIRST)
                        return number_in(TIMED, said, "time of an iteration")
                if all(process.poll() is not None for process, _ in processes):
                    break
                time.sleep(0.02)
            said = []
            for _, output in processes:
                output.seek(0)
                said.append(output.read().strip()[-200:])
            raise Broken(f"{' '.join(commands[0])} over the mirror device gave no figure: {' / '.join(said)}")
        finally:
            for process, output in processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                output.close()


def cpu_lines(build: Path) -> list[Line]:
    mirror = Mirror(build)

    def figures(operation: str, counts: bool) -> tuple[Callable[[], float], Callable[[], float]]:
        # Instructions do not vary from run to run; of times the least, for disturbances only ever lengthen them.
        runs = range(1 if counts else 5)
        return (
            lambda: min(mirror.ours(operation, counts) for _ in runs),
            lambda: min(mirror.theirs(operation, counts) for _ in runs),
        )

    lines = []
    for operation in ("write", "send"):
        ours, theirs = figures(operation, counts=True)
        name = f"instructions an iteration, {operation} {SIZE} B"
        lines.append(Line(f"{name}: ib_{operation}_lat", "", ours, theirs, rounds=1, limit=1.0))
        ours, theirs = figures(operation, counts=False)
        name = f"time of an iteration, {operation} {SIZE} B"
        lines.append(Line(f"{name}: ib_{operation}_lat", "ns", ours, theirs, rounds=3))
    return lines
