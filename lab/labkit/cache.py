"""Where kernels, initramfs images and the KVM verdict are kept between runs; writes are atomic."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ABANDONED_AFTER_S = 3600.0


def cache_directory() -> Path:
    override = os.environ.get("ROCEKIT_LAB_CACHE")
    if override:
        path = Path(override).absolute()
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rocekit-lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


def publish_directory(target: Path, fill: Callable[[Path], None]) -> Path:
    """Makes `target` from what `fill` writes into a temporary sibling; the first of several racing writers wins."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        temporary.chmod(0o755)
        fill(temporary)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _remove_abandoned(target: Path) -> None:
    """What a writer that was killed left; a writer at work is younger than this."""
    for path in target.parent.glob(f".{target.name}.*"):
        if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
            shutil.rmtree(path, ignore_errors=True)


def publish_file(target: Path, content: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target
