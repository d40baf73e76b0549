#!/usr/bin/env python3
"""Man pages and completions that the build writes: they hold every option of --help, read without warnings, and the
words that the shells offer are words that the tools take."""

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build"))
TOOLS = ("roce-probe", "roce-pingpong", "nccl-pattern", "roce-preflight")
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"]


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False, **more)


def help_of(tool):
    return run(BUILD / "bin" / tool, "--help").stdout


def options_of(tool):
    """Names of options that stand at the start of a line of --help."""
    names = set()
    for line in help_of(tool).splitlines():
        found = re.match(r" +((?:-\w, )?--[a-z][a-z-]*|-\w)", line)
        if found:
            names.update(found.group(1).split(", "))
    return names


def page(tool):
    return BUILD / "man" / f"{tool}.8"


def rendered(tool):
    """The page as man shows it, in a wide terminal and without bold type."""
    done = run("groff", "-man", "-Tutf8", "-P-c", "-rLL=200n", page(tool))
    return re.sub(r".\x08", "", done.stdout)


def complete(tool, line):
    """What bash offers at the end of `line`, by the script as it is sourced."""
    words = re.findall(r"[^\s=]+|=", line)
    if line.endswith(" ") or line.endswith("="):
        words += [""] if line.endswith(" ") else []
    quoted = " ".join(f"'{word}'" for word in words)
    function = "_" + tool.replace("-", "_")
    script = (f"source '{BUILD}/completions/bash/{tool}'; complete -p {tool} >/dev/null || exit 9;"
              f" COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); {function};"
              ' printf "%s\\n" "${COMPREPLY[@]}"')
    done = run("bash", "--norc", "-c", script, cwd=SOURCE)
    if done.returncode or done.stderr:
        raise AssertionError(f"{line}: {done.returncode} {done.stderr}")
    return done.stdout.split()


def value_words(tool):
    """Option -> words, of the fish script: there each option stands on a line."""
    words = {}
    for line in (BUILD / "completions" / "fish" / f"{tool}.fish").read_text().splitlines():
        found = re.search(r"-l ([a-z-]+) .*?-a '(?:\(__fish_append , )?([^'()]+)\)?'", line)
        if found and "ssh" not in found.group(2):
            words["--" + found.group(1)] = found.group(2).split()
    return words


class Help(unittest.TestCase):
    def test_begins_with_three_examples_of_which_each_names_the_tool(self):
        for tool in TOOLS:
            lines = help_of(tool).splitlines()
            self.assertTrue(all(line.startswith("  ") and tool in line for line in lines[:3]), lines[:3])
            self.assertEqual(lines[3], "", tool)
            self.assertLessEqual(max(map(len, lines)), 120, tool)

    def test_a_command_explains_its_own_options(self):
        text = run(BUILD / "bin" / "roce-probe", "env", "--help").stdout
        self.assertTrue(text.startswith("Usage: roce-probe env [OPTIONS]\n"), text)
        self.assertIn("--no-comments", text)
        self.assertNotIn("--interval", text)


class Version(unittest.TestCase):
    def test_names_build_and_libraries_in_every_tool_alike(self):
        texts = {tool: run(BUILD / "bin" / tool, "--version") for tool in TOOLS}
        for tool, done in texts.items():
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, rf"^{tool} \d+\.\d+\.\d+ \(commit (?:[0-9a-f]+|unknown)\)\n")
            for line in ("built as ", "libibverbs ", "libnccl ", "libcuda ", "MPI module ", "MPI collectives "):
                self.assertIn("\n" + line, done.stdout)
        bodies = {done.stdout.split(" ", 1)[1] for done in texts.values()}
        self.assertEqual(len(bodies), 1, bodies)

    def test_does_not_fail_where_libraries_are_missing_or_broken(self):
        broken = {**os.environ, "VLLM_NCCL_SO_PATH": "/nonexistent/libnccl.so", "ROCEKIT_MPI_MODULE": str(SOURCE / "README.md"),
                  "ROCEKIT_MPI_COLLECTIVES_MODULE": "/nonexistent/m.so", "LD_LIBRARY_PATH": "/nonexistent"}
        done = run(BUILD / "bin" / "roce-probe", "--version", env=broken)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("libnccl         none: VLLM_NCCL_SO_PATH=/nonexistent/libnccl.so", done.stdout)
        self.assertRegex(done.stdout, r"MPI module +\S+README.md cannot be loaded: ")


class ManPages(unittest.TestCase):
    def setUp(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")

    def test_have_the_usual_sections_in_their_order(self):
        for tool in TOOLS:
            sections = [line[4:].strip() for line in page(tool).read_text().splitlines() if line.startswith(".SH ")]
            self.assertEqual([name for name in sections if name != "COMMANDS"], SECTIONS, tool)

    def test_hold_every_option_of_help(self):
        for tool in TOOLS:
            shown = rendered(tool)
            names = options_of(tool)
            self.assertGreater(len(names), 15, tool)
            for name in names:
                self.assertRegex(shown, rf"(?m)^ +(?:-\w, )?{re.escape(name)}(?=[ ,\[]|$)", f"{tool} {name}")

    def test_are_read_without_warnings(self):
        for tool in TOOLS:
            self.assertEqual(run("groff", "-man", "-ww", "-Tutf8", "-z", page(tool)).stderr, "")
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed: groff alone has read the pages")
        for tool in TOOLS:
            done = run("mandoc", "-Tlint", "-Wstyle", page(tool))
            self.assertEqual(done.stdout + done.stderr, "", tool)


class BashCompletion(unittest.TestCase):
    def test_offers_every_option(self):
        for tool in TOOLS:
            offered = set(complete(tool, f"{tool} -"))
            own = options_of(tool) - {"--for", "--no-comments", "--interval", "--count", "--duration"}
            missing = (own if tool == "roce-probe" else options_of(tool)) - offered
            self.assertEqual(missing, set(), tool)

    def test_offers_the_words_of_options(self):
        self.assertEqual(complete("roce-pingpong", "roce-pingpong --op w"), ["write", "write-imm"])
        self.assertEqual(complete("roce-pingpong", "roce-pingpong --op=w"), ["write", "write-imm"])
        self.assertEqual(complete("roce-pingpong", "roce-pingpong --transport rc,t"), ["rc,tcp"])
        self.assertIn("minimax-m2.5", complete("nccl-pattern", "nccl-pattern --model mini"))
        self.assertIn("allreduce", complete("nccl-pattern", "nccl-pattern --mode all"))
        self.assertEqual(complete("roce-preflight", "roce-preflight --exit-style "), ["levels", "k8s"])
        self.assertEqual(complete("roce-preflight", "roce-preflight --via "), ["ssh"])

    def test_offers_files_and_directories(self):
        self.assertEqual(complete("roce-probe", "roce-probe --load CHANGE"), ["CHANGELOG.md"])
        self.assertEqual(complete("roce-probe", "roce-probe --json=CHANGE"), ["CHANGELOG.md"])
        self.assertEqual(complete("roce-probe", "roce-probe --root exam"), ["examples"])

    def test_offers_commands_and_what_they_take(self):
        self.assertEqual(complete("roce-probe", "roce-probe e"), ["explain", "env"])
        self.assertEqual(complete("roce-probe", "roce-probe explain ROCE-MTU-00"),
                         ["ROCE-MTU-001", "ROCE-MTU-002", "ROCE-MTU-003"])
        self.assertIn("--for", complete("roce-probe", "roce-probe env --f"))
        self.assertIn("netplan", complete("roce-probe", "roce-probe env --for "))
        self.assertEqual(complete("nccl-pattern", "nccl-pattern pre"), ["predict"])


class Words(unittest.TestCase):
    def test_that_are_offered_are_taken(self):
        for tool in TOOLS:
            words = value_words(tool)
            self.assertGreater(len(words), 3, tool)
            for option, values in words.items():
                for value in values[:3]:
                    base = {"roce-probe": ["--root", SOURCE / "tests/fixtures/gb10-healthy"],
                            "nccl-pattern": [] if option == "--mode" else ["--mode", "ep2"]}.get(tool, [])
                    if option == "--dtype":
                        base = ["--mode", "allreduce"]
                    if option == "--for":
                        base = ["env", *base]
                    # Without other ranks nothing starts; the values have been read by then.
                    done = run(BUILD / "bin" / tool, *base, option, value)
                    self.assertNotIn(f'not "{value}"', done.stderr)
                    self.assertNotIn("there is no check", done.stderr)


class OtherShells(unittest.TestCase):
    def test_read_their_scripts(self):
        scripts = {"zsh": [BUILD / "completions" / "zsh" / f"_{tool}" for tool in TOOLS],
                   "fish": [BUILD / "completions" / "fish" / f"{tool}.fish" for tool in TOOLS],
                   "bash": [BUILD / "completions" / "bash" / tool for tool in TOOLS]}
        missing = []
        for shell, files in scripts.items():
            if not shutil.which(shell):
                missing.append(shell)
                continue
            for file in files:
                done = run(shell, "-n", file)
                self.assertEqual((done.returncode, done.stderr), (0, ""), file)
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")

    def test_fish_offers_the_words(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed")
        script = BUILD / "completions" / "fish" / "roce-pingpong.fish"
        done = run("fish", "--no-config", "-c", f"source {script}; complete -C 'roce-pingpong --op w'")
        self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()], ["write", "write-imm"])


if __name__ == "__main__":
    if not (BUILD / "man").is_dir():
        sys.exit(f"{BUILD}/man does not exist: build the target manuals first")
    unittest.main()
