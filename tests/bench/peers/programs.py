"""Programs run to their end or in the background, always with a deadline."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .lines import Broken


def run(argv: list[str], timeout_s: float, accept: tuple[int, ...] = (0,)) -> str:
    """Standard output; Broken with what the program said when it fails or does not end."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise Broken(f"{' '.join(argv)} did not end within {timeout_s:.0f} s") from error
    if done.returncode not in accept:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise Broken(f"{' '.join(argv)} ended with {done.returncode}: {' / '.join(said)}")
    return done.stdout


@contextlib.contextmanager
def background(argv: list[str]) -> Iterator[subprocess.Popen]:
    """A server, ended when the block is left."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_listener(port: int, timeout_s: float = 10) -> None:
    """By the kernel's table: a connection to try would be the one that some servers wait for."""
    end = time.monotonic() + timeout_s
    listening = re.compile(rf":{port:04X} \S+ 0A ")
    while time.monotonic() < end:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with contextlib.suppress(OSError):
                if listening.search(Path(table).read_text()):
                    return
        time.sleep(0.02)
    raise Broken(f"nothing listens on port {port} after {timeout_s:.0f} s")


def number_in(pattern: str, text: str, what: str) -> float:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise Broken(f"no {what} in: {text.strip()[-300:]}")
    return float(found.group(1))


def only_result(text: str) -> dict:
    """The one result of a run of roce-pingpong --json."""
    try:
        results = json.loads(text)["results"]
    except (json.JSONDecodeError, KeyError) as error:
        raise Broken(f"roce-pingpong printed no results: {text.strip()[-300:]}") from error
    if len(results) != 1:
        raise Broken(f"roce-pingpong was asked for one result and gave {len(results)}")
    return results[0]
