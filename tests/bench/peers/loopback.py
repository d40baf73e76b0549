"""TCP over this machine's loopback device: ours against sockperf, qperf and iperf3."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from .lines import Broken, Line, need
from .programs import background, free_port, number_in, only_result, run, wait_for_listener

LOOPBACK = "127.0.0.1"
# sockperf's messages carry a header, so they cannot be shorter than 14 bytes.
LATENCY_BYTES = 64
# Both write blocks of this size; it is iperf3's default.
STREAM_BYTES = 128 << 10
# sockperf sends and drops for 400 ms before it measures, and leaves out the last 50 ms.
SOCKPERF_EXTRA_S = 0.45


class Loopback:
    def __init__(self, pingpong: Path, seconds: float) -> None:
        self.pingpong = pingpong
        self.seconds = seconds
        # Both ends of every program on the same two CPUs, each end on one of its own.
        cpus = sorted(os.sched_getaffinity(0), key=lambda cpu: (cpu == 0, cpu))
        self.client_cpu, self.server_cpu = (cpus * 2)[:2]

    def lines(self) -> list[Line]:
        name = f"TCP latency, {LATENCY_BYTES} B"
        stream = f"TCP bandwidth, {STREAM_BYTES >> 10} KiB writes"
        return [
            # recv() that sleeps, as sockperf and qperf do without being asked otherwise.
            Line(f"{name}, blocking: sockperf", "us", self.latency("block", "p50"), lambda: self.sockperf([])),
            # recv() in a loop.
            Line(f"{name}, polling: sockperf", "us", self.latency("poll", "p50"), lambda: self.sockperf(["--nonblocked"])),
            # qperf knows the mean alone, so it is compared with our mean.
            Line(f"{name}, blocking, mean: qperf", "us", self.latency("block", "mean"), self.qperf),
            Line(f"{stream}: iperf3", "Gbit/s", self.bandwidth, self.iperf3, higher_is_better=True),
        ]

    def ours(self, arguments: list[str]) -> dict:
        # A mediocre figure is an exit code 1 or 2 of its own; here the figure alone counts.
        return only_result(
            run(
                [str(self.pingpong), "--local", "--transport", "tcp", "--duration", f"{self.seconds * 1000:.0f}ms",
                 "--quiet", "--json", *arguments],
                timeout_s=60 + 10 * self.seconds,
                accept=(0, 1, 2),
            )
        )  # fmt: skip

    def latency(self, wait_mode: str, what: str) -> Callable[[], float]:
        arguments = ["--metric", "latency", "--sizes", str(LATENCY_BYTES), "--wait-mode", wait_mode]
        return lambda: self.ours(arguments)["latency_us"][what]

    def bandwidth(self) -> float:
        result = self.ours(["--metric", "bandwidth", "--sizes", str(STREAM_BYTES), "--wait-mode", "block"])
        figure = result["bandwidth_gbit_s"]
        return figure["mean"] if isinstance(figure, dict) else figure

    def on_client(self, argv: list[str]) -> list[str]:
        return [need("taskset", "util-linux"), "-c", str(self.client_cpu), *argv]

    def on_server(self, argv: list[str]) -> list[str]:
        return [need("taskset", "util-linux"), "-c", str(self.server_cpu), *argv]

    def sockperf(self, modes: list[str]) -> float:
        sockperf = need("sockperf", "sockperf")
        port = free_port()
        where = ["--tcp", "-i", LOOPBACK, "-p", str(port), *modes]
        with background(self.on_server([sockperf, "server", *where])):
            wait_for_listener(port)
            seconds = self.seconds + SOCKPERF_EXTRA_S
            ping = [sockperf, "ping-pong", *where, "-m", str(LATENCY_BYTES), "-t", f"{max(1, round(seconds))}"]
            said = run(self.on_client(ping), timeout_s=30 + 10 * seconds)
        return number_in(r"percentile 50\.000 =\s+([\d.]+)", said, "median of sockperf")

    def qperf(self) -> float:
        qperf = need("qperf", "qperf")
        port = free_port()
        with background(self.on_server([qperf, "-lp", str(port)])):
            wait_for_listener(port)
            ping = [qperf, "-lp", str(port), LOOPBACK, "-t", f"{max(1, round(self.seconds))}",
                    "-m", str(LATENCY_BYTES), "tcp_lat"]  # fmt: skip
            said = run(self.on_client(ping), timeout_s=30 + 10 * self.seconds)
        in_us = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "sec": 1e6}
        found = re.search(r"latency\s+=\s+([\d.]+) (ns|us|ms|sec)", said)
        if found is None:
            raise Broken(f"no latency of qperf in: {said}")
        return float(found.group(1)) * in_us[found.group(2)]

    def iperf3(self) -> float:
        iperf3 = need("iperf3", "iperf3")
        port = free_port()
        with background(self.on_server([iperf3, "-s", "-1", "-p", str(port), "-B", LOOPBACK])):
            wait_for_listener(port)
            client = [iperf3, "-c", LOOPBACK, "-p", str(port), "-t", f"{max(1, round(self.seconds))}", "-l", str(STREAM_BYTES), "-J"]
            said = run(self.on_client(client), timeout_s=30 + 10 * self.seconds)
        return json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e9
