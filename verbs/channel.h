// Message channels from this rank to others: whole buffers, reliably and in order, in both directions at once. What
// collectives on host memory run over.
//
// Way of use on all ranks: make -> address() of each -> (exchange) -> connect() each -> (barrier) -> attach() ->
// send() and receive() -> progress() until what was posted is finished. The n-th receive of a channel takes the n-th
// send of its other end, whose length must be the same. Belongs to one thread, but for abort().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/deadline.h"
#include "verbs/buffer.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {

/// All channels of one rank over one transport.
class Channels {
 public:
  virtual ~Channels() = default;
  std::size_t count() const { return finished_.size(); }
  /// For people, complete once connected: "rocep1s0f0:1 GID 1 (RoCE v2, 192.168.100.1), path MTU 4096, inline 220 B".
  virtual std::string description(std::size_t channel) const = 0;

  /// What the other end needs to connect; opaque bytes.
  virtual std::string address(std::size_t channel) = 0;
  /// `peer_name` is for messages: "rank 1 (spark-2)". `active`: of the two ends exactly one is. Pairs of ranks connect
  /// in the same order everywhere, or wait for each other for ever. An RC end must not send before the other end has
  /// returned from this. Throws TransportError.
  virtual void connect(std::size_t channel, const std::string& peer_address, const std::string& peer_name, bool active,
                       const Wait& wait) = 0;

  /// The memory that messages come from and arrive in, from now on; what was attached before is let go. It must outlive
  /// its being attached. Nothing may be in flight. Throws TransportError (ROCE-ACC-003: locked memory).
  virtual void attach(const std::vector<const Buffer*>& memory) = 0;

  // ---- moving. Data stay as they are, and where they are, until the message is finished. `size` of 1 or more.
  // All throw TransportError, which names the peer, when the connection breaks or the two ends disagree on a length.

  /// `whole`: length of what the message is a part of, where a long one is spread over channels; must be equal on both
  /// ends too.
  virtual void send(std::size_t channel, const std::byte* data, std::size_t size, std::size_t whole) = 0;
  virtual void receive(std::size_t channel, std::byte* data, std::size_t size, std::size_t whole) = 0;

  /// Moves what can be moved now, without waiting; false when that was nothing.
  virtual bool progress() = 0;
  /// Messages finished since connect(). Receives finish in order; sends when their data may be changed.
  const Progress& finished(std::size_t channel) const { return finished_[channel]; }
  /// Messages posted and not yet finished, over all channels.
  std::uint64_t pending() const { return pending_; }

  /// To be called now and then (some microseconds of vain progress()) while waiting. Throws when the run was called
  /// off, the deadline has passed, a port is down or a peer does not answer any more.
  virtual void look(const Wait& wait) = 0;

  /// Breaks all connections, so that their other ends wait no longer. Any thread.
  virtual void abort() noexcept = 0;

 protected:
  explicit Channels(std::size_t count) : finished_(count) {}
  std::vector<Progress> finished_;
  std::uint64_t pending_ = 0;
};

/// A channel for each of `ends`, numbered in their order: Transport::rc (those through the same device and port share
/// it, and the registration of memory) or tcp. Used of the options: device, port, ip, netdev, gid_index, inline_bytes;
/// they poll. Throws InputError, TransportError.
std::unique_ptr<Channels> make_channels(Transport transport, const std::vector<EndpointOptions>& ends);
std::unique_ptr<Channels> make_tcp_channels(const std::vector<EndpointOptions>& ends);
std::unique_ptr<Channels> make_rc_channels(const std::vector<EndpointOptions>& ends);

}  // namespace rocekit::verbs
