#!/usr/bin/env python3
"""nccl-pattern as its user meets it: what it prints, mistyped options, wrong files, exit codes."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
TOOL = Path(os.environ.get("ROCEKIT_BUILD_DIR", SOURCE / "build")) / "bin" / "nccl-pattern"
READY, UNKNOWN = 0, 3
QWEN = ("--mode", "tp2", "--model", "qwen3-coder-30b-a3b")
TABLE = """op,transport,size_bytes,p50_us,p10_us,p90_us
all-reduce,socket,8,118,112,127
all-reduce,rdma,8,7,6.5,8
all-reduce,socket,4K,121,115,130
all-reduce,rdma,4K,7.5,7,8.5
all-gather,socket,256K,250,240,260
all-gather,rdma,256K,60,55,70
all-gather,socket,512K,350,330,370
all-gather,rdma,512K,70,65,80
"""


def pattern(*arguments, stdin="", env=None):
    """Runs nccl-pattern; its output as text."""
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    environment.update(env or {})
    return subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=60, env=environment, check=False)


def shown_on_a_terminal(columns, *arguments):
    """What nccl-pattern writes on a terminal of that many columns."""
    terminal, far_end = pty.openpty()
    fcntl.ioctl(far_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([TOOL, *arguments, "--color", "never"], stdout=far_end, close_fds=True):
        os.close(far_end)
        written = b""
        try:
            while piece := os.read(terminal, 65536):
                written += piece
        except OSError:  # Linux: all ends of the terminal are closed
            pass
    os.close(terminal)
    return written.decode()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="nccl-pattern-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_sentence(self, run, *words):
        """One line on standard error, nothing on standard output, exit code 3."""
        self.assertEqual(run.returncode, UNKNOWN, run)
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("nccl-pattern: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertLess(len(run.stderr), 500)
        for word in words:
            self.assertIn(word, run.stderr)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def document(self, *arguments, stdin=""):
        run = pattern(*arguments, "--json", stdin=stdin)
        self.assertEqual(run.returncode, READY, run)
        return json.loads(run.stdout)


class CommandLine(Case):
    def test_mistyped_words_name_the_near_ones(self):
        self.assert_sentence(pattern("--modle", "x"), '"--modle"', "--mode", "--help")
        self.assert_sentence(pattern("predcit"), "did you mean predict?")
        self.assert_sentence(pattern(*QWEN[:3], "qwen3-coder-30b-a3c", "--dry-run"), "did you mean Qwen3-Coder-30B-A3B?")

    def test_escape_sequences_of_arguments_are_not_echoed(self):
        for run in (pattern("--mode", "tp2", "--model", "\033[31m", "--dry-run"), pattern("--mode", "\033[31m2"),
                    pattern("predict", *QWEN, "--latencies", "\033[31m")):
            self.assertEqual(run.returncode, UNKNOWN)
            self.assertNotIn("\033", run.stderr)

    def test_values_out_of_range_say_what_is_taken(self):
        dry = (*QWEN, "--dry-run")
        self.assert_sentence(pattern("--mode", "tp1", *QWEN[2:]), "2 to 1024")
        self.assert_sentence(pattern("--mode", "allreduces"), "allreduce", "tpN")
        self.assert_sentence(pattern(*dry, "--batch", "0"), "--batch", "from 1")
        self.assert_sentence(pattern(*dry, "--batch", "1e3"), "--batch")
        self.assert_sentence(pattern(*dry, "--phase", "training"), "decode, prefill")
        self.assert_sentence(pattern(*dry, "--speculative", "medusa:2"), "eagle3:K")
        self.assert_sentence(pattern(*dry, "--speculative", "eagle3:0"), "1 to 64")
        self.assert_sentence(pattern(*dry, "--color", "blue"), "always, auto, never")
        self.assert_sentence(pattern("--mode", "allreduce", "--sizes", "4Q"), "--sizes", '"4Q"')
        self.assert_sentence(pattern("--mode", "allreduce", "--dtype", "fp16", "--sizes", "4,0", "--dry-run"),
                             "a size of 0 B is too small", "fp16 moves 2 B or more")
        self.assert_sentence(pattern("--mode", "allgather", "--ranks", "8", "--sizes", "2:8", "--dry-run"),
                             "a size of 8 B is too small", "16 B or more", "8 ranks")
        self.assert_sentence(pattern("--mode", "ep2", *QWEN[2:], "--routing", "zipf:11"), "0 to 10")

    def test_wrong_combinations_say_why(self):
        self.assert_sentence(pattern(), "--mode is missing")
        self.assert_sentence(pattern("predict", "--mode", "tp2", "--tok-s", "5"), "needs --model")
        self.assert_sentence(pattern(*QWEN, "--tokens", "5"), "--phase prefill")
        self.assert_sentence(pattern(*QWEN, "--sizes", "8"), "--sizes does not go with --mode tp2")
        self.assert_sentence(pattern("--mode", "allreduce", "--model", "x"), "--model does not go with --mode allreduce")
        self.assert_sentence(pattern(*QWEN, "--routing", "uniform"), "expert parallelism")
        self.assert_sentence(pattern(*QWEN, "--tok-s", "5", "--dry-run"), "--tok-s goes with predict")
        self.assert_sentence(pattern("predict", *QWEN), "--latencies")
        self.assert_sentence(pattern("predict", *QWEN, "--latencies", "f", "--tok-s", "4"), "--measured-on")
        self.assert_sentence(pattern("predict", *QWEN, "--latencies", "f", "--accepted", "2"), "--speculative")
        self.assert_sentence(pattern("predict", *QWEN, "--latencies", "f", "--dry-run"), "--dry-run")
        self.assert_sentence(pattern("predict", "--mode", "allreduce", "--latencies", "f"), "predict needs a model's step")
        self.assert_sentence(pattern("--mode", "dp2ep2", *QWEN[2:], "--form", "all-reduce", "--dry-run"), "--form all-reduce")
        self.assert_sentence(pattern("--mode", "ep2", "--model", "llama-3.1-70b", "--dry-run"), "dense model")

    def test_without_others_says_how_to_start_them(self):
        self.assert_sentence(pattern(*QWEN), "--listen", "mpirun", "--via", "--local")

    def test_help_begins_with_three_examples_and_names_every_option(self):
        run = pattern("--help")
        self.assertEqual(run.returncode, READY)
        for line in run.stdout.splitlines()[:3]:
            self.assertIn("nccl-pattern", line)
        for option in ("--mode", "--model", "--dry-run", "--phase", "--batch", "--tokens", "--speculative", "--form",
                       "--routing", "--sizes", "--latencies", "--tok-s", "--measured-on", "--json[=FILE]", "predict"):
            self.assertIn(option, run.stdout)
        self.assertLessEqual(max(map(len, run.stdout.splitlines())), 120)

    def test_help_of_predict_lists_what_predict_takes(self):
        run = pattern("predict", "--help")
        self.assertEqual(run.returncode, READY)
        listed = set(re.findall(r"(?m)^ +(--[a-z-]+)", run.stdout))
        self.assertLessEqual({"--mode", "--model", "--batch", "--latencies", "--tok-s", "--measured-on", "--accepted",
                              "--json"}, listed)
        self.assertEqual(listed & {"--sizes", "--listen", "--duration", "--csv", "--dry-run"}, set())

    def test_version(self):
        run = pattern("--version")
        self.assertEqual(run.returncode, READY)
        self.assertRegex(run.stdout, r"^nccl-pattern 0\..* \(commit ")


class DryRun(Case):
    def test_minimax_in_tensor_parallel_decode(self):
        run = pattern("--mode", "tp2", "--model", "minimax-m2.5", "--phase", "decode", "--batch", "1", "--dry-run")
        self.assertEqual(run.returncode, READY, run)
        self.assertEqual(run.stderr, "")
        for words in ("188 operations a step", "62     all-reduce  query and key norm", "6 KiB", "195 KiB",
                      "issued by --tensor-parallel-size 2"):
            self.assertIn(words, run.stdout)

    def test_ep2_shows_the_three_forms_and_who_issues_each(self):
        steps = self.document("--mode", "ep2", *QWEN[2:], "--dry-run")["plan"]["steps"]
        issued = {step["form"]: step["operations"][0]["issued_by"] for step in steps}
        self.assertEqual(set(issued), {"all-to-all", "all-gather+reduce-scatter", "all-reduce"})
        self.assertIn("deepep", issued["all-to-all"])
        self.assertIn("allgather_reducescatter", issued["all-gather+reduce-scatter"])
        self.assertEqual(issued["all-reduce"], "--tensor-parallel-size 2 --enable-expert-parallel")

    def test_routing_is_repeated_by_its_seed_and_read_from_a_histogram(self):
        def pairs(*more):
            plan = self.document("--mode", "ep2", *QWEN[2:], "--form", "all-to-all", "--batch", "64", "--dry-run", *more)["plan"]
            return plan["steps"][0]["operations"][0]["pair_bytes"]
        self.assertEqual(pairs("--routing", "zipf:1.2", "--seed", "7"), pairs("--routing", "zipf:1.2", "--seed", "7"))
        self.assertNotEqual(pairs("--routing", "zipf:1.2", "--seed", "7"), pairs("--routing", "zipf:1.2", "--seed", "8"))
        first_half = self.write("experts", ",".join(["1"] * 64 + ["0"] * 64))
        self.assertEqual([row[1] for row in pairs("--routing", first_half)], [0, 0])
        wrong = self.write("wrong", "1,2,3")
        self.assert_sentence(pattern("--mode", "ep2", *QWEN[2:], "--routing", wrong, "--dry-run"), "is of 3 experts")

    def test_model_of_a_config_file_or_its_folder_is_that_of_the_name(self):
        config = self.write("Mine/config.json", json.dumps({
            "hidden_size": 2048, "num_hidden_layers": 48, "num_experts": 128, "num_experts_per_tok": 8,
            "vocab_size": 151936, "torch_dtype": "bfloat16"}))
        named = self.document(*QWEN, "--dry-run")["plan"]
        for word, stdin in ((config, ""), (config.parent, ""), ("-", config.read_text(encoding="utf-8"))):
            plan = self.document("--mode", "tp2", "--model", word, "--dry-run", stdin=stdin)["plan"]
            self.assertEqual(plan["steps"], named["steps"])
            self.assertEqual(plan["model"]["name"], "the model" if word == "-" else "Mine")

    def test_bad_config_is_a_sentence_with_its_name(self):
        self.assert_sentence(pattern("--mode", "tp2", "--model", self.folder / "none.json", "--dry-run"), "none.json")
        self.assert_sentence(pattern("--mode", "tp2", "--model", self.folder, "--dry-run"), "config.json")
        for text, words in (("{", "not JSON"), ("[]", "a list"), ("{}", "hidden size"), ("\0" * 100, "not JSON")):
            bad = self.write("bad.json", text)
            self.assert_sentence(pattern("--mode", "tp2", "--model", bad, "--dry-run"), "bad.json", words)

    def test_patterns_list_their_sizes(self):
        run = pattern("--mode", "allgather", "--ranks", "4", "--sizes", "8,1K:4K", "--dry-run")
        self.assertEqual(run.returncode, READY)
        self.assertIn("all-gather on 4 ranks", run.stdout)
        sizes = [row["size_bytes"] for row in self.document("--mode", "allgather", "--ranks", "4", "--sizes", "8,1K:4K",
                                                            "--dry-run")["plan"]["operations"]]
        self.assertEqual(sizes, [8, 1024, 2048, 4096])

    def test_sizes_of_patterns_are_whole_elements_and_stand_once(self):
        def sizes(*arguments):
            return [row["size_bytes"] for row in self.document(*arguments, "--dry-run")["plan"]["operations"]]
        self.assertEqual(sizes("--mode", "allreduce", "--dtype", "fp16", "--sizes", "3,7,2"), [2, 6])
        self.assertEqual(sizes("--mode", "allreduce", "--dtype", "int32", "--sizes", "2:16"), [4, 8, 16])
        self.assertEqual(sizes("--mode", "allgather", "--ranks", "3", "--sizes", "1K,1023"), [1020])
        self.assertEqual(sizes("--mode", "alltoall", "--ranks", "8"), [16, 4096, 65536, 1 << 20])
        self.assertEqual(sizes("--mode", "alltoallv", "--ranks", "3", "--skew", "1.2", "--sizes", "4K,1M"), [4096, 1 << 20])

    def test_any_measuring_command_can_be_previewed(self):
        plan = self.document(*QWEN, "--dry-run")["plan"]
        for options in (("--local", "2"), ("--listen", "--wait", "5s"), ("--via", "ssh", "node2"),
                        ("--compute-us", "500", "--compare", "rdma,socket", "--require", "rdma", "--duration", "1s",
                         "--verify", "never", "--timing", "isolated", "--max-memory", "1G", "--no-floor")):
            self.assertEqual(self.document(*QWEN, *options, "--dry-run")["plan"], plan, options)
        ranks = self.document("--mode", "allreduce", "--local", "4", "--dry-run")["plan"]["operations"][0]["ranks"]
        self.assertEqual(ranks, 4)
        self.assert_sentence(pattern(*QWEN, "--dry-run", "--csv"), "--csv", "--dry-run")
        self.assert_sentence(pattern("--join", "t@h:1", "--dry-run"), "--join", "--dry-run")
        self.assert_sentence(pattern(*QWEN, "--dry-run", "--duration", "1y"), "--duration")

    def test_a_plan_fits_into_a_narrow_terminal(self):
        for mode in (("ep2", "--form", "all-to-all"), ("ep8",), ("tp4pp2", "--speculative", "eagle3:2", "--batch", "32")):
            text = shown_on_a_terminal(80, "--mode", *mode, "--model", "deepseek-v3", "--dry-run")
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], mode)
            for words in ("count", "operation", "what", "each rank", "a step", "group"):
                self.assertIn(words, text)

    def test_json_into_a_file_stands_beside_the_report(self):
        target = self.folder / "plan.json"
        run = pattern(*QWEN, "--dry-run", f"--json={target}")
        self.assertEqual(run.returncode, READY)
        self.assertIn("98 operations", run.stdout)
        self.assertEqual(json.loads(target.read_text(encoding="utf-8"))["plan"]["steps"][0]["operation_count"], 98)
        self.assert_sentence(pattern(*QWEN, "--dry-run", f"--json={self.folder}/none/plan.json"), "none/plan.json")

    def test_colour_is_for_those_who_ask(self):
        self.assertNotIn("\033", pattern(*QWEN, "--dry-run").stdout)
        self.assertIn("\033", pattern(*QWEN, "--dry-run", "--color", "always").stdout)


class Predict(Case):
    def predict(self, *arguments, table=TABLE):
        return pattern("predict", *QWEN, "--latencies", "-", *arguments, stdin=table)

    def test_tokens_on_the_other_transport(self):
        run = self.predict("--tok-s", "45.3", "--measured-on", "TCP")
        self.assertEqual(run.returncode, READY, run)
        self.assertIn("45.3 tok/s measured on socket", run.stdout)
        self.assertRegex(run.stdout, r"92\.\d tok/s predicted on rdma, \d+\.\d to \d+\.\d")
        self.assertIn("Assumed", run.stdout)

    def test_the_way_back_gives_what_was_measured(self):
        def predicted(tok_s, transport):
            run = self.predict("--tok-s", repr(tok_s), "--measured-on", transport, "--json")
            return json.loads(run.stdout)["predictions"][0]["predicted_tok_s"]
        self.assertAlmostEqual(predicted(predicted(45.3, "socket"), "roce"), 45.3, places=6)

    def test_latencies_that_contradict_the_tokens_are_no_success(self):
        run = self.predict("--tok-s", "200", "--measured-on", "socket")
        self.assertEqual(run.returncode, UNKNOWN)
        self.assertIn("nothing is predicted on rdma", run.stdout)

    def test_without_tokens_ceilings_are_given(self):
        run = self.predict()
        self.assertEqual(run.returncode, READY)
        self.assertIn("communication alone would allow", run.stdout)
        self.assertNotIn("predicted on", run.stdout)

    def test_tables_that_cannot_be_used(self):
        more = TABLE + "all-reduce,ucx,4K,9,,\nall-reduce,ucx,1M,90,,\n"
        told = ("--tok-s", "45.3", "--measured-on")
        self.assert_sentence(self.predict(*told, "socket", table=more), "rdma, socket, ucx", "--predict-on")
        self.assert_sentence(self.predict(*told, "pigeon"), "no latencies on pigeon", "rdma, socket")
        self.assert_sentence(self.predict(*told, "socket", "--predict-on", "owl"), "no latencies on owl", "rdma, socket")
        self.assert_sentence(self.predict(*told, "socket", table="op,transport,size,p50_us\nall-reduce,socket,4K,9\n"),
                             "on socket alone")
        self.assert_sentence(self.predict(*told, "socket", table="a,b\n"), "standard input line 1", "no column op")
        self.assert_sentence(self.predict(*told, "socket", table=""), "empty")
        self.assert_sentence(pattern("predict", *QWEN, "--latencies", self.folder / "none"), "none")
        self.assertEqual(self.predict(*told, "socket", "--predict-on", "ucx", table=more).returncode, READY)

    def test_each_form_of_expert_parallelism_is_predicted_and_named(self):
        run = pattern("predict", "--mode", "ep2", *QWEN[2:], "--latencies", "-", "--tok-s", "35", "--measured-on", "socket",
                      stdin=TABLE)
        self.assertEqual(run.returncode, READY, run)
        self.assertEqual(run.stdout.count("tok/s predicted on rdma"), 3)
        self.assertIn("no all-to-all-v on socket: the latency of all-gather", " ".join(run.stdout.split()))


class Measuring(Case):
    """With the host backend, which runs on any machine: both ranks here, over loopback."""

    SHORT = ("--backend", "host", "--compare", "socket", "--duration", "10ms", "--quiet")
    MEASURED = (0, 1)  # a busy machine's samples scatter, which is a warning

    def measured(self, *arguments):
        run = pattern(*arguments, *self.SHORT, "--json")
        self.assertIn(run.returncode, self.MEASURED, run)
        return json.loads(run.stdout)

    def test_a_step_is_measured_verified_and_proven(self):
        document = self.measured("--local", "2", *QWEN)
        self.assertEqual(len(document["hosts"]), 2)
        self.assertEqual({side["proof"]["verdict"] for side in document["sides"]}, {"proven"})

    def test_every_kind_of_mode_runs_with_as_many_ranks_as_it_takes(self):
        for mode, ranks in (("pp2", 2), ("ep2", 2), ("tp2pp2", 4)):
            document = self.measured("--local", "--mode", mode, *QWEN[2:])
            self.assertEqual(len(document["hosts"]), ranks, mode)
        self.measured("--local", "3", "--mode", "alltoallv", "--sizes", "64,4K")

    def test_a_requirement_that_is_not_met_is_exit_code_2(self):
        if list(Path("/sys/class/infiniband").glob("*")):
            self.skipTest("there are RDMA devices here, which may meet it")
        run = pattern("--local", "--mode", "allreduce", "--sizes", "8", "--require", "rdma", "--backend", "host",
                      "--duration", "10ms", "--quiet")
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("ROCE-PERF-010", run.stdout)

    def test_what_cannot_be_measured_is_one_sentence(self):
        local = ("--local", "2", "--mode", "allreduce")
        self.assert_sentence(pattern("--local", "3", *QWEN), "takes 2 ranks, not 3")
        self.assert_sentence(pattern(*local, "--backend", "host", "--compare", "sokcet"), "sokcet", "rdma, socket and mpi")
        self.assert_sentence(pattern(*local, "--backend", "host", "--sizes", "8G"), "cap of 1 GiB", "--max-memory")
        self.assert_sentence(pattern(*local, "--backend", "host", "--sizes", "400000K", "--max-memory", "65000K"),
                             "needs 781 MiB of buffers", "cap of 63.5 MiB")
        self.assert_sentence(pattern(*local, "--backend", "host", "--timing", "graph"), "--timing graph", "GPU")
        self.assert_sentence(pattern(*local, "--a", "NCCL_X"), "--a", "NAME=VALUE")
        self.assert_sentence(pattern(*local, "--a", "NCCL_X=1", "--backend", "host"), "settings of NCCL")
        self.assert_sentence(pattern(*local, "--tok-s", "4"), "issues no tokens")
        self.assert_sentence(pattern(*local, f"--json={self.folder}/none/x"), "there is no directory")
        self.assert_sentence(pattern(*local, "--duration", "1s", "--iterations", "5"), "give one of them")
        self.assert_sentence(pattern("--join", "t@h:1", "--mode", "allreduce"), "--mode does not go with --join")
        self.assert_sentence(pattern(*local, "--compare", "socket,tcp"), "names socket twice")

    def test_a_rank_that_is_killed_ends_the_run_at_once(self):
        run = subprocess.Popen([TOOL, "--local", "2", "--mode", "allreduce", "--backend", "host", "--duration", "20s", "--quiet"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        rank_1 = 0
        for _ in range(200):
            words = children.read_text().split()
            if words:
                rank_1 = int(words[0])
            time.sleep(0.01)
        os.kill(rank_1, signal.SIGKILL)
        out, err = run.communicate(timeout=30)
        self.assertEqual(run.returncode, UNKNOWN, err)
        self.assertEqual(out, "")
        self.assertIn("rank 1", err)
        self.assertEqual(err.count("\n"), 1, err)


if __name__ == "__main__":
    unittest.main()
