"""The nodes' initramfs: busybox, the modules needed to reach the host's files and to have RDMA, and lab/node/init."""

from __future__ import annotations

import hashlib
import lzma
import stat
import subprocess
from pathlib import Path

from .cache import cache_directory, publish_file
from .errors import LabError
from .host import find_tool
from .kernel import Kernel

MODULES = [
    "virtio_pci", "virtio_net", "virtio_console", "virtio_rng", "9pnet_virtio", "9p", "overlay",
    "rdma_rxe", "ib_uverbs", "rdma_ucm",
]  # fmt: skip
# rdma_rxe asks the crypto layer for crc32 by algorithm, a dependency depmod does not see; recent kernels build it in.
OPTIONAL_MODULES = ["crc32_generic"]

INIT = Path(__file__).resolve().parent.parent / "node" / "init"


def initramfs(kernel: Kernel, root: Path = Path("/")) -> Path:
    """Path of the cached image; built when kernel, busybox or the scripts changed. `root`: the nodes' file system."""
    busybox = find_tool("busybox") if root == Path("/") else str(root / "usr/bin/busybox")
    assert busybox, "require_tools() comes first"
    sources = [INIT, Path(__file__), Path(busybox)]
    key = hashlib.sha256(f"{kernel.package} {kernel.version}".encode())
    for source in sources:
        key.update(source.read_bytes())
    target = cache_directory() / "initramfs" / f"{kernel.version}-{key.hexdigest()[:16]}.cpio"
    if not target.is_file():
        publish_file(target, _build(kernel, Path(busybox)))
    return target


def _build(kernel: Kernel, busybox: Path) -> bytes:
    archive = CpioArchive()
    for directory in ("bin", "dev", "proc", "sys", "modules", "lab", "lower", "rw", "new"):
        archive.add_directory(directory)
    archive.add_file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.add_file("init", INIT.read_bytes(), 0o755)
    order = []
    for module in _load_order(kernel):
        name = module.name.split(".ko")[0] + ".ko"
        archive.add_file(f"modules/{name}", _uncompressed(module), 0o644)
        order.append(name)
    archive.add_file("modules/order", "".join(f"{name}\n" for name in order).encode(), 0o644)
    return archive.finish()


def _load_order(kernel: Kernel) -> list[Path]:
    """Module files, each after those it depends on; modules built into the kernel do not appear."""
    modprobe = find_tool("modprobe") or "modprobe"
    paths: dict[Path, None] = {}
    for module in [*OPTIONAL_MODULES, *MODULES]:
        # Without the host's configuration, which may blacklist modules or add options.
        command = [modprobe, "-C", "/dev/null", "-d", str(kernel.root), "-S", kernel.version, "--show-depends", module]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            if module in OPTIONAL_MODULES:
                continue
            raise LabError(f"kernel {kernel.version} has no module {module}, which the lab needs")
        for line in done.stdout.splitlines():
            if line.startswith("insmod "):
                paths[Path(line.split(maxsplit=1)[1].strip())] = None
    return list(paths)


def _uncompressed(module: Path) -> bytes:
    """busybox's insmod takes plain modules only."""
    if module.suffix == ".xz":
        return lzma.decompress(module.read_bytes())
    if module.suffix == ".zst":
        zstd = find_tool("zstd")
        if zstd is None:
            raise LabError("zstd not found; install with: apt-get install zstd")
        return subprocess.run([zstd, "-dcq", str(module)], capture_output=True, check=True, timeout=60).stdout
    return module.read_bytes()


class CpioArchive:
    """Writer of the `newc` format, which Linux unpacks; uncompressed, since decompressing is slow under emulation."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._inode = 0
        # The kernel opens /dev/console for init before anything can mount devtmpfs.
        self.add_directory("dev")
        self._add("dev/console", stat.S_IFCHR | 0o600, b"", device=(5, 1))

    def add_directory(self, path: str) -> None:
        self._add(path, stat.S_IFDIR | 0o755, b"")

    def add_file(self, path: str, content: bytes, mode: int) -> None:
        self._add(path, stat.S_IFREG | mode, content)

    def finish(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return bytes(self._data)

    def _add(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        name = path.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, device[0], device[1], len(name), 0)
        self._data += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        self._pad()
        self._data += content
        self._pad()

    def _pad(self) -> None:
        self._data += b"\0" * (-len(self._data) % 4)
