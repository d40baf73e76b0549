#!/usr/bin/env python3
"""The install rules of each package give the files of its manifest.

    test_install_rules.py [BUILD_DIRECTORY]
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import manifest

# Not that of ROCEKIT_BUILD_DIR, which in a build for another architecture has what starts the programs.
BUILD = Path(sys.argv.pop() if len(sys.argv) > 1 else manifest.SOURCE / "build")
COMPONENTS = {"rocekit": "tools", "rocekit-gpu": "gpu", "rocekit-mpi": "mpi"}


class InstallRules(unittest.TestCase):
    def held_to_manifest(self, package):
        with tempfile.TemporaryDirectory(prefix="rocekit-install-") as folder:
            root = Path(folder)
            subprocess.run(["cmake", "--install", BUILD, "--component", COMPONENTS[package], "--prefix", root / "usr"],
                           check=True, timeout=60, stdout=subprocess.DEVNULL)  # fmt: skip
            found = [str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()]
        # cpack compresses what Debian wants compressed.
        wanted = [pattern.removesuffix(".gz") for pattern in manifest.patterns(package)]
        self.assertEqual(manifest.differences(wanted, found), [])

    def test_rocekit_installs_the_files_of_its_manifest(self):
        self.held_to_manifest("rocekit")

    def test_rocekit_gpu_installs_the_files_of_its_manifest(self):
        self.held_to_manifest("rocekit-gpu")

    def test_rocekit_mpi_installs_the_files_of_its_manifest(self):
        if not (BUILD / "bin" / "librocekit_mpi.so").exists():
            self.skipTest("built without MPI: there is no package rocekit-mpi")
        self.held_to_manifest("rocekit-mpi")


if __name__ == "__main__":
    if not (BUILD / "cmake_install.cmake").exists():
        sys.exit(f"{BUILD} is no build directory: configure and build first")
    unittest.main()
