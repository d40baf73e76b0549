// How ranks perform each operation over their links.
#pragma once

#include <cstddef>
#include <cstdint>

#include "collectives/communicator/call.h"
#include "collectives/host/links.h"
#include "core/deadline.h"

namespace rocekit::collectives {

/// A rank's part in one call.
struct Seat {
  int rank = 0;
  int ranks = 1;
  Links& links;
  const std::byte* in = nullptr;  ///< what it hands in
  std::byte* out = nullptr;       ///< what it gets; overlaps `in` nowhere
  std::byte* scratch = nullptr;   ///< scratch_bytes() of it, attached to the links
  const Wait& wait;
};

/// Working memory that any call of a group of `ranks` takes at most.
std::size_t scratch_bytes(int ranks);

/// Performs the call; all ranks of the group do so. Returns when this rank's part is done and its data may be changed.
/// Throws verbs::TransportError, CollectiveError.
void perform(const Call& call, const Seat& seat);

}  // namespace rocekit::collectives
