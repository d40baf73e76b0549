// What is judged and how long it may take: rank 0's settings hold for all ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rocekit::preflight {

enum class Effort { quick, normal, full };

/// Which process serves on each node, in the order of ranks; one: the same on all nodes. At most one list is filled.
struct ServingNames {
  std::vector<int> pids;                ///< --pid
  std::vector<std::string> containers;  ///< --container
  bool empty() const { return pids.empty() && containers.empty(); }
};
template <class Archive>
void fields(Archive& archive, ServingNames& names) {
  archive(names.pids, names.containers);
}

struct Settings {
  Effort effort = Effort::normal;
  std::optional<std::int64_t> budget_ms;  ///< --budget
  std::string model;                      ///< as nccl-pattern takes it; empty: a few small all-reduces
  std::string mode;                       ///< empty: tpN over all ranks
  bool require_rdma = false;
  bool require_both_rails = false;
  std::optional<double> min_fraction;    ///< of each rail's bound
  std::optional<double> max_latency_us;  ///< RC, 8 bytes, median, of each rail
  std::optional<std::uint64_t> max_memory;
  ServingNames serving;  ///< a rank that names some itself has the say over its node
};
template <class Archive>
void fields(Archive& archive, Settings& s) {
  archive(s.effort, s.budget_ms, s.model, s.mode, s.require_rdma, s.require_both_rails, s.min_fraction,
          s.max_latency_us, s.max_memory, s.serving);
}

}  // namespace rocekit::preflight
