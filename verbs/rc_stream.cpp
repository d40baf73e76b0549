// Streams over reliable connections.
#include <algorithm>
#include <cstddef>

#include "verbs/rc_endpoint.h"

namespace rocekit::verbs {
namespace {

/// Bytes of a chain of more than one message.
constexpr std::size_t max_chain_bytes = 64u << 10;
/// Messages of a stream that is not verified lie one after the other in so many bytes, then again: as perftest does, so
/// that both measure the wire and not the memory.
constexpr std::size_t stream_cycle_bytes = 64u << 10;

}  // namespace

void RcEndpoint::begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) {
  begin_block(shape, true, wait);
  sends_ = sends;
  receives_ = receives && is_message(shape.operation);
  is_target_ = receives && shape.operation == Operation::write && shape.verify;
  if (shape.verify && shape.operation == Operation::write) ++written_epoch_;
  if (is_target_) inbound_.fill(0, inbound_.size(), 0);
  if (shape.verify && shape.operation == Operation::read) fill_outbound();
  finished_ = {};
  next_pair_ = 0;
  const std::size_t most_outstanding =
      device_.deviations().stream_window_bytes / (std::max<std::size_t>(shape.size_bytes, 1) * pairs_.size());
  int window = std::min(shape.window, static_cast<int>(std::clamp<std::size_t>(most_outstanding, 2, 1u << 20)));
  if (shape.verify) window = std::min(window, verified_window(shape.operation));
  chain_ =
      std::clamp(std::min(static_cast<int>(max_chain_bytes / std::max<std::size_t>(shape.size_bytes, 1)), window / 4),
                 1, max_chain);
  chains_ = window / chain_;
  for (std::size_t i = 0; i < pairs_.size(); ++i) prepare_stream(i);
}

Progress RcEndpoint::progress(bool may_post) {
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

void RcEndpoint::take_send(const ibv_wc& completion) {
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

void RcEndpoint::take_chain(Pair& pair, std::size_t index) {
  --pair.chains_out;
  finished_.sent += static_cast<std::uint64_t>(chain_);
  if (shape_.verify && is_one_sided_latency(shape_.operation)) {
    for (std::uint64_t sequence = pair.completed; sequence < pair.completed + static_cast<std::uint64_t>(chain_);
         ++sequence) {
      if (shape_.operation == Operation::read) {
        check_pattern_at(inbound_, pool_offset(index, sequence % (slots_ - 1)), shape_.size_bytes, sequence % slots_);
      } else {
        check_atomic(pair, index, sequence % Control{}.results.size());
        ++pair.atomics;
      }
    }
  } else if (shape_.operation == Operation::atomic) {
    pair.atomics += static_cast<std::uint64_t>(chain_);
  }
  pair.completed += static_cast<std::uint64_t>(chain_);
}

bool RcEndpoint::take_sends() {
  if (outstanding_sends() == 0) return false;
  ibv_wc completions[max_chain];
  const int count = send_queue_.poll(completions, max_chain);
  for (int i = 0; i < count; ++i) take_send(completions[i]);
  return count != 0;
}

void RcEndpoint::drain_sends() {
  ibv_wc completions[max_chain];
  int count = 0;
  do {
    count = send_queue_.poll(completions, max_chain);
    for (int i = 0; i < count; ++i) take_send(completions[i]);
  } while (count == max_chain);
}

std::optional<ibv_wc> RcEndpoint::root_failure() {
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

void RcEndpoint::prepare_stream(std::size_t index) {
  Pair& pair = pairs_[index];
  pair.next_chain = 0;
  pair.posted = pair.completed = pair.arrived = 0;
  const std::size_t step = (shape_.size_bytes + cache_line - 1) / cache_line * cache_line;
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
    request.send_flags = inline_flag(shape_) | (last ? static_cast<unsigned>(IBV_SEND_SIGNALED) : 0u);
    if (shape_.operation == Operation::atomic) {
      aim_atomic(request, piece, index, i % Control{}.results.size());
      continue;
    }
    const std::size_t offset = (i % places) * step;
    aim(request, piece, reads, outbound_offset(index, 0) + offset, pool_offset(index, 0) + offset);
  }
}

void RcEndpoint::aim(ibv_send_wr& request, ibv_sge& piece, bool reads, std::size_t outbound, std::size_t inbound) {
  piece.length = static_cast<std::uint32_t>(shape_.size_bytes);
  piece.addr = reads ? inbound_region_.address() + inbound : outbound_region_.address() + outbound;
  piece.lkey = reads ? inbound_region_.lkey() : outbound_region_.lkey();
  request.wr.rdma.remote_addr = reads ? remote_.outbound.address + outbound : remote_.inbound.address + inbound;
  request.wr.rdma.rkey = reads ? remote_.outbound.key : remote_.inbound.key;
}

void RcEndpoint::aim_atomic(ibv_send_wr& request, ibv_sge& piece, std::size_t pair, std::size_t result) {
  piece = {control_region_.address() + pair * sizeof(Control) + offsetof(Control, results) + 8 * result, 8,
           control_region_.lkey()};
  request.wr.atomic.remote_addr = remote_.control.address + pair * sizeof(Control) + offsetof(Control, counter);
  request.wr.atomic.rkey = remote_.control.key;
  request.wr.atomic.compare_add = 1;
}

bool RcEndpoint::take_messages() {
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

bool RcEndpoint::post_chains() {
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

void RcEndpoint::sleep_in_stream() {
  send_queue_.arm();
  receive_queue_.arm();
  if (take_sends() || (receives_ && take_messages())) return;
  // Credits of verified streams come by memory and wake nobody.
  channel_->sleep(shape_.verify ? std::chrono::milliseconds(1) : longest_sleep);
  look("streaming");
}

}  // namespace rocekit::verbs
