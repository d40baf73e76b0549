"""Framing of the control channel, shared by client, supervisor and the agent inside a node.

One virtio-serial port a node carries any number of command sessions. Unlike the serial console it is
binary safe, keeps stdout and stderr apart and returns exact exit codes; unlike ssh it needs no network,
so a fault injected into a node's network never cuts the lab's own control.

Frame: session (u32), kind (u8), payload length (u32), payload; little endian. Session 0 is the node itself.
The agent imports this file under emulation at boot: keep its imports light.
"""

import os
import struct

HEADER = struct.Struct("<IBI")
MAX_PAYLOAD = 64 * 1024
# Bytes in flight that a receiver has not acknowledged: bounds the memory held for a slow reader.
WINDOW = 256 * 1024

# Client to node.
START = 1  # JSON: argv, cwd, env, tty, rows, columns
STDIN = 2  # empty payload: end of file
SIGNAL = 3  # u32 signal number, for the command's process group
RESIZE = 4  # u16 rows, u16 columns
KILL = 5  # end every process of the session
# Node to client.
STDOUT = 16
STDERR = 17
EXIT = 18  # JSON: code
LOST = 19  # text: the node or the session is gone
# Both ways: u32 bytes of stream data consumed.
CREDIT = 20
# Session 0, node to supervisor.
READY = 32
FAILED = 33  # text
# First frame of a client's connection to the supervisor.
OPEN = 48  # JSON: node
STOP = 49


class ChannelClosed(Exception):
    """The other side of a channel is gone."""


class Channel:
    """Frames over a non-blocking file descriptor, with buffers in both directions."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._in = bytearray()
        self._out = bytearray()
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        return self.fd

    def wants_write(self) -> bool:
        return bool(self._out)

    def send(self, session: int, kind: int, payload: bytes = b"") -> None:
        self._out += HEADER.pack(session, kind, len(payload))
        self._out += payload
        self.flush()

    def flush(self) -> None:
        try:
            while self._out:
                written = os.write(self.fd, self._out[:MAX_PAYLOAD])
                del self._out[:written]
        except BlockingIOError:
            pass
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> "list[tuple[int, int, bytes]]":
        """Frames complete after one read; raises ChannelClosed at end of file."""
        try:
            data = os.read(self.fd, 2 * MAX_PAYLOAD)
        except BlockingIOError:
            return []
        except OSError as error:
            raise ChannelClosed from error
        if not data:
            raise ChannelClosed
        self._in += data
        frames = []
        start = 0
        while len(self._in) - start >= HEADER.size:
            session, kind, length = HEADER.unpack_from(self._in, start)
            end = start + HEADER.size + length
            if len(self._in) < end:
                break
            frames.append((session, kind, bytes(self._in[start + HEADER.size : end])))
            start = end
        del self._in[:start]
        return frames


def pack_u32(value: int) -> bytes:
    return struct.pack("<I", value)


def unpack_u32(payload: bytes) -> int:
    return struct.unpack("<I", payload)[0]
