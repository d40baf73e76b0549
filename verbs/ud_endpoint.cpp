// Unreliable datagrams, for latency.
//
// A datagram that is lost is gone: the end that pings sends it again when no answer has come for resend_after, and the
// end that answers repeats its answer to a question that it gets again. So a loss costs one long sample, which stays in
// the distribution (a program that uses UD pays it too), and is counted; it never hangs. The number of each datagram
// travels as immediate data.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <random>

#include "core/error.h"
#include "verbs/address_handle.h"
#include "verbs/rdma_endpoint.h"
#include "verbs/receive_ring.h"

namespace rocekit::verbs {
namespace {

/// A receive begins with room for the global routing header, whether there is one or not.
constexpr std::size_t routing_header = 40;
constexpr std::size_t place_bytes = 4096 + 64;
constexpr int receive_depth = 64;
constexpr int send_depth = 128;

constexpr std::chrono::milliseconds resend_after{50};
/// Of one datagram: two seconds without an answer are a peer that is gone.
constexpr int most_resends = 40;
/// Number of the datagram that ends a block; sent more than once, for nobody answers it.
constexpr std::uint32_t last_number = 0xffffff;
constexpr int last_copies = 3;

class UdEndpoint final : public RdmaEndpoint {
 public:
  explicit UdEndpoint(const EndpointOptions& options)
      : RdmaEndpoint(options),
        outbound_(options.memory, place_bytes, options.gpu),
        inbound_(options.memory, place_bytes * receive_depth, options.gpu),
        outbound_region_(domain_, outbound_, IBV_ACCESS_LOCAL_WRITE),
        inbound_region_(domain_, inbound_, IBV_ACCESS_LOCAL_WRITE, outbound_.size()),
        send_queue_(device_, send_depth, channel_.get()),
        receive_queue_(device_, receive_depth, channel_.get()),
        queue_pair_(make_queue_pair(IBV_QPT_UD, send_queue_, receive_queue_, {send_depth, receive_depth, 0})) {
    std::random_device random;
    gpu_way_ = outbound_region_.gpu_way();
    packet_sequence_ = random() & 0xffffff;
    // The highest bit marks keys that only the kernel may use.
    q_key_ = random() & 0x7fffffff;
    queue_pair_->to_init(0, q_key_);
  }

  Transport transport() const override { return Transport::ud; }
  std::uint64_t lost_messages() const override { return lost_; }

  std::string address() override {
    RdmaAddress address = own_address();
    address.q_key = q_key_;
    address.pairs.push_back({queue_pair_->number(), packet_sequence_});
    return encode(address);
  }

  void connect(const std::string& peer_address, const std::string& peer_name, bool, const Wait& wait) override {
    begin_wait(wait);
    const RdmaAddress peer = decode_rdma_address(peer_address, peer_name);
    accept(peer, peer_name, decode_rdma_address(address(), peer_name));
    const ReceiveRing::Places places{inbound_region_.address(), place_bytes, receive_depth, place_bytes,
                                     inbound_region_.lkey()};
    if (const int error = receives_.fill(queue_pair_->get(), 0, receive_depth, places); error != 0)
      fail_post("ibv_post_recv", error);
    queue_pair_->activate(packet_sequence_);
    handle_ = std::make_unique<AddressHandle>(domain_, Destination{peer.gid, peer.lid, peer_name}, gid_);
    look("connecting");
    request_.sg_list = &piece_;
    request_.num_sge = 1;
    request_.opcode = IBV_WR_SEND_WITH_IMM;
    request_.wr.ud.ah = handle_->get();
    request_.wr.ud.remote_qpn = peer.pairs.front().number;
    request_.wr.ud.remote_qkey = peer.q_key;
  }

  void require(const Shape& shape, bool stream) const override {
    if (stream) throw InputError("--transport ud measures latency only: take rc or tcp for bandwidth");
    if (shape.operation != Operation::send) {
      throw InputError(fmt::format("--transport ud knows --op send only, not {}", to_string(shape.operation)));
    }
    const auto most =
        static_cast<std::size_t>(path_mtu() != 0 ? path_mtu() : bytes_of(device_.port_attributes().active_mtu));
    if (shape.size_bytes < 1 || shape.size_bytes > most) {
      throw InputError(fmt::format("--transport ud of {} B: a datagram of {} holds 1 to {} B, its path MTU",
                                   shape.size_bytes, device_.name(), most));
    }
  }

  void begin_latency(const Shape& shape, bool initiator, const Wait& wait) override {
    require(shape, false);
    begin_wait(wait);
    shape_ = shape;
    initiator_ = initiator;
    corruption_.clear();
    sequence_ = 0;
    lost_ = 0;
    ++block_;
    piece_ = {outbound_region_.address(), static_cast<std::uint32_t>(shape.size_bytes), outbound_region_.lkey()};
    flags_ = shape.size_bytes <= static_cast<std::size_t>(inline_bytes()) ? IBV_SEND_INLINE : 0;
  }

  void ping() override {
    const std::uint32_t number = number_of(sequence_);
    if (shape_.verify) put_pattern(outbound_, 0, shape_.size_bytes, sequence_);
    for (int sent = 0;; ++sent) {
      if (sent == most_resends) give_up();
      post(number);
      if (await(number, resend_after)) break;
      ++lost_;
    }
    ++sequence_;
  }

  void pong() override {
    const std::uint32_t number = number_of(sequence_);
    while (!await(number, std::chrono::hours(1))) {
    }
    if (shape_.verify) put_pattern(outbound_, 0, shape_.size_bytes, sequence_);
    ++sequence_;
    post(number);
  }

  void begin_stream(const Shape& shape, bool, bool, const Wait&) override { require(shape, true); }
  Progress progress(bool) override { return {}; }
  std::uint64_t outstanding() const override { return 0; }

  /// The last answer may be lost: the end that gave it stays until the other says that it has it.
  void end_block() override {
    if (sequence_ == 0) return;
    if (initiator_) {
      for (int i = 0; i < last_copies; ++i) post(tag() | last_number);
    } else {
      await(tag() | last_number, last_copies * resend_after);
    }
    sequence_ = 0;
  }

 private:
  std::uint32_t tag() const { return block_ << 24; }
  std::uint32_t number_of(std::uint64_t sequence) const {
    return tag() | static_cast<std::uint32_t>(sequence % last_number);
  }

  void post(std::uint32_t number) {
    request_.imm_data = htonl(number);
    post_rarely_signaled(queue_pair_->get(), request_, flags_);
    if (const int error = receives_.post_due(); error != 0) [[unlikely]]
      fail_post("ibv_post_recv", error);
    if (sends_signaled_ != 0) drain_sends();
  }

  /// Until datagram `number` is here, false after `patience`. Others are late copies; to one whose answer was lost the
  /// answering end repeats it.
  bool await(std::uint32_t number, std::chrono::milliseconds patience) {
    return wait_for(
        "waiting for a datagram", receive_queue_, [&] { return take(number); }, patience);
  }

  bool take(std::uint32_t number) {
    ibv_wc completion;
    if (receive_queue_.poll(&completion, 1) == 0) return false;
    if (completion.status != IBV_WC_SUCCESS) [[unlikely]]
      fail(completion);
    const std::size_t place = taken_++ % receive_depth;
    receives_.take();
    const std::uint32_t found = ntohl(completion.imm_data);
    if (found == number) {
      if (shape_.verify && number != (tag() | last_number)) {
        check_pattern_at(inbound_, place * place_bytes + routing_header, shape_.size_bytes, sequence_);
      }
      return true;
    }
    if (!initiator_ && sequence_ != 0 && found == number_of(sequence_ - 1)) {
      ++lost_;
      post(found);
    }
    return false;
  }

  [[noreturn]] void give_up() {
    throw TransportError(
        {"waiting for a datagram", device_.name(), peer_, "ROCE-CTR-001"}, 0,
        fmt::format("{} datagrams in a row got no answer in {} s ({} lost in all): the peer died or the "
                    "network loses packets",
                    most_resends, most_resends * resend_after.count() / 1000, lost_));
  }

  void drain_sends() override {
    ibv_wc completion;
    while (send_queue_.poll(&completion, 1) != 0) {
      if (completion.status != IBV_WC_SUCCESS) [[unlikely]]
        fail(completion);
      --sends_signaled_;
    }
  }
  std::optional<ibv_wc> root_failure() override { return std::nullopt; }

  Buffer outbound_;
  Buffer inbound_;
  MemoryRegion outbound_region_;
  MemoryRegion inbound_region_;
  CompletionQueue send_queue_;
  CompletionQueue receive_queue_;
  std::unique_ptr<QueuePair> queue_pair_;
  std::unique_ptr<AddressHandle> handle_;
  ReceiveRing receives_;
  std::uint32_t packet_sequence_ = 0;
  std::uint32_t q_key_ = 0;

  Shape shape_;
  bool initiator_ = false;
  unsigned flags_ = 0;
  ibv_send_wr request_{};
  ibv_sge piece_{};
  std::uint32_t block_ = 0;
  std::uint64_t sequence_ = 0;  ///< datagram of this block that is sent or awaited
  std::uint64_t taken_ = 0;     ///< since connect
  std::uint64_t lost_ = 0;
};

}  // namespace

std::unique_ptr<Endpoint> make_ud_endpoint(const EndpointOptions& options) {
  return std::make_unique<UdEndpoint>(options);
}

}  // namespace rocekit::verbs
