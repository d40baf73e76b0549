#!/usr/bin/env python3
"""Programs for aarch64 on a kernel with pages of 64 KiB, as RHEL's and NVIDIA's 64k kernels have: qemu-user's -p gives a
program that page size. Arguments: the emulator, the build directory, files that must load there."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

PAGE = 64 * 1024


def under_large_pages(*command, **more):
    return subprocess.run([EMULATOR, "-p", str(PAGE), *map(str, command)], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False, **more)


class LargePages(unittest.TestCase):
    def setUp(self):
        # Newer emulators ignore -p: then nothing here would be what it says.
        probe = under_large_pages(BUILD / "tests" / "page_size")
        if probe.stdout.strip() != str(PAGE):
            self.skipTest(f"{EMULATOR} gives pages of {probe.stdout.strip() or 'no known size'}, not of {PAGE}")

    def test_buffers_are_whole_pages(self):
        run = under_large_pages(BUILD / "tests" / "rocekit_verbs_tests", "--gtest_filter=Buffer.*")
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertIn("[  PASSED  ] ", run.stdout)
        self.assertNotIn("[  PASSED  ] 0 tests", run.stdout)

    def test_the_probe_reads_the_page_size_of_the_node(self):
        run = under_large_pages(BUILD / "bin" / "roce-probe", "--json")
        self.assertRegex(run.stdout, rf'"page_size_bytes": ?{PAGE}\b', run.stderr)


class Files(unittest.TestCase):
    def test_segments_can_be_mapped_with_pages_of_64_kib(self):
        """A file aligned for pages of 4 KiB does not even start there."""
        self.assertTrue(FILES)
        for path in FILES:
            with self.subTest(path.name):
                headers = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True, check=True,
                                         env={**os.environ, "LC_ALL": "C"}).stdout
                alignments = [int(found, 16) for found in re.findall(r"^ +LOAD .* (0x[0-9a-f]+)$", headers, re.M)]
                self.assertTrue(alignments, headers)
                self.assertTrue(all(alignment % PAGE == 0 for alignment in alignments), headers)


if __name__ == "__main__":
    EMULATOR, BUILD = sys.argv[1], Path(sys.argv[2])
    FILES = [Path(name) for name in sys.argv[3:]]
    unittest.main(argv=sys.argv[:1])
