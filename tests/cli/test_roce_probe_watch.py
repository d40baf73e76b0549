#!/usr/bin/env python3
"""roce-probe watch on a terminal: a saved machine stands in for /sys in a mount namespace, and its counters move."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
HEALTHY = SOURCE / "tests" / "fixtures" / "gb10-healthy"
READY, UNKNOWN = 0, 3
OVER_SYS = 'mount --bind "$0" /sys && exec "$@"'
# 4-byte words that are 10 Gb/s at ten steps a second.
STEP = 31_250_000


def namespaces_are_permitted() -> bool:
    return subprocess.run(["unshare", "-m", "sh", "-c", OVER_SYS, HEALTHY / "sys", "true"], capture_output=True,
                          check=False).returncode == 0


@unittest.skipUnless(shutil.which("unshare") and namespaces_are_permitted(), "no mount namespace is permitted here")
class Terminal(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="roce-probe-watch-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        shutil.copytree(HEALTHY / "sys", self.folder / "sys", symlinks=True)
        device = (self.folder / "sys/class/infiniband/rocep1s0f0").resolve()
        self.counter = device / "ports/1/counters/port_xmit_data"
        self.assertTrue(self.counter.exists())
        self.screen = b""

    def move_counter(self, stop):
        words = int(self.counter.read_text())
        while not stop.wait(0.1):
            words += STEP
            # In one go, as the kernel's counters are read.
            after = self.counter.with_name("next")
            after.write_text(f"{words}\n")
            after.replace(self.counter)

    @contextlib.contextmanager
    def traffic(self):
        stop = threading.Event()
        mover = threading.Thread(target=self.move_counter, args=(stop,))
        mover.start()
        try:
            yield
        finally:
            stop.set()
            mover.join()

    def start(self, *arguments, columns=100):
        """On a terminal of its own, which it controls: Ctrl-C typed there is its SIGINT."""
        pid, terminal = pty.fork()
        if pid == 0:
            environment = {**os.environ, "TERM": "xterm"}
            environment.pop("NO_COLOR", None)
            os.execvpe("unshare", ["unshare", "-m", "sh", "-c", OVER_SYS, str(self.folder / "sys"), str(PROBE), "watch",
                                   *arguments], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.addCleanup(os.close, terminal)
        return pid, terminal

    def read_until(self, terminal, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.screen):
            left = deadline - time.monotonic()
            self.assertGreater(left, 0, self.screen)
            if select.select([terminal], [], [], left)[0]:
                try:
                    self.screen += os.read(terminal, 65536)
                except OSError:  # its end
                    self.assertRegex(self.screen, pattern)
                    return

    def end(self, pid, terminal):
        """Exit code, and what was said last."""
        with contextlib.suppress(OSError):
            while select.select([terminal], [], [], 60)[0]:
                data = os.read(terminal, 65536)
                if not data:
                    break
                self.screen += data
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_the_table_is_drawn_over_and_ctrl_c_ends_it_with_the_sum(self):
        with self.traffic():
            pid, terminal = self.start("--interval", "300ms")
            self.addCleanup(lambda: signal_if_there(pid))
            self.read_until(terminal, rb"takes RDMA[\s\S]*\x1b\[\d+F\x1b\[J[\s\S]*takes RDMA")
            os.write(terminal, b"\x03")
            code = self.end(pid, terminal)
        self.assertEqual(code, READY, self.screen)
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.screen.decode())
        # As many lines up as were drawn.
        back = int(re.search(r"\x1b\[(\d+)F\x1b\[J", text).group(1))
        first = text[text.index("RAIL"):text.index("\x1b[")]
        self.assertEqual(first.count("\n"), back, first)
        self.assertIn("TRANSPORT", first)
        # Where the terminal shows what was typed ("^C").
        self.assertRegex(text.rsplit("\r", 2)[-2], r"^in \d+ s: RDMA: .* Gb/s on rocep1s0f0; .* takes RDMA$")

    def test_an_idle_fabric_shows_nothing_and_says_so(self):
        pid, terminal = self.start("--interval", "200ms", "--count", "2")
        self.addCleanup(lambda: signal_if_there(pid))
        self.assertEqual(self.end(pid, terminal), UNKNOWN, self.screen)
        self.assertRegex(self.screen.decode().splitlines()[-1], "^in 0 s: RDMA: idle; .* idle$")

    def test_lines_follow_each_other_where_colour_is_not_wanted(self):
        with self.traffic():
            pid, terminal = self.start("--interval", "200ms", "--count", "3", "--color", "never")
            self.addCleanup(lambda: signal_if_there(pid))
            self.assertEqual(self.end(pid, terminal), READY, self.screen)
        self.assertNotIn(b"\x1b", self.screen)
        self.assertEqual(len(re.findall(rb"(?m)^\d\d:\d\d:\d\d  RDMA: ", self.screen)), 3, self.screen)


def signal_if_there(pid):
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} is not built")
    unittest.main()
