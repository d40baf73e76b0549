"""Commands in nodes, seen from the terminal: streams, exit codes, signals, deadlines."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import sys
import termios
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import frames
from .errors import LabError
from .nodefiles import command_environment
from .state import CHECKOUT, Lab, in_checkout
from .topology import LAN

EXIT_TIMEOUT = 124
EXIT_LAB = 3
# How long a command may take to end after the signal that ends roce-lab itself.
SIGNAL_GRACE_S = 3.0

Sink = Callable[[int, bytes], None]


class OutputClosed(Exception):
    """Whoever read our output has gone (`roce-lab run ... | head`)."""


def write_through(stream: int, data: bytes) -> None:
    """The command's stdout and stderr are ours."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(stream, view) :]
        except BrokenPipeError as error:
            raise OutputClosed from error
        except BlockingIOError:
            # Someone made the terminal or pipe non-blocking.
            time.sleep(0.01)


@dataclass
class Command:
    """One command on one node."""

    node: int
    argv: list[str]
    sink: Sink = write_through
    tty: bool = False
    code: int | None = None
    channel: frames.Channel | None = field(default=None, repr=False)
    connection: socket.socket | None = field(default=None, repr=False)

    def start(self, lab: Lab) -> None:
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.connection.connect(str(lab.state.control))
        except OSError as error:
            raise LabError("the lab does not answer; end it with `roce-lab down`") from error
        self.channel = frames.Channel(self.connection.fileno())
        environment = command_environment(self.node, lab.topology, lab.build)
        request = {"argv": self.argv, "cwd": _working_directory(lab), "env": environment, "tty": self.tty}
        if self.tty:
            request["rows"], request["columns"] = _terminal_size()
            environment |= {"TERM": os.environ.get("TERM", "dumb"), "PS1": r"\u@\h:\w\$ "}
        self.send(frames.OPEN, json.dumps({"node": self.node}).encode())
        self.send(frames.START, json.dumps(request).encode())

    def send(self, kind: int, payload: bytes = b"") -> None:
        assert self.channel
        if self.code is None:
            self.channel.send(0, kind, payload)

    def serve(self) -> int:
        """Handles what came from the node; returns how many bytes of standard input it has consumed."""
        assert self.channel
        consumed = 0
        try:
            arrived = self.channel.receive()
        except frames.ChannelClosed:
            arrived = [(0, frames.LOST, b"the lab has stopped")]
        for _, kind, payload in arrived:
            if kind in (frames.STDOUT, frames.STDERR):
                self.sink(1 if kind == frames.STDOUT else 2, payload)
                self.send(frames.CREDIT, frames.pack_u32(len(payload)))
            elif kind == frames.CREDIT:
                consumed += frames.unpack_u32(payload)
            elif kind == frames.EXIT:
                self.code = json.loads(payload)["code"]
            elif kind == frames.LOST:
                self.sink(2, f"roce-lab: {payload.decode(errors='replace')}\n".encode())
                self.code = EXIT_LAB
        return consumed

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None


class Runner:
    """Runs commands at the same time until all have ended. Closing a command's connection kills what is left of it."""

    def __init__(self, commands: list[Command], timeout_s: float | None, forward_stdin: bool) -> None:
        self.commands = commands
        self.deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.timeout_s = timeout_s
        self.stdin_open = forward_stdin
        self.stdin_credit = frames.WINDOW
        self.interrupts = 0
        self.ending: int | None = None  # the signal that ends us once the commands have ended
        self.on_exit: Callable[[Command], None] = lambda command: None

    def run(self, lab: Lab) -> int:
        """Highest exit code of the commands, or the code of what ended them."""
        wake, wake_write = os.pipe()
        for fd in (wake, wake_write):
            os.set_blocking(fd, False)
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH]
        previous = {number: signal.signal(number, lambda number, frame: None) for number in numbers}
        previous_fd = signal.set_wakeup_fd(wake_write)
        try:
            for command in self.commands:
                command.start(lab)
            return self._loop(wake)
        except frames.ChannelClosed as error:
            raise LabError("the lab has stopped") from error
        except OutputClosed:
            return 128 + signal.SIGPIPE
        finally:
            for command in self.commands:
                command.close()
            signal.set_wakeup_fd(previous_fd)
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(wake)
            os.close(wake_write)

    def _loop(self, wake: int) -> int:
        while any(command.code is None for command in self.commands):
            with selectors.PollSelector() as selector:  # epoll refuses regular files, which stdin may be
                selector.register(wake, selectors.EVENT_READ)
                for command in self.commands:
                    if command.code is None:
                        selector.register(command.channel, selectors.EVENT_READ, command)
                if self.stdin_open and self.stdin_credit > 0:
                    selector.register(0, selectors.EVENT_READ)
                timeout = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
                ready = selector.select(timeout)
            for key, _ in ready:
                if key.fileobj == wake:
                    for number in os.read(wake, 64):
                        self._take_signal(number)
                elif key.fileobj == 0:
                    self._forward_stdin()
                else:
                    self._serve(key.data)
            if self.deadline is not None and time.monotonic() >= self.deadline:
                return self._deadline_passed()
            if self.interrupts > 1:
                return 128 + signal.SIGINT
        if self.ending is not None:
            return 128 + self.ending
        return max(command.code or 0 for command in self.commands)

    def _serve(self, command: Command) -> None:
        self.stdin_credit += command.serve()
        if command.code is not None:
            self.on_exit(command)

    def _forward_stdin(self) -> None:
        try:
            data = os.read(0, min(frames.MAX_PAYLOAD, self.stdin_credit))
        except OSError:  # a terminal that hung up
            data = b""
        self.stdin_open = bool(data)
        self.stdin_credit -= len(data)
        for command in self.commands:
            command.send(frames.STDIN, data)

    def _take_signal(self, number: int) -> None:
        if number == signal.SIGWINCH:
            for command in self.commands:
                if command.tty:
                    command.send(frames.RESIZE, struct.pack("<HH", *_terminal_size()))
            return
        # The first Ctrl-C is the command's to handle, the second ends it.
        if number == signal.SIGINT:
            self.interrupts += 1
        elif self.ending is None:
            self.ending = number
            limit = time.monotonic() + SIGNAL_GRACE_S
            self.deadline = limit if self.deadline is None else min(self.deadline, limit)
        for command in self.commands:
            command.send(frames.SIGNAL, frames.pack_u32(number))

    def _deadline_passed(self) -> int:
        if self.ending is not None:
            return 128 + self.ending
        slow = ", ".join(f"node {command.node}" for command in self.commands if command.code is None)
        write_through(2, f"roce-lab: the command on {slow} did not end within {self.timeout_s:g} s\n".encode())
        return EXIT_TIMEOUT


def run_one(lab: Lab, node: int, argv: list[str], timeout_s: float | None) -> int:
    return Runner([Command(node, argv)], timeout_s, forward_stdin=True).run(lab)


def run_all(lab: Lab, argv: list[str], timeout_s: float | None) -> int:
    """The command on every node at once; each node's output under one header, in the order of the nodes."""
    chunks: dict[int, list[tuple[int, bytes]]] = {node: [] for node in range(1, lab.topology.nodes + 1)}
    commands = [
        Command(node, argv, sink=lambda stream, data, kept=kept: kept.append((stream, data)))
        for node, kept in chunks.items()
    ]
    shown: set[int] = set()

    def show(command: Command) -> None:
        code = "" if command.code is None else f" (exit {command.code})"
        write_through(1, f"=== node{command.node}{code}\n".encode())
        for stream, data in chunks[command.node]:
            write_through(stream, data)
        shown.add(command.node)

    def show_next(_: Command) -> None:
        for command in commands:
            if command.node not in shown:
                if command.code is None:
                    return
                show(command)

    runner = Runner(commands, timeout_s, forward_stdin=False)
    runner.on_exit = show_next
    code = runner.run(lab)
    for command in commands:
        if command.node not in shown:
            show(command)
    return code


def run_mpi(lab: Lab, argv: list[str], timeout_s: float | None, over_lan: bool = False) -> int:
    """One rank a node, started from node 1. `over_lan`: MPI's own traffic leaves the fabric alone."""
    hosts = ",".join(name + ("-lan" if over_lan else "") for name in lab.topology.hostnames())
    mpirun = ["mpirun", "-np", str(lab.topology.nodes), "-H", hosts, "--map-by", "node", "-x", "PATH"]
    if over_lan:
        for parameter in ("oob_tcp_if_include", "btl_tcp_if_include"):
            mpirun += ["--mca", parameter, LAN.netdev]
    return run_one(lab, 1, [*mpirun, *argv], timeout_s)


def run_shell(lab: Lab, node: int) -> int:
    # The host user's start files may put other tools first in PATH, and can take long under emulation.
    shell = ["/bin/bash", "--norc"]
    if not sys.stdin.isatty():
        return run_one(lab, node, shell, None)
    saved = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        return Runner([Command(node, [*shell, "-i"], tty=True)], None, forward_stdin=True).run(lab)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


def _terminal_size() -> tuple[int, int]:
    try:
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return 24, 80
    return rows or 24, columns or 80


def _working_directory(lab: Lab) -> str:
    """The caller's directory where the nodes have the same one for certain."""
    here = Path.cwd()
    return str(here if in_checkout(here) or lab.build in (here, *here.parents) else CHECKOUT)
