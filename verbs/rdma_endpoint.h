// What RC and UD endpoints have in common: the device and its GID, how they wait, and how a failure becomes a sentence.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "verbs/buffer.h"
#include "verbs/completion_queue.h"
#include "verbs/device_context.h"
#include "verbs/endpoint.h"
#include "verbs/memory_region.h"
#include "verbs/pattern.h"
#include "verbs/protection_domain.h"
#include "verbs/queue_pair.h"
#include "verbs/rdma_address.h"

namespace rocekit::verbs {

class RdmaEndpoint : public Endpoint {
 public:
  std::string description() const override;
  int path_mtu() const override { return path_mtu_bytes_; }
  std::optional<int> gid_index() const override { return gid_.index; }
  int inline_bytes() const override { return inline_bytes_; }
  std::uint64_t corrupt_messages() const override { return corruption_.corrupt_messages(); }
  std::string first_corruption() const override { return corruption_.first_corruption(); }

 protected:
  explicit RdmaEndpoint(const EndpointOptions& options);

  /// Asks for the inline size of the options, or for less where the device refuses what nobody asked for.
  std::unique_ptr<QueuePair> make_queue_pair(ibv_qp_type type, CompletionQueue& send_queue,
                                             CompletionQueue& receive_queue, QueuePair::Capacity capacity);
  /// Throws for a peer that cannot be reached by this end or is built otherwise; sets path MTU and names.
  void accept(const RdmaAddress& peer, const std::string& peer_name, const RdmaAddress& own);
  RdmaAddress own_address() const;

  // ---- waiting

  /// Returns once `ready()`. Between looks at the clock it does nothing but ask: a look costs more than a message.
  /// `queue` wakes an end that sleeps.
  template <class Ready>
  void wait_until(const char* what, CompletionQueue& queue, Ready&& ready) {
    while (!wait_for(what, queue, ready, std::chrono::hours(24))) {
    }
  }
  /// The same; false when `patience` has passed, give or take a look.
  template <class Ready>
  bool wait_for(const char* what, CompletionQueue& queue, Ready&& ready, std::chrono::milliseconds patience) {
    std::optional<std::chrono::steady_clock::time_point> first_look;
    for (;;) {
      if (polls_) {
        for (int i = 0; i < polls_between_looks; ++i) {
          if (ready()) return true;
        }
      } else {
        if (ready()) return true;
        queue.arm();
        if (ready()) return true;
        channel_->sleep(longest_sleep);
      }
      const auto now = look(what);
      if (!first_look) first_look = now;
      if (now - *first_look >= patience) return false;
    }
  }
  /// Throws when the run was called off, the deadline has passed, or the device or port failed (asked when nothing has
  /// arrived for a while). The time it was.
  std::chrono::steady_clock::time_point look(const char* what);
  /// Takes completions of sends that are there; an error among them is thrown. Called by look().
  virtual void drain_sends() = 0;
  /// Where a completion's error is flushed from an earlier one, that one.
  virtual std::optional<ibv_wc> root_failure() = 0;
  [[noreturn]] void fail(const ibv_wc& completion);
  [[noreturn]] void fail_post(const char* call, int error) const;
  void begin_wait(const Wait& wait) {
    wait_ = &wait;
    stalled_since_.reset();
  }

  /// Posts a send of a latency block, which asks for a completion now and then only. Those are taken by drain_sends()
  /// while a next message is on its way; `sends_signaled_` counts those that are due.
  void post_rarely_signaled(ibv_qp* queue_pair, ibv_send_wr& request, unsigned flags) {
    if (++sends_unsignaled_ == signal_interval) {
      sends_unsignaled_ = 0;
      ++sends_signaled_;
      flags |= IBV_SEND_SIGNALED;
    }
    request.send_flags = flags;
    ibv_send_wr* bad = nullptr;
    if (const int error = ibv_post_send(queue_pair, &request, &bad); error != 0) [[unlikely]]
      fail_post("ibv_post_send", error);
  }

  // ---- content

  void put_pattern(Buffer& buffer, std::size_t offset, std::size_t size, std::uint64_t sequence);
  void check_pattern_at(const Buffer& buffer, std::size_t offset, std::size_t size, std::uint64_t sequence);

  static constexpr int polls_between_looks = 4096;
  /// Sends without a completion between two with one. A send queue needs room for two such intervals.
  static constexpr int signal_interval = 32;
  static constexpr std::chrono::milliseconds longest_sleep{10};

  EndpointOptions options_;
  DeviceContext device_;
  GidEntry gid_;
  ProtectionDomain domain_;
  bool polls_;                                  ///< WaitMode::poll
  std::unique_ptr<CompletionChannel> channel_;  ///< null when it polls
  PatternLog corruption_;
  std::string peer_;
  const char* gpu_way_ = "";
  const Wait* wait_ = nullptr;
  int sends_signaled_ = 0;

 private:
  std::optional<std::chrono::steady_clock::time_point> stalled_since_;
  int sends_unsignaled_ = 0;
  int inline_bytes_ = 0;
  int path_mtu_bytes_ = 0;
  int peer_mtu_bytes_ = 0;
  std::string staging_;  ///< content of messages that lie in a GPU's memory
};

}  // namespace rocekit::verbs
