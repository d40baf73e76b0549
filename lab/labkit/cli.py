"""The command line of roce-lab."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from . import client
from .errors import LabError
from .faults import BY_NAME, FAULTS, Fault
from .host import architecture, packages
from .launch import Launch, prepare_guest, say, stop
from .state import (
    CHECKOUT, Lab, StateDirectory, in_checkout, new_run_directory, new_up_directory, remove_stale, up_directory,
)  # fmt: skip
from .topology import MAX_MTU, MAX_NODES, MAX_RAILS, MIN_MTU, Topology

EXIT_LAB = client.EXIT_LAB
DEFAULT_BUILD = CHECKOUT / "build"
SHAPE = ("nodes", "rails", "mtu")


class Interrupted(Exception):
    """A signal that ends roce-lab while no command runs."""

    def __init__(self, number: int) -> None:
        self.number = number


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        self.print_usage(sys.stderr)
        self.exit(EXIT_LAB, f"roce-lab: {message}\n")


def main(arguments: list[str]) -> int:
    # What follows -- is the command, whatever it looks like.
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:cut])
    options.argv = arguments[cut + 1 :]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return options.action(options)
    except LabError as error:
        print(f"roce-lab: {error}", file=sys.stderr)
        return EXIT_LAB
    except (OSError, subprocess.SubprocessError) as error:
        print(f"roce-lab: {error}", file=sys.stderr)
        return EXIT_LAB
    except Interrupted as interrupted:
        return 128 + interrupted.number


def _interrupt(number: int, frame: object) -> None:
    raise Interrupted(number)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="roce-lab", description="RoCE v2 nodes in virtual machines: RDMA without the hardware.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, action: Callable[[argparse.Namespace], int], help: str, shape: bool = False) -> Parser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(action=action)
        if shape:
            nodes, rails, mtu = (2, MAX_NODES), (1, MAX_RAILS), (MIN_MTU, MAX_MTU)
            added.add_argument("--nodes", type=_within(*nodes), metavar="N", help="2 to 4 (2)")
            added.add_argument("--rails", type=_within(*rails), metavar="R", help="RDMA devices a node, 1 or 2 (1)")
            added.add_argument("--mtu", type=_within(*mtu), metavar="M", help="MTU of the rails (9000)")
            added.add_argument("--arch", type=_architecture, metavar="A", help="of the nodes, such as arm64 (this machine's)")
            added.add_argument("--build", type=_directory, metavar="DIR", help="build tree of the tools (build)")
        return added

    add("up", _up, "boot the nodes and leave them running", shape=True)
    run = add("run", _run, "run a command: in the lab that is up, else in one booted for it", shape=True)
    where = run.add_mutually_exclusive_group()
    where.add_argument("--node", type=int, default=1, metavar="I", help="on node I (1)")
    where.add_argument("--all", action="store_true", help="on every node at once, a header line each")
    where.add_argument("--mpi", action="store_true", help="under mpirun, one rank a node")
    run.add_argument("--fault", type=_fault, metavar="NAME", help="with this fault made, and healed afterwards")
    run.add_argument("--timeout", type=_seconds, metavar="S", help="end the command after S seconds, exit code 124")
    run.usage = (
        "roce-lab run [--node I | --all | --mpi] [--fault NAME] [--timeout S] "
        "[--nodes N] [--rails R] [--mtu M] [--arch A] [--build DIR] -- CMD..."
    )
    shell = add("shell", _shell, "interactive shell on a node", shape=True)
    shell.add_argument("node", type=int, nargs="?", default=1, metavar="I", help="node (1)")
    add("status", _status, "say whether a lab is up, and the process ids of its nodes")
    add("down", _down, "end the lab that is up")
    add("faults", _faults, "list the faults that --fault makes")
    add("packages", _packages, "print the apt packages that the lab needs, on one line")
    return parser


def _within(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}, not {text}")
        return int(text)

    return convert


def _directory(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def _architecture(text: str) -> str:
    try:
        return architecture(text).machine
    except LabError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fault(text: str) -> Fault:
    if text not in BY_NAME:
        raise argparse.ArgumentTypeError(f"there is no fault {text}; `roce-lab faults` lists them")
    return BY_NAME[text]


def _new_lab(options: argparse.Namespace, state: StateDirectory) -> Lab:
    given = {name: getattr(options, name) for name in SHAPE}
    topology = Topology(**{name: value for name, value in given.items() if value is not None})
    return Lab(state, topology, options.build or DEFAULT_BUILD)


def _running_lab(options: argparse.Namespace) -> Lab | None:
    """The lab that is up; an error when it is not what the options ask for."""
    state = up_directory()
    if not state.alive():
        return None
    summary = state.read_json("lab.json")
    if summary is None:
        raise LabError("the lab is still booting; wait for `roce-lab up` to end")
    topology = Topology(**summary["topology"])
    for name in SHAPE:
        wanted = getattr(options, name, None)
        if wanted is not None and wanted != getattr(topology, name):
            raise LabError(f"a lab with {topology.describe()} is up; end it with `roce-lab down` first")
    machine = (state.read_json("plan.json") or {}).get("machine")
    if getattr(options, "arch", None) not in (None, machine):
        raise LabError(f"a lab of {machine} nodes is up; end it with `roce-lab down` first")
    build = getattr(options, "build", None) or Path(summary["build"])
    if not in_checkout(build) and build != Path(summary["build"]):
        raise LabError(f"the lab that is up does not have {build}; end it with `roce-lab down` first")
    return Lab(state, topology, build)


def _up(options: argparse.Namespace) -> int:
    running = _running_lab(options)
    if running:
        say(f"already up: {running.topology.describe()}")
        return 0
    remove_stale()
    guest = prepare_guest(options.arch)
    state, lock = new_up_directory()
    with Launch(_new_lab(options, state), lock) as launch:
        launch.boot(guest)
        launch.detach()
    return 0


def _in_lab(options: argparse.Namespace, node: int, use: Callable[[Lab], int]) -> int:
    """`use` in the lab that is up, else in one that lives as long as it takes."""
    running = _running_lab(options)
    nodes = running.topology.nodes if running else options.nodes or Topology.nodes
    if not 1 <= node <= nodes:
        raise LabError(f"there is no node {node}: the lab has {nodes}")
    if running:
        return use(running)
    remove_stale()
    guest = prepare_guest(options.arch)
    state, lock = new_run_directory()
    lab = _new_lab(options, state)
    with Launch(lab, lock) as launch:
        launch.boot(guest)
        return use(lab)


def _run(options: argparse.Namespace) -> int:
    if not options.argv:
        raise LabError("no command given: roce-lab run ... -- CMD")

    fault = options.fault
    if fault and options.rails is None:
        options.rails = fault.rails

    def run(lab: Lab, argv: list[str]) -> int:
        if options.all:
            return client.run_all(lab, argv, options.timeout)
        if options.mpi:
            return client.run_mpi(lab, argv, options.timeout, over_lan=fault is not None)
        return client.run_one(lab, options.node, argv, options.timeout)

    def use(lab: Lab) -> int:
        if fault is None:
            return run(lab, options.argv)
        say(f"{fault.name}: {fault.says}")
        try:
            _on_nodes(lab, fault.make, f"could not make {fault.name}")
            return run(lab, fault.wrap(options.argv))
        finally:
            _on_nodes(lab, fault.heal, f"could not heal {fault.name}: end the lab with `roce-lab down`")

    return _in_lab(options, options.node, use)


def _on_nodes(lab: Lab, scripts: Mapping[int, str], failure: str) -> None:
    for node, script in scripts.items():
        if client.run_one(lab, node, ["sh", "-ec", script], timeout_s=60) != 0:
            raise LabError(failure)


def _shell(options: argparse.Namespace) -> int:
    return _in_lab(options, options.node, lambda lab: client.run_shell(lab, options.node))


def _status(options: argparse.Namespace) -> int:
    lab = _running_lab(options)
    if lab is None:
        print("no lab is up")
        return 0
    summary = lab.state.read_json("lab.json")
    lines = [
        f"up: {lab.topology.describe()}, {summary['accel']}, Linux {summary['kernel']}, "
        f"ready in {summary['ready_s']} s, tools from {lab.build / 'bin'}"
    ]
    for node, pid in summary["qemu"].items():
        addresses = ", ".join(f"{segment.netdev} {segment.address(int(node))}" for segment in lab.topology.segments)
        lines.append(f"node {node}: qemu pid {pid}, {addresses}")
    print("\n".join(lines))
    return 0


def _down(options: argparse.Namespace) -> int:
    state = up_directory()
    if state.alive():
        stop(state)
        say("down")
    else:
        say("no lab is up")
    remove_stale()
    return 0


def _faults(options: argparse.Namespace) -> int:
    width = max(len(fault.name) for fault in FAULTS)
    print("\n".join(f"{fault.name:<{width}}  {fault.says}" for fault in FAULTS))
    return 0


def _packages(options: argparse.Namespace) -> int:
    print(" ".join(packages()))
    return 0
