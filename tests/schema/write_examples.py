#!/usr/bin/env python3
"""Writes docs/schema/examples: a document of each schema, by real runs of the tools of a build directory.

    tests/schema/write_examples.py [--build DIR] [--only NAME,...]     as root: the host's name becomes node1

probe and diff come from saved machines (tests/fixtures); pingpong, pattern and preflight are measured on this machine alone,
over TCP. watch needs an RDMA port and baseline two nodes: those are of the lab.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
EXAMPLES = SOURCE / "docs" / "schema" / "examples"
FIXTURES = SOURCE / "tests" / "fixtures"
# What runs, and for roce-probe's comparison what it is compared with.
RUNS = {
    "probe": ["roce-probe", "--root", FIXTURES / "lab-node", "--json"],
    "diff": ["roce-probe", "--root", FIXTURES / "gb10-healthy", "--diff", "OTHER", "--json"],
    "pingpong": ["roce-pingpong", "--local", "--transport", "tcp", "--sizes", "8", "--duration", "100ms", "--json"],
    "pattern": ["nccl-pattern", "--local", "2", "--mode", "allreduce", "--sizes", "4K", "--duration", "50ms", "--json"],
    "preflight": ["roce-preflight", "--local", "--budget", "5s", "--json"],
    "watch": ["lab/roce-lab", "run", "--node", "1", "--", "sh", "-c",
              "ping -c 20 -i 0.1 192.168.100.12 >/dev/null & roce-probe watch --count 2 --interval 500ms --json"],
    "baseline": ["lab/roce-lab", "run", "--mpi", "--", "sh", "-c",
                 "roce-preflight --quick --save-baseline /tmp/baseline.json >&2; cat /tmp/baseline.json 2>/dev/null || true"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=SOURCE / "build")
    parser.add_argument("--only", default=",".join(RUNS))
    options = parser.parse_args()
    EXAMPLES.mkdir(exist_ok=True)
    for name in options.only.split(","):
        command = [str(word) for word in RUNS[name]]
        with tempfile.NamedTemporaryFile(suffix=".json") as other:
            if "OTHER" in command:
                command[command.index("OTHER")] = other.name
                other.write(subprocess.run([options.build / "bin" / "roce-probe", "--root", FIXTURES / "gb10-mtu-1500", "--json"],
                                           capture_output=True, check=False).stdout)
                other.flush()
            if not command[0].startswith("lab/"):
                command[0] = str(options.build / "bin" / command[0])
                command = ["unshare", "--uts", "sh", "-c", 'hostname node1; exec "$@"', "sh", *command]
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=SOURCE)
        if not run.stdout:
            print(f"write_examples.py: {name}: exit code {run.returncode}: {run.stderr}", file=sys.stderr)
            return 3
        # A document a line (watch): the first says what a line holds.
        text = run.stdout if name != "watch" else json.dumps(json.loads(run.stdout.splitlines()[0]), indent=2) + "\n"
        text = text.replace(str(SOURCE) + "/", "").replace(other.name, "other.json")
        (EXAMPLES / f"{name}.json").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
