#include "tests/unit/pattern/sample_report.h"

#include <utility>

#include "collectives/traffic/bus_bandwidth.h"
#include "collectives/traffic/model.h"
#include "collectives/traffic/patterns.h"

namespace rocekit::pattern::sample {
namespace {

using collectives::Backend;
using collectives::Timing;
using traffic::OpKind;

SideResult side(const char* name, const char* transport, Backend backend) {
  SideResult made;
  made.name = name;
  made.transport = transport;
  made.backend = backend;
  made.details.library = backend == Backend::nccl ? "NCCL 2.28.9 (/usr/lib/libnccl.so.2)" : "rocekit host collectives";
  made.details.library_version = backend == Backend::nccl ? "2.28.9" : "";
  made.connect_ms = 210;
  made.first_call_ms = 34;
  return made;
}

SideResult proven(const char* name, const char* transport, Backend backend) {
  SideResult made = side(name, transport, backend);
  const bool rdma = made.transport == "rdma";
  made.details.communicator = backend == Backend::nccl ? (rdma ? "network IB" : "network Socket")
                              : rdma                   ? "rocep1s0f0:1 GID 3 (RoCE v2)"
                                                       : "192.168.100.10 on enp1s0f0np0";
  Proof& proof = made.proof;
  proof.verdict = Proof::Verdict::proven;
  proof.transport = transport;
  proof.by_counters = true;
  proof.expected_bytes = 12'000'000;
  proof.rails = {rdma ? "rocep1s0f0:1" : "enp1s0f0np0"};
  proof.counters = {
      {"spark-1", rdma ? "rocep1s0f0:1" : "enp1s0f0np0", rdma ? "port_rcv_data" : "rx_bytes", "bytes", 12'400'000},
      {"spark-1", rdma ? "enp1s0f0np0" : "rocep1s0f0:1", rdma ? "rx_bytes" : "port_rcv_data", "bytes", 0}};
  proof.sentence = rdma ? "rocep1s0f0:1 received 11.8 MiB of at least 11.4 MiB"
                        : "enp1s0f0np0 received 11.8 MiB of at least 11.4 MiB";
  if (backend == Backend::nccl) {
    proof.by_log = true;
    const std::vector<std::string> addresses{"192.168.100.10", "192.168.100.11"};
    proof.connections = {rdma ? proof::Connection{"rocep1s0f0:1", "RoCE", 3, addresses, 4096, 16}
                              : proof::Connection{"enp1s0f0np0", "", std::nullopt, addresses, std::nullopt, 0}};
    proof.log_lines = {rdma ? "Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0"
                            : "Channel 00/0 : 0[0] -> 1[0] [send] via NET/Socket/0"};
  }
  return made;
}

traffic::Step tp2_step() {
  traffic::StepRequest request;
  request.model = traffic::model_named("qwen3-coder-30b-a3b");
  request.mode = traffic::parse_parallelism("tp2");
  return traffic::plan_step(request);
}

Report two_nodes() {
  Report report;
  report.started_at = "2026-01-02T03:04:05Z";
  report.elapsed_s = 34.12;
  report.door = "mpirun";
  report.arguments = {"--mode", "tp2"};
  report.hosts = {{0, "spark-1", "GPU 0, NVIDIA GB10", "Cortex-X925"},
                  {1, "spark-2", "GPU 0, NVIDIA GB10", "Cortex-X925"}};
  return report;
}

Subject operation(OpKind kind, std::uint64_t size, std::uint64_t count) {
  Subject subject;
  subject.kind = kind;
  subject.name = std::string(to_string(kind));
  subject.what = kind == OpKind::all_reduce ? "attention output, each layer" : "logits";
  subject.size_bytes = size;
  subject.count_in_step = count;
  subject.wire_bytes_per_rank = static_cast<double>(size) * traffic::bus_factor(kind, 2);
  return subject;
}

void compare(Report& report, std::size_t subject, Timing timing, double a_us, double b_us) {
  report.results.push_back(result(subject, 0, timing, a_us));
  report.results.push_back(result(subject, 1, timing, b_us));
  report.comparisons.push_back(comparison(subject, timing, 0, 1, b_us / a_us));
}

void with_bandwidth(Report& report, double bound_gbit_s) {
  for (Result& item : report.results) {
    const Subject& subject = report.subjects[item.subject];
    const double seconds = *item.latency_us.p50 * 1e-6;
    item.algbw_gb_s = traffic::algorithm_bandwidth_gb_s(subject.size_bytes, seconds);
    item.busbw_gb_s = traffic::bus_bandwidth_gb_s(*subject.kind, 2, subject.size_bytes, seconds);
    if (bound_gbit_s <= 0) continue;
    item.bound_gbit_s = bound_gbit_s;
    item.fraction_of_bound = item.busbw_gb_s * 8 / bound_gbit_s;
  }
}

void plan_pattern(Report& report, const std::vector<std::uint64_t>& sizes) {
  report.plan.options.mode = "allreduce";
  report.plan.options.pattern = traffic::Pattern::all_reduce;
  for (const std::uint64_t size : sizes) {
    report.plan.operations.push_back(traffic::plan_pattern({traffic::Pattern::all_reduce, 2, size}));
    report.subjects.push_back(operation(OpKind::all_reduce, size, 0));
    report.subjects.back().what = "all-reduce";
  }
}

}  // namespace

Result result(std::size_t subject, std::size_t side, Timing timing, double p50_us, std::size_t count) {
  Result made;
  made.subject = subject;
  made.side = side;
  made.timing = timing;
  measure::Distribution& d = made.latency_us;
  d.count = timing == Timing::isolated ? count : 24;
  d.min = p50_us * 0.9;
  d.max = p50_us * 4;
  d.mean = p50_us * 1.02;
  d.stddev = p50_us * 0.1;
  d.p50 = p50_us;
  if (d.count >= 100) d.p90 = p50_us * 1.1;
  if (d.count >= 1000) d.p99 = p50_us * 1.25;
  made.mean_us = p50_us * 1.02;
  made.iterations = count;
  made.block_values_us = {p50_us, p50_us * 1.01};
  return made;
}

Comparison comparison(std::size_t subject, Timing timing, std::size_t a, std::size_t b, double ratio) {
  Comparison made;
  made.subject = subject;
  made.timing = timing;
  made.a = a;
  made.b = b;
  made.ratio = {ratio, ratio * 0.97, ratio * 1.03, 0.99, 24};
  if (timing == Timing::isolated) made.ratio_p99 = ratio * 1.1;
  return made;
}

Report gb10() {
  Report report = two_nodes();
  report.plan.options.mode = "tp2";
  report.plan.options.parallelism = traffic::parse_parallelism("tp2");
  report.plan.steps = {tp2_step()};
  report.plan.model = report.plan.steps[0].request.model;
  report.sides = {proven("rdma", "rdma", Backend::nccl), proven("socket", "socket", Backend::nccl)};
  report.sides[0].proof.gpu_direct = false;
  report.subjects = {operation(OpKind::all_reduce, 4096, 97), operation(OpKind::all_gather, 303872, 1)};
  Subject step;
  step.name = "step";
  step.whole_step = true;
  report.subjects.push_back(step);
  compare(report, 0, Timing::isolated, 30.1, 152);
  compare(report, 0, Timing::back_to_back, 21.4, 139);
  compare(report, 0, Timing::graph, 19.7, 134);
  compare(report, 1, Timing::isolated, 61, 410);
  compare(report, 1, Timing::back_to_back, 49, 377);
  compare(report, 1, Timing::graph, 47, 371);
  compare(report, 2, Timing::isolated, 2105, 13610);
  compare(report, 2, Timing::back_to_back, 2020, 13500);
  compare(report, 2, Timing::graph, 1950, 13340);
  predict::Prediction price;
  price.measured_on = "socket";
  price.predicted_on = "rdma";
  price.measured_tok_s = 45.3;
  price.tok_s = 91.0;
  price.interval = predict::Interval{87.2, 94.8};
  price.ceiling_a_tok_s = 74.9;
  price.ceiling_b_tok_s = 511;
  price.assumptions = {"everything but communication takes the same time on both transports"};
  report.predictions = {price};
  report.verifications = {{0, 98, 0, "", 0}, {1, 98, 0, "", 0}};
  return report;
}

Report with_floor() {
  Report report = gb10();
  for (const char* name : {"wire-rdma", "wire-socket"}) {
    const bool rdma = std::string(name) == "wire-rdma";
    report.sides.push_back(proven(name, rdma ? "rdma" : "socket", Backend::host));
    report.sides.back().floor = true;
    report.results.push_back(result(0, report.sides.size() - 1, Timing::isolated, rdma ? 6.2 : 51));
  }
  report.budgets = {{0, 0, 0.33, 5.87, 23.9}, {0, 1, 0.33, 50.67, 101}};
  return report;
}

Report fallen_to_sockets() {
  Report report = gb10();
  Proof& proof = report.sides[0].proof;
  proof.verdict = Proof::Verdict::contradicted;
  proof.transport = "socket";
  proof.sentence = "8 channels via NET/Socket, none via NET/IB";
  proof.rails = {"enp1s0f0np0"};
  proof.log_lines = {"Channel 00/0 : 0[0] -> 1[0] [send] via NET/Socket/0"};
  proof.counters[0].delta = 0;
  report.predictions.clear();
  return report;
}

Report one_side() {
  Report report = two_nodes();
  report.hosts = {{0, "box", "host memory", "Xeon"}, {1, "box", "host memory", "Xeon"}};
  report.door = "--local";
  report.function_only = {"all ranks are on one host: no wire is measured"};
  report.notes = {"no RDMA device: socket alone"};
  plan_pattern(report, {8, 65536});
  report.sides = {side("socket", "socket", Backend::host)};
  report.sides[0].proof.sentence = "lo received 2.1 MiB of at least 2 MiB";
  report.results = {result(0, 0, Timing::isolated, 24.1, 12000), result(1, 0, Timing::isolated, 66, 500),
                    result(0, 0, Timing::back_to_back, 22.7), result(1, 0, Timing::back_to_back, 61)};
  with_bandwidth(report, 0);
  return report;
}

Report pattern() {
  Report report = two_nodes();
  plan_pattern(report, {4096, 64U << 20});
  report.sides = {proven("rdma", "rdma", Backend::nccl), proven("socket", "socket", Backend::nccl)};
  compare(report, 0, Timing::isolated, 30.1, 152);
  compare(report, 0, Timing::back_to_back, 21.4, 139);
  compare(report, 1, Timing::isolated, 2900, 16100);
  compare(report, 1, Timing::back_to_back, 2820, 15900);
  with_bandwidth(report, 196.1);
  return report;
}

}  // namespace rocekit::pattern::sample
