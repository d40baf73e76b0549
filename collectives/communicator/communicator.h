// Ranks that perform collective operations together over one transport: NCCL, host memory over verbs/, or MPI.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "collectives/communicator/call.h"
#include "collectives/communicator/device.h"
#include "core/deadline.h"

namespace rocekit::collectives {

/// A rank's place in a group of ranks; the same on all but `rank`.
struct Membership {
  int rank = 0;                    ///< in the group
  std::vector<std::string> names;  ///< by rank of the group, for messages: "rank 1 (spark-2)"
  int size() const { return static_cast<int>(names.size()); }
};

/// Way of use on all ranks: make -> address() -> (exchange) -> connect() -> any number of enqueue().
/// Destroying it never waits for peers.
class Communicator {
 public:
  virtual ~Communicator() = default;
  /// What the others need; opaque bytes. Of NCCL only rank 0's counts (its unique ID).
  virtual std::string address() = 0;
  /// `addresses` by rank of the group. Throws CollectiveError, verbs::TransportError, InputError; each names the peer
  /// where one is known.
  virtual void connect(const std::vector<std::string>& addresses, const Wait& wait) = 0;
  /// One line for people, complete once connected: "NCCL 2.28.9, network Socket",
  /// "rocep1s0f0:1 GID 1 (RoCE v2, 192.168.100.1), path MTU 4096".
  virtual std::string description() const = 0;

  /// Enqueues one launch: the calls of a launch run together (ncclGroupStart/End). All ranks of the group enqueue the
  /// same launches in the same order. A host communicator has performed it when this returns; it ends with an error
  /// when `wait` does.
  virtual void enqueue(std::span<const Call> launch, const Wait& wait) = 0;

  /// Lets go of peers that wait for this rank; after it only destruction. Any thread, never throws, returns soon.
  virtual void abort() noexcept = 0;
};

}  // namespace rocekit::collectives
