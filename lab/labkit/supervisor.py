"""The process that owns a lab: starts the virtual machines and the switch, relays commands to the nodes, cleans up.

Started by `launch.py` as `supervisor.py STATE_DIRECTORY LOCK_FD` in a session of its own, so that a terminal's
Ctrl-C does not reach it. Standard input is its lifeline: when it closes, whoever launched the lab is gone and the
lab ends, unless a `detach` line came first. Progress goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from labkit import frames, processes  # noqa: E402
from labkit.qemu import wire_arguments  # noqa: E402
from labkit.state import StateDirectory  # noqa: E402
from labkit.topology import Topology  # noqa: E402

HUB = Path(__file__).resolve().parent / "hub.py"
CONSOLE_TAIL_LINES = 15


@dataclass
class Node:
    number: int
    process: subprocess.Popen[bytes]
    channel: frames.Channel
    ready: bool = False
    lost: bool = False


class Client:
    """A connection from roce-lab: one session on one node."""

    def __init__(self, connection: socket.socket, session: int) -> None:
        self.connection = connection
        self.channel = frames.Channel(connection.fileno())
        self.session = session
        self.node: Node | None = None
        self.finished = False


class LabFailed(Exception):
    """The lab cannot become ready; the text goes to the launcher."""


class LabEnded(Exception):
    """Someone asked the lab to end, or nobody needs it any more."""


class Supervisor:
    def __init__(self, state: StateDirectory) -> None:
        self.state = state
        self.plan: dict[str, Any] = state.read_json("plan.json")
        self.topology = Topology(**self.plan["topology"])
        self.started = time.monotonic()
        self.nodes: list[Node] = []
        self.hub: subprocess.Popen[bytes] | None = None
        self.clients: dict[int, Client] = {}
        self.next_session = 1
        self.detached = False
        self.ready = False
        self.selector = selectors.DefaultSelector()

    # -- start and end

    def run(self) -> None:
        self._start()
        deadline = self.started + self.plan["boot_timeout_s"]
        while True:
            timeout = None if self.ready else deadline - time.monotonic()
            if timeout is not None and timeout <= 0:
                slow = ", ".join(f"node {node.number}" for node in self.nodes if not node.ready)
                raise LabFailed(f"{slow} did not become ready within {self.plan['boot_timeout_s']:.0f} s")
            for key, events in self.selector.select(timeout):
                key.data(events)
            self._update_interest()

    def _start(self) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.state.control))
        listener.listen(16)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, lambda events: self._accept(listener))
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, lambda events: self._read_lifeline())

        # One socket pair a node and segment: the node's end goes to its QEMU, the other to the switch.
        nodes = self.plan["nodes"]
        wires = [[socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in nodes] for _ in self.topology.segments]
        hub_fds = [[ours.fileno() for ours, _ in segment] for segment in wires]
        arguments = [",".join(map(str, fds)) for fds in hub_fds]
        self.hub = processes.spawn([sys.executable, "-S", "-E", str(HUB), *arguments], self.state.log, sum(hub_fds, []))
        for index, node in enumerate(nodes):
            self._start_node(node, [segment[index][1] for segment in wires])
        for segment in wires:
            for ours, theirs in segment:
                ours.close()
                theirs.close()

    def _start_node(self, plan: dict[str, Any], nics: list[socket.socket]) -> None:
        ours, theirs = socket.socketpair()
        number = plan["number"]
        nic_fds = [nic.fileno() for nic in nics]
        command = plan["command"] + wire_arguments(self.topology, number, theirs.fileno(), nic_fds)
        process = processes.spawn(command, self.state.console(number), [theirs.fileno(), *nic_fds])
        theirs.close()
        node = Node(number, process, frames.Channel(ours.detach()))
        self.nodes.append(node)
        self.selector.register(node.channel, selectors.EVENT_READ, lambda events: self._serve_node(node, events))

    def tear_down(self) -> None:
        children = [node.process for node in self.nodes] + ([self.hub] if self.hub else [])
        for child in children:
            child.kill()
        for child in children:
            child.wait()
        self.state.remove()

    def console_tail(self) -> list[str]:
        lines = []
        for node in self.nodes:
            if not node.ready or node.lost:
                text = self.state.console(node.number).read_text(errors="replace")
                tail = [line.rstrip() for line in text.splitlines() if line.strip()][-CONSOLE_TAIL_LINES:]
                lines += [f"node {node.number} console: {line}" for line in tail]
        return lines

    # -- the launcher

    def report(self, **message: Any) -> None:
        try:
            os.write(1, json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # an `up` that has ended reads no more

    def _read_lifeline(self) -> None:
        data = os.read(0, 64)
        if b"detach" in data:
            self.detached = True
        if not data:
            if not self.detached:
                raise LabEnded
            self.selector.unregister(0)

    # -- nodes

    def _serve_node(self, node: Node, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                node.channel.flush()
            if events & selectors.EVENT_READ:
                for session, kind, payload in node.channel.receive():
                    self._from_node(node, session, kind, payload)
        except frames.ChannelClosed:
            self._lose(node)

    def _from_node(self, node: Node, session: int, kind: int, payload: bytes) -> None:
        if kind == frames.READY:
            node.ready = True
            if all(peer.ready for peer in self.nodes):
                self._become_ready()
        elif kind == frames.FAILED:
            raise LabFailed(f"node {node.number}: {payload.decode(errors='replace')}")
        elif session in self.clients:
            client = self.clients[session]
            client.finished |= kind in (frames.EXIT, frames.LOST)
            self._to_client(client, kind, payload)

    def _become_ready(self) -> None:
        self.ready = True
        seconds = time.monotonic() - self.started
        pids = {str(node.number): node.process.pid for node in self.nodes}
        self.state.write_json(
            "lab.json",
            {
                "topology": self.plan["topology"],
                "build": self.plan["build"],
                "accel": self.plan["accel"],
                "kernel": self.plan["kernel"],
                "ready_s": round(seconds, 1),
                "supervisor": {"pid": os.getpid(), "started": processes.start_time(os.getpid())},
                "qemu": pids,
            },
        )
        self.report(ready=seconds)

    def _lose(self, node: Node) -> None:
        """A node that ended takes its sessions with it; the lab goes on, for that is a fault worth testing."""
        if node.lost:
            return
        node.lost = True
        self.selector.unregister(node.channel)
        os.close(node.channel.fd)
        if not self.ready:
            raise LabFailed(f"node {node.number} stopped while booting")
        for client in list(self.clients.values()):
            if client.node is node:
                self._to_client(client, frames.LOST, f"node {node.number} has stopped".encode())
        if all(peer.lost for peer in self.nodes):
            raise LabEnded

    # -- clients

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        client = Client(connection, self.next_session)
        self.next_session += 1
        self.clients[client.session] = client
        self.selector.register(client.channel, selectors.EVENT_READ, lambda events: self._serve_client(client, events))

    def _serve_client(self, client: Client, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                client.channel.flush()
            if events & selectors.EVENT_READ:
                for _, kind, payload in client.channel.receive():
                    self._from_client(client, kind, payload)
        except frames.ChannelClosed:
            self._forget(client)

    def _from_client(self, client: Client, kind: int, payload: bytes) -> None:
        if kind == frames.STOP:
            raise LabEnded
        if kind == frames.OPEN:
            client.node = self.nodes[json.loads(payload)["node"] - 1]
        if client.node is None or client.node.lost:
            self._to_client(client, frames.LOST, b"the node has stopped")
        elif kind != frames.OPEN:
            self._to_node(client.node, client.session, kind, payload)

    def _to_client(self, client: Client, kind: int, payload: bytes) -> None:
        try:
            client.channel.send(0, kind, payload)
        except frames.ChannelClosed:
            self._forget(client)

    def _forget(self, client: Client) -> None:
        if self.clients.pop(client.session, None) is None:
            return
        self.selector.unregister(client.channel)
        client.connection.close()
        # A client that vanishes leaves nothing running in the node.
        if client.node and not client.node.lost and not client.finished:
            self._to_node(client.node, client.session, frames.KILL)

    def _to_node(self, node: Node, session: int, kind: int, payload: bytes = b"") -> None:
        try:
            node.channel.send(session, kind, payload)
        except frames.ChannelClosed:
            self._lose(node)

    def _update_interest(self) -> None:
        """Asks to be woken for writing exactly where something waits to be written."""
        channels = [node.channel for node in self.nodes if not node.lost]
        channels += [client.channel for client in self.clients.values()]
        for channel in channels:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.wants_write() else 0)
            key = self.selector.get_key(channel)
            if key.events != wanted:
                self.selector.modify(channel, wanted, key.data)


def main() -> None:
    state = StateDirectory(Path(sys.argv[1]))

    def end(number: int, frame: object) -> None:
        raise LabEnded

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    supervisor = Supervisor(state)
    failure: dict[str, Any] = {"failed": "the lab was stopped"}
    try:
        supervisor.run()
    except LabEnded:
        pass
    except LabFailed as error:
        failure = {"failed": str(error), "console": supervisor.console_tail()}
    except Exception as error:
        failure = {"failed": f"the lab's supervisor failed: {type(error).__name__}: {error}"}
    finally:
        # Cleaning up must not be cut short by a second signal.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        supervisor.tear_down()
    supervisor.report(**failure)


if __name__ == "__main__":
    main()
