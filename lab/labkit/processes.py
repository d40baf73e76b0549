"""Children that cannot outlive the supervisor, and signals that reach only the process that is meant."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(argv: Sequence[str], log: Path, keep_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Starts a child that the kernel kills when this process dies, however it dies. Its output goes to `log`."""
    parent = os.getpid()

    def die_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the request was in place.
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=keep_fds, preexec_fn=die_with_parent
        )


def start_time(pid: int) -> str | None:
    """Kernel start time of a live process; together with the pid it names one process for ever."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def kill_verified(pid: int, started: str | None) -> None:
    """SIGKILL, unless the pid has been given to another process since."""
    if started is not None and start_time(pid) == started:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
