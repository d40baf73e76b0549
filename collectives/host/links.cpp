#include "collectives/host/links.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

#include "core/error.h"
#include "core/measure/affinity.h"
#include "core/wire/wire.h"
#include "verbs/error.h"

namespace rocekit::collectives {
namespace {

/// Messages of this size and more are spread over a peer's rails: a part of half the size then still takes longer on
/// the wire (1.3 us at 200 Gbit/s) than a second message costs (less than 1 us).
constexpr std::size_t spread_bytes = 64u << 10;
/// Parts begin at whole packets of the largest path MTU; pages, of 4 or 64 KiB, do not matter here.
constexpr std::size_t part_alignment = 4096;
/// Vain looks for messages before a look at the clock, and before the CPU is offered to others: a peer that does not
/// answer for so long may be waiting for this very CPU, and does before long where CPUs are few.
constexpr int patient_polls = 1024;
constexpr int impatient_polls = 16;

}  // namespace

Links::Links(verbs::Transport transport, const Membership& membership, const std::vector<HostPeer>& peers)
    : membership_(membership), index_of_(static_cast<std::size_t>(membership.size()), peers.size()) {
  std::vector<HostPeer> sorted = peers;
  std::sort(sorted.begin(), sorted.end(), [](const HostPeer& a, const HostPeer& b) { return a.peer < b.peer; });
  std::vector<verbs::EndpointOptions> ends;
  for (const HostPeer& peer : sorted) {
    if (peer.peer < 0 || peer.peer >= membership.size() || peer.peer == membership.rank) {
      throw InputError(fmt::format("rank {} is no other rank of a group of {}", peer.peer, membership.size()));
    }
    if (peer.rails.empty() || peer.rails.size() > most_rails) {
      throw InputError(fmt::format("{} rails to {}: 1 to {} are possible", peer.rails.size(),
                                   membership.names[static_cast<std::size_t>(peer.peer)], most_rails));
    }
    index_of_[static_cast<std::size_t>(peer.peer)] = peers_.size();
    peers_.push_back({peer.peer, ends.size(), peer.rails.size(), {}});
    ends.insert(ends.end(), peer.rails.begin(), peer.rails.end());
  }
  if (peers_.size() + 1 != index_of_.size()) {
    throw InputError(fmt::format("a group of {} needs ways to {} others, not {}", index_of_.size(),
                                 index_of_.size() - 1, peers_.size()));
  }
  channels_ = verbs::make_channels(transport, ends);
  // The ranks of a group may all be on this host.
  const bool enough_cpus = measure::allowed_cpus().size() > index_of_.size();
  polls_before_yield_ = enough_cpus ? patient_polls : impatient_polls;
}

std::string Links::address() {
  std::vector<std::vector<std::string>> by_rank(index_of_.size());
  for (const Peer& peer : peers_) {
    for (std::size_t rail = 0; rail < peer.rails; ++rail)
      by_rank[static_cast<std::size_t>(peer.rank)].push_back(channels_->address(peer.first_channel + rail));
  }
  return wire::encode(by_rank);
}

void Links::connect(const std::vector<std::string>& addresses, const Wait& wait) {
  if (addresses.size() != index_of_.size()) throw InputError("every rank of a group must give its address");
  // In the order of (lower rank, higher rank) everywhere: no two ranks wait for each other's later turn.
  for (const Peer& peer : peers_) {
    const std::string& name = membership_.names[static_cast<std::size_t>(peer.rank)];
    std::vector<std::vector<std::string>> theirs;
    try {
      theirs = wire::decode<std::vector<std::vector<std::string>>>(addresses[static_cast<std::size_t>(peer.rank)]);
    } catch (const std::runtime_error& error) {
      throw CollectiveError(fmt::format("the address of {} cannot be read: {}", name, error.what()));
    }
    const auto own = static_cast<std::size_t>(membership_.rank);
    const std::size_t rails = own < theirs.size() ? theirs[own].size() : 0;
    if (rails != peer.rails) {
      throw CollectiveError(fmt::format("{} rails to {}, which has {} to this rank: both ends need the same number",
                                        peer.rails, name, rails));
    }
    for (std::size_t rail = 0; rail < peer.rails; ++rail) {
      channels_->connect(peer.first_channel + rail, theirs[own][rail], name, membership_.rank < peer.rank, wait);
    }
  }
}

std::string Links::description() const {
  std::string text;
  if (peers_.empty()) return text;
  for (std::size_t rail = 0; rail < peers_.front().rails; ++rail) {
    if (rail != 0) text += "; ";
    text += channels_->description(peers_.front().first_channel + rail);
  }
  return text;
}

template <class Use>
bool Links::split(const Peer& peer, std::size_t size, Use&& use) {
  if (peer.rails == 1 || size < spread_bytes) {
    use(std::size_t{0}, std::size_t{0}, size);
    return false;
  }
  const std::size_t even = (size / peer.rails + part_alignment - 1) / part_alignment * part_alignment;
  std::size_t offset = 0;
  for (std::size_t rail = 0; rail < peer.rails; ++rail) {
    const std::size_t part = std::min(even, size - offset);
    if (part != 0) use(rail, offset, part);
    offset += part;
  }
  return true;
}

void Links::send(int rank, const std::byte* data, std::size_t size) {
  if (size == 0) return;
  const Peer& peer = peer_of(rank);
  split(peer, size, [&](std::size_t rail, std::size_t offset, std::size_t part) {
    channels_->send(peer.first_channel + rail, data + offset, part, size);
  });
}

Links::Ticket Links::receive(int rank, std::byte* data, std::size_t size) {
  Peer& peer = peer_of(rank);
  if (size != 0) {
    const bool spread = split(peer, size, [&](std::size_t rail, std::size_t offset, std::size_t part) {
      channels_->receive(peer.first_channel + rail, data + offset, part, size);
      ++peer.receives_posted[rail];
    });
    return {static_cast<std::size_t>(&peer - peers_.data()), spread, peer.receives_posted};
  }
  return {static_cast<std::size_t>(&peer - peers_.data()), false, {}};
}

bool Links::has_come(const Ticket& ticket) const {
  const Peer& peer = peers_[ticket.peer];
  for (std::size_t rail = 0; rail < (ticket.spread ? peer.rails : 1); ++rail) {
    if (channels_->finished(peer.first_channel + rail).received < ticket.received[rail]) return false;
  }
  return true;
}

template <class Done>
void Links::wait_until(const Wait& wait, Done&& done) {
  try {
    int vain = 0;
    while (!done()) {
      if (channels_->progress()) {
        vain = 0;
        continue;
      }
      if (++vain % polls_before_yield_ != 0) continue;
      sched_yield();
      if (aborted_.load(std::memory_order_relaxed)) break;
      channels_->look(wait);
    }
  } catch (const verbs::TransportError&) {
    if (!aborted_.load(std::memory_order_relaxed)) throw;
  }
  if (aborted_.load(std::memory_order_relaxed)) throw CollectiveError("the collective operation was broken off");
}

void Links::await(const Ticket& ticket, const Wait& wait) {
  wait_until(wait, [&] { return has_come(ticket); });
}

void Links::await_all(const Wait& wait) {
  wait_until(wait, [&] { return channels_->pending() == 0; });
}

void Links::abort() noexcept {
  aborted_.store(true, std::memory_order_relaxed);
  channels_->abort();
}

}  // namespace rocekit::collectives
