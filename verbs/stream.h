// The bandwidth engine: any number of endpoints at once, a thread each, counted in windows of 100 ms.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/deadline.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {

/// One endpoint of a block. On one-sided operations only `sends` does anything.
struct Lane {
  Endpoint* endpoint = nullptr;
  bool sends = false;
  bool receives = false;
  int cpu = -1;  ///< its thread is pinned there; -1: not pinned
};

struct LaneResult {
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  double send_seconds = 0;     ///< from the start to the last completion
  double receive_seconds = 0;  ///< from the first to the last arrival
  /// Messages that finished in each whole window of 100 ms (sent on one-sided operations and where nothing is received,
  /// else received). The first and the last window, where lanes start and drain, are left out when there are more than
  /// two.
  std::vector<std::uint64_t> window_messages;
};

inline constexpr std::chrono::milliseconds window_length{100};

/// Way of use on both ends, after begin_stream() on every endpoint and a barrier:
///   StreamBlock block(lanes, shape, wait); block.start(duration);
///   sent = block.finish_sending();           // this end's messages sent, by lane
///   (allgather of `sent`)
///   results = block.finish_receiving(what the peer sent, by lane);
/// Receiving goes on between the two calls. An error of any lane (TransportError) is thrown by the next call, after all
/// threads have ended.
class StreamBlock {
 public:
  StreamBlock(const std::vector<Lane>& lanes, const Shape& shape, const Wait& wait);
  ~StreamBlock();  ///< ends all threads
  StreamBlock(const StreamBlock&) = delete;
  StreamBlock& operator=(const StreamBlock&) = delete;

  void start(std::chrono::nanoseconds duration);
  /// Returns once the duration has passed and every message posted is complete.
  std::vector<std::uint64_t> finish_sending();
  std::vector<LaneResult> finish_receiving(const std::vector<std::uint64_t>& peer_sent);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rocekit::verbs
