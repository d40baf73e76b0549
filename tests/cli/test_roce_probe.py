#!/usr/bin/env python3
"""roce-probe as its user meets it: mistyped options, wrong files, exit codes, what is left on disk."""

import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
FIXTURES = SOURCE / "tests" / "fixtures"
HEALTHY = FIXTURES / "gb10-healthy"
READY, DEGRADED, NOT_READY, UNKNOWN = 0, 1, 2, 3


def probe(*arguments, stdin="", env=None, cwd=None):
    """Runs roce-probe; its output as text."""
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    environment.update(env or {})
    return subprocess.run([PROBE, *map(str, arguments)], input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=60, env=environment, cwd=cwd, check=False)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="roce-probe-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_sentence(self, run, *words):
        """One line on standard error, nothing on standard output, exit code 3."""
        self.assertEqual(run.returncode, UNKNOWN, run)
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("roce-probe: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertLess(len(run.stderr), 500)
        for word in words:
            self.assertIn(word, run.stderr)

    def healthy_document(self):
        return json.loads(probe("--root", HEALTHY, "--json").stdout)

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def document(self, **changes):
        return self.write("node.json", json.dumps({**self.healthy_document(), **changes}))


class CommandLine(Case):
    def test_mistyped_option_names_the_near_one(self):
        self.assert_sentence(probe("--jsn"), '"--jsn"', "did you mean --json?", "--help")

    def test_unknown_word_is_told(self):
        self.assert_sentence(probe("frobnicate"), '"frobnicate"')
        self.assert_sentence(probe("list-check"), "did you mean list-checks?")

    def test_escape_sequences_of_arguments_are_not_echoed(self):
        self.assertNotIn("\033", probe("--\033[31m").stderr)

    def test_values_out_of_range(self):
        self.assert_sentence(probe("--expect-mtu", "nine"), "--expect-mtu", '"nine"')
        self.assert_sentence(probe("--expect-mtu", "12"), "68 to 65535")
        self.assert_sentence(probe("--expect-mtu", "99999999999999999999"), "68 to 65535")
        self.assert_sentence(probe("--expect-rate", "-1"), "--expect-rate")
        self.assert_sentence(probe("--expect-rate", "nan"), "--expect-rate")
        self.assert_sentence(probe("--fail-on", "never"), "crit, warn")
        self.assert_sentence(probe("--color", "blue"), "always, auto, never")

    def test_options_without_value_or_given_twice(self):
        self.assert_sentence(probe("--load"), "--load needs a value")
        self.assert_sentence(probe("--load", "a", "--load", "b"), "--load was given more than once")
        self.assert_sentence(probe("--root", ""), "--root")
        self.assert_sentence(probe("--check", ","), "--check names no check")
        self.assert_sentence(probe("explain"), "explain needs the ID")

    def test_wrong_combinations_say_why(self):
        self.assert_sentence(probe("--load", "a", "--root", "b"), "--load does not go with --root")
        self.assert_sentence(probe("--load", "a", "--anonymize"), "--anonymize")
        self.assert_sentence(probe("--load", "a", "--save", "folder"), ".json")
        self.assert_sentence(probe("--diff", "a", "--check", "MTU-001"), "a comparison runs no checks")
        self.assert_sentence(probe("--json", "list-checks"), "--json")
        self.assert_sentence(probe("--load", "-", "--diff", "-"), "standard input")

    def test_help_begins_with_three_examples_and_names_every_option(self):
        run = probe("--help")
        self.assertEqual(run.returncode, 0)
        for line in run.stdout.splitlines()[:3]:
            self.assertTrue(line.startswith("  roce-probe"), line)
        for option in ("--json[=FILE]", "--save", "--anonymize", "--load", "--root", "--diff", "--check", "--expect-mtu",
                       "--expect-rate", "--fail-on", "--color", "--no-gpu", "-v", "--version", "list-checks", "explain"):
            self.assertIn(option, run.stdout)
        self.assertNotIn("write-check-pages", run.stdout)
        self.assertLessEqual(max(map(len, run.stdout.splitlines())), 110)

    def test_version_names_commit_build_and_libraries(self):
        run = probe("--version")
        self.assertEqual(run.returncode, 0)
        for word in ("roce-probe 0.", "commit", "built as", "hwloc", "libibverbs", "libnccl"):
            self.assertIn(word, run.stdout)


class Checks(Case):
    def test_list_has_one_line_a_check(self):
        run = probe("list-checks")
        self.assertEqual(run.returncode, 0)
        self.assertIn("ROCE-MTU-001", run.stdout)
        self.assertEqual(run.stdout, probe("--list-checks").stdout)

    def test_every_check_is_explained(self):
        ids = [line.split()[0] for line in probe("list-checks").stdout.splitlines() if line.startswith("ROCE-")]
        self.assertGreater(len(ids), 30)
        for name in ids:
            run = probe("explain", name)
            self.assertEqual(run.returncode, 0, run)
            for part in (name, "How it is judged", "What to do"):
                self.assertIn(part, run.stdout)

    def test_id_in_short_or_lower_case(self):
        self.assertEqual(probe("explain", "mtu-001").stdout, probe("explain", "ROCE-MTU-001").stdout)

    def test_unknown_id_names_near_ones(self):
        self.assert_sentence(probe("explain", "ROCE-MTU-999"), "ROCE-MTU-001", "list-checks")
        self.assert_sentence(probe("explain", "mtu"), "ROCE-MTU-001, ROCE-MTU-002")
        self.assert_sentence(probe("--check", "MTU-001,XYZ-001", "--root", HEALTHY), "no check XYZ-001")
        self.assert_sentence(probe("explain", "x" * 100000), "no check")

    def test_checks_of_measurements_are_explained_and_not_run(self):
        self.assertIn("Judged by roce-pingpong", probe("explain", "PERF-001").stdout)
        self.assertNotIn("Judged by roce-pingpong", probe("explain", "MTU-001").stdout)
        self.assert_sentence(probe("--check", "ROCE-PERF-001", "--root", HEALTHY), "judged by roce-pingpong")
        said = {finding["id"] for finding in json.loads(probe("--root", HEALTHY, "--json").stdout)["findings"]}
        self.assertEqual({name for name in said if name.startswith(("ROCE-PERF-", "ROCE-PAIR-"))}, set())

    def test_only_the_named_checks_run(self):
        run = probe("--root", HEALTHY, "--check", "mtu-001,ROCE-NET-001", "--json")
        self.assertEqual({finding["id"] for finding in json.loads(run.stdout)["findings"]}, {"ROCE-MTU-001", "ROCE-NET-001"})


class ExitCodes(Case):
    def test_follow_the_verdict(self):
        self.assertEqual(probe("--root", HEALTHY).returncode, READY)
        self.assertEqual(probe("--root", FIXTURES / "gb10-mtu-1500").returncode, DEGRADED)
        self.assertEqual(probe("--root", FIXTURES / "gb10-container-no-uverbs").returncode, NOT_READY)

    def test_fail_on_crit_lets_warnings_pass_and_nothing_else(self):
        self.assertEqual(probe("--fail-on", "crit", "--root", FIXTURES / "gb10-mtu-1500").returncode, READY)
        self.assertEqual(probe("--fail-on", "crit", "--root", FIXTURES / "gb10-container-no-uverbs").returncode, NOT_READY)
        self.assertEqual(probe("--fail-on", "warn", "--root", FIXTURES / "gb10-mtu-1500").returncode, DEGRADED)

    def test_expectation_makes_the_mtu_critical(self):
        run = probe("--root", FIXTURES / "gb10-mtu-1500", "--expect-mtu", "9000")
        self.assertEqual(run.returncode, NOT_READY)

    def test_reader_that_goes_away_changes_nothing(self):
        script = '"$0" --root "$1" -v | head -n 1; exit ${PIPESTATUS[0]}'
        for _ in range(5):
            run = subprocess.run(["bash", "-c", script, PROBE, HEALTHY], capture_output=True, text=True, timeout=60,
                                 check=False)
            self.assertEqual((run.returncode, run.stderr), (READY, ""))

    def test_full_disk_is_told(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            run = subprocess.run([PROBE, "--root", HEALTHY], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                 check=False)
        self.assertEqual(run.returncode, UNKNOWN)
        self.assertIn("standard output: No space left on device", run.stderr)


class Streams(Case):
    def test_colour_only_where_asked_or_on_a_terminal(self):
        self.assertNotIn("\033", probe("--root", HEALTHY).stdout)
        self.assertIn("\033", probe("--root", HEALTHY, "--color", "always").stdout)
        self.assertNotIn("\033", probe("--root", HEALTHY, "--color=never").stdout)

    def test_json_stands_alone_on_standard_output(self):
        run = probe("--root", HEALTHY, "--json")
        self.assertEqual(json.loads(run.stdout)["verdict"], "ready")
        self.assertEqual(run.stderr, "")

    def test_json_into_a_file_leaves_the_report_on_standard_output(self):
        target = self.folder / "node.json"
        run = probe("--root", HEALTHY, f"--json={target}")
        self.assertIn("READY", run.stdout)
        self.assertEqual(json.loads(target.read_text())["schema"], "rocekit/probe")

    def test_json_takes_its_file_only_after_an_equals_sign(self):
        self.assert_sentence(probe("--json", "node.json"), "unknown command")


class WrongDocuments(Case):
    def load(self, text, *words):
        self.assert_sentence(probe("--load", self.write("bad.json", text)), "bad.json", *words)

    def test_not_json(self):
        self.load("", "empty")
        self.load("   \n", "empty")
        self.load(b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)), "not JSON")
        self.load("hello", "not JSON", "line 1")
        self.load(json.dumps(self.healthy_document())[:5000], "not JSON: line 1, column 500")
        self.load('{"schema": "rocekit/probe", "x": 1e999}', "not JSON")

    def test_foreign_or_newer_documents(self):
        self.load("[]", "not a rocekit/probe document")
        self.load('{"a": 1}', "not a rocekit/probe document")
        self.load('{"schema": "rocekit/pingpong", "schema_version": "1.0.0"}', '"rocekit/pingpong"')
        self.load(json.dumps({**self.healthy_document(), "schema_version": "2.0.0"}), "2.0.0", "as new as")
        self.load(json.dumps({**self.healthy_document(), "hosts": []}), "hosts")

    def test_wrong_values_name_their_place(self):
        document = self.healthy_document()
        document["hosts"][0]["devices"][1]["ports"][0]["active_mtu"] = "4096"
        self.load(json.dumps(document), "devices[1].ports[0].active_mtu: expected a whole number, found a string")
        document["hosts"][0]["devices"][1]["ports"][0]["active_mtu"] = 10**30
        self.load(json.dumps(document), "active_mtu")
        document["hosts"][0]["devices"][1]["ports"][0]["active_mtu"] = -(2**40)
        self.load(json.dumps(document), "out of range")

    def test_bombs(self):
        self.load("[" * 1_000_000, "deeper than 64")
        self.load('{"a":' * 1_000_000, "deeper than 64")
        self.load(b" " * (100 << 20), "larger than 32 MiB")
        self.load("[" + "1," * 3_000_000 + "1]", "more than")

    def test_files_that_cannot_be_read(self):
        self.assert_sentence(probe("--load", self.folder / "none.json"), "none.json: No such file or directory")
        self.assert_sentence(probe("--load", self.folder), "--root reads a node saved as a directory")
        self.assert_sentence(probe("--load", "/dev/zero"), "larger than 32 MiB")
        self.assert_sentence(probe("--load", "-", stdin="nonsense"), "standard input: not JSON")

    def test_wrong_root(self):
        self.assert_sentence(probe("--root", self.folder / "none"), "none")
        self.assert_sentence(probe("--root", self.write("file", "x")), "file")
        self.assert_sentence(probe("--root", self.folder), str(self.folder))

    def test_wrong_other_of_a_comparison(self):
        self.assert_sentence(probe("--root", HEALTHY, "--diff", self.write("bad.json", "{")), "bad.json: not JSON")


class Save(Case):
    def test_document_comes_back_the_same(self):
        target = self.folder / "node.json"
        self.assertEqual(probe("--root", HEALTHY, "--save", target).returncode, READY)
        first = json.loads(probe("--root", HEALTHY, "--json").stdout)
        again = json.loads(probe("--load", target, "--json").stdout)
        for document in (first, again):
            document.pop("started_at")
        self.assertEqual(first, again)
        self.assertEqual(probe("--load", "-", stdin=target.read_text()).returncode, READY)

    def test_directory_comes_back_the_same(self):
        target = self.folder / "saved"
        run = probe("--root", HEALTHY, "--save", target)
        self.assertEqual(run.returncode, READY, run)
        self.assertIn(f"--root {target}", run.stderr)
        first, again = (json.loads(probe("--root", root, "--json").stdout) for root in (HEALTHY, target))
        self.assertEqual(first["hosts"], again["hosts"])
        self.assertEqual(first["findings"], again["findings"])

    def test_anonymized_node_is_judged_the_same_and_names_nobody(self):
        plain = self.healthy_document()
        run = probe("--root", HEALTHY, "--json", "--anonymize")
        masked = json.loads(run.stdout)
        self.assertEqual(masked["verdict"], plain["verdict"])
        host = plain["hosts"][0]
        secrets = [host["hostname"], host["devices"][0]["node_guid"]]
        secrets += [netdev["mac"] for netdev in host["netdevs"] if netdev["name"].startswith("en")]
        for secret in secrets:
            self.assertNotIn(secret, run.stdout)

    def test_nothing_half_written_is_left(self):
        closed = self.folder / "closed"
        closed.mkdir()
        for target in (self.folder / "none" / "node.json", self.folder / "none" / "deeper" / "folder",
                       "/proc/node.json", "/proc/folder"):
            run = probe("--root", HEALTHY, "--save", target)
            self.assert_sentence(run, str(target))
        self.assertEqual(list(closed.iterdir()), [])
        full = self.folder / "full"
        full.mkdir()
        (full / "keep").write_text("mine")
        self.assert_sentence(probe("--root", HEALTHY, "--save", full), str(full))
        self.assertEqual([path.name for path in full.iterdir()], ["keep"])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["closed", "full"])

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_without_permission(self):
        closed = self.folder / "closed"
        closed.mkdir(mode=0o555)
        self.assert_sentence(probe("--root", HEALTHY, "--save", closed / "node.json"), "Permission denied")

    def test_existing_document_is_replaced_whole_and_links_are_followed(self):
        real = self.write("real.json", "old")
        real.chmod(0o640)
        link = self.folder / "link.json"
        link.symlink_to(real)
        self.assertEqual(probe("--root", HEALTHY, "--save", link).returncode, READY)
        self.assertTrue(link.is_symlink())
        self.assertEqual(json.loads(real.read_text())["verdict"], "ready")
        self.assertEqual(stat.S_IMODE(real.stat().st_mode), 0o640)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["link.json", "real.json"])

    def test_devices_are_written_to_and_never_replaced(self):
        self.assertEqual(probe("--root", HEALTHY, "--json=/dev/null").returncode, READY)
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        run = probe("--root", HEALTHY, "--json=/dev/full")
        self.assert_sentence(run, "/dev/full: No space left on device")


class Diff(Case):
    def test_same_node_differs_in_nothing(self):
        run = probe("--root", HEALTHY, "--diff", self.document())
        self.assertEqual(run.returncode, 0, run)
        self.assertIn("Nothing that matters differs", run.stdout)

    def test_what_matters_is_exit_code_1(self):
        run = probe("--root", FIXTURES / "gb10-mtu-1500", "--diff", self.document())
        self.assertEqual(run.returncode, 1)
        self.assertIn("netdevs[enp1s0f0np0].mtu", run.stdout)

    def test_value_that_could_not_be_read_is_exit_code_3(self):
        document = self.healthy_document()
        netdev = next(item for item in document["hosts"][0]["netdevs"] if item["name"] == "enp1s0f0np0")
        netdev["mtu"] = None
        netdev.setdefault("missing", {})["mtu"] = {"why": "permission"}
        run = probe("--root", HEALTHY, "--diff", self.write("other.json", json.dumps(document)))
        self.assertEqual(run.returncode, 3, run)
        self.assertIn("could not be compared", run.stdout)

    def test_json_of_a_comparison(self):
        run = probe("--root", FIXTURES / "gb10-mtu-1500", "--diff", self.document(), "--json")
        self.assertEqual(json.loads(run.stdout)["schema"], "rocekit/diff")


class Live(Case):
    def test_this_machine_ends_in_a_verdict(self):
        run = probe("--no-gpu")
        self.assertIn(run.returncode, (READY, DEGRADED, NOT_READY, UNKNOWN))
        self.assertEqual(run.stderr, "")
        self.assertRegex(run.stdout.splitlines()[-1], "READY|DEGRADED|UNKNOWN")

    def test_this_machine_saved_and_loaded_is_judged_the_same(self):
        target = self.folder / "here"
        live = probe("--no-gpu", "--save", target, "--json")
        saved = probe("--root", target, "--json")
        self.assertEqual(live.returncode, saved.returncode, saved.stderr)
        self.assertEqual(json.loads(live.stdout)["findings"], json.loads(saved.stdout)["findings"])


class ServingProcess(Case):
    """--pid and --container: a process of this machine in place of roce-probe itself."""

    def start(self, before=lambda: None, **environment):
        child = subprocess.Popen(["sleep", "300"], env={**os.environ, **environment}, preexec_fn=before)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child.pid

    def serving(self, pid, *arguments):
        run = probe("--no-gpu", "--pid", pid, "--json", *arguments)
        return json.loads(run.stdout)["hosts"][0]["serving"]

    def test_limits_and_settings_are_the_childs(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))

        pid = self.start(limit, NCCL_IB_HCA="=mlx5_7", VLLM_API_KEY="sk-secret", SOME_PASSWORD="hunter2")
        run = probe("--no-gpu", "--pid", pid, "--json")
        serving = json.loads(run.stdout)["hosts"][0]["serving"]
        self.assertEqual(serving["pid"], pid)
        self.assertEqual(serving["command"], "sleep")
        self.assertEqual(serving["process"]["memlock"], {"soft_bytes": 65536, "hard_bytes": 65536})
        self.assertEqual(serving["process"]["nccl_env"]["NCCL_IB_HCA"], "=mlx5_7")
        self.assertTrue(serving["same_network"])
        self.assertNotIn("sk-secret", run.stdout)
        self.assertNotIn("hunter2", run.stdout)
        self.assertIn(f"process {pid} (sleep)", probe("--no-gpu", "--pid", pid).stdout)

    def test_saved_node_is_judged_with_its_process_again(self):
        pid = self.start(NCCL_IB_HCA="=mlx5_7", VLLM_API_KEY="sk-secret")
        target = self.folder / "node"
        live = probe("--no-gpu", "--pid", pid, "--save", target, "--json")
        saved = probe("--root", target, "--json")
        self.assertEqual(json.loads(live.stdout)["findings"], json.loads(saved.stdout)["findings"])
        for path in target.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.assertNotIn(b"sk-secret", path.read_bytes(), path)

    def test_network_namespace_of_its_own(self):
        child = subprocess.Popen(["unshare", "-n", "sleep", "300"], stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        ours = os.readlink("/proc/self/ns/net")
        for _ in range(200):
            if child.poll() is not None:
                self.skipTest("unshare -n is not permitted here")
            if os.readlink(f"/proc/{child.pid}/ns/net") != ours:
                break
            time.sleep(0.02)
        serving = self.serving(child.pid)
        self.assertFalse(serving["same_network"])
        self.assertEqual([netdev["name"] for netdev in serving["netdevs"]], ["lo"])

    def test_process_that_cannot_be_read_is_unknown_and_never_ready(self):
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("needs root to become another user")
        shutil.copy(PROBE, self.folder / "roce-probe")
        self.folder.chmod(0o755)
        run = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                              self.folder / "roce-probe", "--no-gpu", "--pid", str(self.start()), "--check",
                              "SRV-001,ENV-001"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, UNKNOWN, run)
        self.assertIn("sudo roce-probe --pid", run.stdout)
        self.assertIn("environment", run.stdout)

    def test_processes_that_cannot_serve_are_refused(self):
        child = subprocess.Popen(["true"])
        self.addCleanup(child.wait)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.assert_sentence(probe("--pid", child.pid), "zombie")
        self.assert_sentence(probe("--pid", 4194304), "process 4194304 is not there")
        self.assert_sentence(probe("--pid", "x"), "--pid takes the number of a process")
        self.assert_sentence(probe("--pid", 0), "--pid takes the number of a process")
        self.assert_sentence(probe("--root", HEALTHY, "--pid", 4711), "process 4711 is not in this saved node")

    def test_wrong_combinations(self):
        self.assert_sentence(probe("--pid", 1, "--container", "a"), "--pid does not go with --container")
        self.assert_sentence(probe("--pid", 1, "--load", "x"), "--load does not go with --pid")
        self.assert_sentence(probe("--container", "a", "--root", "x"), "--container does not go with --root")
        self.assert_sentence(probe("--pid", 1, "--diff", "x"), "nodes are compared, not processes")

    def runtime(self, script):
        """A stand-in for podman, first in PATH, for answers that the real one gives rarely (test_containers.py has that)."""
        fake = self.folder / "podman"
        fake.write_text("#!/bin/sh\n" + script)
        fake.chmod(0o755)
        (self.folder / "docker").write_text("#!/bin/sh\necho no such object >&2; exit 1\n")
        (self.folder / "docker").chmod(0o755)
        return {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    def test_container_is_resolved_to_its_process(self):
        pid = self.start(NCCL_DEBUG="INFO")
        path = self.runtime(f'[ "$*" = "inspect --type container --format {{{{.State.Pid}}}} vllm" ] && echo {pid}\n')
        run = probe("--no-gpu", "--container", "vllm", "--json", env=path)
        self.assertEqual(json.loads(run.stdout)["hosts"][0]["serving"]["pid"], pid)

    def test_container_that_is_not_there_not_running_or_misnamed(self):
        self.assert_sentence(probe("--container", "vllm", env=self.runtime("echo no such container vllm >&2; exit 125\n")),
                             "no container vllm", "no such container vllm", "sudo")
        self.assert_sentence(probe("--container", "vllm", env=self.runtime("echo 0\n")), "vllm is not running")
        self.assert_sentence(probe("--container", "vllm", env=self.runtime("echo nonsense\n")), '"nonsense"')
        self.assert_sentence(probe("--container", "-f"), "container")

    @unittest.skipIf("ROCEKIT_EMULATED" in os.environ, "under qemu-user posix_spawn does not tell that there is no such program")
    def test_container_where_no_runtime_is_installed(self):
        self.assert_sentence(probe("--container", "vllm", env={"PATH": str(self.folder / "empty")}),
                             "neither podman nor docker")


class Watch(Case):
    def test_mistakes_are_told_before_anything_is_read(self):
        self.assert_sentence(probe("watch", "--interval", "5x"), "--interval takes a time from 100 ms to 3600 s")
        self.assert_sentence(probe("watch", "--interval", "1ms"), "from 100 ms")
        self.assert_sentence(probe("watch", "--count", "0"), "--count takes a number from 1")
        self.assert_sentence(probe("watch", "--root", HEALTHY), "--root")
        self.assert_sentence(probe("watch", "--pid", 4194304, "--count", 1), "process 4194304 is not there")

    def test_node_without_rdma_port_says_so(self):
        if Path("/sys/class/infiniband").is_dir() and any(Path("/sys/class/infiniband").iterdir()):
            self.skipTest("this machine has RDMA devices")
        self.assert_sentence(probe("watch", "--count", "1"), "no RDMA port of this node is ACTIVE")


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} does not exist: build roce-probe first")
    unittest.main()
