#!/usr/bin/env python3
"""roce-probe env: what it prints is read by its consumer, or by a faithful stand-in, and NCCL, predicted with it, takes RDMA."""

import argparse
import concurrent.futures
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

SOURCE = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "roce-probe"
FIXTURES = SOURCE / "tests" / "fixtures"
CONSUMERS = ("shell", "podman", "docker", "compose", "vllm", "k8s", "netplan")
READY, DEGRADED, NOT_READY, UNKNOWN = 0, 1, 2, 3
TWINS = "=rocep1s0f0:1,roceP2p1s0f0:1"
FIRST = "=rocep1s0f0:1"

# Machine -> exit codes for a shell there, for podman, for netplan; NCCL_IB_HCA as podman gets it.
MACHINES = {
    "gb10-healthy": (0, 0, 0, TWINS),
    "gb10-container": (0, 0, 0, TWINS),
    "gb10-container-no-uverbs": (2, 0, 0, TWINS),
    "gb10-half-uverbs": (1, 0, 0, TWINS),
    "gb10-uverbs-eperm": (2, 0, 0, TWINS),
    "gb10-memlock-8m": (2, 0, 0, TWINS),
    "gb10-no-libibverbs": (2, 0, 0, TWINS),
    "gb10-nccl-2.29-rdma-core-50": (2, 0, 0, TWINS),
    "gb10-ib-disabled": (0, 0, 0, TWINS),
    "gb10-hca-absent": (0, 0, 0, TWINS),
    "gb10-one-hca-listed": (0, 0, 0, TWINS),
    "gb10-gid-index-pinned": (0, 0, 0, TWINS),
    "gb10-socket-ifname-wifi": (0, 0, 0, TWINS),
    "gb10-net-demanded": (0, 0, 0, TWINS),
    "gb10-stale-nccl-conf": (1, 0, 0, TWINS),
    "gb10-mtu-1500": (1, 1, 0, TWINS),
    "gb10-loss": (1, 1, 0, TWINS),
    "gb10-twin-no-address": (1, 1, 0, FIRST),
    "gb10-twins-one-subnet": (1, 1, 1, FIRST),
    "gb10-twin-down": (1, 1, 0, FIRST),
    "gb10-no-cable": (2, 2, 2, None),
    "gb10-foreign-netns": (2, 2, 2, None),
    "gb10-cma-accounting": (2, 2, 0, None),
    "no-rdma": (2, 2, 2, None),
    "hgx-8x400g": (0, 0, 0, "=" + ",".join(f"mlx5_{i}:1" for i in range(8))),
    "hgx-hca-prefix": (0, 0, 0, "=" + ",".join(f"mlx5_{i}:1" for i in range(8))),
    "hgx-rail-down": (1, 1, 0, "=" + ",".join(f"mlx5_{i}:1" for i in range(8) if i != 3)),
    "ib-hdr": (0, 0, 3, "=mlx5_0:1"),
    "lab-node": (0, 0, 0, "=rocep1s0f0:1"),
}
HEALTHY = ("gb10-healthy", "gb10-container", "hgx-8x400g", "ib-hdr", "lab-node")


def probe(*arguments, stdin=""):
    # The machine read decides, not the environment of the test.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("NCCL_", "UCX_", "GLOO_"))}
    return subprocess.run([PROBE, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60,
                          env=environment, check=False)


@functools.cache
def env(machine, consumer, *arguments):
    return probe("--root", FIXTURES / machine, "env", "--for", consumer, *arguments)


@functools.cache
def document_text(machine):
    return probe("--root", FIXTURES / machine, "--json").stdout


def document_of(machine):
    return json.loads(document_text(machine))


def assignments(text, prefix=""):
    """NAME=value lines after a prefix, split as podman and docker split them: at the first =."""
    pairs = (line[len(prefix):].split("=", 1) for line in text.splitlines()
             if line.startswith(prefix) and "=" in line and line[:1] != "#")
    return {name: value for name, value in pairs if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)}


def sourced(shell, text, start_environment=None, export=False):
    """The environment of a shell that has read the text."""
    # Not through a file: the names of descriptors are the only thing that dash, bash and sh share here.
    script = ("set -a\n" if export else "") + 'eval "$1" && env -0'
    run = subprocess.run([*shell, "-c", script, "sh", text], capture_output=True, text=True, check=False,
                         env={"PATH": os.environ["PATH"], **(start_environment or {})}, timeout=60)
    assert run.returncode == 0 and run.stderr == "", run
    return dict(entry.split("=", 1) for entry in run.stdout.split("\0") if entry)


def predicted(document, variables):
    """NCCL's choice on that node for a process with these variables, conf files as they are."""
    changed = json.loads(json.dumps(document))
    process = changed["hosts"][0]["process"]
    kept = [item for item in process["settings"] if item["source"] != "environment" and item["name"] not in variables]
    process["nccl_env"] = variables
    process["settings"] = kept + [{"name": name, "value": value, "source": "environment"} for name, value in variables.items()]
    run = probe("--load", "-", "--json", stdin=json.dumps(changed))
    return json.loads(run.stdout)["hosts"][0]["process"]["predicted_nccl"]


def run_flags():
    """The flags of `podman run` and `docker run` that are printed, with their values' syntax as those programs check it."""
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)

    def matching(pattern):
        def check(value):
            if not re.fullmatch(pattern, value):
                raise ValueError(value)
            return value
        return check

    parser.add_argument("--device", action="append", type=matching(r"/[^:]+(:/[^:]+(:[rwm]+)?)?"))
    parser.add_argument("--ulimit", action="append", type=matching(r"[a-z]+=-?\d+(:-?\d+)?"))
    parser.add_argument("--cap-add", action="append", type=matching(r"[A-Z_]+"))
    parser.add_argument("--network", type=matching(r"[a-z0-9]+"))
    parser.add_argument("--shm-size", type=matching(r"\d+[bkmg]?"))
    parser.add_argument("--env", action="append", type=matching(r"[A-Za-z_][A-Za-z0-9_]*=.*"))
    return parser


class CommandLine(unittest.TestCase):
    def assert_sentence(self, run, code, *words):
        self.assertEqual((run.returncode, run.stdout), (code, ""), run)
        self.assertTrue(run.stderr.startswith("roce-probe: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)

    def test_missing_or_mistyped_consumer_names_the_near_ones(self):
        self.assert_sentence(probe("env"), UNKNOWN, "env needs --for", "podman", "netplan")
        self.assert_sentence(probe("env", "--for"), UNKNOWN, "--for needs a value")
        self.assert_sentence(probe("env", "--for", "podmn"), UNKNOWN, '"podmn"', "did you mean podman?")
        self.assert_sentence(probe("env", "--for", "lxd"), UNKNOWN, "shell, podman, docker, compose, vllm, k8s, netplan")
        self.assert_sentence(probe("env", "podman"), UNKNOWN, "env --for podman")
        self.assert_sentence(probe("env", "--fr", "podman"), UNKNOWN, "did you mean --for?")

    def test_options_of_a_report_are_refused(self):
        self.assert_sentence(probe("env", "--for", "shell", "--json"), UNKNOWN, "--json goes with a report only")

    def test_what_prevents_serving_is_one_sentence_and_no_settings(self):
        for machine, words in (("no-rdma", ["no RDMA device", "ROCE-DEV-001"]),
                               ("gb10-no-cable", ["rocep1s0f0 is DOWN", "ROCE-LNK-001"]),
                               ("gb10-foreign-netns", ["on the host", "ROCE-GID-003"]),
                               ("gb10-cma-accounting", ["ROCE-ACC-004"])):
            with self.subTest(machine):
                self.assert_sentence(env(machine, "podman"), NOT_READY, *words)
        self.assert_sentence(env("gb10-memlock-8m", "shell"), NOT_READY, "8 MiB", "ROCE-ACC-003", "--for podman")
        self.assert_sentence(env("gb10-no-libibverbs", "shell"), NOT_READY, "libibverbs", "ROCE-DEV-002")
        self.assert_sentence(env("ib-hdr", "netplan"), UNKNOWN, "InfiniBand")

    def test_names_that_would_leave_their_quotes_are_refused(self):
        text = document_text("gb10-healthy").replace("enp1s0f0np0", "x'$(id)\\n")
        for consumer in CONSUMERS:
            with self.subTest(consumer):
                self.assert_sentence(probe("--load", "-", "env", "--for", consumer, stdin=text), UNKNOWN, "characters")

    def test_fail_on_crit_takes_degraded_for_good(self):
        self.assertEqual(env("gb10-loss", "shell").returncode, DEGRADED)
        self.assertEqual(env("gb10-loss", "shell", "--fail-on", "crit").returncode, READY)
        self.assertEqual(env("no-rdma", "shell", "--fail-on", "crit").returncode, NOT_READY)


class Machines(unittest.TestCase):
    def test_exit_codes_and_ports_of_each(self):
        jobs = [(machine, consumer) for machine in MACHINES for consumer in ("shell", "podman", "netplan")]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = dict(zip(jobs, pool.map(lambda job: env(*job), jobs)))
        for (machine, consumer), run in runs.items():
            with self.subTest(machine=machine, consumer=consumer):
                codes, hca = MACHINES[machine][:3], MACHINES[machine][3]
                self.assertEqual(run.returncode, codes[("shell", "podman", "netplan").index(consumer)], run)
                self.assertEqual(run.stdout == "", run.returncode >= NOT_READY)
                self.assertEqual(run.stderr != "", run.returncode >= NOT_READY)
                if consumer == "podman" and hca is not None:
                    self.assertEqual(assignments(run.stdout, "--env=")["NCCL_IB_HCA"], hca)
                # A reader who runs it degraded is told why.
                self.assertEqual("\n# ! " in run.stdout, run.returncode == DEGRADED)

    def test_nccl_takes_rdma_over_all_that_is_listed(self):
        for machine, (shell, *_) in MACHINES.items():
            if shell > DEGRADED:
                continue
            with self.subTest(machine):
                document = document_of(machine)
                before = document["hosts"][0]["process"]["nccl_env"]
                variables = {name: value for name, value in
                             sourced(["sh"], env(machine, "shell").stdout, before).items()
                             if name in before or re.match(r"(NCCL|GLOO|TP|VLLM|UCX)_", name)}
                choice = predicted(document, variables)
                self.assertEqual(choice["net"], "IB", choice)
                self.assertFalse(choice["falls_back_to_socket"])
                self.assertEqual(sorted(choice["hcas"]), sorted(variables["NCCL_IB_HCA"][1:].split(",")))
                self.assertTrue(all(gid["usable"] for gid in choice["gids"].values()), choice["gids"])
                self.assertEqual("=" + choice["socket_ifnames"][0], variables["NCCL_SOCKET_IFNAME"])
                self.assertNotIn("NCCL_IB_GID_INDEX", variables)

    def test_healthy_machines_serve_over_every_active_port(self):
        for machine in HEALTHY:
            document = document_of(machine)
            active = {f"{member['device']}:{member['port']}" for rail in document["hosts"][0]["rails"]
                      for member in rail["members"] if member["active"]}
            for consumer, prefix in (("podman", "--env="), ("vllm", "")):
                with self.subTest(machine=machine, consumer=consumer):
                    variables = assignments(env(machine, consumer).stdout, prefix)
                    choice = predicted(document, variables)
                    self.assertEqual(set(choice["hcas"]), active)
                    self.assertFalse(choice["falls_back_to_socket"])
                    self.assertEqual(variables["UCX_NET_DEVICES"], variables["NCCL_IB_HCA"][1:])

    def test_a_pinned_gid_index_is_taken_out_of_the_shell(self):
        text = env("gb10-gid-index-pinned", "shell").stdout
        self.assertNotIn("NCCL_IB_GID_INDEX", sourced(["sh"], text, {"NCCL_IB_GID_INDEX": "5"}))
        self.assertIn("/etc/nccl.conf:2", env("gb10-stale-nccl-conf", "shell").stdout)
        for consumer in CONSUMERS[:-1]:
            self.assertIn("NCCL_IB_GID_INDEX is left out on purpose", env("gb10-healthy", consumer).stdout)
            self.assertNotIn("NCCL_IB_GID_INDEX", env("gb10-healthy", consumer, "--no-comments").stdout)


class Guide(unittest.TestCase):
    def test_serving_md_shows_what_is_printed(self):
        text = (SOURCE / "docs" / "serving.md").read_text()
        shown = re.findall(r"```\n\$ roce-probe --root tests/fixtures/(\S+) env --for (\S+)\n(.*?)```", text, re.DOTALL)
        self.assertEqual([consumer for _, consumer, _ in shown], ["podman", "netplan"])
        for machine, consumer, output in shown:
            self.assertEqual(env(machine, consumer).stdout, output)


class OtherCabling(unittest.TestCase):
    """gb10-healthy with something changed."""

    def setUp(self):
        self.document = document_of("gb10-healthy")
        self.host = self.document["hosts"][0]

    def device(self, name):
        return next(device for device in self.host["devices"] if device["name"] == name)

    def netdev(self, name):
        return next(netdev for netdev in self.host["netdevs"] if netdev["name"] == name)

    def settings(self, consumer="vllm"):
        run = probe("--load", "-", "env", "--for", consumer, stdin=json.dumps(self.document))
        return assignments(run.stdout), " ".join(re.sub(r"(?m)^#", "", run.stdout).split()), run

    def address(self, device, netdev, ip, gid):
        port = self.device(device)["ports"][0]
        model = self.device("rocep1s0f0")["ports"][0]
        for key in ("state", "phys_state", "rate_gbit_s", "active_mtu"):
            port[key] = model[key]
        port["gids"] = [{**item, "gid": gid, "ipv4": ip, "netdev": netdev} if item["ipv4"] else item for item in model["gids"]]
        self.netdev(netdev).update(operstate="up", running=True, carrier=True, addresses=[
            {"family": "inet", "ip": ip, "prefix_length": 24, "scope": "global"}])

    def test_a_second_cable_is_listed_and_explained(self):
        self.address("rocep1s0f1", "enp1s0f1np1", "192.168.102.10", "0000:0000:0000:0000:0000:ffff:c0a8:660a")
        self.address("roceP2p1s0f1", "enP2p1s0f1np1", "192.168.103.10", "0000:0000:0000:0000:0000:ffff:c0a8:670a")
        variables, text, _ = self.settings()
        self.assertEqual(len(variables["NCCL_IB_HCA"].split(",")), 4)
        self.assertIn("Shared PCIe lanes: rocep1s0f1 with rocep1s0f0 and roceP2p1s0f1 with roceP2p1s0f0", text)

    def test_a_slower_adapter_of_another_kind_is_left_out(self):
        self.address("rocep1s0f1", "enp1s0f1np1", "192.168.102.10", "0000:0000:0000:0000:0000:ffff:c0a8:660a")
        self.device("rocep1s0f1").update(board_id="MT_0000000359")
        self.device("rocep1s0f1")["ports"][0]["rate_gbit_s"] = 100.0
        variables, text, run = self.settings()
        self.assertEqual(variables["NCCL_IB_HCA"], TWINS)
        self.assertIn("rocep1s0f1 is left out: at 100 Gb/s beside ports of 200 Gb/s", text)
        self.assertNotIn("# ! rocep1s0f1", run.stdout)

    def test_ipv6_fabrics_get_their_address_family(self):
        for name, netdev, last in (("rocep1s0f0", "enp1s0f0np0", "1"), ("roceP2p1s0f0", "enP2p1s0f0np0", "2")):
            for gid in self.device(name)["ports"][0]["gids"]:
                if gid["ipv4"]:
                    gid.update(gid=f"fd00:0000:0000:000{last}:0000:0000:0000:0010", ipv4=None)
            self.netdev(netdev)["addresses"] = [
                {"family": "inet6", "ip": f"fd00:0:0:{last}::10", "prefix_length": 64, "scope": "global"}]
        variables, text, _ = self.settings()
        self.assertEqual(variables.get("NCCL_IB_ADDR_FAMILY"), "AF_INET6", text)
        self.assertEqual(variables["NCCL_IB_HCA"], TWINS)
        self.assertEqual(variables["NCCL_SOCKET_IFNAME"], "=enp1s0f0np0")
        self.assertNotIn("VLLM_HOST_IP", variables)

    def test_podman_without_root_is_told_of_the_session_s_limit(self):
        self.host["process"].update(euid=1000, memlock={"soft_bytes": 8388608, "hard_bytes": 8388608})
        _, text, run = self.settings("podman")
        self.assertEqual(run.returncode, DEGRADED)
        self.assertIn("! Podman without root cannot raise the limit on locked memory above 8 MiB", text)
        self.assertNotIn("Podman without root", self.settings("docker")[1])

    def test_a_limit_that_may_be_raised_is_raised(self):
        self.host["process"].update(euid=1000, memlock={"soft_bytes": 8388608, "hard_bytes": None})
        self.assertIn("\nulimit -l unlimited\n", self.settings("shell")[2].stdout)


class Consumers(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="roce-probe-env-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def load(self, machine, consumer):
        if yaml is None:
            self.skipTest("python3-yaml is not installed")
        run = env(machine, consumer)
        self.assertLessEqual(run.returncode, DEGRADED, run)
        document = yaml.safe_load(run.stdout)
        self.assertEqual(document, yaml.safe_load(env(machine, consumer, "--no-comments").stdout))
        return document

    def variables(self, machine="gb10-healthy"):
        return assignments(env(machine, "vllm").stdout)

    def test_every_setting_has_its_reason_above_it(self):
        for consumer in CONSUMERS:
            with self.subTest(consumer):
                commented = env("gb10-healthy", consumer).stdout.splitlines()
                bare = env("gb10-healthy", consumer, "--no-comments").stdout.splitlines()
                self.assertEqual([line for line in commented if not line.lstrip().startswith("#")], bare)
                for number, line in enumerate(commented):
                    if re.match(r"(export |--|[A-Z_]+=|\s+(mtu:|[A-Z][A-Z_0-9]+: |- name: [A-Z]))", line):
                        self.assertTrue(commented[number - 1].lstrip().startswith("# "), line)

    def test_shells_read_it_and_variables_arrive(self):
        wanted = self.variables()
        self.assertEqual(wanted["NCCL_IB_HCA"], TWINS)
        self.assertEqual(wanted["NCCL_SOCKET_IFNAME"], "=enp1s0f0np0")
        self.assertEqual(wanted["VLLM_HOST_IP"], "192.168.100.10")
        for consumer, export in (("shell", False), ("vllm", True)):
            text = env("gb10-healthy", consumer).stdout
            file = self.folder / consumer
            file.write_text(text)
            for shell in (["sh"], ["dash"], ["bash"], ["bash", "--posix", "-eu"]):
                if shutil.which(shell[0]) is None:
                    continue
                with self.subTest(consumer=consumer, shell=shell):
                    subprocess.run([shell[0], "-n", file], check=True)
                    found = sourced(shell, text, export=export)
                    self.assertEqual({name: found.get(name) for name in wanted}, wanted)

    def test_podman_and_docker_know_the_flags(self):
        for consumer in ("podman", "docker"):
            for machine in HEALTHY:
                with self.subTest(consumer=consumer, machine=machine):
                    words = env(machine, consumer, "--no-comments").stdout.split()
                    self.assertEqual(words, env(machine, consumer, "--no-comments").stdout.splitlines())
                    flags = run_flags().parse_args(words)
                    self.assertEqual(flags.device, ["/dev/infiniband"])
                    self.assertEqual(flags.ulimit, ["memlock=-1:-1"])
                    self.assertEqual(flags.cap_add, ["IPC_LOCK"])
                    self.assertEqual(flags.network, "host")
                    self.assertRegex(flags.shm_size, r"^\d+g$")
                    self.assertEqual(dict(item.split("=", 1) for item in flags.env), self.variables(machine))

    def test_compose_file_holds_known_keys(self):
        for machine in HEALTHY:
            with self.subTest(machine):
                document = self.load(machine, "compose")
                self.assertEqual(list(document), ["services"])
                service = document["services"]["vllm"]
                self.assertEqual(set(service), {"devices", "ulimits", "cap_add", "network_mode", "shm_size", "environment"})
                self.assertEqual(service["devices"], ["/dev/infiniband:/dev/infiniband"])
                self.assertEqual(service["ulimits"], {"memlock": {"soft": -1, "hard": -1}})
                self.assertEqual(service["cap_add"], ["IPC_LOCK"])
                self.assertEqual(service["network_mode"], "host")
                self.assertRegex(service["shm_size"], r"^\d+gb$")
                self.assertEqual(service["environment"], self.variables(machine))

    def test_pod_holds_known_fields(self):
        for machine in HEALTHY:
            with self.subTest(machine):
                pod = self.load(machine, "k8s")
                self.assertEqual((pod["apiVersion"], pod["kind"]), ("v1", "Pod"))
                spec = pod["spec"]
                self.assertEqual(set(spec), {"nodeSelector", "hostNetwork", "dnsPolicy", "containers", "volumes"})
                self.assertIs(spec["hostNetwork"], True)
                (container,) = spec["containers"]
                self.assertEqual(set(container), {"name", "securityContext", "env", "volumeMounts"})
                self.assertEqual(container["securityContext"], {"privileged": True, "capabilities": {"add": ["IPC_LOCK"]}})
                self.assertEqual({item["name"]: item["value"] for item in container["env"]}, self.variables(machine))
                mounts = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
                self.assertEqual(mounts, {"infiniband": "/dev/infiniband", "shm": "/dev/shm"})
                self.assertEqual([volume["name"] for volume in spec["volumes"]], list(mounts))

    def generate(self, text):
        """With netplan's own generator, where there is one."""
        generator = os.environ.get("ROCEKIT_NETPLAN_GENERATE") or next(
            (path for path in ("/usr/libexec/netplan/generate", "/lib/netplan/generate") if os.access(path, os.X_OK)), None)
        if generator is None:
            return
        root = Path(tempfile.mkdtemp(dir=self.folder))
        file = root / "etc" / "netplan" / "90-roce.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        file.chmod(0o600)
        run = subprocess.run([generator, "--root-dir", root], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(run.returncode, 0, run)

    def test_netplan_keeps_mtu_and_proposes_addresses(self):
        for machine, mtu in (("gb10-healthy", 9000), ("gb10-mtu-1500", 9000), ("gb10-twin-no-address", 9000),
                             ("gb10-mtu-of-twins-differs", 9000), ("hgx-8x400g", 9000), ("lab-node", 9000)):
            with self.subTest(machine):
                self.generate(env(machine, "netplan").stdout)
                network = self.load(machine, "netplan")["network"]
                self.assertEqual((set(network), network["version"]), ({"version", "ethernets"}, 2))
                for netdev in network["ethernets"].values():
                    self.assertLessEqual(set(netdev), {"mtu", "addresses"})
                    self.assertEqual(netdev["mtu"], mtu)
        ethernets = self.load("gb10-twin-no-address", "netplan")["network"]["ethernets"]
        self.assertEqual(ethernets["enP2p1s0f0np0"], {"mtu": 9000, "addresses": ["192.168.101.10/24"]})
        self.assertNotIn("addresses", ethernets["enp1s0f0np0"])
        self.assertIn("# Proposal: ", env("gb10-twin-no-address", "netplan").stdout)

    def test_two_proposals_lie_in_two_subnets(self):
        document = document_of("gb10-healthy")
        for netdev in document["hosts"][0]["netdevs"]:
            if netdev["rdma_device"]:
                netdev["addresses"] = [item for item in netdev["addresses"] if item["family"] == "inet6"]
        run = probe("--load", "-", "env", "--for", "netplan", stdin=json.dumps(document))
        proposed = re.findall(r'- "(\S+)\.\d+/24"', run.stdout)
        self.assertEqual((len(proposed), len(set(proposed))), (2, 2), run.stdout)

    def test_two_addresses_leave_the_host_ip_to_the_user(self):
        document = document_of("gb10-healthy")
        for netdev in document["hosts"][0]["netdevs"]:
            if netdev["name"] == "enp1s0f0np0":
                netdev["addresses"].append({"family": "inet", "ip": "10.9.8.7", "prefix_length": 24, "scope": "global"})
        run = probe("--load", "-", "env", "--for", "vllm", stdin=json.dumps(document))
        self.assertNotIn("VLLM_HOST_IP", assignments(run.stdout))
        self.assertIn("VLLM_HOST_IP is left out: enp1s0f0np0 has 2 IPv4 addresses", " ".join(run.stdout.split()))


if __name__ == "__main__":
    if not PROBE.exists():
        sys.exit(f"{PROBE} is not built")
    unittest.main()
