#include "tests/unit/pingpong/sample_report.h"

#include <string>
#include <utility>

namespace rocekit::pingpong::sample {
namespace {

using verbs::Operation;
using verbs::Transport;

Host host(int rank, const char* name) {
  Host made;
  made.rank = rank;
  made.name = name;
  made.cpu = "Cortex-X925";
  made.measuring_cpu = 5;
  made.governor = "performance";
  made.clock = "CLOCK_MONOTONIC_RAW";
  return made;
}

End end(int rank, const char* host_name, const char* device, const char* netdev, const char* ip) {
  End made;
  made.rank = rank;
  made.host = host_name;
  made.device = device;
  made.netdev = netdev;
  made.ip = ip;
  made.netdev_mtu = 9000;
  return made;
}

End adapter(End made) {
  made.link_gbit_s = 200;
  made.pcie_gbit_s = 112;
  made.physical = "cage 0";
  made.port = 1;
  made.active_mtu = 4096;
  return made;
}

Path gb10_path(const char* device, const char* netdev, int subnet) {
  Path path;
  const std::string ip_a = "192.168." + std::to_string(subnet) + ".10";
  const std::string ip_b = "192.168." + std::to_string(subnet) + ".11";
  path.a = adapter(end(0, "spark-1", device, netdev, ip_a.c_str()));
  path.b = adapter(end(1, "spark-2", device, netdev, ip_b.c_str()));
  path.path_mtu = 4096;
  path.bound_gbit_s = 112;
  path.limited_by = "pcie";
  path.bound_why = "PCIe 32 GT/s x4 carries 112 Gb/s of payload, less than the link's 196.1";
  path.rc_description = std::string(device) + ":1 GID 3 (RoCE v2, " + ip_a + "), path MTU 4096, inline 220 B";
  path.tcp_description = ip_a + " on " + netdev;
  return path;
}

Report pair_of(const char* a, const char* b) {
  Report report;
  report.started_at = "2026-01-02T03:04:05Z";
  report.elapsed_s = 17.24;
  report.door = "mpirun";
  report.arguments = {"roce-pingpong"};
  report.hosts = {host(0, a), host(1, b)};
  report.loop_overhead_ns = 31.2;
  report.window = 128;
  return report;
}

void prove(Result& result, const char* sentence, const char* source, const char* counter) {
  result.proof.verdict = Proof::Verdict::proven;
  result.proof.sentence = sentence;
  result.proof.expected_bytes = 1'000'000'000 + result.size_bytes;
  result.proof.counters = {{"spark-1", source, counter, "bytes", 1'020'000'000}};
}

}  // namespace

Result latency(Transport transport, std::size_t size_bytes, double p50_us, std::size_t count) {
  Result result;
  result.metric = Metric::latency;
  result.transport = transport;
  result.size_bytes = size_bytes;
  result.paths = {0};
  result.samples = count;
  result.blocks = 16;
  measure::Distribution& d = result.latency_us;
  d.count = count;
  d.min = p50_us * 0.95;
  d.max = p50_us * 12;
  d.mean = p50_us * 1.03;
  d.stddev = p50_us * 0.2;
  if (count >= 10) d.p50 = p50_us;
  if (count >= 100) d.p90 = p50_us * 1.04;
  if (count >= 1000) d.p99 = p50_us * 1.1;
  if (count >= 10'000) d.p999 = p50_us * 1.5;
  d.histogram = {{p50_us * 0.9, p50_us, count / 4}, {p50_us, p50_us * 1.1, count - count / 4}};
  result.block_values = {p50_us, p50_us * 1.01};
  return result;
}

Result bandwidth(Transport transport, std::size_t size_bytes, std::vector<std::size_t> paths, double mean_gbit_s,
                 double bound_gbit_s) {
  Result result;
  result.metric = Metric::bandwidth;
  result.transport = transport;
  result.size_bytes = size_bytes;
  result.paths = std::move(paths);
  result.blocks = 10;
  result.bandwidth.mean_gbit_s = mean_gbit_s;
  result.bandwidth.min_gbit_s = mean_gbit_s * 0.99;
  result.bandwidth.max_gbit_s = mean_gbit_s * 1.01;
  result.bandwidth.messages_per_s = mean_gbit_s * 1e9 / 8 / static_cast<double>(size_bytes);
  result.samples = static_cast<std::size_t>(result.bandwidth.messages_per_s);
  result.block_values = {mean_gbit_s};
  result.bound_gbit_s = bound_gbit_s;
  result.fraction_of_bound = mean_gbit_s / bound_gbit_s;
  return result;
}

Comparison comparison(Metric metric, std::size_t size_bytes, std::vector<std::size_t> paths, double ratio) {
  Comparison made;
  made.metric = metric;
  made.size_bytes = size_bytes;
  made.paths = std::move(paths);
  made.ratio_p50 = {ratio, ratio * 0.99, ratio * 1.01, 0.99, 16};
  if (metric == Metric::latency) made.ratio_p99 = ratio * 1.2;
  return made;
}

Report gb10() {
  Report report = pair_of("spark-1", "spark-2");
  report.paths = {gb10_path("rocep1s0f0", "enp1s0f0np0", 100), gb10_path("roceP2p1s0f0", "enP2p1s0f0np0", 101)};
  const auto add = [&](Result result) {
    if (result.transport == Transport::rc) {
      prove(result, "rocep1s0f0 of spark-1 sent 1.02 GB of the 1 GB asked for", "rocep1s0f0:1", "port_xmit_data");
    } else {
      prove(result, "enp1s0f0np0 of spark-1 sent 1.02 GB of the 1 GB asked for", "enp1s0f0np0", "tx_bytes");
    }
    report.results.push_back(std::move(result));
  };
  const std::pair<std::size_t, std::pair<double, double>> latencies[] = {
      {8, {1.47, 17.1}}, {4096, {2.31, 19.4}}, {65536, {7.9, 41.2}}, {1048576, {81.5, 304.0}}};
  for (const auto& [size, us] : latencies) {
    add(latency(Transport::rc, size, us.first));
    add(latency(Transport::tcp, size, us.second));
    report.comparisons.push_back(comparison(Metric::latency, size, {0}, us.second / us.first));
  }
  for (const std::size_t size : {std::size_t{65536}, std::size_t{1048576}}) {
    const double tcp = size == 65536 ? 21.4 : 34.8;
    for (const std::size_t path : {std::size_t{0}, std::size_t{1}}) {
      add(bandwidth(Transport::rc, size, {path}, 109.3, 112));
      add(bandwidth(Transport::tcp, size, {path}, tcp, 112));
      report.comparisons.push_back(comparison(Metric::bandwidth, size, {path}, tcp / 109.3));
    }
    add(bandwidth(Transport::rc, size, {0, 1}, 190, 196.1));
    add(bandwidth(Transport::tcp, size, {0, 1}, tcp * 1.6, 196.1));
    report.comparisons.push_back(comparison(Metric::bandwidth, size, {0, 1}, tcp * 1.6 / 190));
  }
  return report;
}

Report soft_roce() {
  Report report = pair_of("node0", "node1");
  Path path;
  path.a = end(0, "node0", "rxe0", "eth1", "10.0.1.1");
  path.b = end(1, "node1", "rxe0", "eth1", "10.0.1.2");
  path.a.soft_roce = path.b.soft_roce = true;
  path.a.port = path.b.port = 1;
  path.a.active_mtu = path.b.active_mtu = 4096;
  path.path_mtu = 4096;
  path.bound_why = "no bound: software";
  path.rc_description = "rxe0:1 GID 1 (RoCE v2, 10.0.1.1), path MTU 4096, inline 220 B";
  report.paths = {path};
  report.results = {latency(Transport::rc, 8, 900, 400), latency(Transport::tcp, 8, 890, 420)};
  Comparison same = comparison(Metric::latency, 8, {0}, 0.99);
  same.ratio_p50 = {0.99, 0.96, 1.02, 0.99, 16};
  report.comparisons = {same};
  Result stream = bandwidth(Transport::rc, 1048576, {0}, 0.31, 1);
  stream.bound_gbit_s = stream.fraction_of_bound = std::nullopt;
  report.results.push_back(stream);
  return report;
}

Report tcp_only() {
  Report report = pair_of("a", "b");
  Path path;
  path.a = end(0, "a", "", "eth0", "10.0.0.1");
  path.b = end(1, "b", "", "eth0", "10.0.0.2");
  path.bound_why = "the speed of eth0 is not known";
  path.tcp_description = "10.0.0.1 on eth0";
  report.paths = {path};
  report.notes = {"no RDMA device on either rank: TCP only"};
  report.results = {latency(Transport::tcp, 8, 17.1), latency(Transport::tcp, 4096, 19.4)};
  Result stream = bandwidth(Transport::tcp, 1048576, {0}, 34.8, 1);
  stream.bound_gbit_s = stream.fraction_of_bound = std::nullopt;
  stream.bandwidth.min_gbit_s = std::nullopt;
  report.results.push_back(stream);
  return report;
}

Report four_ranks() {
  Report report = pair_of("node1", "node2");
  report.hosts.push_back(host(2, "node3"));
  report.hosts.push_back(host(3, "node4"));
  int pair = 0;
  for (int a = 0; a < 4; ++a) {
    for (int b = a + 1; b < 4; ++b, ++pair) {
      Path path = gb10_path("mlx5_0", "ens1", 100);
      path.a.rank = a;
      path.a.host = report.hosts[static_cast<std::size_t>(a)].name;
      path.b.rank = b;
      path.b.host = report.hosts[static_cast<std::size_t>(b)].name;
      const std::size_t index = report.paths.size();
      report.paths.push_back(path);
      const double more = 1 + 0.01 * pair;
      for (Result result : {latency(Transport::rc, 8, 1.5 * more), latency(Transport::tcp, 8, 16.5),
                            bandwidth(Transport::rc, 1048576, {index}, 109 / more, 112),
                            bandwidth(Transport::tcp, 1048576, {index}, 35, 112)}) {
        result.rank_a = a;
        result.rank_b = b;
        result.paths = {index};
        report.results.push_back(std::move(result));
      }
      for (const Metric metric : {Metric::latency, Metric::bandwidth}) {
        Comparison compared = metric == Metric::latency ? comparison(metric, 8, {index}, 11 / more)
                                                        : comparison(metric, 1048576, {index}, 0.32 * more);
        compared.rank_a = a;
        compared.rank_b = b;
        report.comparisons.push_back(compared);
      }
    }
  }
  return report;
}

}  // namespace rocekit::pingpong::sample
