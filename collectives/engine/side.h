// One side of a comparison on this rank: a device and the communicators of one transport, in this process or, where the
// transport depends on settings that NCCL reads once a process, in a child.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectives/communicator/communicator.h"
#include "collectives/engine/program.h"
#include "verbs/endpoint.h"

namespace rocekit::collectives {

enum class Backend { nccl, host, mpi };
const char* to_string(Backend backend);

/// A variable set, or taken away, before NCCL is loaded.
struct Setting {
  std::string name;
  std::optional<std::string> value;
};

/// This rank's way to one other rank over the host backend.
struct HostLink {
  int peer = 0;                               ///< rank of the world
  std::vector<verbs::EndpointOptions> rails;  ///< one or more: long messages are spread over them
};

struct GroupSeat {
  traffic::Group group = traffic::Group::world;
  std::vector<int> members;  ///< ranks of the world, by rank of the group; this rank among them
};

struct SideRequest {
  std::string name;  ///< "rdma", "socket", "p2p", "NCCL_IB_QPS_PER_CONNECTION=4"
  Backend backend = Backend::host;
  int rank = 0;                    ///< of the world
  std::vector<std::string> names;  ///< by rank of the world: "rank 1 (spark-2)"
  std::vector<GroupSeat> groups;   ///< those with more than one member
  // host
  verbs::Transport transport = verbs::Transport::tcp;
  std::vector<HostLink> links;
  // nccl
  std::string nccl_library;       ///< a path; empty: as library_search finds it
  std::string net_name;           ///< "IB", "Socket", a plugin's; empty: NCCL chooses
  int gpu = 0;                    ///< CUDA ordinal
  std::vector<Setting> settings;  ///< some: the side lives in a child process
  bool log_algorithms = false;    ///< NCCL_DEBUG_SUBSYS has TUNING: costs time in every launch
};

/// What is known of a side once it is connected.
struct SideDetails {
  std::string device;            ///< Device::description()
  std::string library;           ///< "NCCL 2.28.9 (/usr/lib/...)", "rocekit host collectives", "Open MPI 4.1.4"
  std::string library_version;   ///< equal on all ranks, or the run is refused: "2.28.9"
  std::string communicator;      ///< Communicator::description() of the first group
  std::uint64_t memory_cap = 0;  ///< Device::default_memory_cap()
  bool records = false;
  std::vector<std::string> notes;  ///< settings found in conf files, features that this library lacks
};

enum class Timing {
  isolated,      ///< the host waits for each run of the program: percentiles of what one costs
  back_to_back,  ///< enqueued one after the other, one wait at the end, as nccl-tests does: pipelined mean
  graph,         ///< the same, replayed from a CUDA graph that holds the program once or more (of single operations 32)
};
const char* to_string(Timing timing);  ///< "isolated", "back-to-back", "graph"

struct BlockRequest {
  std::uint32_t program = 0;  ///< index of load()
  Timing timing = Timing::isolated;
  std::uint64_t iterations = 1;
  /// Nothing is timed: each call is filled, run and checked once each iteration (of calls of a step that are alike, the
  /// first).
  bool verify = false;
  std::uint32_t seed = 1;
};

struct BlockRecord {
  std::vector<std::uint64_t> samples_ns;  ///< isolated: one a run, divided by Program::divisor
  std::uint64_t iterations = 0;  ///< that were run: of a graph rounded up to whole graphs, the same on all ranks
  /// Of all iterations, divided by Program::divisor too: total_ns / iterations is the time of one. 0 of verify.
  std::uint64_t total_ns = 0;
  /// Back to back on a GPU: of total_ns, until the last operation was enqueued. 0 elsewhere, where enqueueing runs it.
  std::uint64_t enqueue_ns = 0;
  /// measure::core_work_ns() of the thread that ran it, the worse of before and after. 0 of verify.
  double core_work_ns = 0;
  std::uint64_t calls = 0;        ///< verify: that were checked
  std::uint64_t wrong_calls = 0;  ///< verify
  Mismatch mismatch;              ///< verify: of the first wrong call
  std::string mismatch_where;     ///< "all-reduce, attention output, call 3"
};

/// A side's life, in lockstep on all ranks: address -> (exchange) -> connect -> load -> run ... -> (barrier) -> end:
/// what was sent last may still be on its way. After an error only abort() and the end are left. All may throw
/// CollectiveError, verbs::TransportError and InputError; those of a child come over as CollectiveError or InputError
/// with the same text.
class Side {
 public:
  virtual ~Side() = default;
  virtual std::string address() = 0;
  /// `addresses` by rank of the world.
  virtual SideDetails connect(const std::vector<std::string>& addresses, const Wait& wait) = 0;
  /// Replaces the programs; reserves memory for the largest. Throws InputError where the device has not as much.
  virtual void load(const std::vector<Program>& programs, const Wait& wait) = 0;
  /// Precondition of comparable figures: all ranks were released together (a barrier of the session) just before.
  virtual BlockRecord run(const BlockRequest& block, const Wait& wait) = 0;
  /// NCCL's log of this side's communicators so far; empty for other backends.
  virtual std::string log() = 0;
  virtual void abort() noexcept = 0;
};

/// In this process: at most one for each libnccl and set of settings.
std::unique_ptr<Side> make_side(const SideRequest& request);
/// Forks; call before CUDA and NCCL are started here (the session's thread does no harm). The child ends with this
/// process, whatever happens, and with the thread that calls this.
std::unique_ptr<Side> make_child_side(const SideRequest& request);

}  // namespace rocekit::collectives
