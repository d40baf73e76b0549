// Reliable connections.
//
// Memory order. What the CPU writes before ibv_post_send() is visible to the device before the doorbell is: the
// provider's post functions hold the barrier that the machine needs (dmb oshst or dsb st on aarch64, nothing beyond
// program order for write-back memory on x86). What the device wrote before a completion is visible once ibv_poll_cq()
// has returned it: the provider's poll holds udma_from_device_barrier (dmb oshld on aarch64). Only memory that is
// polled itself (latency of write; credits) is without a library in between: it is read with acquire loads (ldar), so
// that whatever is read after the byte that was waited for is at least as new as that byte. The fabric adds that PCIe
// does not let a posted write pass another (memory registered without relaxed ordering), and that adapters write a
// message's bytes in ascending order; device_deviations.h names those that do not.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "core/error.h"
#include "verbs/causes.h"
#include "verbs/rdma_endpoint.h"
#include "verbs/receive_ring.h"

namespace rocekit::verbs {
namespace {

constexpr std::size_t cache_line = 64;
/// Credits of verified streams that may be unacknowledged.
constexpr int max_credits_in_flight = 8;
/// Reads and atomics that a queue pair may have under way at once: what adapters do.
constexpr int most_reads = 16;
/// Slots of a pair's pool: enough for the largest size twice, for small ones not more than stays in a cache.
constexpr std::size_t pool_bytes = 1u << 20;
constexpr std::size_t max_slots = 16;
/// Messages of a stream that is not verified lie one after the other in so many bytes, then again: as perftest does, so
/// that both measure the wire and not the memory.
constexpr std::size_t stream_cycle_bytes = 64u << 10;
/// A stream's sends are posted and completed in chains of up to so many messages and bytes.
constexpr int max_chain = 16;
constexpr std::size_t max_chain_bytes = 64u << 10;

/// Layout of a pair's part of the control buffer.
constexpr std::size_t control_bytes = 512;
constexpr std::size_t credit_offset = 0;    ///< the peer writes how many of our messages it has verified
constexpr std::size_t written_offset = 64;  ///< the peer writes how many messages of its block it has written, ...
constexpr std::size_t written_epoch_offset = 72;  ///< ... then the number of that block
constexpr std::size_t counter_offset = 128;       ///< target of the peer's atomics
constexpr std::size_t staging_offset = 192;       ///< what this end writes into the peer's words, where not inline
constexpr std::size_t results_offset = 256;       ///< what its own atomics return
constexpr std::size_t max_results = (control_bytes - results_offset) / 8;

/// wr_id of sends.
enum class Kind : std::uint64_t { chain, latency, control };
constexpr std::uint64_t send_id(Kind kind, std::size_t pair) { return static_cast<std::uint64_t>(kind) << 32 | pair; }
constexpr Kind kind_of(std::uint64_t id) { return static_cast<Kind>(id >> 32); }
constexpr std::size_t pair_of(std::uint64_t id) { return static_cast<std::size_t>(id & 0xffffffff); }

std::size_t rounded_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

ibv_wr_opcode opcode_of(Operation operation) {
  switch (operation) {
    case Operation::send:
      return IBV_WR_SEND;
    case Operation::write:
      return IBV_WR_RDMA_WRITE;
    case Operation::write_imm:
      return IBV_WR_RDMA_WRITE_WITH_IMM;
    case Operation::read:
      return IBV_WR_RDMA_READ;
    case Operation::atomic:
      return IBV_WR_ATOMIC_FETCH_AND_ADD;
  }
  return IBV_WR_SEND;
}

bool is_message(Operation operation) { return operation == Operation::send || operation == Operation::write_imm; }
bool may_be_inline(Operation operation) { return is_message(operation) || operation == Operation::write; }

class RcEndpoint final : public RdmaEndpoint {
 public:
  explicit RcEndpoint(const EndpointOptions& options)
      : RdmaEndpoint(options),
        slot_bytes_(rounded_up(options.max_size_bytes, cache_line)),
        slots_(std::bit_floor(std::clamp<std::size_t>(pool_bytes / slot_bytes_, 2, max_slots))),
        receive_depth_(static_cast<int>(
            rounded_up(static_cast<std::size_t>(std::max(2 * options.max_window, 64)), ReceiveRing::chain))),
        send_depth_(options.max_window + 2 * signal_interval + max_credits_in_flight),
        control_(MemoryKind::host, pair_count() * control_bytes),
        outbound_(options.memory, slot_bytes_ * (1 + pair_count() * slots_), options.gpu),
        inbound_(options.memory, slot_bytes_ * pair_count() * slots_, options.gpu),
        control_region_(domain_, control_, control_access()),
        outbound_region_(domain_, outbound_, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ,
                         control_.size()),
        inbound_region_(domain_, inbound_, inbound_access(), control_.size() + outbound_.size()),
        send_queue_(device_, send_depth_ * options.queue_pairs, channel_.get()),
        receive_queue_(device_, receive_depth_ * options.queue_pairs, channel_.get()) {
    gpu_way_ = outbound_region_.gpu_way();
    std::random_device random;
    for (std::size_t i = 0; i < pair_count(); ++i) {
      Pair& pair = pairs_.emplace_back();
      pair.queue_pair = make_queue_pair(IBV_QPT_RC, send_queue_, receive_queue_, {send_depth_, receive_depth_, 0});
      pair.queue_pair->to_init(
          IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | atomic_access(), 0);
      pair.packet_sequence = random() & 0xffffff;
    }
  }

  Transport transport() const override { return Transport::rc; }

  std::string address() override {
    RdmaAddress address = own_address();
    address.reads_in = static_cast<std::uint32_t>(std::min(device_.attributes().max_qp_rd_atom, most_reads));
    address.slots = static_cast<std::uint32_t>(slots_);
    address.control = {control_region_.address(), control_region_.rkey()};
    address.outbound = {outbound_region_.address(), outbound_region_.rkey()};
    address.inbound = {inbound_region_.address(), inbound_region_.rkey()};
    for (const Pair& pair : pairs_) address.pairs.push_back({pair.queue_pair->number(), pair.packet_sequence});
    return encode(address);
  }

  void connect(const std::string& peer_address, const std::string& peer_name, bool, const Wait& wait) override {
    begin_wait(wait);
    remote_ = decode_rdma_address(peer_address, peer_name);
    const RdmaAddress own = decode_rdma_address(address(), peer_name);
    accept(remote_, peer_name, own);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      post_all_receives(i);
      QueuePair::Connection connection;
      connection.destination = {remote_.gid, remote_.lid, peer_name};
      connection.remote_number = remote_.pairs[i].number;
      connection.remote_packet_sequence = remote_.pairs[i].packet_sequence;
      connection.local_packet_sequence = pair.packet_sequence;
      connection.path_mtu = std::min(own.active_mtu, remote_.active_mtu);
      connection.reads_in = static_cast<int>(own.reads_in);
      connection.reads_out =
          std::min({device_.attributes().max_qp_init_rd_atom, static_cast<int>(remote_.reads_in), most_reads});
      pair.queue_pair->connect(connection, gid_);
      look("connecting");
    }
    latency_.sg_list = &latency_piece_;
    latency_.num_sge = 1;
  }

  void require(const Shape& shape, bool stream) const override {
    const auto refuse = [](const std::string& sentence) { throw InputError(sentence); };
    const std::size_t most = std::min<std::size_t>(options_.max_size_bytes, device_.port_attributes().max_msg_sz);
    if (shape.operation == Operation::atomic) {
      if (device_.attributes().atomic_cap == IBV_ATOMIC_NONE) {
        refuse(fmt::format("--op atomic: {} has no atomic operations", device_.name()));
      }
      if (shape.size_bytes != 8) refuse("--op atomic moves exactly 8 bytes: give --sizes 8");
    } else if (shape.size_bytes < 1 || shape.size_bytes > most) {
      refuse(fmt::format("--op {} of {} B: {} takes 1 to {} B (max_msg_sz {})", to_string(shape.operation),
                         shape.size_bytes, device_.name(), most, device_.port_attributes().max_msg_sz));
    }
    if (is_one_sided_latency(shape.operation) &&
        std::min(device_.attributes().max_qp_rd_atom, device_.attributes().max_qp_init_rd_atom) < 1) {
      refuse(fmt::format("--op {}: {} answers no reads", to_string(shape.operation), device_.name()));
    }
    if (stream && (shape.window < 1 || shape.window > options_.max_window)) {
      refuse(fmt::format("a window of {} messages: this run's limit is {}", shape.window, options_.max_window));
    }
    if (!stream && shape.operation == Operation::write) {
      if (!polls_) refuse("the latency of --op write is measured by polling memory: sleep with --op send or write-imm");
      if (options_.memory == MemoryKind::gpu) {
        refuse(
            "the latency of --op write is measured by polling memory, which the CPU cannot do in a GPU's: take --op "
            "send or write-imm");
      }
    }
  }

  // ---- latency

  void begin_latency(const Shape& shape, bool initiator, const Wait& wait) override {
    begin_block(shape, false, wait);
    out_sequence_ = in_sequence_ = 0;
    last_in_ = last_out_ = nullptr;
    if (shape.verify && shape.operation == Operation::read && !initiator) fill_outbound();
    Pair& pair = pairs_.front();
    const bool is_write = shape.operation == Operation::write;
    latency_.opcode = opcode_of(shape.operation);
    latency_.wr_id = send_id(Kind::latency, 0);
    latency_piece_ = {outbound_region_.address() + slot_bytes_, static_cast<std::uint32_t>(shape.size_bytes),
                      outbound_region_.lkey()};
    latency_.wr.rdma.remote_addr = remote_.outbound.address;
    latency_.wr.rdma.rkey = remote_.outbound.key;
    if (shape.operation == Operation::read) {
      latency_piece_.addr = inbound_region_.address();
      latency_piece_.lkey = inbound_region_.lkey();
      latency_.wr.rdma.remote_addr = remote_.outbound.address + slot_bytes_;
    } else if (shape.operation == Operation::atomic) {
      aim_atomic(latency_, latency_piece_, 0, 0);
    }
    flags_ = may_be_inline(shape.operation) && shape.size_bytes <= static_cast<std::size_t>(inline_bytes())
                 ? IBV_SEND_INLINE
                 : 0;
    post_pair_ = pair.queue_pair->get();
    if (is_write) {
      // Where nothing but the last byte changes it is all that is written; a verified message is written whole.
      last_out_ = reinterpret_cast<std::uint8_t*>(outbound_.data()) + slot_bytes_ + shape.size_bytes - 1;
      last_in_ = reinterpret_cast<std::uint8_t*>(outbound_.data()) + shape.size_bytes - 1;
      outbound_.fill(0, shape.size_bytes, 0);
    }
  }

  void ping() override {
    switch (shape_.operation) {
      case Operation::write:
        post_latency();
        await_write();
        break;
      case Operation::send:
      case Operation::write_imm:
        post_latency();
        await_message();
        break;
      default:
        one_sided();
    }
  }

  void pong() override {
    if (shape_.operation == Operation::write) {
      await_write();
    } else {
      await_message();
    }
    post_latency();
  }

  // ---- streams

  void begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) override {
    begin_block(shape, true, wait);
    sends_ = sends;
    receives_ = receives && is_message(shape.operation);
    is_target_ = receives && shape.operation == Operation::write && shape.verify;
    if (shape.verify && shape.operation == Operation::write) ++written_epoch_;
    if (is_target_) inbound_.fill(0, inbound_.size(), 0);
    if (shape.verify && shape.operation == Operation::read) fill_outbound();
    finished_ = {};
    next_pair_ = 0;
    int window = shape.window;
    if (shape.verify) window = std::min(window, verified_window(shape.operation));
    chain_ =
        std::clamp(std::min(static_cast<int>(max_chain_bytes / std::max<std::size_t>(shape.size_bytes, 1)), window / 4),
                   1, max_chain);
    chains_ = window / chain_;
    for (std::size_t i = 0; i < pairs_.size(); ++i) prepare_stream(i);
  }

  Progress progress(bool may_post) override {
    bool idle = !take_sends();
    if (receives_) {
      idle = !take_messages() && idle;
      if (shape_.verify) give_credits();
    }
    if (may_post && sends_) idle = !post_chains() && idle;
    if ((++calls_ & 1023) == 0) [[unlikely]]
      look("streaming");
    if (idle && !polls_) sleep_in_stream();
    return finished_;
  }

  std::uint64_t outstanding() const override {
    std::uint64_t messages = 0;
    for (const Pair& pair : pairs_)
      messages += static_cast<std::uint64_t>(pair.chains_out) * static_cast<std::uint64_t>(chain_);
    return messages;
  }

  void end_block() override {
    if (streams_ && shape_.verify) {
      if (receives_) return_all_credits();
      if (shape_.operation == Operation::write) exchange_written();
    }
    sends_ = receives_ = is_target_ = false;
  }

 private:
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

  std::size_t pair_count() const {
    if (options_.queue_pairs < 1 || options_.queue_pairs > 1024) {
      throw InputError(fmt::format("--qps {}: 1 to 1024 queue pairs", options_.queue_pairs));
    }
    return static_cast<std::size_t>(options_.queue_pairs);
  }
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
  std::uint64_t* control_word(std::size_t pair, std::size_t offset) {
    return reinterpret_cast<std::uint64_t*>(control_.data() + pair * control_bytes + offset);
  }

  int verified_window(Operation operation) const {
    if (operation == Operation::atomic) return static_cast<int>(max_results);
    // A read's destination gets another of the peer's slots each time, so that stale content is seen.
    return static_cast<int>(operation == Operation::read ? slots_ - 1 : slots_);
  }

  void begin_block(const Shape& shape, bool stream, const Wait& wait) {
    require(shape, stream);
    begin_wait(wait);
    shape_ = shape;
    streams_ = stream;
    corruption_.clear();
  }

  void fill_outbound() {
    for (std::size_t pair = 0; pair < pairs_.size(); ++pair) {
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        put_pattern(outbound_, outbound_offset(pair, slot), shape_.size_bytes, slot);
      }
    }
  }

  // ---- receives

  /// No two of slots_ messages in a row share memory, whatever their size.
  void post_all_receives(std::size_t index) {
    const ReceiveRing::Places places{inbound_region_.address() + pool_offset(index, 0), slot_bytes_, slots_,
                                     static_cast<std::uint32_t>(slot_bytes_), inbound_region_.lkey()};
    Pair& pair = pairs_[index];
    if (const int error = pair.receives.fill(pair.queue_pair->get(), index, receive_depth_, places); error != 0)
      fail_post("ibv_post_recv", error);
  }

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

  void check_message(const ibv_wc& completion, Pair& pair) {
    const auto index = static_cast<std::size_t>(completion.wr_id);
    const std::uint64_t sequence = streams_ ? pair.arrived : in_sequence_;
    ++pair.verified;
    if (shape_.operation == Operation::send) {
      check_pattern_at(inbound_, pool_offset(index, pair.taken % slots_), shape_.size_bytes, sequence);
    } else if (streams_) {
      const std::uint32_t immediate = ntohl(completion.imm_data);
      if (immediate != static_cast<std::uint32_t>(sequence)) {
        corruption_.report(fmt::format("message {} came with immediate data {}", sequence, immediate));
      }
      check_pattern_at(inbound_, pool_offset(index, sequence % slots_), shape_.size_bytes, sequence);
    } else {
      check_pattern_at(outbound_, 0, shape_.size_bytes, sequence);
    }
  }

  // ---- latency

  void post_latency() {
    if (shape_.verify) {
      put_pattern(outbound_, slot_bytes_, shape_.size_bytes, out_sequence_);
    } else if (last_out_ != nullptr) {
      // The device has read the message before this one: its answer came. Should it be sent again because its
      // acknowledgement was lost, the peer drops it as a duplicate.
      *last_out_ = pattern_last_byte(out_sequence_);
    }
    ++out_sequence_;
    post_rarely_signaled(post_pair_, latency_, flags_);
    // The message is on its way: what has to be done now and then costs nothing here.
    post_due_receives(pairs_.front());
    if (sends_signaled_ != 0) drain_sends();
  }

  void await_message() {
    ibv_wc completion;
    wait_until("waiting for a message", receive_queue_, [&] { return receive_queue_.poll(&completion, 1) != 0; });
    take_message(completion);
    ++in_sequence_;
  }

  void await_write() {
    const std::uint8_t expected = pattern_last_byte(in_sequence_);
    wait_until("waiting for a write", receive_queue_,
               [&] { return __atomic_load_n(last_in_, __ATOMIC_ACQUIRE) == expected; });
    if (shape_.verify) check_write();
    ++in_sequence_;
  }

  void check_write() {
    const std::byte* const message = outbound_.data();
    if (!device_.deviations().writes_last_byte_last) {
      // The message's end may have come before its middle.
      const Deadline settled = Deadline::after(std::chrono::milliseconds(100));
      while (check_pattern(message, shape_.size_bytes, in_sequence_) && !settled.passed()) std::this_thread::yield();
    }
    check_pattern_at(outbound_, 0, shape_.size_bytes, in_sequence_);
  }

  /// A read or a fetch-add, from post to completion.
  void one_sided() {
    Pair& pair = pairs_.front();
    const bool is_read = shape_.operation == Operation::read;
    if (is_read && shape_.verify)
      latency_.wr.rdma.remote_addr = remote_.outbound.address + outbound_offset(0, out_sequence_ % slots_);
    latency_.send_flags = IBV_SEND_SIGNALED;
    ++sends_signaled_;
    ibv_send_wr* bad = nullptr;
    if (const int error = ibv_post_send(post_pair_, &latency_, &bad); error != 0) [[unlikely]]
      fail_post("ibv_post_send", error);
    ibv_wc completion;
    wait_until("waiting for an answer", send_queue_, [&] {
      if (sends_signaled_ == 0) return true;  // look() has taken it
      if (send_queue_.poll(&completion, 1) == 0) return false;
      take_send(completion);
      return sends_signaled_ == 0;
    });
    if (shape_.verify) {
      if (is_read) {
        check_pattern_at(inbound_, 0, shape_.size_bytes, out_sequence_ % slots_);
      } else {
        check_atomic(pair, 0, 0);
      }
    }
    if (!is_read) ++pair.atomics;
    ++out_sequence_;
  }

  // ---- completions of sends

  void take_send(const ibv_wc& completion) {
    if (completion.status != IBV_WC_SUCCESS) [[unlikely]]
      fail(completion);
    switch (kind_of(completion.wr_id)) {
      case Kind::latency:
        --sends_signaled_;
        break;
      case Kind::control:
        --controls_out_;
        break;
      case Kind::chain:
        take_chain(pairs_[pair_of(completion.wr_id)], pair_of(completion.wr_id));
    }
  }

  void take_chain(Pair& pair, std::size_t index) {
    --pair.chains_out;
    finished_.sent += static_cast<std::uint64_t>(chain_);
    if (shape_.verify && is_one_sided_latency(shape_.operation)) {
      for (std::uint64_t sequence = pair.completed; sequence < pair.completed + static_cast<std::uint64_t>(chain_);
           ++sequence) {
        if (shape_.operation == Operation::read) {
          check_pattern_at(inbound_, pool_offset(index, sequence % (slots_ - 1)), shape_.size_bytes, sequence % slots_);
        } else {
          check_atomic(pair, index, sequence % max_results);
          ++pair.atomics;
        }
      }
    } else if (shape_.operation == Operation::atomic) {
      pair.atomics += static_cast<std::uint64_t>(chain_);
    }
    pair.completed += static_cast<std::uint64_t>(chain_);
  }

  /// What a fetch-add returned is the number of fetch-adds before it.
  void check_atomic(const Pair& pair, std::size_t index, std::size_t result) {
    const std::uint64_t found = *control_word(index, results_offset + 8 * result);
    if (found != pair.atomics) corruption_.report(fmt::format("fetch-add {} returned {}", pair.atomics, found));
  }

  bool take_sends() {
    if (outstanding_sends() == 0) return false;
    ibv_wc completions[max_chain];
    const int count = send_queue_.poll(completions, max_chain);
    for (int i = 0; i < count; ++i) take_send(completions[i]);
    return count != 0;
  }
  bool outstanding_sends() const { return sends_ || controls_out_ != 0 || sends_signaled_ != 0; }

  void drain_sends() override {
    ibv_wc completions[max_chain];
    int count = 0;
    do {
      count = send_queue_.poll(completions, max_chain);
      for (int i = 0; i < count; ++i) take_send(completions[i]);
    } while (count == max_chain);
  }

  std::optional<ibv_wc> root_failure() override {
    ibv_wc completion;
    const Deadline end = Deadline::after(std::chrono::milliseconds(200));
    do {
      for (CompletionQueue* queue : {&send_queue_, &receive_queue_}) {
        while (queue->poll(&completion, 1) != 0) {
          if (completion.status != IBV_WC_SUCCESS && completion.status != IBV_WC_WR_FLUSH_ERR) return completion;
        }
      }
    } while (!end.passed());
    return std::nullopt;
  }

  // ---- streams

  bool take_messages() {
    ibv_wc completions[max_chain];
    const int count = receive_queue_.poll(completions, max_chain);
    if (count == 0) return false;
    for (int i = 0; i < count; ++i) {
      take_message(completions[i]);
      post_due_receives(pairs_[static_cast<std::size_t>(completions[i].wr_id)]);
    }
    finished_.received += static_cast<std::uint64_t>(count);
    return true;
  }

  void aim_atomic(ibv_send_wr& request, ibv_sge& piece, std::size_t pair, std::size_t result) {
    piece = {control_region_.address() + pair * control_bytes + results_offset + 8 * result, 8, control_region_.lkey()};
    request.wr.atomic.remote_addr = remote_.control.address + pair * control_bytes + counter_offset;
    request.wr.atomic.rkey = remote_.control.key;
    request.wr.atomic.compare_add = 1;
  }

  /// Every work request of a block, built once: posting a chain is one call.
  void prepare_stream(std::size_t index) {
    Pair& pair = pairs_[index];
    pair.next_chain = 0;
    pair.posted = pair.completed = pair.arrived = 0;
    const std::size_t step = rounded_up(shape_.size_bytes, cache_line);
    const std::size_t places = std::clamp<std::size_t>(stream_cycle_bytes / step, 1, slots_ * slot_bytes_ / step);
    const auto requests = static_cast<std::size_t>(chain_ * chains_);
    pair.sends.assign(requests, {});
    pair.pieces.assign(requests, {});
    const bool reads = shape_.operation == Operation::read;
    for (std::size_t i = 0; i < requests; ++i) {
      ibv_send_wr& request = pair.sends[i];
      ibv_sge& piece = pair.pieces[i];
      const bool last = (i + 1) % static_cast<std::size_t>(chain_) == 0;
      request.opcode = opcode_of(shape_.operation);
      request.wr_id = send_id(Kind::chain, index);
      request.sg_list = &piece;
      request.num_sge = 1;
      request.next = last ? nullptr : &pair.sends[i + 1];
      request.send_flags = last ? IBV_SEND_SIGNALED : 0;
      if (may_be_inline(shape_.operation) && shape_.size_bytes <= static_cast<std::size_t>(inline_bytes())) {
        request.send_flags |= IBV_SEND_INLINE;
      }
      if (shape_.operation == Operation::atomic) {
        aim_atomic(request, piece, index, i % max_results);
        continue;
      }
      const std::size_t offset = (i % places) * step;
      aim(request, piece, reads, outbound_offset(index, 0) + offset, pool_offset(index, 0) + offset);
    }
  }

  /// Reads go from the peer's outbound memory to the own inbound, all else the other way round. Offsets are alike on
  /// both ends.
  void aim(ibv_send_wr& request, ibv_sge& piece, bool reads, std::size_t outbound, std::size_t inbound) {
    piece.length = static_cast<std::uint32_t>(shape_.size_bytes);
    piece.addr = reads ? inbound_region_.address() + inbound : outbound_region_.address() + outbound;
    piece.lkey = reads ? inbound_region_.lkey() : outbound_region_.lkey();
    request.wr.rdma.remote_addr = reads ? remote_.outbound.address + outbound : remote_.inbound.address + inbound;
    request.wr.rdma.rkey = reads ? remote_.outbound.key : remote_.inbound.key;
  }

  bool post_chains() {
    bool posted = false;
    // One chain a pair and turn, until none has room.
    for (std::size_t full = 0; full < pairs_.size();) {
      const std::size_t index = next_pair_;
      if (++next_pair_ == pairs_.size()) next_pair_ = 0;
      Pair& pair = pairs_[index];
      if (pair.chains_out == chains_ || (shape_.verify && !prepare_verified(pair, index))) {
        ++full;
        continue;
      }
      full = 0;
      ibv_send_wr* bad = nullptr;
      ibv_send_wr* const chain = &pair.sends[static_cast<std::size_t>(pair.next_chain * chain_)];
      if (const int error = ibv_post_send(pair.queue_pair->get(), chain, &bad); error != 0) [[unlikely]]
        fail_post("ibv_post_send", error);
      if (++pair.next_chain == chains_) pair.next_chain = 0;
      ++pair.chains_out;
      pair.posted += static_cast<std::uint64_t>(chain_);
      posted = true;
    }
    return posted;
  }

  /// Content and addresses of the next chain of a verified stream; false while the peer has not checked what lies where
  /// the chain would go.
  bool prepare_verified(Pair& pair, std::size_t index) {
    if (shape_.operation == Operation::atomic) return true;
    const auto chain = static_cast<std::uint64_t>(chain_);
    if (is_message(shape_.operation)) {
      read_credit(pair, index);
      if (pair.credit_used + chain - pair.credit_seen > slots_) return false;
      pair.credit_used += chain;
    }
    for (std::uint64_t i = 0; i < chain; ++i) {
      const std::uint64_t sequence = pair.posted + i;
      const auto at = static_cast<std::size_t>(pair.next_chain * chain_) + i;
      ibv_send_wr& request = pair.sends[at];
      if (shape_.operation == Operation::read) {
        aim(request, pair.pieces[at], true, outbound_offset(index, sequence % slots_),
            pool_offset(index, sequence % (slots_ - 1)));
        continue;
      }
      const std::size_t slot = sequence % slots_;
      request.imm_data = htonl(static_cast<std::uint32_t>(sequence));
      aim(request, pair.pieces[at], false, outbound_offset(index, slot), pool_offset(index, slot));
      put_pattern(outbound_, outbound_offset(index, slot), shape_.size_bytes, sequence);
    }
    return true;
  }

  void read_credit(Pair& pair, std::size_t index) {
    const std::uint64_t word = __atomic_load_n(control_word(index, credit_offset), __ATOMIC_ACQUIRE);
    // A device may write the word's bytes one by one: half of an old and half of a new value lies below the one or
    // above what was posted.
    if (word > pair.credit_seen && word <= pair.credit_used) pair.credit_seen = word;
  }

  /// Writes 8 bytes into the peer's control buffer.
  void post_control(std::size_t index, std::size_t offset, std::uint64_t value, std::size_t staging) {
    std::uint64_t* const word = control_word(index, staging_offset + 8 * staging);
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
    ibv_sge piece{reinterpret_cast<std::uintptr_t>(word), 8, control_region_.lkey()};
    ibv_send_wr request{};
    request.wr_id = send_id(Kind::control, index);
    request.sg_list = &piece;
    request.num_sge = 1;
    request.opcode = IBV_WR_RDMA_WRITE;
    request.send_flags = IBV_SEND_SIGNALED | (inline_bytes() >= 8 ? static_cast<unsigned>(IBV_SEND_INLINE) : 0u);
    request.wr.rdma.remote_addr = remote_.control.address + index * control_bytes + offset;
    request.wr.rdma.rkey = remote_.control.key;
    ibv_send_wr* bad = nullptr;
    if (const int error = ibv_post_send(pairs_[index].queue_pair->get(), &request, &bad); error != 0)
      fail_post("ibv_post_send", error);
    ++controls_out_;
  }

  void give_credit(std::size_t index) {
    Pair& pair = pairs_[index];
    if (pair.credit_given == pair.verified || controls_out_ >= max_credits_in_flight) return;
    post_control(index, credit_offset, pair.verified, 0);
    pair.credit_given = pair.verified;
  }

  void give_credits() {
    for (std::size_t i = 0; i < pairs_.size(); ++i) give_credit(i);
  }

  void await_controls() {
    wait_until("waiting for acknowledgements", send_queue_, [&] {
      if (controls_out_ != 0) drain_sends();
      return controls_out_ == 0;
    });
  }

  void return_all_credits() {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      await_controls();
      give_credit(i);
    }
    await_controls();
  }

  /// A verified stream of writes: its sender tells how many messages of each pair it wrote, its target checks what lies
  /// in the slots. Earlier content of a slot cannot be checked: nothing told the target when it was complete.
  void exchange_written() {
    for (std::size_t i = 0; sends_ && i < pairs_.size(); ++i) {
      post_control(i, written_offset, pairs_[i].posted, 1);
      post_control(i, written_epoch_offset, written_epoch_, 2);
      await_controls();
    }
    for (std::size_t i = 0; is_target_ && i < pairs_.size(); ++i) {
      wait_until("waiting for the end of the peer's writes", send_queue_, [&] {
        return __atomic_load_n(control_word(i, written_epoch_offset), __ATOMIC_ACQUIRE) == written_epoch_;
      });
      const std::uint64_t written = *control_word(i, written_offset);
      for (std::uint64_t sequence = written - std::min<std::uint64_t>(written, slots_); sequence < written;
           ++sequence) {
        check_pattern_at(inbound_, pool_offset(i, sequence % slots_), shape_.size_bytes, sequence);
      }
    }
  }

  void sleep_in_stream() {
    send_queue_.arm();
    receive_queue_.arm();
    if (take_sends() || (receives_ && take_messages())) return;
    channel_->sleep(longest_sleep);
    look("streaming");
  }

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
  int controls_out_ = 0;

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

}  // namespace

std::unique_ptr<Endpoint> make_rc_endpoint(const EndpointOptions& options) {
  return std::make_unique<RcEndpoint>(options);
}

}  // namespace rocekit::verbs
