// Reliable connections (RC).
//
// Memory order: device_order.h says what the library's calls hold. Polled by the CPU itself are the last byte of a
// write (latency), the peer's credits, and the end of verified writes; a barrier after each makes sure that what is
// read next is at least as new as the word that was waited for. The fabric adds that PCIe does not let a posted write
// pass another (memory registered without relaxed ordering), and that adapters write a message's bytes in ascending
// order; device_deviations.h names those that do not. What is given back after reading: verified content
// (check_pattern_at) and receives (ReceiveRing).
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verbs/device_order.h"
#include "verbs/rdma_endpoint.h"
#include "verbs/receive_ring.h"

namespace rocekit::verbs {

class RcEndpoint final : public RdmaEndpoint {
 public:
  explicit RcEndpoint(const EndpointOptions& options);

  Transport transport() const override { return Transport::rc; }
  std::string address() override;
  void connect(const std::string& peer_address, const std::string& peer_name, bool, const Wait& wait) override;
  void require(const Shape& shape, bool stream) const override;

  void begin_latency(const Shape& shape, bool initiator, const Wait& wait) override;
  void ping() override;
  void pong() override;

  void begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) override;
  Progress progress(bool may_post) override;
  std::uint64_t outstanding() const override {
    std::uint64_t messages = 0;
    for (const Pair& pair : pairs_)
      messages += static_cast<std::uint64_t>(pair.chains_out) * static_cast<std::uint64_t>(chain_);
    return messages;
  }
  void end_block() override;

 private:
  static constexpr std::size_t cache_line = 64;
  /// Sends of a stream are posted and completed in chains of up to so many messages.
  static constexpr int max_chain = 16;
  /// Control words that may be under way.
  static constexpr int max_controls_out = 8;

  /// Words of a pair that both ends touch; each that the device writes has a cache line of its own.
  struct Control {
    alignas(64) std::uint64_t credit = 0;   ///< the peer writes how many of our messages it has verified
    alignas(64) std::uint64_t written = 0;  ///< the peer writes how many messages of a block it has written, ...
    std::uint64_t written_epoch = 0;        ///< ... then which block of the connection it is
    alignas(64) std::uint64_t counter = 0;  ///< target of the peer's fetch-adds
    alignas(64) std::array<std::uint64_t, 3> to_peer{};   ///< what goes into the peer's words, where not inline
    alignas(64) std::array<std::uint64_t, 32> results{};  ///< what own fetch-adds returned
  };

  struct Pair {
    std::unique_ptr<QueuePair> queue_pair;
    std::uint32_t packet_sequence = 0;

    ReceiveRing receives;
    std::uint64_t taken = 0;  ///< messages since connect: tells the slot of each

    std::vector<ibv_send_wr> sends;
    std::vector<ibv_sge> pieces;
    int next_chain = 0;
    int chains_out = 0;
    std::uint64_t posted = 0;     ///< messages of this block
    std::uint64_t completed = 0;  ///< of this block
    std::uint64_t arrived = 0;    ///< of this block

    // Of all verified blocks since connect: a credit that arrives late is then no credit for a later block.
    std::uint64_t credit_used = 0;   ///< messages posted under credit
    std::uint64_t credit_seen = 0;   ///< the peer's word, as read last
    std::uint64_t verified = 0;      ///< messages of the peer that were checked
    std::uint64_t credit_given = 0;  ///< of them told to the peer
    std::uint64_t atomics = 0;       ///< fetch-adds completed: what the peer's counter stands at
  };

  /// wr_id of sends: what they were, and of which pair.
  enum class Kind : std::uint64_t { chain, latency, control };
  static constexpr std::uint64_t send_id(Kind kind, std::size_t pair) {
    return static_cast<std::uint64_t>(kind) << 32 | pair;
  }
  static constexpr Kind kind_of(std::uint64_t id) { return static_cast<Kind>(id >> 32); }
  static constexpr std::size_t pair_of(std::uint64_t id) { return static_cast<std::size_t>(id & 0xffffffff); }

  /// Messages take a receive of the peer's; writes, reads and atomics do not.
  static bool is_message(Operation operation) {
    return operation == Operation::send || operation == Operation::write_imm;
  }
  static ibv_wr_opcode opcode_of(Operation operation);
  /// IBV_SEND_INLINE where the operation and size allow it.
  unsigned inline_flag(const Shape& shape) const;

  // ---- setup (rc_endpoint.cpp)

  std::size_t pair_count() const { return static_cast<std::size_t>(options_.queue_pairs); }
  unsigned atomic_access() const {
    return device_.attributes().atomic_cap != IBV_ATOMIC_NONE ? static_cast<unsigned>(IBV_ACCESS_REMOTE_ATOMIC) : 0u;
  }
  unsigned control_access() const { return IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | atomic_access(); }
  unsigned inbound_access() const {
    unsigned access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
    if (device_.deviations().relaxed_ordering_helps) access |= IBV_ACCESS_RELAXED_ORDERING;
    return access;
  }
  std::size_t pool_offset(std::size_t pair, std::size_t slot) const { return (pair * slots_ + slot) * slot_bytes_; }
  /// Outbound memory begins with the slot that latency writes arrive in: it is registered with strict ordering.
  std::size_t outbound_offset(std::size_t pair, std::size_t slot) const {
    return slot_bytes_ + pool_offset(pair, slot);
  }
  Control& control(std::size_t pair) { return reinterpret_cast<Control*>(control_.data())[pair]; }
  void begin_block(const Shape& shape, bool stream, const Wait& wait);

  // ---- receives

  /// No two of slots_ messages in a row share memory, whatever their size.
  void post_all_receives(std::size_t index);
  void post_due_receives(Pair& pair) {
    if (const int error = pair.receives.post_due(); error != 0) [[unlikely]]
      fail_post("ibv_post_recv", error);
  }
  void take_message(const ibv_wc& completion) {
    if (completion.status != IBV_WC_SUCCESS) [[unlikely]]
      fail(completion);
    Pair& pair = pairs_[static_cast<std::size_t>(completion.wr_id)];
    if (shape_.verify) check_message(completion, pair);
    ++pair.taken;
    ++pair.arrived;
    pair.receives.take();
  }

  // ---- latency (rc_latency.cpp)

  void post_latency();
  void await_message();
  void await_write();
  /// A read or a fetch-add, from post to completion.
  void one_sided();

  // ---- streams (rc_stream.cpp)

  void take_send(const ibv_wc& completion);
  void take_chain(Pair& pair, std::size_t index);
  bool take_sends();
  bool outstanding_sends() const { return sends_ || controls_out_ != 0 || sends_signaled_ != 0; }
  void drain_sends() override;
  std::optional<ibv_wc> root_failure() override;
  /// Every work request of a block, built once: posting a chain is one call.
  void prepare_stream(std::size_t index);
  /// Reads go from the peer's outbound memory to the own inbound, all else the other way round. Offsets are alike on
  /// both ends.
  void aim(ibv_send_wr& request, ibv_sge& piece, bool reads, std::size_t outbound, std::size_t inbound);
  void aim_atomic(ibv_send_wr& request, ibv_sge& piece, std::size_t pair, std::size_t result);
  bool take_messages();
  bool post_chains();
  void sleep_in_stream();

  // ---- verified content (rc_verified.cpp)

  int verified_window(Operation operation) const;
  void fill_outbound();
  void check_message(const ibv_wc& completion, Pair& pair);
  void check_write();
  /// What a fetch-add returned is the number of fetch-adds before it.
  void check_atomic(const Pair& pair, std::size_t index, std::size_t result);
  /// Content and addresses of the next chain of a verified stream; false while the peer has not checked what lies where
  /// the chain would go.
  bool prepare_verified(Pair& pair, std::size_t index);
  void read_credit(Pair& pair, std::size_t index) {
    const std::uint64_t word = read_polled(control(index).credit);
    // A device may write the word's bytes one by one: half of an old and half of a new value lies below the one or
    // above what was posted.
    if (word <= pair.credit_seen || word > pair.credit_used) return;
    pair.credit_seen = word;
    // The slots that the peer has checked are filled anew only now.
    device_read_barrier();
  }
  void give_credit(std::size_t index);
  void give_credits() {
    for (std::size_t i = 0; i < pairs_.size(); ++i) give_credit(i);
  }
  void return_all_credits();
  /// Writes 8 bytes into the peer's control buffer.
  void post_control(std::size_t index, std::size_t offset, std::uint64_t value, std::size_t place);
  void await_controls();
  /// A verified stream of writes: its sender tells how many messages of each pair it wrote, its target checks what lies
  /// in the slots. Earlier content of a slot cannot be checked: nothing told the target when it was complete.
  void exchange_written();

  std::size_t slot_bytes_;
  std::size_t slots_;
  int receive_depth_;
  int send_depth_;
  Buffer control_;   ///< words of each pair; always memory of the host
  Buffer outbound_;  ///< slot for latency writes, then what is sent and what the peer may read
  Buffer inbound_;   ///< what arrives
  MemoryRegion control_region_;
  MemoryRegion outbound_region_;
  MemoryRegion inbound_region_;
  CompletionQueue send_queue_;
  CompletionQueue receive_queue_;
  std::deque<Pair> pairs_;
  RdmaAddress remote_;

  Shape shape_;
  bool streams_ = false;

  unsigned flags_ = 0;
  ibv_qp* post_pair_ = nullptr;
  ibv_send_wr latency_{};
  ibv_sge latency_piece_{};
  std::uint8_t* last_out_ = nullptr;
  const std::uint8_t* last_in_ = nullptr;
  std::uint64_t out_sequence_ = 0;
  std::uint64_t in_sequence_ = 0;

  int controls_out_ = 0;  ///< writes of control words that are not acknowledged
  bool sends_ = false;
  bool receives_ = false;   ///< messages, by completions
  bool is_target_ = false;  ///< of a verified stream of writes
  std::uint64_t written_epoch_ = 0;
  int chain_ = 1;   ///< messages a chain
  int chains_ = 1;  ///< a pair
  std::size_t next_pair_ = 0;
  std::uint64_t calls_ = 0;
  Progress finished_;
};

}  // namespace rocekit::verbs
