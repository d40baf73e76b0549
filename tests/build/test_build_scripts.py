#!/usr/bin/env python3
"""./quickstart and ./check end a failure of the machine in one sentence and exit code 3."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
NEEDS_ROOT = "needs root: private network and mount namespaces"


def shell(script: str, *wrapper: str) -> subprocess.CompletedProcess:
    return subprocess.run([*wrapper, "bash", "-c", script], cwd=SOURCE, capture_output=True, text=True, timeout=120, check=False)


class BuildScripts(unittest.TestCase):
    def assert_sentence(self, result: subprocess.CompletedProcess, words: str) -> None:
        self.assertEqual(result.returncode, 3, result.stderr)
        last = result.stderr.strip().splitlines()[-1]
        self.assertIn(words, last)
        self.assertTrue(last.endswith("."), last)

    def test_unknown_option_is_named(self) -> None:
        for script in ("./quickstart", "./check"):
            self.assert_sentence(shell(f"{script} --no-such-option"), "unknown option '--no-such-option'")

    def test_unknown_stage_is_named(self) -> None:
        self.assert_sentence(shell("./check no-such-stage"), "unknown stage 'no-such-stage'")

    @unittest.skipUnless(shutil.which("apt-get"), "no apt-get here")
    def test_package_that_apt_does_not_know_is_named(self) -> None:
        result = shell("""
            . packaging/prepare.sh; log=$(mktemp)
            apt-get install --simulate rocekit-no-such-package >"$log" 2>&1 || explain_apt_failure "$log" """)
        self.assert_sentence(result, "apt does not know rocekit-no-such-package")

    @unittest.skipUnless(shutil.which("apt-get"), "no apt-get here")
    @unittest.skipUnless(AS_ROOT, NEEDS_ROOT)
    def test_no_network_is_said(self) -> None:
        # A package that apt knows and that is not installed, so that it must be fetched.
        listed = subprocess.run(["apt-cache", "policy", "sl"], capture_output=True, text=True, check=False).stdout
        if "Candidate: (none)" in listed or "Candidate" not in listed or "Installed: (none)" not in listed:
            self.skipTest("apt has no list of packages, or sl is installed")
        result = shell(". packaging/prepare.sh; install_packages sl", "unshare", "--net")
        self.assert_sentence(result, "cannot reach its package servers")
        self.assertIn("will be installed with apt:\n  sl\n", result.stderr)

    @unittest.skipUnless(AS_ROOT, NEEDS_ROOT)
    @unittest.skipIf(shutil.which("sudo"), "sudo is here: an ordinary user may install")
    def test_no_permission_to_install_is_said(self) -> None:
        with tempfile.TemporaryDirectory() as copy:
            os.chmod(copy, 0o755)
            shutil.copytree(SOURCE / "packaging", f"{copy}/packaging")
            result = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c",
                 f"cd {copy}; . packaging/prepare.sh; install_packages rocekit-no-such-package"],
                capture_output=True, text=True, timeout=60, check=False)
        self.assert_sentence(result, "needs root, and there is no sudo")

    @unittest.skipUnless(AS_ROOT, NEEDS_ROOT)
    def test_full_disk_is_said_before_anything_is_done(self) -> None:
        script = """
            directory=$(mktemp -d) && mount -t tmpfs -o size=16m rocekit-test "$directory" &&
            cp -r quickstart packaging "$directory" && cd "$directory" && ./quickstart --no-install; status=$?
            cd / && umount "$directory" && rmdir "$directory"; exit $status"""
        self.assert_sentence(shell(script, "unshare", "--mount"), "MB are free in")


if __name__ == "__main__":
    unittest.main()
