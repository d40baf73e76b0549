// Verified content. A message lies in a slot of its own until its receiver has checked it: for sends and writes with
// immediate data the receiver gives the sender credit, by a write of 8 bytes into its memory, for what it has checked.
// Counters of credit run through all blocks of a connection. Reads and fetch-adds are checked by who asked for them;
// writes without immediate data by their target at the end of the block.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <thread>

#include "verbs/rc_endpoint.h"

namespace rocekit::verbs {
void RcEndpoint::end_block() {
  if (streams_ && shape_.verify) {
    if (receives_) return_all_credits();
    if (shape_.operation == Operation::write) exchange_written();
  }
  sends_ = receives_ = is_target_ = false;
}

int RcEndpoint::verified_window(Operation operation) const {
  if (operation == Operation::atomic) return static_cast<int>(Control{}.results.size());
  // A read's destination gets another of the peer's slots each time, so that stale content is seen.
  return static_cast<int>(operation == Operation::read ? slots_ - 1 : slots_);
}

// The peer reads it without a word to this CPU, so no doorbell orders these stores before its reads; the ranks' barrier
// between preparing and running a block does: its message goes through the kernel, which orders them before the packet.
void RcEndpoint::fill_outbound() {
  for (std::size_t pair = 0; pair < pairs_.size(); ++pair) {
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      put_pattern(outbound_, outbound_offset(pair, slot), shape_.size_bytes, slot);
    }
  }
}

void RcEndpoint::check_message(const ibv_wc& completion, Pair& pair) {
  const auto index = static_cast<std::size_t>(completion.wr_id);
  const std::uint64_t sequence = streams_ ? pair.arrived : in_sequence_;
  if (streams_) ++pair.verified;
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

void RcEndpoint::check_write() {
  const std::byte* const message = outbound_.data();
  if (!device_.deviations().writes_last_byte_last) {
    // The message's end may have come before its middle.
    const Deadline settled = Deadline::after(std::chrono::milliseconds(100));
    while (check_pattern(message, shape_.size_bytes, in_sequence_) && !settled.passed()) std::this_thread::yield();
  }
  check_pattern_at(outbound_, 0, shape_.size_bytes, in_sequence_);
}

void RcEndpoint::check_atomic(const Pair& pair, std::size_t index, std::size_t result) {
  const std::uint64_t found = control(index).results[result];
  if (found != pair.atomics) corruption_.report(fmt::format("fetch-add {} returned {}", pair.atomics, found));
}

bool RcEndpoint::prepare_verified(Pair& pair, std::size_t index) {
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

void RcEndpoint::give_credit(std::size_t index) {
  Pair& pair = pairs_[index];
  if (pair.credit_given == pair.verified || controls_out_ >= max_controls_out) return;
  post_control(index, offsetof(Control, credit), pair.verified, 0);
  pair.credit_given = pair.verified;
}

void RcEndpoint::return_all_credits() {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    await_controls();
    give_credit(i);
  }
  await_controls();
}

void RcEndpoint::post_control(std::size_t index, std::size_t offset, std::uint64_t value, std::size_t place) {
  std::uint64_t* const word = &control(index).to_peer[place];
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(word), 8, control_region_.lkey()};
  ibv_send_wr request{};
  request.wr_id = send_id(Kind::control, index);
  request.sg_list = &piece;
  request.num_sge = 1;
  request.opcode = IBV_WR_RDMA_WRITE;
  request.send_flags = IBV_SEND_SIGNALED | (inline_bytes() >= 8 ? static_cast<unsigned>(IBV_SEND_INLINE) : 0u);
  request.wr.rdma.remote_addr = remote_.control.address + index * sizeof(Control) + offset;
  request.wr.rdma.rkey = remote_.control.key;
  ibv_send_wr* bad = nullptr;
  if (const int error = ibv_post_send(pairs_[index].queue_pair->get(), &request, &bad); error != 0)
    fail_post("ibv_post_send", error);
  ++controls_out_;
}

void RcEndpoint::await_controls() {
  wait_until("waiting for acknowledgements", send_queue_, [&] {
    if (controls_out_ != 0) drain_sends();
    return controls_out_ == 0;
  });
}

void RcEndpoint::exchange_written() {
  for (std::size_t i = 0; sends_ && i < pairs_.size(); ++i) {
    post_control(i, offsetof(Control, written), pairs_[i].posted, 1);
    post_control(i, offsetof(Control, written_epoch), written_epoch_, 2);
    await_controls();
  }
  for (std::size_t i = 0; is_target_ && i < pairs_.size(); ++i) {
    wait_until("waiting for the end of the peer's writes", send_queue_,
               [&] { return read_polled(control(i).written_epoch) == written_epoch_; });
    device_read_barrier();
    const std::uint64_t written = control(i).written;
    for (std::uint64_t sequence = written - std::min<std::uint64_t>(written, slots_); sequence < written; ++sequence) {
      check_pattern_at(inbound_, pool_offset(i, sequence % slots_), shape_.size_bytes, sequence);
    }
  }
}

}  // namespace rocekit::verbs
