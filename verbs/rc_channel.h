// A message channel over one reliable connection (RC).
//
// Everything arrives in one ring of receives: short messages with their data (eager: copied into a registered slot, or
// inline; copied out of a slot at the other end), words of control, and the completions of long messages. A long
// message is written by the sender straight into the receiver's memory, once the receiver has told where that is
// (clear to send). Both ends count credits, so that no message meets an empty ring. Immediate data say what came and
// return credits.
//
// Memory order: device_order.h. No memory is polled here: all that a device wrote is read after its completion.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verbs/channel.h"
#include "verbs/error.h"
#include "verbs/queue_pair.h"
#include "verbs/rc_rail.h"
#include "verbs/rdma_address.h"
#include "verbs/receive_ring.h"

namespace rocekit::verbs {

class RcChannel {
 public:
  /// Messages up to this size are copied: longer ones take longer to copy than the receiver's word takes to come
  /// (1 to 2 us).
  static constexpr std::size_t eager_bytes = 16u << 10;
  /// Work requests that may be outstanding, and receives that wait.
  static constexpr int send_depth = 128;
  static constexpr int receive_depth = 64;
  static constexpr int completions = send_depth + receive_depth;
  /// Messages under way that the other end has not taken. The rest of its receives covers what waits to be posted again
  /// in a chain, and messages that only return credits.
  static constexpr int most_credits = 32;
  static constexpr int send_slots = 32;

  /// `id`: what its completions say in bits 40 and up of wr_id. The rail must outlive the channel.
  RcChannel(RcRail& rail, std::uint64_t id, const EndpointOptions& options, Progress& finished, std::uint64_t& pending);

  std::string description() const;
  std::string address() const;
  void connect(const std::string& peer_address, const std::string& peer_name);

  void send(const std::byte* data, std::size_t size, std::size_t whole);
  void receive(std::byte* data, std::size_t size, std::size_t whole);

  // ---- completions, as the rail's queue gives them

  static constexpr std::uint64_t receive_bit = std::uint64_t{1} << 63;
  static constexpr int id_shift = 40;
  static std::size_t id_of(const ibv_wc& completion) {
    return static_cast<std::size_t>((completion.wr_id & ~receive_bit) >> id_shift);
  }
  void take(const ibv_wc& completion);
  /// Posts what has waited for room, credit or the other end's word.
  void advance();

  bool waits() const { return !sends_.empty() || !receives_.empty() || !chunks_.empty(); }
  bool waits_to_receive() const { return !receives_.empty(); }
  /// Called when nothing has come for a while: asks the other end's adapter whether it is still there, and its program
  /// whether it expects what is to be sent.
  void probe();
  TransportError failure(const std::string& why, int error = 0) const;
  const std::string& peer() const { return peer_; }
  std::uint32_t number() const { return pair_->number(); }
  void abort() noexcept;

 private:
  enum class Kind : std::uint32_t { eager = 1, clear_to_send, written, credit, announcement };
  /// Content of clear_to_send and announcement. Both ends are little-endian, like every machine that RoCE runs on.
  struct Control {
    std::uint64_t address = 0;
    std::uint64_t whole = 0;
    std::uint64_t message = 0;  ///< its number on this channel
    std::uint32_t key = 0;
    std::uint32_t unused = 0;
  };
  struct Outgoing {
    const std::byte* data;
    std::size_t size;
    std::size_t whole;
    std::size_t posted = 0;
  };
  struct Incoming {
    std::byte* data;
    std::size_t size;
    std::size_t whole;
  };
  struct Chunk {
    std::uint64_t request = 0;
    std::size_t bytes = 0;
    bool ends_message = false;
  };

  // ---- sending

  static std::uint32_t immediate(Kind kind, int credits);
  bool has_room() const { return posted_ - retired_ < static_cast<std::uint64_t>(send_depth); }
  /// Room for a request and a receive at the other end; `reserve`: credits that are left to others.
  bool may_send(int reserve) const { return has_room() && credits_ > reserve; }
  void post(ibv_send_wr& request, unsigned flags);
  /// A message of up to eager_bytes; false while there is no room for it.
  bool post_short(Kind kind, const void* data, std::size_t size, int reserve);
  bool post_front();
  bool post_chunks(Outgoing& message);
  void retire(std::uint64_t request);
  /// Number of the message at the front of sends_.
  std::uint64_t next_message() const { return sends_begun_; }

  // ---- receiving

  void take_eager(std::size_t size);
  void take_clear_to_send(const Control& control);
  void take_announcement(const Control& control);
  void finish_receive();
  void compare_with_announced();
  Control control_in_slot(std::size_t size) const;
  const std::byte* slot() const {
    return memory_.data() + taken_ % static_cast<std::uint64_t>(receive_depth) * eager_bytes;
  }
  [[noreturn]] void disagree(std::uint64_t sent, std::uint64_t expected) const;
  /// The same where one of the two is known to be short only.
  TransportError unlike(std::uint64_t whole) const;

  RcRail& rail_;
  std::uint64_t id_;
  Progress& finished_;
  std::uint64_t& pending_;
  Buffer memory_;  ///< slots of the ring, slots that messages are sent from, the word that the other end's probes write
  MemoryRegion region_;
  std::unique_ptr<QueuePair> pair_;
  int inline_bytes_ = 0;
  std::uint32_t packet_sequence_;
  RdmaAddress remote_;
  std::string peer_;
  int path_mtu_bytes_ = 0;
  std::size_t chunk_bytes_;

  std::deque<Outgoing> sends_;     ///< not posted, or not all
  std::uint64_t sends_begun_ = 0;  ///< messages that have left sends_
  std::deque<Chunk> chunks_;       ///< of long messages: posted, not complete
  std::size_t chunk_bytes_out_ = 0;
  std::uint64_t posted_ = 0;   ///< work requests
  std::uint64_t retired_ = 0;  ///< of them, known to be complete
  std::uint64_t slots_used_ = 0;
  std::array<std::uint64_t, send_slots> slot_request_{};  ///< that last sent from each slot
  std::deque<Control> cleared_;                           ///< where the next long messages go
  std::uint64_t probe_ = 0;                               ///< request of the probe that is out; 0: none is
  std::uint64_t announced_ = 0;                           ///< messages up to this number need no announcement

  ReceiveRing ring_;
  std::uint64_t taken_ = 0;
  std::deque<Incoming> receives_;
  std::deque<std::vector<std::byte>> early_;  ///< short messages that came before they were asked for
  std::deque<Control> to_clear_;              ///< words that wait for credit
  std::optional<Control> announcement_;       ///< the other end's last

  int credits_;   ///< receives of the other end that this end may use
  int owed_ = 0;  ///< receives that the other end used and may use again
};

}  // namespace rocekit::verbs
