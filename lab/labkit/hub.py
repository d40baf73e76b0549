"""The lab's Ethernet: one learning switch a segment, over the datagram sockets of the nodes' network cards.

Runs as its own process (`hub.py FD,FD,... FD,FD,...`: one argument a segment, one socket a node). A switch in user
space needs no privileges, no bridge or tap, and leaves nothing behind when it ends.
"""

from __future__ import annotations

import selectors
import socket
import sys
from collections import deque

MAX_FRAME = 64 * 1024
# Frames a port may hold for a node that does not read (stopped, or slower than the sender); then they are lost,
# as in a real switch. RoCE's window of a few hundred packets fits.
QUEUE_FRAMES = 1024
BURST = 64


class Port:
    def __init__(self, segment: Segment, fd: int) -> None:
        self.segment = segment
        self.socket = socket.socket(fileno=fd)
        self.socket.setblocking(False)
        self.queue: deque[bytes] = deque()

    def send(self, frame: bytes) -> bool:
        """False when the port begins to queue and so wants to be told when there is room."""
        if self.queue:
            if len(self.queue) < QUEUE_FRAMES:
                self.queue.append(frame)
            return True
        try:
            self.socket.send(frame)
            return True
        except BlockingIOError:
            self.queue.append(frame)
            return False

    def drain(self) -> bool:
        """True when the queue is empty."""
        try:
            while self.queue:
                self.socket.send(self.queue[0])
                self.queue.popleft()
        except BlockingIOError:
            return False
        return True


class Segment:
    def __init__(self, fds: list[int]) -> None:
        self.ports = [Port(self, fd) for fd in fds]
        self.learned: dict[bytes, Port] = {}

    def destinations(self, frame: bytes, source: Port) -> list[Port]:
        self.learned[frame[6:12]] = source
        multicast = frame[0] & 1
        known = None if multicast else self.learned.get(frame[0:6])
        if known is not None:
            return [known] if known is not source else []
        return [port for port in self.ports if port is not source]


class Hub:
    def __init__(self, segments: list[Segment]) -> None:
        self.selector = selectors.DefaultSelector()
        for segment in segments:
            for port in segment.ports:
                self.selector.register(port.socket, selectors.EVENT_READ, port)

    def run(self) -> None:
        while True:
            for key, events in self.selector.select():
                port: Port = key.data
                if events & selectors.EVENT_WRITE and self._guard(port, port.drain):
                    self.selector.modify(port.socket, selectors.EVENT_READ, port)
                if events & selectors.EVENT_READ:
                    self._guard(port, lambda port=port: self._forward(port))

    def _guard(self, port: Port, action) -> bool | None:
        """A node that is gone is unplugged; the others go on."""
        try:
            return action()
        except OSError:
            self._unplug(port)
            return None

    def _unplug(self, port: Port) -> None:
        if port in port.segment.ports:
            port.segment.ports.remove(port)
            port.segment.learned = {mac: at for mac, at in port.segment.learned.items() if at is not port}
            self.selector.unregister(port.socket)
            port.socket.close()

    def _forward(self, source: Port) -> None:
        for _ in range(BURST):
            try:
                frame = source.socket.recv(MAX_FRAME)
            except BlockingIOError:
                return
            if len(frame) < 14:
                continue
            for port in source.segment.destinations(frame, source):
                if self._guard(port, lambda port=port, frame=frame: port.send(frame)) is False:
                    self.selector.modify(port.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, port)


def main() -> None:
    Hub([Segment([int(fd) for fd in argument.split(",")]) for argument in sys.argv[1:]]).run()


if __name__ == "__main__":
    main()
