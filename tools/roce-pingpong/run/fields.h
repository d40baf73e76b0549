// The fields of each structure that ranks tell each other (core/wire/wire.h), each list in one place for writing and
// reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/distribution.h"
#include "core/measure/warnings.h"
#include "tools/roce-pingpong/nodes/node.h"
#include "tools/roce-pingpong/nodes/paths.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/run/pair_ends.h"
#include "tools/roce-pingpong/run/plan.h"
#include "tools/roce-pingpong/run/record.h"
#include "tools/roce-pingpong/settings.h"

// Found by argument-dependent lookup, so in the namespaces of their structures.
namespace rocekit::measure {

template <class Archive>
void fields(Archive& archive, HistogramBin& bin) {
  archive(bin.low, bin.high, bin.count);
}
template <class Archive>
void fields(Archive& archive, Distribution& d) {
  archive(d.count, d.min, d.max, d.mean, d.stddev, d.p50, d.p90, d.p99, d.p999, d.histogram);
}
template <class Archive>
void fields(Archive& archive, Warning& warning) {
  archive(warning.kind, warning.text);
}

}  // namespace rocekit::measure

namespace rocekit::pingpong {

template <class Archive>
void fields(Archive& archive, Settings& s) {
  std::optional<std::int64_t> duration_ms;
  if (s.duration) duration_ms = s.duration->count();
  archive(duration_ms);
  s.duration.reset();
  if (duration_ms) s.duration = std::chrono::milliseconds(*duration_ms);
  archive(s.transports, s.transports_given, s.operation, s.latency, s.bandwidth, s.sizes, s.sizes_given,
          s.bidirectional, s.each_direction, s.queue_pairs, s.streams, s.window, s.rails, s.iterations, s.verify,
          s.gid_index, s.inline_bytes, s.wait_mode, s.memory, s.gpu);
}
template <class Archive>
void fields(Archive& archive, NodeAddress& a) {
  archive(a.netdev, a.ip, a.prefix_length, a.mtu, a.link_gbit_s, a.local_only, a.cpus);
}
template <class Archive>
void fields(Archive& archive, RdmaPort& p) {
  archive(p.device, p.port, p.netdev, p.infiniband, p.soft_roce, p.state, p.active_mtu, p.addresses, p.link_gbit_s,
          p.pcie_gbit_s, p.physical, p.no_bound, p.numa_node, p.cpus);
}
template <class Archive>
void fields(Archive& archive, Node& node) {
  archive(node.host, node.machine, node.network, node.ports, node.addresses);
}
template <class Archive>
void fields(Archive& archive, End& e) {
  archive(e.rank, e.host, e.device, e.port, e.netdev, e.ip, e.link_gbit_s, e.pcie_gbit_s, e.physical, e.soft_roce,
          e.active_mtu, e.netdev_mtu);
}
template <class Archive>
void fields(Archive& archive, Path& p) {
  archive(p.a, p.b, p.path_mtu, p.bound_gbit_s, p.limited_by, p.bound_why, p.rc_description, p.tcp_description);
}
template <class Archive>
void fields(Archive& archive, PathPlan& p) {
  archive(p.path, p.rdma, p.tcp, p.loopback, p.infiniband, p.tcp_ip_a, p.tcp_ip_b, p.cpus_a, p.cpus_b);
}
template <class Archive>
void fields(Archive& archive, Unpaired& u) {
  archive(u.end, u.peer_rank, u.why);
}
template <class Archive>
void fields(Archive& archive, Cell& cell) {
  archive(cell.metric, cell.size_bytes, cell.paths, cell.transports, cell.each_direction);
}
template <class Archive>
void fields(Archive& archive, PairPlan& pair) {
  archive(pair.a, pair.b, pair.paths, pair.cells);
}
template <class Archive>
void fields(Archive& archive, Round& round) {
  archive(round.pairs);
}
template <class Archive>
void fields(Archive& archive, Plan& plan) {
  archive(plan.paths, plan.rounds, plan.unpaired, plan.notes);
}
template <class Archive>
void fields(Archive& archive, PathDetails& d) {
  archive(d.path, d.path_mtu, d.rc_description, d.tcp_description);
}
template <class Archive>
void fields(Archive& archive, CounterDelta& d) {
  archive(d.host, d.source, d.counter, d.unit, d.delta);
}
template <class Archive>
void fields(Archive& archive, Host& h) {
  archive(h.rank, h.name, h.cpu, h.measuring_cpu, h.governor, h.numa_node, h.clock);
}
template <class Archive>
void fields(Archive& archive, StreamRecord& s) {
  archive(s.block_gbit_s, s.window_gbit_s, s.bytes, s.seconds, s.messages);
}
template <class Archive>
void fields(Archive& archive, SeriesRecord& s) {
  archive(s.operation, s.iterations, s.latency_us, s.block_medians_us, s.core_work_ns, s.stream, s.messages_sent,
          s.warnings, s.corrupt_messages, s.first_corruption, s.lost_messages, s.counters);
}
template <class Archive>
void fields(Archive& archive, CellRecord& r) {
  archive(r.series);
}

}  // namespace rocekit::pingpong
