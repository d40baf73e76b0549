#!/usr/bin/env python3
"""--container with a real podman: a container of this machine's own /usr, without an image. Skips, and says why, where
podman cannot start one."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
PREFLIGHT = PROBE.with_name("roce-preflight")
NAME = f"rocekit-test-{os.getpid()}"
MEMLOCK = 65536
# A container's first process is often a shell; what serves is another.
SERVE = """sleep 300 & python3 -c '
import ctypes, sys, time
try:
    ctypes.CDLL(sys.argv[1])
except OSError:
    pass
print("ready", flush=True)
time.sleep(300)' "$0"
"""


class Container:
    """A container in a storage of its own, which podman finds by the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        for name in ("usr", "proc", "sys", "dev", "etc", "tmp", "run"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            if Path("/", name).exists():
                (self.root / name).symlink_to(f"usr/{name}")
        conf = folder / "storage.conf"
        conf.write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/storage"\n')
        self.environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(conf), "TERM": "dumb"}

    def podman(self, *arguments: str, before: tuple = ()) -> subprocess.CompletedProcess:
        return subprocess.run([*before, "podman", *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    def start(self, nccl: str) -> str:
        """Empty, or why it could not be started."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        # Limits that a test without CAP_SYS_RESOURCE may set, no control groups.
        options = ("run", "--detach", "--replace", "--name", NAME, "--cgroups=disabled", "--network=none", "--log-driver=k8s-file",
                   f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=1000:1000", f"--ulimit=memlock={MEMLOCK}:{MEMLOCK}",
                   "--env=NCCL_IB_HCA==mlx5_7", "--env=VLLM_API_KEY=sk-secret", "--volume=/usr:/usr:ro",
                   "--rootfs", str(self.root), "/bin/sh", "-c", SERVE, nccl)
        # crun refuses the mixture of both control group versions that some machines have, even for a container without.
        hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh")
        for before in ((), hidden):
            done = self.podman(*options, before=before)
            if done.returncode == 0:
                return ""
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while "ready" not in self.podman("logs", NAME).stdout:
            if time.monotonic() > deadline:
                raise AssertionError("the container's process did not start")
            time.sleep(0.2)

    def run(self, tool: Path, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([tool, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)


def nccl_here() -> str:
    """The libnccl that roce-probe finds here and a container of this /usr has as well; empty: none."""
    run = subprocess.run([PROBE, "--no-gpu", "--json"], capture_output=True, text=True, timeout=60, check=False)
    libraries = json.loads(run.stdout)["hosts"][0]["nccl_libraries"]
    return next((item["path"] for item in libraries if item["path"].startswith("/usr/")), "")


class RunningContainer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("podman") is None:
            raise unittest.SkipTest("podman is not installed")
        cls.folder = Path(tempfile.mkdtemp(prefix="rocekit-containers-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.container = Container(cls.folder)
        cls.nccl = nccl_here()
        why_not = cls.container.start(cls.nccl)
        cls.addClassCleanup(cls.container.podman, "rm", "--force", "--time", "0", NAME)
        if why_not:
            raise unittest.SkipTest(f"podman starts no container here: {why_not}")
        cls.container.wait_until_ready()
        cls.document = json.loads(cls.container.run(PROBE, "--no-gpu", "--json", "--container", NAME).stdout)
        cls.serving = cls.document["hosts"][0]["serving"]

    def test_its_limits_settings_and_namespace_are_read(self):
        serving = self.serving
        self.assertEqual(serving["container"], "podman")
        self.assertEqual(serving["process"]["memlock"], {"soft_bytes": MEMLOCK, "hard_bytes": MEMLOCK})
        self.assertEqual(serving["process"]["nccl_env"]["NCCL_IB_HCA"], "=mlx5_7")
        self.assertFalse(serving["same_network"])
        self.assertEqual([netdev["name"] for netdev in serving["netdevs"]], ["lo"])
        self.assertNotIn("sk-secret", json.dumps(self.document))

    def test_of_its_processes_the_one_that_loaded_nccl_is_judged(self):
        if not self.nccl:
            self.skipTest("no libnccl below /usr")
        self.assertEqual(self.serving["command"], "python3")
        (library,) = self.serving["nccl_libraries"]
        self.assertTrue(os.path.samefile(library["path"], self.nccl), library)

    def test_a_container_without_the_nodes_devices_has_none(self):
        self.assertEqual(self.serving["process"]["infiniband_nodes"], None)

    def test_preflight_judges_it_in_place_of_itself(self):
        if not PREFLIGHT.exists():
            self.skipTest(f"{PREFLIGHT} is not built")
        run = self.container.run(PREFLIGHT, "--local", "--budget", "3s", "--quiet", "--container", NAME)
        self.assertIn(run.returncode, (2, 3), run)
        self.assertRegex(run.stdout, r"(?m)^PROC +rank 0 .*: process \d+ \(\w+\): in a container \(podman\)")

    def test_a_name_that_podman_does_not_know_is_a_sentence(self):
        for tool, options in ((PROBE, ()), (PREFLIGHT, ("--local",))):
            if tool.exists():
                run = self.container.run(tool, *options, "--container", "no-such-container")
                self.assertEqual((run.returncode, run.stdout, run.stderr.count("\n")), (3, "", 1), run)
                self.assertIn("no container no-such-container is known to this user (podman: ", run.stderr)


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} is not built")
    unittest.main()
