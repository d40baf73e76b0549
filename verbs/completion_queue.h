// Completion queues, and the channel through which they wake a process that sleeps.
#pragma once

#include <chrono>

#include "verbs/device_context.h"

namespace rocekit::verbs {

class CompletionChannel {
 public:
  /// `device` must outlive the channel. Throws TransportError.
  explicit CompletionChannel(const DeviceContext& device);
  CompletionChannel(const CompletionChannel&) = delete;
  CompletionChannel& operator=(const CompletionChannel&) = delete;
  ~CompletionChannel() { device_.library().destroy_comp_channel(channel_); }

  ibv_comp_channel* get() const { return channel_; }
  /// Sleeps until a queue of the channel has a completion that it was armed for, for `most` at the longest. Takes all
  /// events that are there.
  void sleep(std::chrono::milliseconds most);

 private:
  const DeviceContext& device_;
  ibv_comp_channel* channel_;
};

class CompletionQueue {
 public:
  /// `channel` may be null; device and channel must outlive the queue. Throws TransportError (ROCE-ACC-003 when memory
  /// for it may not be locked), InputError beyond the device's max_cqe.
  CompletionQueue(const DeviceContext& device, int entries, CompletionChannel* channel);
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;
  ~CompletionQueue();

  ibv_cq* get() const { return queue_; }
  /// Completions taken, 0 to `most`. Throws TransportError when the queue itself is broken.
  int poll(ibv_wc* completions, int most) {
    const int count = ibv_poll_cq(queue_, most, completions);
    if (count < 0) [[unlikely]]
      broken();
    return count;
  }
  /// The next completion is to make an event. What arrived before may have made none: poll once more.
  void arm();
  void count_event() { ++unacknowledged_events_; }

 private:
  [[noreturn]] void broken() const;

  const DeviceContext& device_;
  ibv_cq* queue_;
  unsigned unacknowledged_events_ = 0;
};

}  // namespace rocekit::verbs
