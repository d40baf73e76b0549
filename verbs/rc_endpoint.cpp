#include "verbs/rc_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <random>

#include "core/error.h"

namespace rocekit::verbs {
namespace {

/// Reads and atomics that a queue pair may have under way at once: what adapters do.
constexpr int most_reads = 16;
/// A pair's pools hold the largest size twice, and more slots of small sizes as long as that stays in a cache.
constexpr std::size_t pool_bytes = 1u << 20;
constexpr std::size_t max_slots = 16;
constexpr int max_pairs = 1024;

std::size_t rounded_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

const EndpointOptions& checked(const EndpointOptions& options) {
  if (options.queue_pairs < 1 || options.queue_pairs > max_pairs) {
    throw InputError(fmt::format("--qps {}: 1 to {} queue pairs", options.queue_pairs, max_pairs));
  }
  if (options.max_window < 1 || options.max_size_bytes < 1) throw InputError("window and size must be 1 or more");
  return options;
}

}  // namespace

RcEndpoint::RcEndpoint(const EndpointOptions& options)
    : RdmaEndpoint(checked(options)),
      slot_bytes_(rounded_up(options.max_size_bytes, cache_line)),
      slots_(std::bit_floor(std::clamp<std::size_t>(pool_bytes / slot_bytes_, 2, max_slots))),
      receive_depth_(static_cast<int>(
          rounded_up(static_cast<std::size_t>(std::max(2 * options.max_window, 64)), ReceiveRing::chain))),
      send_depth_(options.max_window + 2 * signal_interval + max_controls_out),
      control_(MemoryKind::host, pair_count() * sizeof(Control)),
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

std::string RcEndpoint::address() {
  RdmaAddress address = own_address();
  address.reads_in = static_cast<std::uint32_t>(std::min(device_.attributes().max_qp_rd_atom, most_reads));
  address.slots = static_cast<std::uint32_t>(slots_);
  address.control = {control_region_.address(), control_region_.rkey()};
  address.outbound = {outbound_region_.address(), outbound_region_.rkey()};
  address.inbound = {inbound_region_.address(), inbound_region_.rkey()};
  for (const Pair& pair : pairs_) address.pairs.push_back({pair.queue_pair->number(), pair.packet_sequence});
  return encode(address);
}

void RcEndpoint::connect(const std::string& peer_address, const std::string& peer_name, bool, const Wait& wait) {
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

void RcEndpoint::require(const Shape& shape, bool stream) const {
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

void RcEndpoint::begin_block(const Shape& shape, bool stream, const Wait& wait) {
  require(shape, stream);
  begin_wait(wait);
  shape_ = shape;
  streams_ = stream;
  corruption_.clear();
}

void RcEndpoint::post_all_receives(std::size_t index) {
  const ReceiveRing::Places places{inbound_region_.address() + pool_offset(index, 0), slot_bytes_, slots_,
                                   static_cast<std::uint32_t>(slot_bytes_), inbound_region_.lkey()};
  Pair& pair = pairs_[index];
  if (const int error = pair.receives.fill(pair.queue_pair->get(), index, receive_depth_, places); error != 0)
    fail_post("ibv_post_recv", error);
}

ibv_wr_opcode RcEndpoint::opcode_of(Operation operation) {
  switch (operation) {
    case Operation::write:
      return IBV_WR_RDMA_WRITE;
    case Operation::write_imm:
      return IBV_WR_RDMA_WRITE_WITH_IMM;
    case Operation::read:
      return IBV_WR_RDMA_READ;
    case Operation::atomic:
      return IBV_WR_ATOMIC_FETCH_AND_ADD;
    case Operation::send:
      break;
  }
  return IBV_WR_SEND;
}

unsigned RcEndpoint::inline_flag(const Shape& shape) const {
  const bool fits = shape.size_bytes <= static_cast<std::size_t>(inline_bytes());
  return fits && !is_one_sided_latency(shape.operation) ? static_cast<unsigned>(IBV_SEND_INLINE) : 0u;
}

std::unique_ptr<Endpoint> make_rc_endpoint(const EndpointOptions& options) {
  return std::make_unique<RcEndpoint>(options);
}

}  // namespace rocekit::verbs
