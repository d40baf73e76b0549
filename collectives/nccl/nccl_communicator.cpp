#include "collectives/nccl/nccl_communicator.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "collectives/nccl/gpu_device.h"
#include "collectives/nccl/nccl_handle.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using traffic::OpKind;

int type_of(traffic::DataType type) {
  switch (type) {
    case traffic::DataType::bf16:
      return nccl::type_bfloat16;
    case traffic::DataType::fp16:
      return nccl::type_float16;
    case traffic::DataType::fp32:
      return nccl::type_float32;
    case traffic::DataType::int32:
      return nccl::type_int32;
    case traffic::DataType::bytes:
      break;
  }
  return nccl::type_int8;
}

/// A text of NCCL's that has both parts.
struct KnownError {
  std::string_view call;
  std::string_view why;
  std::string_view hint;
};
constexpr KnownError known_errors[] = {
    {"no socket interface found", "",
     ": NCCL finds no interface for its first connections; roce-probe explain ROCE-ENV-005"},
    // "socketPollConnect: connect to 192.0.2.1<33201> returned Connection refused, exceeded error retry count"
    {"StartConnect: ", "",
     ": the address that the other rank chose cannot be reached; roce-probe explain ROCE-PAIR-012"},
    {"PollConnect: ", "",
     ": the address that the other rank chose cannot be reached; roce-probe explain ROCE-PAIR-012"},
    {"Mismatched NCCL version", "",
     ": ranks loaded different NCCLs; give all the same with --nccl-lib; roce-probe explain ROCE-PAIR-005"},
    {"Duplicate GPU", "", ": give each rank a GPU of its own"},
    // As verbs/causes.cpp has them for queue pairs of our own.
    {"ibv_modify_qp", "Connection timed out", ": the other end does not answer; roce-probe explain ROCE-PAIR-003"},
    {"ibv_modify_qp", "unreachable", ": no route between the two ends; roce-probe explain ROCE-NET-003"},
    {"ibv_modify_qp", "No route", ": no route between the two ends; roce-probe explain ROCE-NET-003"},
    {"ibv_modify_qp", "No such device", ": the GID's interface is not visible here; roce-probe explain ROCE-GID-003"},
    {"ibv_modify_qp", "No data available", ": the GID has gone; roce-probe explain ROCE-GID-001"},
    {"ibv_modify_qp", "Invalid argument", ": the GIDs of the two ends do not fit; roce-probe explain ROCE-GID-001"},
    // "status=12 opcode=0", "status=IBV_WC_RETRY_EXC_ERR(12)", "error 12, opcode 0", by version
    {"Got completion from peer", "status=12 ",
     ": the other end does not acknowledge; roce-probe explain ROCE-PAIR-003"},
    {"Got completion from peer", "WC_RETRY_EXC_ERR",
     ": the other end does not acknowledge; roce-probe explain ROCE-PAIR-003"},
    {"Got completion from peer", "error 12,", ": the other end does not acknowledge; roce-probe explain ROCE-PAIR-003"},
    {"ibv_create_", "Cannot allocate memory", "; roce-probe explain ROCE-ACC-003"},
    {"ibv_reg_", "Bad address", ": the adapter cannot read the GPU's memory; roce-probe explain ROCE-ACC-007"},
    {"ibv_reg_", "", "; roce-probe explain ROCE-ACC-003"},
};

/// What a text of NCCL's means, and what to do: its own name no cause.
std::string hint_for(std::string_view error, const std::string& net_name) {
  const auto has = [&](std::string_view part) { return error.find(part) != std::string_view::npos; };
  if (has("Failed to initialize any NET plugin")) {
    if (net_name == "IB") return ": NCCL finds no RDMA device that it can use; roce-probe explain ROCE-ENV-006";
    return fmt::format(": no network {} is here; roce-probe explain ROCE-ENV-008",
                       net_name.empty() ? "that NCCL_NET names" : "named " + net_name);
  }
  for (const KnownError& known : known_errors) {
    if (has(known.call) && has(known.why)) return std::string(known.hint);
  }
  return {};
}

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(GpuDevice& device, const NcclLibrary& library, const Membership& membership,
                   const NcclOptions& options)
      : device_(device),
        nccl_(library.functions()),
        library_(library),
        membership_(membership),
        options_(options),
        stream_(device.stream()),
        handle_(std::make_shared<NcclHandle>(library.functions(), device.context_setter())) {}
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;
  ~NcclCommunicator() override { handle_->close(device_.idle()); }

  std::string address() override {
    if (membership_.rank != 0) return {};
    nccl::UniqueId id{};
    if (const nccl::Result result = nccl_.get_unique_id(&id); result != nccl::success)
      throw_failed("ncclGetUniqueId", result);
    return {id.internal, sizeof id.internal};
  }

  void connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    nccl::UniqueId id{};
    if (addresses.empty() || addresses.front().size() != sizeof id.internal)
      throw CollectiveError(fmt::format("NCCL: {} gave no unique ID", membership_.names.front()));
    std::memcpy(id.internal, addresses.front().data(), sizeof id.internal);
    const char* const name = options_.net_name.empty() ? nullptr : options_.net_name.c_str();
    const std::string error =
        handle_->connect(membership_.size(), membership_.rank, id, nccl::config_for(library_.version_code(), name),
                         options_.net_name, wait);
    if (!error.empty())
      throw CollectiveError(fmt::format("{}: {}: {}{}", own_name(), what_connects(), error, hint(error)));
    if (wait.is_called_off()) throw CollectiveError(what_connects() + ": the run was called off while NCCL connected");
    if (handle_->aborted()) {
      throw CollectiveError(
          fmt::format("{}: not connected in time, a rank is missing, cannot be reached at the address "
                      "that NCCL's bootstrap chose (NCCL_SOCKET_IFNAME), or uses another network; "
                      "roce-probe explain ROCE-ENV-005 and ROCE-PAIR-010",
                      what_connects()));
    }
    // The device may live longer than this communicator.
    device_.add_watch(
        [handle = std::weak_ptr(handle_), library = &library_, names = who(), net_name = options_.net_name] {
          const auto alive = handle.lock();
          if (!alive || alive->aborted()) return;
          nccl::Result state = nccl::success;
          const NcclHandle::Use use(*alive);
          if (use.comm() == nullptr) return;
          const nccl::Functions& functions = library->functions();
          if (functions.comm_get_async_error(use.comm(), &state) != nccl::success || state == nccl::success ||
              state == nccl::in_progress)
            return;
          const std::string told = nccl::describe(functions, "ncclCommGetAsyncError", state, use.comm());
          throw CollectiveError(fmt::format("NCCL between {} failed while an operation ran: {}{}", names, told,
                                            hint_for(told, net_name)));
        });
  }

  std::string description() const override {
    const std::string network =
        options_.net_name.empty() ? "network of its own choice" : "network " + options_.net_name;
    return fmt::format("NCCL {}, {}", library_.version(), network);
  }

  void enqueue(std::span<const Call> launch, const Wait& wait) override {
    const NcclHandle::Use use(*handle_, wait);
    if (use.comm() == nullptr) throw CollectiveError(fmt::format("NCCL between {}: ended before", who()));
    const nccl::Comm comm = use.comm();
    if (launch.size() == 1 && !needs_group(launch.front())) {
      issue(launch.front(), comm, wait);
      if (launch.front().form == SendRecvForm::ping_pong && launch.front().kind == OpKind::send_recv)
        issue_way_back(launch.front(), comm, wait);
      return;
    }
    bool goes_back = false;
    check("ncclGroupStart", nccl_.group_start(), comm, wait);
    for (const Call& call : launch) {
      issue(call, comm, wait);
      goes_back |= call.kind == OpKind::send_recv && call.form == SendRecvForm::ping_pong;
    }
    check("ncclGroupEnd", nccl_.group_end(), comm, wait);
    if (!goes_back) return;
    check("ncclGroupStart", nccl_.group_start(), comm, wait);
    for (const Call& call : launch) {
      if (call.kind == OpKind::send_recv && call.form == SendRecvForm::ping_pong) issue_way_back(call, comm, wait);
    }
    check("ncclGroupEnd", nccl_.group_end(), comm, wait);
  }

  void abort() noexcept override { handle_->abort(); }

 private:
  /// Calls of NCCL that one call becomes must run together.
  bool needs_group(const Call& call) const {
    switch (call.kind) {
      case OpKind::all_to_all:
        return nccl_.all_to_all == nullptr;
      case OpKind::all_to_all_v:
        return true;
      case OpKind::send_recv:
        return call.form == SendRecvForm::ring || call.form == SendRecvForm::bidirectional;
      default:
        return false;
    }
  }

  void issue(const Call& call, nccl::Comm comm, const Wait& wait) {
    const std::byte* const from = device_.send_buffer() + call.send_offset;
    std::byte* const to = device_.receive_buffer() + call.receive_offset;
    const int type = type_of(call.type);
    switch (call.kind) {
      case OpKind::all_reduce:
        return check("ncclAllReduce", nccl_.all_reduce(from, to, call.elements, type, nccl::op_sum, comm, stream_),
                     comm, wait);
      case OpKind::all_gather:
        return check("ncclAllGather", nccl_.all_gather(from, to, call.elements, type, comm, stream_), comm, wait);
      case OpKind::reduce_scatter:
        return check("ncclReduceScatter",
                     nccl_.reduce_scatter(from, to, share(call), type, nccl::op_sum, comm, stream_), comm, wait);
      case OpKind::broadcast:
        return check("ncclBroadcast", nccl_.broadcast(from, to, call.elements, type, call.from, comm, stream_), comm,
                     wait);
      case OpKind::all_to_all:
        if (nccl_.all_to_all != nullptr)
          return check("ncclAlltoAll", nccl_.all_to_all(from, to, share(call), type, comm, stream_), comm, wait);
        return exchange(from, to, share(call), traffic::size_of(call.type), type, comm, wait);
      case OpKind::all_to_all_v:
        return exchange_pairs(call, from, to, comm, wait);
      case OpKind::send_recv:
        return issue_send_recv(call, from, to, type, comm, wait);
    }
  }

  std::uint64_t share(const Call& call) const { return call.elements / static_cast<std::uint64_t>(membership_.size()); }

  void exchange(const std::byte* from, std::byte* to, std::uint64_t count, std::uint64_t size, int type,
                nccl::Comm comm, const Wait& wait) {
    for (int peer = 0; peer < membership_.size(); ++peer) {
      const std::uint64_t at = static_cast<std::uint64_t>(peer) * count * size;
      send(from + at, count, type, peer, comm, wait);
      receive(to + at, count, type, peer, comm, wait);
    }
  }

  void exchange_pairs(const Call& call, const std::byte* from, std::byte* to, nccl::Comm comm, const Wait& wait) {
    const auto own = static_cast<std::size_t>(membership_.rank);
    for (int peer = 0; peer < membership_.size(); ++peer) {
      const std::uint64_t sent = call.pairs.at(own, static_cast<std::size_t>(peer));
      const std::uint64_t received = call.pairs.at(static_cast<std::size_t>(peer), own);
      if (sent != 0) send(from, sent, nccl::type_int8, peer, comm, wait);
      if (received != 0) receive(to, received, nccl::type_int8, peer, comm, wait);
      from += sent;
      to += received;
    }
  }

  void issue_send_recv(const Call& call, const std::byte* from, std::byte* to, int type, nccl::Comm comm,
                       const Wait& wait) {
    const int rank = membership_.rank;
    const int ranks = membership_.size();
    switch (call.form) {
      case SendRecvForm::ring:
        send(from, call.elements, type, (rank + 1) % ranks, comm, wait);
        return receive(to, call.elements, type, (rank + ranks - 1) % ranks, comm, wait);
      case SendRecvForm::bidirectional: {
        if (rank != call.from && rank != call.to) return;
        const int peer = rank == call.from ? call.to : call.from;
        send(from, call.elements, type, peer, comm, wait);
        return receive(to, call.elements, type, peer, comm, wait);
      }
      case SendRecvForm::one_way:
      case SendRecvForm::ping_pong:
        if (rank == call.from) send(from, call.elements, type, call.to, comm, wait);
        if (rank == call.to) receive(to, call.elements, type, call.from, comm, wait);
        return;
    }
  }

  void issue_way_back(const Call& call, nccl::Comm comm, const Wait& wait) {
    std::byte* const data = device_.receive_buffer() + call.receive_offset;
    const int type = type_of(call.type);
    if (membership_.rank == call.to) send(data, call.elements, type, call.from, comm, wait);
    if (membership_.rank == call.from) receive(data, call.elements, type, call.to, comm, wait);
  }

  void send(const std::byte* data, std::uint64_t count, int type, int peer, nccl::Comm comm, const Wait& wait) {
    check("ncclSend", nccl_.send(data, count, type, peer, comm, stream_), comm, wait);
  }
  void receive(std::byte* data, std::uint64_t count, int type, int peer, nccl::Comm comm, const Wait& wait) {
    check("ncclRecv", nccl_.recv(data, count, type, peer, comm, stream_), comm, wait);
  }

  void check(const char* function, nccl::Result result, nccl::Comm comm, const Wait& wait) {
    if (result != nccl::success) [[unlikely]]
      settle(function, result, comm, wait);
  }

  /// A communicator that NCCL_COMM_BLOCKING=0 made goes on in a thread of its own; other results are errors.
  void settle(const char* function, nccl::Result result, nccl::Comm comm, const Wait& wait) {
    while (result == nccl::in_progress && !wait.deadline.passed() && !wait.is_called_off() && !handle_->aborted()) {
      // Within a group NCCL has only taken note of the call.
      if (nccl_.comm_get_async_error(comm, &result) != nccl::success) result = nccl::internal_error;
    }
    if (result == nccl::success) return;
    if (wait.is_called_off())
      throw CollectiveError(fmt::format("NCCL between {}: the run was called off within {}", who(), function));
    if (handle_->aborted() || result == nccl::in_progress) {
      throw CollectiveError(
          fmt::format("NCCL between {}: {} did not return in time: {}", who(), function, why_operations_hang));
    }
    throw_failed(function, result, comm);
  }

  [[noreturn]] void throw_failed(const char* function, nccl::Result result, nccl::Comm comm = nullptr) const {
    const std::string error = nccl::describe(nccl_, function, result, comm);
    throw CollectiveError(fmt::format("NCCL between {}: {}{}", who(), error, hint(error)));
  }

  std::string hint(const std::string& error) const { return hint_for(error, options_.net_name); }
  const std::string& own_name() const { return membership_.names[static_cast<std::size_t>(membership_.rank)]; }
  /// "rank 0 (a) and rank 1 (b)", "rank 0 (a) to rank 7 (h)"
  std::string who() const {
    return fmt::format("{} {} {}", membership_.names.front(), membership_.size() == 2 ? "and" : "to",
                       membership_.names.back());
  }
  std::string what_connects() const { return fmt::format("{} between {}", description(), who()); }

  GpuDevice& device_;
  const nccl::Functions& nccl_;
  const NcclLibrary& library_;
  Membership membership_;
  NcclOptions options_;
  nccl::Stream stream_;
  std::shared_ptr<NcclHandle> handle_;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Device& device, const NcclLibrary& library,
                                                     const Membership& membership, const NcclOptions& options) {
  auto* const gpu = dynamic_cast<GpuDevice*>(&device);
  if (gpu == nullptr) throw InputError("NCCL needs a GPU, not " + device.description());
  if (!options.net_name.empty() && !library.chooses_network()) {
    throw InputError(
        fmt::format("{} takes no network by name, 2.17 and newer do: {} cannot be chosen for one "
                    "communicator; give a newer one with --nccl-lib",
                    library.description(), options.net_name));
  }
  return std::make_unique<NcclCommunicator>(*gpu, library, membership, options);
}

}  // namespace rocekit::collectives
