#include "tools/nccl-pattern/plan/sides.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"

namespace rocekit::pattern {
namespace {

using collectives::Backend;
using collectives::Setting;
using verbs::Transport;

constexpr const char* default_name = "default";

std::string why_no_nccl(const RankView& rank) {
  if (rank.gpus.gpus.empty()) return fmt::format("{} has no GPU ({})", rank.name, rank.gpus.no_gpu);
  return fmt::format("{} has no NCCL ({})", rank.name, rank.gpus.no_nccl);
}

bool has_nccl(const RankView& rank) { return !rank.gpus.gpus.empty() && rank.gpus.no_nccl.empty(); }

bool is_network(const std::string& transport) { return transport == "rdma" || transport == "socket"; }

InputError not_of_host_memory(const char* option, const std::string& word, const char* what_it_has) {
  return InputError(fmt::format("{} {}: host memory has {}{}", option, word, what_it_has,
                                word == "p2p" || word == "shm" ? "; p2p and shm are ways between GPUs" : ""));
}

class Chooser {
 public:
  Chooser(const Settings& settings, const std::vector<RankView>& ranks, const Ways& ways)
      : settings_(settings), ranks_(ranks), ways_(ways) {
    one_machine_ =
        std::all_of(ranks.begin(), ranks.end(), [&](const RankView& rank) { return rank.machine == ranks[0].machine; });
  }

  SideChoice choose() {
    require_named_libraries();
    if (settings_.required == "rdma" && !ways_.no_rdma.empty()) {
      choice_.notes.push_back(fmt::format("{}: nothing was measured, as --require rdma cannot be met", ways_.no_rdma));
      return std::move(choice_);
    }
    backend_ = backend();
    if (backend_ == Backend::nccl) {
      compare_libraries();
      shared_gpu_ = find_shared_gpu();
    }
    if (settings_.environments) {
      add_environments();
    } else {
      for (const std::string& word : words()) choice_.sides.push_back(side_of(word));
    }
    refuse_what_cannot_be_met();
    add_floors();
    add_notes();
    return std::move(choice_);
  }

 private:
  /// Who names a library means it: nothing else is measured in its stead.
  void require_named_libraries() {
    const bool without = settings_.backend == BackendChoice::host || settings_.backend == BackendChoice::mpi;
    for (const RankView& rank : ranks_) {
      if (rank.nccl_library.empty()) continue;
      if (!without && !rank.gpus.no_nccl.empty()) throw InputError(fmt::format("{}: {}", rank.name, rank.gpus.no_nccl));
      if (without) {
        choice_.notes.push_back(fmt::format("--nccl-lib {} was not used: --backend {} measures without NCCL",
                                            rank.nccl_library,
                                            settings_.backend == BackendChoice::host ? "host" : "mpi"));
        return;
      }
    }
  }

  Backend backend() {
    if (settings_.backend == BackendChoice::host) return Backend::host;
    if (settings_.backend == BackendChoice::mpi) return Backend::mpi;
    const auto lacking = std::find_if(ranks_.begin(), ranks_.end(), [](const RankView& r) { return !has_nccl(r); });
    if (lacking == ranks_.end()) return Backend::nccl;
    if (settings_.backend == BackendChoice::nccl) {
      throw InputError(why_no_nccl(*lacking) + "; --backend host measures without");
    }
    if (settings_.environments) throw InputError(why_no_nccl(*lacking) + ", and --a and --b are settings of NCCL");
    const bool no_gpu_at_all =
        std::all_of(ranks_.begin(), ranks_.end(), [](const RankView& r) { return r.gpus.gpus.empty(); });
    choice_.notes.push_back(no_gpu_at_all
                                ? fmt::format("no rank has a GPU: measured on host memory, without NCCL")
                                : fmt::format("{}: measured on host memory, without NCCL", why_no_nccl(*lacking)));
    return Backend::host;
  }

  /// "2.28.9 on rank 0 (a); 2.27.3 on rank 1 (b)"; empty: the same on all ranks.
  std::string differences(std::string GpuFacts::*what) const {
    std::map<std::string, std::vector<std::string>> ranks_by;
    for (const RankView& rank : ranks_) ranks_by[rank.gpus.*what].push_back(rank.name);
    if (ranks_by.size() < 2) return {};
    std::vector<std::string> words;
    for (const auto& [value, names] : ranks_by) {
      words.push_back(fmt::format("{} on {}", value,
                                  names.size() > 3 ? fmt::format("{} and {} more", names.front(), names.size() - 1)
                                                   : fmt::format("{}", fmt::join(names, ", "))));
    }
    return fmt::format("{}", fmt::join(words, "; "));
  }

  /// Nodes may have one version in different places (environments of Python).
  void compare_libraries() {
    if (const std::string versions = differences(&GpuFacts::nccl_version); !versions.empty()) {
      throw InputError(
          fmt::format("the ranks have different versions of NCCL: {}; it needs the same everywhere, --nccl-lib "
                      "names the one to use; roce-probe explain ROCE-PAIR-005",
                      versions));
    }
    if (const std::string paths = differences(&GpuFacts::nccl_path); !paths.empty()) {
      choice_.notes.push_back(
          fmt::format("NCCL {} comes from different places: {}", ranks_.front().gpus.nccl_version, paths));
    }
  }

  bool find_shared_gpu() {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> users;
    for (const RankView& rank : ranks_) {
      users[{rank.machine, rank.gpus.gpus[static_cast<std::size_t>(rank.gpu)].bus_id}].push_back(rank.name);
    }
    bool shared = false;
    for (const auto& [gpu, names] : users) {
      if (names.size() < 2) continue;
      shared = true;
      choice_.function_only.push_back(
          fmt::format("{} ranks share GPU {} ({})", names.size(), gpu.second, fmt::join(names, ", ")));
    }
    return shared;
  }

  std::vector<std::string> words() {
    if (!settings_.compare.empty()) return settings_.compare;
    const std::string best = ways_.rdma ? "rdma" : "socket";
    if (backend_ == Backend::mpi) return {"mpi", best};
    if (!ways_.rdma) {
      choice_.notes.push_back(
          fmt::format("{}: RDMA was not measured", ways_.no_rdma.empty() ? "RDMA was not asked for" : ways_.no_rdma));
    }
    if (backend_ == Backend::nccl && one_machine_ && !shared_gpu_) return {default_name, "socket"};
    if (ways_.rdma) return {"rdma", "socket"};
    return {"socket"};
  }

  /// Between the ranks of one machine NCCL would take NVLink or shared memory.
  void keep_to_network(SidePlan& side) const {
    if (shared_gpu_) {
      side.host_ids = true;
      side.child = true;
    } else if (one_machine_) {
      side.settings.push_back({"NCCL_P2P_DISABLE", "1"});
      side.settings.push_back({"NCCL_SHM_DISABLE", "1"});
      side.child = true;
    }
  }

  void require_one_machine(const std::string& word) const {
    if (!one_machine_) {
      throw InputError(fmt::format("--compare {}: that is a way between GPUs of one machine, and these ranks are on {}",
                                   word, "several"));
    }
    if (shared_gpu_) {
      throw InputError(fmt::format("--compare {}: {}, and NCCL has only its networks between them", word,
                                   choice_.function_only.front()));
    }
  }

  SidePlan side_of(const std::string& word) const {
    SidePlan side;
    side.name = word;
    side.transport = word;
    if (word == "mpi") {
      side.backend = Backend::mpi;
      side.transport.clear();
      return side;
    }
    if (word == "rdma" && !ways_.rdma) {
      throw InputError(fmt::format("--compare rdma: {}; roce-probe on that node tells why", ways_.no_rdma));
    }
    if (backend_ != Backend::nccl) {
      if (!is_network(word)) throw not_of_host_memory("--compare", word, "rdma, socket and mpi");
      side.channel = word == "rdma" ? Transport::rc : Transport::tcp;
      return side;
    }
    side.backend = Backend::nccl;
    if (word == default_name) {
      side.transport.clear();
    } else if (word == "p2p") {
      require_one_machine(word);
    } else if (word == "shm") {
      require_one_machine(word);
      side.settings.push_back({"NCCL_P2P_DISABLE", "1"});
      side.child = true;
    } else {
      side.net_name = word == "rdma" ? "IB" : word == "socket" ? "Socket" : word;
      keep_to_network(side);
    }
    return side;
  }

  /// Whether the proof may come to show `transport`.
  static bool can_be_over(const SidePlan& side, const std::string& transport) {
    if (!side.transport.empty()) return side.transport == transport;
    // What the library chooses itself; NCCL's log does not name a plugin as --compare does.
    return is_network(transport) ||
           (side.backend == Backend::nccl && (transport == "p2p" || transport == "shm" || transport == "plugin"));
  }

  void refuse_what_cannot_be_met() const {
    if (!settings_.required) return;
    const std::string& wanted = *settings_.required;
    std::vector<std::string> names;
    for (const SidePlan& side : choice_.sides) {
      if (can_be_over(side, wanted)) return;
      names.push_back(side.name);
    }
    if (backend_ != Backend::nccl && !is_network(wanted)) {
      throw not_of_host_memory("--require", wanted, "rdma and socket");
    }
    throw InputError(fmt::format("--require {}: this run measures only {}; name it in --compare too", wanted,
                                 fmt::join(names, " and ")));
  }

  void add_environments() {
    for (const auto* environment : {&settings_.a, &settings_.b}) {
      SidePlan side = side_of(settings_.compare.empty() ? default_name : settings_.compare.front());
      side.name = name_of(*environment);
      if (settings_.compare.empty() && shared_gpu_) keep_to_network(side);
      side.settings.insert(side.settings.end(), environment->begin(), environment->end());
      side.child = true;
      choice_.sides.push_back(std::move(side));
    }
  }

  void add_floors() {
    if (backend_ != Backend::nccl || !settings_.floor || shared_gpu_) return;
    std::vector<SidePlan> floors;
    for (const auto& [transport, channel] : {std::pair{"rdma", Transport::rc}, std::pair{"socket", Transport::tcp}}) {
      const bool measured = std::any_of(choice_.sides.begin(), choice_.sides.end(),
                                        [&, name = transport](const SidePlan& side) { return side.transport == name; });
      if (!measured || (channel == Transport::rc && !ways_.rdma)) continue;
      SidePlan floor;
      floor.name = fmt::format("wire-{}", transport);
      floor.transport = transport;
      floor.channel = channel;
      floor.floor = true;
      floors.push_back(std::move(floor));
    }
    for (SidePlan& floor : floors) choice_.sides.push_back(std::move(floor));
  }

  void add_notes() {
    const auto over_rdma = [](const SidePlan& side) { return side.transport == "rdma"; };
    if (ways_.soft_roce && std::any_of(choice_.sides.begin(), choice_.sides.end(), over_rdma)) {
      choice_.function_only.emplace_back("RDMA is Soft-RoCE, in software");
    }
    if (one_machine_ && backend_ != Backend::nccl) {
      choice_.function_only.emplace_back("all ranks are on one machine: nothing left it");
    }
    const auto compared =
        std::count_if(choice_.sides.begin(), choice_.sides.end(), [](const SidePlan& side) { return !side.floor; });
    if (compared < 2 && settings_.compare.empty()) {
      choice_.notes.push_back(
          fmt::format("only {} was measured: there is nothing to compare it with", choice_.sides.front().name));
    }
  }

  const Settings& settings_;
  const std::vector<RankView>& ranks_;
  const Ways& ways_;
  SideChoice choice_;
  Backend backend_ = Backend::host;
  bool one_machine_ = false;
  bool shared_gpu_ = false;
};

}  // namespace

std::vector<int> gpus_of(const std::vector<pingpong::Node>& nodes, const std::vector<GpuFacts>& facts) {
  std::map<std::string, std::size_t> taken;
  std::vector<int> gpus;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const std::size_t seen = facts[rank].gpus.size();
    const std::size_t index = taken[nodes[rank].machine]++;
    gpus.push_back(seen == 0 ? 0 : static_cast<int>(index % seen));
  }
  return gpus;
}

RdmaWish rdma_wish(const Settings& settings) {
  if (settings.compare.empty()) return RdmaWish::if_there;
  const bool asked = std::find(settings.compare.begin(), settings.compare.end(), "rdma") != settings.compare.end();
  // That --require cannot be met is a result.
  if (asked && settings.required == "rdma") return RdmaWish::if_there;
  return asked ? RdmaWish::required : RdmaWish::no;
}

SideChoice choose_sides(const Settings& settings, const std::vector<RankView>& ranks, const Ways& ways) {
  return Chooser(settings, ranks, ways).choose();
}

collectives::SideRequest request_of(const SidePlan& side, const Settings& settings, const std::vector<RankView>& ranks,
                                    int rank, const std::vector<Groups>& groups, const Ways& ways) {
  collectives::SideRequest request;
  request.name = side.name;
  request.backend = side.backend;
  request.rank = rank;
  for (const RankView& other : ranks) request.names.push_back(other.name);
  for (const Groups& kind : groups) {
    for (const std::vector<int>& members : kind.members) {
      if (std::find(members.begin(), members.end(), rank) != members.end())
        request.groups.push_back({kind.group, members});
    }
  }
  request.transport = side.channel;
  if (side.backend == Backend::host) request.links = links_of(ways, rank, side.channel);
  request.nccl_library = settings.nccl_library;
  request.net_name = side.net_name;
  request.gpu = ranks[static_cast<std::size_t>(rank)].gpu;
  request.settings = side.settings;
  if (side.host_ids) request.settings.push_back({"NCCL_HOSTID", fmt::format("rank-{}", rank)});
  request.log_algorithms = settings.algorithms;
  return request;
}

}  // namespace rocekit::pattern
