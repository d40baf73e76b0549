"""Process 1 of a node: sets the node up, then runs the commands that arrive over the virtio-serial port.

Standard library, and little of it: every import is read over 9p under emulation while the user waits.
"""

import errno
import fcntl
import json
import os
import resource
import select
import signal
import struct
import sys
import termios
import time

# sys.path[0] is the interpreter's, not ours, under -E; the shared framing lies next to this folder.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "labkit"))

import frames  # noqa: E402

SETUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "setup")
PORT_NAME = "rocekit.control"
CGROUPS = "/sys/fs/cgroup"
HANGUP_GRACE_S = 1.0
READ_SIZE = 64 * 1024


def log(text):
    """To the serial console, which the lab shows when a boot fails."""
    with open("/dev/console", "w") as console:
        console.write(f"roce-lab agent: {text}\n")


def open_port():
    for entry in os.listdir("/sys/class/virtio-ports"):
        with open(f"/sys/class/virtio-ports/{entry}/name") as name:
            if name.read().strip() == PORT_NAME:
                return os.open(f"/dev/{entry}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    raise RuntimeError(f"no virtio-serial port named {PORT_NAME}")


class Session:
    """One command: its processes (a cgroup), its streams and what may still be sent to the client."""

    def __init__(self, agent, number, request):
        self.agent = agent
        self.number = number
        self.credit = frames.WINDOW
        self.exit_code = None
        self.stdin_pending = bytearray()
        self.stdin_ended = False
        self.cgroup = f"{CGROUPS}/session{number}"
        os.mkdir(self.cgroup)
        self.tty = request.get("tty", False)
        if self.tty:
            self._start_on_terminal(request)
        else:
            self._start_on_pipes(request)

    def _start_on_pipes(self, request):
        stdin_read, self.stdin = os.pipe()
        stdout, stdout_write = os.pipe()
        stderr, stderr_write = os.pipe()
        self.outputs = {stdout: frames.STDOUT, stderr: frames.STDERR}
        self.pid = self._fork(request, (stdin_read, stdout_write, stderr_write))
        for fd in (stdin_read, stdout_write, stderr_write):
            os.close(fd)
        for fd in (self.stdin, stdout, stderr):
            os.set_blocking(fd, False)

    def _start_on_terminal(self, request):
        master, slave = os.openpty()
        self.stdin = master
        self.outputs = {master: frames.STDOUT}
        self.resize(request["rows"], request["columns"])
        self.pid = self._fork(request, (slave, slave, slave))
        os.close(slave)
        os.set_blocking(master, False)

    def _fork(self, request, streams):
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            if self.tty:
                fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
            with open(f"{self.cgroup}/cgroup.procs", "w") as procs:
                procs.write("0")
            for target, source in enumerate(streams):
                os.dup2(source, target)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(request["cwd"])
            # execvpe looks for the program in the new environment's PATH.
            os.execvpe(request["argv"][0], request["argv"], request["env"])
        except OSError as error:
            os.write(2, f"roce-lab: {request['argv'][0]}: {error.strerror}\n".encode())
            os._exit(127 if error.errno == errno.ENOENT else 126)
        finally:
            os._exit(126)

    def resize(self, rows, columns):
        fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def signal(self, number):
        if self.exit_code is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        try:
            with open(f"{self.cgroup}/cgroup.kill", "w") as file:
                file.write("1")
        except OSError as error:
            log(f"cannot kill session {self.number}: {error}")

    def take_stdin(self, data):
        if data:
            self.stdin_pending += data
        else:
            self.stdin_ended = True
        self.feed_stdin()

    def feed_stdin(self):
        if self.stdin is None:
            self.agent.send(self.number, frames.CREDIT, frames.pack_u32(len(self.stdin_pending)))
            self.stdin_pending.clear()
            return
        try:
            while self.stdin_pending:
                written = os.write(self.stdin, self.stdin_pending[:READ_SIZE])
                del self.stdin_pending[:written]
                self.agent.send(self.number, frames.CREDIT, frames.pack_u32(written))
        except BlockingIOError:
            return
        except OSError:
            # The command closed its input: what comes is thrown away, as a shell's pipe would.
            self.stdin_ended = True
        if self.stdin_ended:
            self.close_stdin()
            self.feed_stdin()

    def close_stdin(self):
        if self.stdin is not None and not self.tty:
            os.close(self.stdin)
        self.stdin = None

    def pump(self, fd):
        """Sends what `fd` holds while the client has room; a finished command's stream ends when it is drained."""
        while self.credit > 0:
            try:
                data = os.read(fd, min(READ_SIZE, self.credit))
            except BlockingIOError:
                if self.exit_code is not None:
                    self._close_output(fd)
                return
            except OSError:  # EIO: the terminal's last user is gone
                data = b""
            if not data:
                self._close_output(fd)
                return
            self.credit -= len(data)
            self.agent.send(self.number, self.outputs[fd], data)

    def _close_output(self, fd):
        del self.outputs[fd]
        if self.tty:
            self.stdin = None
        os.close(fd)

    def finish_if_done(self):
        """True when the exit code has been sent. Processes left in the background live on, without the streams."""
        if self.exit_code is None:
            return False
        for fd in list(self.outputs):
            self.pump(fd)
        if self.outputs:
            return False
        self.close_stdin()
        self.agent.send(self.number, frames.EXIT, json.dumps({"code": self.exit_code}).encode())
        return True

    def discard(self):
        """After the client has gone."""
        for fd in list(self.outputs):
            self._close_output(fd)
        self.close_stdin()


class Agent:
    def __init__(self):
        self.channel = frames.Channel(open_port())
        self.sessions = {}
        self.dying = []  # (when, session) whose client left: killed for good after a grace time
        self.setup = None
        self.setup_output = None
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def send(self, session, kind, payload=b""):
        self.channel.send(session, kind, payload)

    def start_setup(self):
        output = "/run/setup.log"
        self.setup = os.fork()
        if self.setup == 0:
            log_fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(log_fd, 1)
            os.dup2(log_fd, 2)
            signal.set_wakeup_fd(-1)
            os.execv("/bin/sh", ["sh", SETUP])
        self.setup_output = output

    def run(self):
        self.start_setup()
        while True:
            for fd, events in self._poll():
                self._handle(fd, events)
            for session in list(self.sessions.values()):
                if session.finish_if_done():
                    del self.sessions[session.number]
            self._end_the_dying()

    def _poll(self):
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        poll.register(self.channel.fd, select.POLLIN | (select.POLLOUT if self.channel.wants_write() else 0))
        for session in self.sessions.values():
            interest = {}
            if session.credit > 0:
                interest = {fd: select.POLLIN for fd in session.outputs}
            if session.stdin_pending and session.stdin is not None:
                interest[session.stdin] = interest.get(session.stdin, 0) | select.POLLOUT
            for fd, events in interest.items():
                poll.register(fd, events)
        timeout_ms = max(0, self.dying[0][0] - time.monotonic()) * 1000 + 1 if self.dying else None
        return poll.poll(timeout_ms)

    def _end_the_dying(self):
        while self.dying and self.dying[0][0] <= time.monotonic():
            self.dying.pop(0)[1].kill()

    def _handle(self, fd, events):
        if fd == self.wake:
            os.read(self.wake, 4096)
            self._reap()
        elif fd == self.channel.fd:
            self.channel.flush()
            if events & select.POLLIN:
                for session, kind, payload in self.channel.receive():
                    self._dispatch(session, kind, payload)
        else:
            for session in list(self.sessions.values()):
                if fd in session.outputs and events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    session.pump(fd)
                if fd == session.stdin and events & (select.POLLOUT | select.POLLERR):
                    session.feed_stdin()

    def _reap(self):
        """Process 1 inherits every orphan."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.setup:
                self._setup_done(status)
            for session in self.sessions.values():
                if session.pid == pid:
                    code = os.waitstatus_to_exitcode(status)
                    session.exit_code = code if code >= 0 else 128 - code

    def _setup_done(self, status):
        self.setup = None
        if status == 0:
            self.send(0, frames.READY)
            return
        with open(self.setup_output, errors="replace") as file:
            text = " ".join(file.read().split("\n")[-6:]).strip()
        self.send(0, frames.FAILED, (text or f"setup ended with status {status}").encode())

    def _dispatch(self, number, kind, payload):
        if kind == frames.START:
            try:
                self.sessions[number] = Session(self, number, json.loads(payload))
            except OSError as error:
                self.send(number, frames.LOST, f"cannot start the command: {error}".encode())
            return
        session = self.sessions.get(number)
        if session is None:
            return
        if kind == frames.STDIN:
            session.take_stdin(payload)
        elif kind == frames.SIGNAL:
            session.signal(frames.unpack_u32(payload))
        elif kind == frames.RESIZE:
            if session.stdin is not None:
                session.resize(*struct.unpack("<HH", payload))
        elif kind == frames.CREDIT:
            session.credit += frames.unpack_u32(payload)
            for fd in list(session.outputs):
                session.pump(fd)
        elif kind == frames.KILL:
            self._abandon(session)

    def _abandon(self, session):
        session.signal(signal.SIGHUP)
        session.signal(signal.SIGTERM)
        session.discard()
        self.dying.append((time.monotonic() + HANGUP_GRACE_S, session))
        del self.sessions[session.number]


def main():
    # A healthy node: pinned memory is what RDMA needs first.
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    if os.system(f"mount -t cgroup2 cgroup2 {CGROUPS}") != 0:
        log("cannot mount cgroup2")
    try:
        Agent().run()
    except Exception as error:  # process 1 must not end: the kernel would panic without a word
        log(f"{type(error).__name__}: {error}")
        raise


main()
