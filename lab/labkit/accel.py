"""Whether KVM may be used: only after a guest has really booted with it.

Where virtualisation is partial (nested, some sandboxes) /dev/kvm opens, yet the guest hangs before its first
instruction is done; only booting tells.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from . import processes
from .cache import cache_directory, publish_file
from .host import is_foreign
from .qemu import Guest, base_command

PROBE_TIMEOUT_S = 8.0
PROBE_ANSWER = b"rocekit-probe-ok"
# "tcg" or "kvm" skips the probe.
ACCEL_VARIABLE = "ROCEKIT_LAB_ACCEL"


def choose(guest: Guest, qemu_version: str) -> Guest:
    """`guest` with the fastest accelerator that works; the answer is remembered until the next reboot."""
    if is_foreign(guest.arch):
        return replace(guest, accel="tcg")
    forced = os.environ.get(ACCEL_VARIABLE)
    if forced in ("kvm", "tcg"):
        return replace(guest, accel=forced)
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return replace(guest, accel="tcg")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    key = f"{boot_id} {qemu_version} {guest.initramfs.name}"
    note = cache_directory() / "kvm" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not note.is_file():
        works = boots_with_kvm(guest)
        publish_file(note, b"kvm" if works else b"tcg")
    return replace(guest, accel=note.read_text())


def boots_with_kvm(guest: Guest, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    print("roce-lab: trying whether a guest boots with KVM (once) ...", file=sys.stderr, end=" ", flush=True)
    with tempfile.TemporaryDirectory(prefix="rocekit-lab-kvm-") as directory:
        console = Path(directory) / "console"
        command = base_command(replace(guest, accel="kvm"), f"file:{console}", append="rocekit.probe")
        probe = processes.spawn(command, Path(directory) / "log")
        try:
            probe.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            probe.kill()
            probe.wait()
        works = console.exists() and PROBE_ANSWER in console.read_bytes()
    print("yes" if works else "no, using emulation", file=sys.stderr, flush=True)
    return works
