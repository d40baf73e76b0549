"""The Containerfile, built by buildah on a fresh root in place of the base image: without registry or container runtime."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import contents
from outcome import require, succeeded
from roots import System, Unavailable, archive_of

CONTAINERFILE = Path(__file__).resolve().parents[2] / "packaging" / "Containerfile"
BUILD_TIMEOUT_S = 900


def check(packages: Path, system: System) -> str:
    if shutil.which("buildah") is None:
        raise Unavailable("buildah is not installed (apt install buildah)")
    found = contents.find(packages, system.architecture)
    with tempfile.TemporaryDirectory(prefix="rocekit-image-", ignore_cleanup_errors=True) as folder:
        context = Path(folder) / "context"
        context.mkdir()
        for package in found.values():
            shutil.copy(package, context)
        (context / "Base").write_text("FROM scratch\nADD base.tar /\n", encoding="utf-8")
        shutil.copy(archive_of(system), context / "base.tar")

        def buildah(*words: str) -> str:
            storage = ["--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
            ran = subprocess.run(["buildah", *storage, *words], capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
            return succeeded(ran, f"buildah {words[0]}")

        buildah("build", "--isolation", "chroot", "-f", str(context / "Base"), "-t", "localhost/base", str(context))
        (context / "base.tar").unlink()
        buildah("build", "--isolation", "chroot", "--network", "host", "--build-arg", "BASE=localhost/base",
                "-f", str(CONTAINERFILE), "-t", "localhost/rocekit", str(context))  # fmt: skip
        container = buildah("from", "localhost/rocekit").strip()
        said = buildah("run", "--isolation", "chroot", container, "--", "roce-probe", "--version")
        buildah("rm", container)
        buildah("rmi", "--all", "--force")
    version = contents.fields(found["rocekit"])["Version"].split("~")[0].split("+")[0]
    require(version in said, f"roce-probe in the image says '{said.strip()}'")
    return f"built; {said.splitlines()[0]} in it"
