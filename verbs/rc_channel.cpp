#include "verbs/rc_channel.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "core/error.h"
#include "verbs/device_order.h"

namespace rocekit::verbs {
namespace {

/// Credits that short messages leave to words of control, so that these always get through.
constexpr int control_reserve = 8;
/// Returned by a message of their own when nothing else takes them along.
constexpr int most_owed = 16;
/// A completion is asked for with every so-manieth inline message.
constexpr std::uint64_t signal_interval = 32;
constexpr std::size_t probe_word_bytes = 8;

constexpr std::size_t receive_slots_bytes = RcChannel::receive_depth * RcChannel::eager_bytes;
constexpr std::size_t send_slots_bytes = RcChannel::send_slots * RcChannel::eager_bytes;

int wanted_inline(const EndpointOptions& options, const DeviceContext& device) {
  return std::max(0, options.inline_bytes.value_or(device.deviations().default_inline_bytes));
}

}  // namespace

RcChannel::RcChannel(RcRail& rail, std::uint64_t id, const EndpointOptions& options, Progress& finished,
                     std::uint64_t& pending)
    : rail_(rail),
      id_(id),
      finished_(finished),
      pending_(pending),
      memory_(MemoryKind::host, receive_slots_bytes + send_slots_bytes + probe_word_bytes),
      region_(rail.domain(), memory_, rail.access()),
      packet_sequence_(std::random_device()() & 0xffffff),
      chunk_bytes_(std::min<std::size_t>(rail.device().port_attributes().max_msg_sz,
                                         rail.device().deviations().stream_window_bytes / 2)),
      credits_(most_credits) {
  const int wanted = wanted_inline(options, rail.device());
  QueuePair::Capacity capacity{send_depth, receive_depth, wanted};
  pair_ = make_queue_pair(rail.domain(), IBV_QPT_RC, rail.queue(), rail.queue(), capacity);
  inline_bytes_ = std::min(pair_->inline_bytes(), capacity.inline_bytes);
  pair_->to_init(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, 0);
}

std::string RcChannel::description() const {
  std::string text = fmt::format("{} GID {} ({})", rail_.device().name(), rail_.gid().index, describe(rail_.gid()));
  if (path_mtu_bytes_ != 0) text += fmt::format(", path MTU {}", path_mtu_bytes_);
  return text + (inline_bytes_ == 0 ? std::string(", nothing inline") : fmt::format(", inline {} B", inline_bytes_));
}

std::string RcChannel::address() const {
  RdmaAddress address;
  address.ethernet = rail_.device().is_ethernet();
  address.lid = rail_.device().port_attributes().lid;
  address.gid = rail_.gid().gid;
  address.active_mtu = rail_.device().port_attributes().active_mtu;
  address.max_size = eager_bytes;
  address.slots = most_credits;
  address.control = {region_.address() + receive_slots_bytes + send_slots_bytes, region_.rkey()};
  address.pairs.push_back({pair_->number(), packet_sequence_});
  return encode(address);
}

void RcChannel::connect(const std::string& peer_address, const std::string& peer_name) {
  peer_ = peer_name;
  remote_ = decode_rdma_address(peer_address, peer_name);
  const RdmaAddress own = decode_rdma_address(address(), peer_name);
  if (remote_.ethernet != own.ethernet) throw failure("one end is Ethernet (RoCE), the other InfiniBand");
  if (remote_.max_size != own.max_size || remote_.slots != own.slots || remote_.pairs.size() != 1) {
    throw failure("both ends must run the same version");
  }
  const ReceiveRing::Places places{region_.address(), eager_bytes, receive_depth, eager_bytes, region_.lkey()};
  const int error = ring_.fill(pair_->get(), receive_bit | id_ << id_shift, receive_depth, places);
  if (error != 0) throw TransportError({"ibv_post_recv", rail_.device().name(), peer_, {}}, error);
  QueuePair::Connection connection;
  connection.destination = {remote_.gid, remote_.lid, peer_name};
  connection.remote_number = remote_.pairs.front().number;
  connection.remote_packet_sequence = remote_.pairs.front().packet_sequence;
  connection.local_packet_sequence = packet_sequence_;
  connection.path_mtu = std::min(own.active_mtu, remote_.active_mtu);
  connection.reads_in = connection.reads_out = 1;
  pair_->connect(connection, rail_.gid());
  path_mtu_bytes_ = bytes_of(connection.path_mtu);
}

TransportError RcChannel::failure(const std::string& why, int error) const {
  return TransportError({"a message channel", rail_.device().name(), peer_, {}}, error, why);
}

void RcChannel::disagree(std::uint64_t sent, std::uint64_t expected) const {
  throw failure(fmt::format("one end sends {} B where the other expects {} B: all ranks must run the same operations",
                            sent, expected));
}

TransportError RcChannel::unlike(std::uint64_t whole) const {
  return failure(
      fmt::format("one end has a message of {} B where the other has one of {} B at most: all ranks must run "
                  "the same operations",
                  whole, eager_bytes));
}

void RcChannel::abort() noexcept { pair_->break_off(); }

// ---- sending

void RcChannel::send(const std::byte* data, std::size_t size, std::size_t whole) {
  ++pending_;
  sends_.push_back({data, size, whole});
  advance();
}

std::uint32_t RcChannel::immediate(Kind kind, int credits) {
  return htonl(static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(credits) << 8);
}

void RcChannel::post(ibv_send_wr& request, unsigned flags) {
  ++posted_;
  request.wr_id = id_ << id_shift | posted_;
  if (posted_ % signal_interval == 0) flags |= IBV_SEND_SIGNALED;
  request.send_flags = flags;
  ibv_send_wr* bad = nullptr;
  if (const int error = ibv_post_send(pair_->get(), &request, &bad); error != 0) [[unlikely]]
    throw TransportError({"ibv_post_send", rail_.device().name(), peer_, {}}, error);
}

bool RcChannel::post_short(Kind kind, const void* data, std::size_t size, int reserve) {
  if (!may_send(reserve)) return false;
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(data), static_cast<std::uint32_t>(size), 0};
  unsigned flags = IBV_SEND_INLINE;
  if (size > static_cast<std::size_t>(inline_bytes_)) {
    const std::size_t slot = slots_used_ % send_slots;
    if (slot_request_[slot] > retired_) return false;
    const std::size_t offset = receive_slots_bytes + slot * eager_bytes;
    std::memcpy(memory_.data() + offset, data, size);
    ++slots_used_;
    slot_request_[slot] = posted_ + 1;
    piece.addr = region_.address() + offset;
    piece.lkey = region_.lkey();
    flags = IBV_SEND_SIGNALED;
  }
  ibv_send_wr request{};
  request.opcode = IBV_WR_SEND_WITH_IMM;
  request.imm_data = immediate(kind, owed_);
  request.sg_list = &piece;
  request.num_sge = size == 0 ? 0 : 1;
  post(request, flags);
  owed_ = 0;
  if (kind != Kind::credit) --credits_;
  return true;
}

bool RcChannel::post_front() {
  Outgoing& message = sends_.front();
  const bool is_cleared = !cleared_.empty() && cleared_.front().message == next_message();
  if (message.size > eager_bytes) {
    if (!is_cleared && !cleared_.empty()) throw unlike(message.whole);
    return is_cleared && post_chunks(message);
  }
  if (is_cleared) disagree(message.whole, cleared_.front().whole);
  if (!post_short(Kind::eager, message.data, message.size, control_reserve)) return false;
  ++finished_.sent;
  --pending_;
  return true;
}

// True once all of it is posted.
bool RcChannel::post_chunks(Outgoing& message) {
  const Control& where = cleared_.front();
  if (where.whole != message.whole) disagree(message.whole, where.whole);
  while (message.posted < message.size) {
    const std::size_t bytes = std::min(chunk_bytes_, message.size - message.posted);
    const bool last = message.posted + bytes == message.size;
    if (!may_send(0) || (chunk_bytes_out_ != 0 && chunk_bytes_out_ + bytes > 2 * chunk_bytes_)) return false;
    const std::byte* const data = message.data + message.posted;
    ibv_sge piece{reinterpret_cast<std::uintptr_t>(data), static_cast<std::uint32_t>(bytes),
                  rail_.region_of(data, bytes).lkey()};
    ibv_send_wr request{};
    request.opcode = last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE;
    request.sg_list = &piece;
    request.num_sge = 1;
    request.wr.rdma.remote_addr = where.address + message.posted;
    request.wr.rdma.rkey = where.key;
    if (last) {
      request.imm_data = immediate(Kind::written, owed_);
      owed_ = 0;
      --credits_;
    }
    post(request, IBV_SEND_SIGNALED);
    message.posted += bytes;
    chunks_.push_back({posted_, bytes, last});
    chunk_bytes_out_ += bytes;
  }
  cleared_.pop_front();
  return true;
}

void RcChannel::advance() {
  while (!to_clear_.empty() && post_short(Kind::clear_to_send, &to_clear_.front(), sizeof(Control), 0))
    to_clear_.pop_front();
  while (!sends_.empty() && post_front()) {
    sends_.pop_front();
    ++sends_begun_;
  }
  // Without regard to credits: the other end has spare receives for these.
  if (owed_ >= most_owed) post_short(Kind::credit, nullptr, 0, -most_credits);
}

void RcChannel::retire(std::uint64_t request) {
  retired_ = request;
  for (; !chunks_.empty() && chunks_.front().request <= retired_; chunks_.pop_front()) {
    chunk_bytes_out_ -= chunks_.front().bytes;
    if (!chunks_.front().ends_message) continue;
    ++finished_.sent;
    --pending_;
  }
  if (probe_ <= retired_) probe_ = 0;
}

void RcChannel::probe() {
  const bool unannounced = !sends_.empty() && sends_.front().size > eager_bytes && sends_.front().posted == 0 &&
                           announced_ <= next_message();
  if (unannounced) {
    const Control control{0, sends_.front().whole, next_message(), 0, 0};
    if (post_short(Kind::announcement, &control, sizeof control, 0)) announced_ = next_message() + 1;
  }
  if (probe_ != 0 || !has_room()) return;
  ibv_sge piece{region_.address() + receive_slots_bytes + send_slots_bytes, probe_word_bytes, region_.lkey()};
  ibv_send_wr request{};
  request.opcode = IBV_WR_RDMA_WRITE;
  request.sg_list = &piece;
  request.num_sge = 1;
  request.wr.rdma.remote_addr = remote_.control.address;
  request.wr.rdma.rkey = remote_.control.key;
  post(request, IBV_SEND_SIGNALED);
  probe_ = posted_;
}

// ---- receiving

void RcChannel::receive(std::byte* data, std::size_t size, std::size_t whole) {
  ++pending_;
  receives_.push_back({data, size, whole});
  if (!early_.empty()) {
    const std::vector<std::byte> message = std::move(early_.front());
    early_.pop_front();
    if (message.size() != size) disagree(message.size(), whole);
    std::memcpy(data, message.data(), size);
    ++owed_;
    finish_receive();
  } else {
    if (size > eager_bytes) {
      // What the caller read of this memory is read before the other end may write there.
      device_read_barrier();
      to_clear_.push_back({reinterpret_cast<std::uintptr_t>(data), whole, finished_.received + receives_.size() - 1,
                           rail_.region_of(data, size).rkey(), 0});
    }
    compare_with_announced();
  }
  advance();
}

void RcChannel::take(const ibv_wc& completion) {
  if ((completion.wr_id & receive_bit) == 0) {
    retire(completion.wr_id & ((std::uint64_t{1} << id_shift) - 1));
    return;
  }
  const std::uint32_t word = ntohl(completion.imm_data);
  credits_ += static_cast<int>(word >> 8 & 0xff);
  const auto kind = static_cast<Kind>(word & 0xff);
  if (kind != Kind::credit && kind != Kind::eager) ++owed_;
  switch (kind) {
    case Kind::eager:
      take_eager(completion.byte_len);
      break;
    case Kind::clear_to_send:
      take_clear_to_send(control_in_slot(completion.byte_len));
      break;
    case Kind::written:
      if (receives_.empty() || receives_.front().size <= eager_bytes) throw failure("an answer to nothing came");
      finish_receive();
      break;
    case Kind::announcement:
      take_announcement(control_in_slot(completion.byte_len));
      break;
    case Kind::credit:
      break;
  }
  ++taken_;
  ring_.take();
  if (const int error = ring_.post_due(); error != 0)
    throw TransportError({"ibv_post_recv", rail_.device().name(), peer_, {}}, error);
}

RcChannel::Control RcChannel::control_in_slot(std::size_t size) const {
  Control control;
  if (size != sizeof control) throw failure("both ends must run the same version");
  std::memcpy(&control, slot(), sizeof control);
  return control;
}

void RcChannel::take_eager(std::size_t size) {
  if (receives_.empty()) {
    // Its credit is returned once it is asked for: the other end cannot run ahead without limit.
    early_.emplace_back(slot(), slot() + size);
    return;
  }
  const Incoming& receive = receives_.front();
  if (size != receive.size) disagree(size, receive.whole);
  std::memcpy(receive.data, slot(), size);
  ++owed_;
  finish_receive();
}

void RcChannel::finish_receive() {
  receives_.pop_front();
  ++finished_.received;
  --pending_;
}

void RcChannel::take_clear_to_send(const Control& control) {
  // A message that has left was a short one.
  if (control.message < sends_begun_) throw unlike(control.whole);
  cleared_.push_back(control);
}

void RcChannel::take_announcement(const Control& control) {
  announcement_ = control;
  compare_with_announced();
}

void RcChannel::compare_with_announced() {
  if (!announcement_ || announcement_->message < finished_.received) return;
  const std::uint64_t index = announcement_->message - finished_.received;
  if (index < receives_.size() && receives_[index].whole != announcement_->whole)
    disagree(announcement_->whole, receives_[index].whole);
}

}  // namespace rocekit::verbs
