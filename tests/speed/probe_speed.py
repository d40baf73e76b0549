#!/usr/bin/env python3
"""How long roce-probe takes for a saved machine, and how much memory.

    probe_speed.py [--probe PATH] [--root DIR] [--runs N] [--limits]

Prints the median and the range of the wall time of N runs, and the highest peak of resident memory. With --limits it
fails when the median is above 50 ms or the memory above 32 MiB: only on a machine that does nothing else.
"""

import argparse
import os
import pathlib
import resource
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
LIMIT_MS = 50
LIMIT_MIB = 32


def run_once(command):
    """(wall ms, peak resident MiB, exit code, processor ms) of one run whose output goes nowhere."""
    nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=nowhere)
    _, status, usage = os.wait4(child, 0)
    elapsed = (time.perf_counter() - started) * 1000
    processor = (usage.ru_utime + usage.ru_stime) * 1000
    return elapsed, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), processor


def measure(name, command, runs):
    run_once(command)  # brings the files into the page cache
    samples = [run_once(command) for _ in range(runs)]
    times = [sample[0] for sample in samples]
    median, peak = statistics.median(times), max(sample[1] for sample in samples)
    codes = sorted({sample[2] for sample in samples})
    processor = statistics.median(sample[3] for sample in samples)
    print(
        f"{name}: median {median:.1f} ms of {runs} runs ({min(times):.1f} to {max(times):.1f}),"
        f" {processor:.1f} ms of them on a processor, peak memory {peak:.1f} MiB,"
        f" exit code {', '.join(map(str, codes))}"
    )
    return median, peak, codes


def main():
    parser = argparse.ArgumentParser(description="Measures roce-probe on a saved machine.")
    build = os.environ.get("ROCEKIT_BUILD_DIR", str(REPOSITORY / "build"))
    parser.add_argument("--probe", type=pathlib.Path, default=pathlib.Path(build, "bin", "roce-probe"))
    parser.add_argument("--root", type=pathlib.Path, default=REPOSITORY / "tests" / "fixtures" / "hgx-8x400g")
    parser.add_argument("--runs", type=int, default=25, metavar="N")
    parser.add_argument("--limits", action="store_true", help=f"fail above {LIMIT_MS} ms or {LIMIT_MIB} MiB")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    if not options.probe.is_file():
        print(f"{options.probe}: not there; build it first, or name it with --probe", file=sys.stderr)
        return 3

    base = [str(options.probe), "--root", str(options.root)]
    rows = [measure("report", base, options.runs), measure("JSON", base + ["--json"], options.runs)]
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"limits: {LIMIT_MS} ms, {LIMIT_MIB} MiB; the kernel counts no less memory than this script's own {own:.1f} MiB")
    if any(code not in (0, 1, 2) for _, _, codes in rows for code in codes):
        print(f"{options.root} could not be judged, so nothing was measured", file=sys.stderr)
        return 3
    if options.limits and any(median > LIMIT_MS or peak > LIMIT_MIB for median, peak, _ in rows):
        print("above the limits", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
