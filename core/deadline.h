// When a wait must end: every wait of these tools has a deadline, and ends early when the run is called off.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace rocekit {

/// A moment of the steady clock.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  static Deadline after(std::chrono::nanoseconds time) {
    return Deadline(Clock::now() + std::chrono::duration_cast<Clock::duration>(time));
  }
  explicit Deadline(Clock::time_point at) : at_(at) {}

  Clock::time_point at() const { return at_; }
  bool passed() const { return Clock::now() >= at_; }
  /// Never negative.
  std::chrono::nanoseconds left() const {
    return std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(at_ - Clock::now()));
  }
  /// For poll(2): rounded up, so that a wait does not spin through its last millisecond.
  int left_ms() const {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left()).count();
    return static_cast<int>(std::min<long long>(ms, 3'600'000));
  }

 private:
  Clock::time_point at_;
};

/// What a waiting loop looks at. `called_off` is set by the session when a peer is lost, the run is aborted or the user
/// interrupts it.
struct Wait {
  Deadline deadline;
  const std::atomic<bool>* called_off = nullptr;  ///< may be null
  bool is_called_off() const { return called_off != nullptr && called_off->load(std::memory_order_relaxed); }
};

}  // namespace rocekit
