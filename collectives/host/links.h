// This rank's connections to the other ranks of a group: messages to ranks, each over one or more rails.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collectives/communicator/communicator.h"
#include "collectives/host/host_communicator.h"
#include "verbs/channel.h"

namespace rocekit::collectives {

class Links {
 public:
  static constexpr std::size_t most_rails = 8;

  /// Throws InputError, verbs::TransportError.
  Links(verbs::Transport transport, const Membership& membership, const std::vector<HostPeer>& peers);

  std::string address();
  void connect(const std::vector<std::string>& addresses, const Wait& wait);
  /// Of the first peer's rails.
  std::string description() const;
  void attach(const std::vector<const verbs::Buffer*>& memory) { channels_->attach(memory); }

  /// A receive that was posted.
  struct Ticket {
    std::size_t peer = 0;
    bool spread = false;
    std::array<std::uint64_t, most_rails> received{};  ///< what each rail will have received
  };
  // Messages of no bytes are none.
  void send(int peer, const std::byte* data, std::size_t size);
  Ticket receive(int peer, std::byte* data, std::size_t size);

  bool has_come(const Ticket& ticket) const;
  void await(const Ticket& ticket, const Wait& wait);
  /// Until nothing is pending.
  void await_all(const Wait& wait);

  void abort() noexcept;

 private:
  struct Peer {
    int rank = 0;
    std::size_t first_channel = 0;
    std::size_t rails = 0;
    std::array<std::uint64_t, most_rails> receives_posted{};
  };
  Peer& peer_of(int rank) { return peers_[index_of_[static_cast<std::size_t>(rank)]]; }
  /// Calls use(rail, offset, size) for each part of a message.
  template <class Use>
  static bool split(const Peer& peer, std::size_t size, Use&& use);
  template <class Done>
  void wait_until(const Wait& wait, Done&& done);

  Membership membership_;
  std::vector<Peer> peers_;  ///< by rank
  std::vector<std::size_t> index_of_;
  std::unique_ptr<verbs::Channels> channels_;
  int polls_before_yield_;
  std::atomic<bool> aborted_{false};  ///< set by any thread, hands nothing over: relaxed
};

}  // namespace rocekit::collectives
