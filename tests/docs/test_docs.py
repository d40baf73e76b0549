#!/usr/bin/env python3
"""What README.md and docs say is so: links and anchors lead somewhere, options exist, commands that can run here run, and
what a console shows is what the command prints.

    test_docs.py [Fast|Long]     Long: the commands that take a lab or longer than some seconds
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import documents  # noqa: E402
from documents import SOURCE, TOOLS  # noqa: E402

BUILD = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build"))

# Commands that do not run in a test, by what they need.
NOT_HERE = (
    (r"^(mpirun|srun)\b|--listen|--join|--via", "another node"),
    (r"\bsudo\b|/etc/|^(apt|apt-get|ip|netplan|ping)\b|^packaging/|^tests/packaging", "root, or a network to change"),
    (r"^(podman|docker)\b|--container", "a container"),
    (r"^(?!.*--root).*--pid", "a process that serves"),
    (r"^(\./\w+|cmake|ctest|git|cd|source|eval)\b|^build[\w-]*/bench", "builds, or is of the user's shell"),
    (r"^tests/(gpu|bench|speed|lab)", "hardware, or an idle machine"),
    (r"\bwatch\b(?!.*--count)", "does not end"),
    (r"--save\b|\bnode\.json|\bother\.json|\bl\.csv|\bconfig\.json", "a file of the user's"),
    (r"\b(FILE|DIR|NAME|PID|TOKEN|IMAGE|ID|CONSUMER|NODE2|VERSION)\b|\.\.\.", "a word to replace"),
)
# Commands that take longer than a moment.
LONG = ((r"^lab/roce-lab", "lab"), (r"--local", "measures for some seconds"))
# Scripts of this repository whose options documents name; what they take stands in their Python.
SCRIPTS = ("lab/roce-lab", "tests/bench/against-peers", "tests/gpu/against-nccl-tests", "tests/schema/validate.py",
           "tests/lab/faults")
OF_A_LAB_THAT_IS_UP = r"^lab/roce-lab (up|down|status|shell)\b"
# Options of other programs: where a line begins with one, and where an option is named alone.
OTHER_PROGRAMS = r"^(sudo )?(dpkg|podman|docker|cmake|ctest|kubectl|git|apt|man|systemctl|vllm|\./(check|quickstart))\b"
OTHERS = {"--device", "--env-file", "--enable-expert-parallel", "--no-install"}


def reason(command: str, table: tuple) -> str | None:
    return next((why for pattern, why in table if re.search(pattern, command)), None)


def options_of(tool: str) -> set[str]:
    """Of --help, commands included, as the table of options has them."""
    text = subprocess.run([BUILD / "bin" / tool, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) | {"--list-checks"}


class Checkout:
    """A folder in which the commands of the documents find what they name, and leave nothing behind in the checkout."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rocekit-docs-"))
        for name in ("docs", "tests", "lab", "examples", "README.md"):
            (self.folder / name).symlink_to(SOURCE / name)
        (self.folder / "build").symlink_to(BUILD)
        self.environment = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}", "MANWIDTH": "100", "COLUMNS": "100"}
        self.environment.pop("ROCEKIT_BUILD_DIR", None)

    def run(self, command: str, timeout: int) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, check=False)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def commands() -> list[tuple[str, str]]:
    return [(fence.place, command) for file in documents.documents() for fence in documents.fences_of(file)
            for command in fence.commands()]


class Fast(unittest.TestCase):
    def test_links_and_anchors_lead_somewhere(self):
        count = 0
        for file in documents.documents():
            for link in documents.links_of(file):
                if re.match(r"[a-z]+:", link):
                    continue
                count += 1
                path, _, anchor = link.partition("#")
                target = (file.parent / path).resolve() if path else file
                self.assertTrue(target.exists(), f"{file.name}: {link}")
                if anchor:
                    self.assertIn(anchor, documents.anchors_of(target), f"{file.name}: {link}")
        self.assertGreater(count, 30)

    def test_every_document_is_in_the_index(self):
        index = set(documents.links_of(SOURCE / "docs" / "README.md"))
        for file in (SOURCE / "docs").glob("*.md"):
            if file.name != "README.md":
                self.assertIn(file.name, index)

    def test_files_that_are_named_exist(self):
        named = re.compile(r"^(?:core|probes|verbs|collectives|tools|tests|docs|lab|packaging|examples|cmake)/[\w./-]+$")
        for file in documents.documents():
            for span in documents.spans_of(file):
                if named.match(span):
                    self.assertTrue((SOURCE / span.rstrip("/")).exists(), f"{file.name}: {span}")

    def test_options_that_are_named_exist(self):
        options = {tool: options_of(tool) for tool in TOOLS}
        every = set().union(*options.values())
        for script in SCRIPTS:
            for path in [SOURCE / script, *(SOURCE / script).parent.glob("*/*.py")]:
                every |= set(re.findall(r'add_argument\([^)]*?"(--[a-z][a-z-]*)"', path.read_text(errors="replace")))
        checked = 0
        for file in documents.documents():
            texts = documents.spans_of(file) + [command for fence in documents.fences_of(file) for command in fence.commands()]
            for text in texts:
                words = re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)
                if re.match(OTHER_PROGRAMS, text):
                    continue
                tool = re.match(r"^(?:\S*/)?(" + "|".join(TOOLS) + r")\b(?!.*[|;&$])", text)
                benchmark = re.match(r"^build/bench/(\w+)", text)
                for word in words:
                    known = options[tool.group(1)] if tool else every | OTHERS
                    if benchmark:
                        source = (SOURCE / "tests" / "bench" / f"{benchmark.group(1)}.cpp").read_text(encoding="utf-8")
                        known = set(re.findall(r'"(--[a-z][a-z-]*)"', source))
                    checked += 1
                    self.assertIn(word, known, f"{file.name}: {text}")
        self.assertGreater(checked, 100)

    def test_commands_run(self):
        checkout = Checkout()
        self.addCleanup(checkout.remove)
        ran = 0
        for place, command in commands():
            if reason(command, NOT_HERE) or reason(command, LONG):
                continue
            if command.startswith("man ") and not shutil.which("man"):
                continue
            done = checkout.run(command, timeout=60)
            # 0 to 2 are verdicts; 3 is what a machine without RDMA says of itself.
            self.assertIn(done.returncode, (0, 1, 2, 3), f"{place}: {command}\n{done.stderr}")
            for words in ("--help lists what there is", "command not found", "No such file"):
                self.assertNotIn(words, done.stderr, f"{place}: {command}")
            if done.returncode:
                self.assertNotEqual(done.stdout.strip() + done.stderr.strip(), "", f"{place}: {command}")
            ran += 1
        self.assertGreater(ran, 10)

    def test_consoles_show_what_the_commands_print(self):
        checkout = Checkout()
        self.addCleanup(checkout.remove)
        shown = 0
        for file in documents.documents():
            for fence in documents.fences_of(file):
                for command, lines in fence.dialogue() if fence.is_console else []:
                    if reason(command, NOT_HERE) or reason(command, LONG):
                        continue
                    printed = [line.rstrip() for line in checkout.run(command, timeout=60).stdout.splitlines()]
                    at = 0
                    for line in lines:
                        if line.strip() in ("...", ""):
                            continue
                        self.assertIn(line.rstrip(), printed[at:], f"{fence.place}: {command} does not print this (there)")
                        at = printed.index(line.rstrip(), at) + 1
                        shown += 1
        self.assertGreater(shown, 20)


class Long(unittest.TestCase):
    def test_commands_run(self):
        checkout = Checkout()
        self.addCleanup(checkout.remove)
        lab = shutil.which("qemu-system-x86_64") is not None
        skipped, ran = [], 0
        for place, command in commands():
            why = reason(command, LONG)
            if not why or (reason(command, NOT_HERE) and why != "lab") or re.search(OF_A_LAB_THAT_IS_UP, command):
                continue
            built = re.search(r"--build (\S+)", command)
            if why == "lab" and not (lab and (built is None or (SOURCE / built.group(1)).is_dir())):
                skipped.append(command)
                continue
            done = checkout.run(command, timeout=400)
            self.assertIn(done.returncode, (0, 1, 2, 3), f"{place}: {command}\n{done.stdout}{done.stderr}")
            for words in ("--help lists what there is", "command not found", "No such file", "usage: "):
                self.assertNotIn(words, done.stderr, f"{place}: {command}")
            ran += 1
        self.assertGreater(ran, 0)
        if skipped:
            self.skipTest(f"QEMU, or the build that they take, is not here: {'; '.join(skipped)}")


if __name__ == "__main__":
    if not (BUILD / "bin" / "roce-preflight").exists():
        sys.exit(f"{BUILD}/bin/roce-preflight does not exist: build the tools first")
    unittest.main()
