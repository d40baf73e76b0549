"""Markdown as these tests look at it: links, anchors, fences, and the commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
TOOLS = ("roce-probe", "roce-pingpong", "nccl-pattern", "roce-preflight")
# What a line of commands begins with.
PROGRAMS = (*TOOLS, "mpirun", "srun", "sudo", "apt", "apt-get", "cmake", "ctest", "man", "podman", "docker", "git", "cd", "ip",
            "netplan", "source", "eval", "ping")
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:build[\w-]*/(?:bin|bench)/\S+|lab/\S+|tests/\S+|packaging/\S+|\./\w+|"
                     + "|".join(map(re.escape, PROGRAMS)) + r")(?= |$|;)")


@dataclass
class Fence:
    """A fenced block."""
    file: Path
    line: int
    info: str
    lines: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(SOURCE)}:{self.line}"

    @property
    def is_console(self) -> bool:
        """Commands behind "$ ", and what they print."""
        return any(line.startswith("$ ") for line in self.lines)

    def commands(self) -> list[str]:
        """Command lines, without the words that explain them; lines that end in a backslash are joined."""
        lines = "\n".join(self.lines).replace("\\\n", " ").split("\n")
        if self.is_console:
            return [line[2:] for line in lines if line.startswith("$ ")]
        words = [line for line in lines if line.strip() and not line.startswith("#")]
        if self.info not in ("", "sh", "bash") or not words or not COMMAND.match(words[0]):
            return []
        return [re.sub(r"\s+#\s.*$", "", line).strip() for line in words if COMMAND.match(line)]

    def dialogue(self) -> list[tuple[str, list[str]]]:
        """Of a console: each command with the lines that are shown of its output."""
        parts: list[tuple[str, list[str]]] = []
        for line in self.lines:
            if line.startswith("$ "):
                parts.append((line[2:], []))
            elif parts:
                parts[-1][1].append(line)
        return parts


def documents() -> list[Path]:
    """What people read; the pages of checks are generated, and held to the checks by another test."""
    return sorted([*SOURCE.glob("*.md"), *(SOURCE / "docs").glob("*.md"), *(SOURCE / "docs" / "schema").glob("*.md"),
                   SOURCE / "docs" / "checks" / "README.md", SOURCE / "lab" / "README.md", SOURCE / "examples" / "README.md",
                   SOURCE / "packaging" / "README.md"])


def fences_of(file: Path) -> list[Fence]:
    fences: list[Fence] = []
    current: Fence | None = None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r"^\s*```(.*)$", line)
        if found and current is None:
            current = Fence(file, number, found.group(1).strip())
        elif found and current is not None:
            fences.append(current)
            current = None
        elif current is not None:
            current.lines.append(line)
    return fences


def prose_of(file: Path) -> str:
    """The text without its fences."""
    return re.sub(r"(?ms)^\s*```.*?^\s*```\s*$", "", file.read_text(encoding="utf-8"))


def links_of(file: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose_of(file)))


def anchors_of(file: Path) -> set[str]:
    """As GitHub makes them of titles: lower case, blanks to hyphens, other signs gone."""
    anchors = set()
    for title in re.findall(r"(?m)^#+ +(.*)$", prose_of(file)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").lower()
        anchors.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return anchors


def spans_of(file: Path) -> list[str]:
    """Words in code type within the prose."""
    return re.findall(r"`([^`\n]+)`", prose_of(file))
