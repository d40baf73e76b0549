// A queue pair and its way from RESET to RTS.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "verbs/completion_queue.h"
#include "verbs/gid_choice.h"
#include "verbs/protection_domain.h"

namespace rocekit::verbs {

/// Where a queue pair or an address handle leads.
struct Destination {
  std::array<std::uint8_t, 16> gid{};
  std::uint16_t lid = 0;
  std::string peer;  ///< for messages: "rank 1 (spark-2)"
};

/// Address vector to a destination from GID `local`: global routing on RoCE, by LID on InfiniBand.
ibv_ah_attr route_to(const Destination& destination, const GidEntry& local, const DeviceContext& device);

class QueuePair {
 public:
  struct Capacity {
    int sends = 1;
    int receives = 1;
    int inline_bytes = 0;
  };
  /// Domain and queues must outlive the pair. Throws TransportError; InputError for a capacity beyond the device's
  /// limits.
  QueuePair(const ProtectionDomain& domain, ibv_qp_type type, CompletionQueue& send_queue,
            CompletionQueue& receive_queue, const Capacity& capacity);
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;
  ~QueuePair() { domain_.device().library().destroy_qp(pair_); }

  ibv_qp* get() const { return pair_; }
  std::uint32_t number() const { return pair_->qp_num; }
  /// What the device granted: never less than was asked for.
  int inline_bytes() const { return inline_bytes_; }

  /// RESET->INIT. `access`: ibv_access_flags of the peer (RC); `q_key` (UD).
  void to_init(unsigned access, std::uint32_t q_key);

  struct Connection {
    Destination destination;
    std::uint32_t remote_number = 0;
    std::uint32_t remote_packet_sequence = 0;  ///< 24 bits
    std::uint32_t local_packet_sequence = 0;   ///< 24 bits
    ibv_mtu path_mtu = IBV_MTU_1024;
    int reads_in = 0;   ///< reads and atomics of the peer that this end answers at once
    int reads_out = 0;  ///< of this end
  };
  /// RC: INIT->RTR->RTS. On RoCE the kernel resolves the peer's Ethernet address here, which may take seconds.
  void connect(const Connection& connection, const GidEntry& local);
  /// UD: INIT->RTR->RTS.
  void activate(std::uint32_t local_packet_sequence);
  /// To the error state: all that is outstanding completes, as flushed; the other end's requests fail. Any thread.
  void break_off() noexcept;

 private:
  void modify(ibv_qp_attr& attributes, int mask, const char* step, const std::string& peer);

  const ProtectionDomain& domain_;
  ibv_qp* pair_ = nullptr;
  int inline_bytes_ = 0;
};

/// A pair whose inline size is that of `capacity`, halved until the device accepts it.
std::unique_ptr<QueuePair> make_queue_pair(const ProtectionDomain& domain, ibv_qp_type type,
                                           CompletionQueue& send_queue, CompletionQueue& receive_queue,
                                           QueuePair::Capacity& capacity);

}  // namespace rocekit::verbs
