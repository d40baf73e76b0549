// Latency of reliable connections: one message in flight.
#include "verbs/rc_endpoint.h"

namespace rocekit::verbs {

void RcEndpoint::begin_latency(const Shape& shape, bool initiator, const Wait& wait) {
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
  flags_ = inline_flag(shape);
  post_pair_ = pair.queue_pair->get();
  if (is_write) {
    // What is waited for is the last byte alone; it differs from message to message, the others stay as they are.
    last_out_ = reinterpret_cast<std::uint8_t*>(outbound_.data()) + slot_bytes_ + shape.size_bytes - 1;
    last_in_ = reinterpret_cast<std::uint8_t*>(outbound_.data()) + shape.size_bytes - 1;
    outbound_.fill(0, shape.size_bytes, 0);
  }
}

void RcEndpoint::ping() {
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

void RcEndpoint::pong() {
  if (shape_.operation == Operation::write) {
    await_write();
  } else {
    await_message();
  }
  post_latency();
}

void RcEndpoint::post_latency() {
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

void RcEndpoint::await_message() {
  ibv_wc completion;
  wait_until("waiting for a message", receive_queue_, [&] { return receive_queue_.poll(&completion, 1) != 0; });
  take_message(completion);
  ++in_sequence_;
}

void RcEndpoint::await_write() {
  const std::uint8_t expected = pattern_last_byte(in_sequence_);
  wait_until("waiting for a write", receive_queue_, [&] { return read_polled(*last_in_) == expected; });
  device_read_barrier();
  if (shape_.verify) check_write();
  ++in_sequence_;
}

void RcEndpoint::one_sided() {
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

}  // namespace rocekit::verbs
