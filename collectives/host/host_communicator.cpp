#include "collectives/host/host_communicator.h"

#include <fmt/format.h>

#include <stdexcept>

#include "collectives/host/algorithms.h"
#include "collectives/host/host_device.h"
#include "collectives/host/links.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

HostDevice& host_device(Device& device) {
  auto* const host = dynamic_cast<HostDevice*>(&device);
  if (host == nullptr) throw InputError("collectives over host memory need the host as their device, not a GPU");
  return *host;
}

class HostCommunicator final : public Communicator {
 public:
  HostCommunicator(Device& device, verbs::Transport transport, const Membership& membership,
                   const std::vector<HostPeer>& peers)
      : device_(host_device(device)),
        rank_(membership.rank),
        ranks_(checked(membership).size()),
        scratch_(verbs::MemoryKind::host, scratch_bytes(ranks_)),
        links_(transport, membership, peers) {}

  std::string address() override { return links_.address(); }
  void connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    links_.connect(addresses, wait);
  }
  std::string description() const override { return links_.description(); }

  void enqueue(std::span<const Call> launch, const Wait& wait) override {
    attach();
    for (const Call& call : launch) {
      require(call);
      perform(call, {rank_, ranks_, links_, device_.send_buffer() + call.send_offset,
                     device_.receive_buffer() + call.receive_offset, scratch_.data(), wait});
    }
  }

  void abort() noexcept override { links_.abort(); }

 private:
  static const Membership& checked(const Membership& membership) {
    if (membership.size() < 2) throw InputError("a group of a collective operation has two ranks or more");
    return membership;
  }

  /// The device's buffers may have been replaced since the last launch.
  void attach() {
    if (attached_ == device_.generation()) return;
    std::vector<const verbs::Buffer*> memory = device_.buffers();
    memory.push_back(&scratch_);
    links_.attach(memory);
    attached_ = device_.generation();
  }

  void require(const Call& call) const {
    const auto has_rank = [&](int rank) { return rank >= 0 && rank < ranks_; };
    const bool names_ranks = call.kind == traffic::OpKind::broadcast ||
                             (call.kind == traffic::OpKind::send_recv && call.form != SendRecvForm::ring);
    if (names_ranks && (!has_rank(call.from) ||
                        (call.kind == traffic::OpKind::send_recv && (!has_rank(call.to) || call.from == call.to)))) {
      throw InputError(
          fmt::format("{} from rank {} to rank {} in a group of {}", to_string(call.kind), call.from, call.to, ranks_));
    }
    if (call.kind == traffic::OpKind::all_to_all_v && call.pairs.ranks != static_cast<std::size_t>(ranks_))
      throw InputError(fmt::format("all-to-all-v of {} ranks in a group of {}", call.pairs.ranks, ranks_));
    const auto buffers = device_.buffers();
    const auto fits = [](std::size_t offset, std::uint64_t bytes, std::size_t size) {
      return bytes <= size && offset <= size - bytes;
    };
    if (buffers.empty() || !fits(call.send_offset, send_bytes(call, rank_, ranks_), buffers[0]->size()) ||
        !fits(call.receive_offset, receive_bytes(call, rank_, ranks_), buffers[1]->size())) {
      throw std::logic_error("a call reaches beyond the device's buffers");
    }
  }

  HostDevice& device_;
  int rank_;
  int ranks_;
  std::uint64_t attached_ = 0;
  verbs::Buffer scratch_;
  Links links_;
};

}  // namespace

std::unique_ptr<Communicator> make_host_communicator(Device& device, verbs::Transport transport,
                                                     const Membership& membership, const std::vector<HostPeer>& peers) {
  return std::make_unique<HostCommunicator>(device, transport, membership, peers);
}

}  // namespace rocekit::collectives
