#include "collectives/mpi/mpi_communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstring>

#include "collectives/mpi/bounded_call.h"
#include "collectives/mpi/mpi_library.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using traffic::DataType;
using traffic::OpKind;

/// The clock is read once in so many polls.
constexpr int polls_between_looks = 256;
/// The largest that every MPI has (MPI 3.1, 8.1.2).
constexpr int largest_tag = 32767;

rocekit_mpi_type type_of(DataType type) {
  switch (type) {
    case DataType::bf16:
      return rocekit_mpi_bf16;
    case DataType::fp16:
      return rocekit_mpi_fp16;
    case DataType::fp32:
      return rocekit_mpi_fp32;
    case DataType::int32:
      return rocekit_mpi_int32;
    case DataType::bytes:
      break;
  }
  return rocekit_mpi_bytes;
}

class GroupCloser {
 public:
  explicit GroupCloser(const rocekit_mpi_collectives_table* table) : table_(table) {}
  void operator()(rocekit_mpi_group* group) const { table_->close_group(group); }

 private:
  const rocekit_mpi_collectives_table* table_;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(Device& device, const Membership& membership, const std::vector<int>& world_ranks)
      : device_(device),
        membership_(membership),
        world_ranks_(world_ranks),
        group_(nullptr, GroupCloser(&library_.table())) {
    int rank = 0;
    int size = 0;
    if (library_.table().running(&rank, &size) == 0) {
      throw InputError(
          "the MPI backend runs under mpirun or srun, which start its ranks: mpirun -np 2 -H node1,node2 nccl-pattern "
          "...");
    }
    const auto mine = static_cast<std::size_t>(membership.rank);
    if (world_ranks.size() != membership.names.size() || mine >= world_ranks.size() || world_ranks[mine] != rank)
      throw InputError(fmt::format("rank {} of MPI's world is not rank {} of the group", rank, membership.rank));
    for (int peer = 0; peer < membership.size(); ++peer) {
      if (peer == membership.rank) continue;
      others_ += (others_.empty() ? "" : ", ") + membership.names[static_cast<std::size_t>(peer)];
    }
  }

  /// MPI knows the others.
  std::string address() override { return {}; }

  void connect(const std::vector<std::string>& /*addresses*/, const Wait& wait) override {
    const rocekit_mpi_collectives_table* const table = &library_.table();
    const auto opened = std::make_shared<std::atomic<rocekit_mpi_group*>>(nullptr);
    bounded_call(
        "MPI_Comm_create_group", wait,
        [table, opened, ranks = world_ranks_] {
          MpiLibrary::require([&](char* error, std::size_t n) {
            rocekit_mpi_group* group = nullptr;
            const int result = table->open_group(ranks.data(), static_cast<int>(ranks.size()), &group, error, n);
            opened->store(group);
            return result;
          });
        },
        &aborted_);
    group_.reset(opened->load());
  }

  std::string description() const override { return "non-blocking collectives of MPI"; }

  void enqueue(std::span<const Call> launch, const Wait& wait) override {
    int tag = 0;
    for (const Call& call : launch) {
      start(call, tag, wait);
      tag = (tag + 1) % largest_tag;
    }
    finish(wait);
  }

  void abort() noexcept override { aborted_.store(true, std::memory_order_relaxed); }

 private:
  int rank() const { return membership_.rank; }
  int size() const { return membership_.size(); }

  static int counted(std::uint64_t elements, const Call& call) {
    if (elements > INT_MAX) {
      throw InputError(fmt::format("{} of {} elements: MPI counts up to {}, give smaller --sizes",
                                   traffic::to_string(call.kind), elements, INT_MAX));
    }
    return static_cast<int>(elements);
  }

  void begin(const rocekit_mpi_operation& operation) {
    MpiLibrary::require(
        [&](char* error, std::size_t n) { return library_.table().start(group_.get(), &operation, error, n); });
  }

  /// Waits for all that was started.
  void finish(const Wait& wait) {
    int polls = 0;
    for (;;) {
      int done = 0;
      MpiLibrary::require(
          [&](char* error, std::size_t n) { return library_.table().test(group_.get(), &done, error, n); });
      if (done != 0) return;
      if (++polls % polls_between_looks != 0) continue;
      require_time(fmt::format("{} of MPI with {}", traffic::to_string(started_), others_), wait, &aborted_);
    }
  }

  void start(const Call& call, int tag, const Wait& wait) {
    started_ = call.kind;
    rocekit_mpi_operation operation{};
    operation.type = type_of(call.type);
    operation.send = device_.send_buffer() + call.send_offset;
    operation.receive = device_.receive_buffer() + call.receive_offset;
    operation.tag = tag;
    const auto ranks = static_cast<std::uint64_t>(size());
    switch (call.kind) {
      case OpKind::all_reduce:
        operation.kind = rocekit_mpi_all_reduce;
        operation.count = counted(call.elements, call);
        break;
      case OpKind::all_gather:
        operation.kind = rocekit_mpi_all_gather;
        operation.count = counted(call.elements, call);
        break;
      case OpKind::reduce_scatter:
        operation.kind = rocekit_mpi_reduce_scatter;
        operation.count = counted(call.elements / ranks, call);
        break;
      case OpKind::all_to_all:
        operation.kind = rocekit_mpi_all_to_all;
        operation.count = counted(call.elements / ranks, call);
        break;
      case OpKind::all_to_all_v:
        return start_all_to_all_v(call, operation);
      case OpKind::send_recv:
        return start_send_recv(call, operation, wait);
      case OpKind::broadcast:
        operation.kind = rocekit_mpi_broadcast;
        operation.count = counted(call.elements, call);
        operation.peer = call.from;
        if (rank() == call.from) {
          std::memcpy(operation.receive, operation.send, call.elements * traffic::size_of(call.type));
        }
        break;
    }
    begin(operation);
  }

  void start_all_to_all_v(const Call& call, rocekit_mpi_operation& operation) {
    std::vector<int> send_counts, send_offsets, receive_counts, receive_offsets;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    for (int peer = 0; peer < size(); ++peer) {
      const auto mine = static_cast<std::size_t>(rank());
      const auto other = static_cast<std::size_t>(peer);
      send_offsets.push_back(counted(sent, call));
      receive_offsets.push_back(counted(received, call));
      send_counts.push_back(counted(call.pairs.at(mine, other), call));
      receive_counts.push_back(counted(call.pairs.at(other, mine), call));
      sent += call.pairs.at(mine, other);
      received += call.pairs.at(other, mine);
    }
    operation.kind = rocekit_mpi_all_to_all_v;
    operation.type = rocekit_mpi_bytes;
    operation.send_counts = send_counts.data();
    operation.send_offsets = send_offsets.data();
    operation.receive_counts = receive_counts.data();
    operation.receive_offsets = receive_offsets.data();
    begin(operation);
  }

  void start_send_recv(const Call& call, rocekit_mpi_operation& operation, const Wait& wait) {
    operation.count = counted(call.elements, call);
    const auto receive_from = [&](int peer) {
      operation.kind = rocekit_mpi_receive;
      operation.peer = peer;
      begin(operation);
    };
    const auto send_to = [&](int peer) {
      operation.kind = rocekit_mpi_send;
      operation.peer = peer;
      begin(operation);
    };
    if (call.form == SendRecvForm::ring) {
      receive_from((rank() + size() - 1) % size());
      send_to((rank() + 1) % size());
      return;
    }
    if (rank() != call.from && rank() != call.to) return;
    const bool from = rank() == call.from;
    const int peer = from ? call.to : call.from;
    switch (call.form) {
      case SendRecvForm::bidirectional:
        receive_from(peer);
        send_to(peer);
        break;
      case SendRecvForm::ping_pong:
        receive_from(peer);
        if (!from) {
          finish(wait);
          operation.send = operation.receive;
        }
        send_to(peer);
        break;
      case SendRecvForm::one_way:
      case SendRecvForm::ring:
        if (from) {
          send_to(peer);
        } else {
          receive_from(peer);
        }
        break;
    }
  }

  Device& device_;
  Membership membership_;
  std::vector<int> world_ranks_;
  MpiLibrary library_;
  std::unique_ptr<rocekit_mpi_group, GroupCloser> group_;
  std::atomic<bool> aborted_{false};
  std::string others_;                   ///< "rank 1 (spark-2), rank 2 (spark-3)"
  OpKind started_ = OpKind::all_reduce;  ///< last
};

}  // namespace

MpiVersion mpi_version() {
  const MpiLibrary library;
  return {library.name(), library.version()};
}

std::unique_ptr<Communicator> make_mpi_communicator(Device& device, const Membership& membership,
                                                    const std::vector<int>& world_ranks) {
  return std::make_unique<MpiCommunicator>(device, membership, world_ranks);
}

}  // namespace rocekit::collectives
