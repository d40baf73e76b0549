#include "verbs/stream.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "core/measure/affinity.h"
#include "core/measure/clock.h"
#include "verbs/error.h"

namespace rocekit::verbs {
namespace {

constexpr std::uint64_t not_known = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t window_ns = std::chrono::nanoseconds(window_length).count();

// How far the clock may run on between two readings: far below a window, far above what a reading costs (20 ns),
// however short or long one call of progress() is.
constexpr std::uint64_t reading_at_least_ns = 1'000;
constexpr std::uint64_t reading_at_most_ns = 10'000;
constexpr unsigned most_calls_a_reading = 64;

}  // namespace

class StreamBlock::Impl {
 public:
  Impl(const std::vector<Lane>& lanes, const Shape& shape, const Wait& wait)
      : one_sided_(is_one_sided_stream(shape.operation)), wait_(wait), states_(lanes.size()) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      states_[i].lane = lanes[i];
      if (one_sided_) states_[i].lane.receives = false;
    }
  }
  ~Impl() { stop(); }

  void start(std::chrono::nanoseconds duration) {
    duration_ns_ = static_cast<std::uint64_t>(std::max(std::chrono::nanoseconds(0), duration).count());
    const std::size_t windows = duration_ns_ / window_ns;
    for (State& state : states_) state.windows.assign(windows, 0);
    start_ns_ = measure::monotonic_raw_ns();
    try {
      for (State& state : states_) state.thread = std::thread([this, &state] { run(state); });
    } catch (const std::system_error& error) {
      stop();
      throw TransportError({"pthread_create", "", "", ""}, error.code().value(), "no thread for a lane of the stream");
    }
  }

  std::vector<std::uint64_t> finish_sending() {
    wait_for_all(&State::sending_done);
    std::vector<std::uint64_t> sent;
    for (const State& state : states_) sent.push_back(state.result.messages_sent);
    return sent;
  }

  std::vector<LaneResult> finish_receiving(const std::vector<std::uint64_t>& peer_sent) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      states_[i].to_receive.store(i < peer_sent.size() ? peer_sent[i] : 0, std::memory_order_relaxed);
    }
    wait_for_all(&State::done);
    stop();
    std::vector<LaneResult> results;
    for (State& state : states_) {
      // Lanes start at one end of the first window and drain at the other end of the last.
      if (state.windows.size() > 2) {
        state.windows.erase(state.windows.begin());
        state.windows.pop_back();
      }
      state.result.window_messages = std::move(state.windows);
      results.push_back(std::move(state.result));
    }
    return results;
  }

 private:
  /// A lane's own; on cache lines of its own, for its thread writes here all the time.
  struct alignas(128) State {
    Lane lane;
    LaneResult result;
    std::vector<std::uint64_t> windows;
    std::atomic<std::uint64_t> to_receive{not_known};
    bool sending_done = false;  // guarded by mutex_
    bool done = false;          // guarded by mutex_
    std::thread thread;
  };

  void run(State& state) {
    try {
      if (state.lane.cpu >= 0) {
        if (const int error = measure::pin_this_thread(state.lane.cpu); error != 0) {
          throw TransportError({fmt::format("sched_setaffinity to CPU {}", state.lane.cpu), "", "", ""}, error);
        }
      }
      move_messages(state);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stopping_.store(true, std::memory_order_relaxed);
    }
    const std::lock_guard lock(mutex_);
    state.sending_done = state.done = true;
    changed_.notify_all();
  }

  void sending_is_done(State& state, const Progress& progress) {
    const std::lock_guard lock(mutex_);
    state.result.messages_sent = progress.sent;
    state.sending_done = true;
    changed_.notify_all();
  }

  void move_messages(State& state) {
    Endpoint& endpoint = *state.lane.endpoint;
    const bool receives = state.lane.receives;
    // What fills the windows.
    const std::uint64_t Progress::*const counted = receives ? &Progress::received : &Progress::sent;
    bool posting = state.lane.sends && duration_ns_ > 0;
    bool sending = state.lane.sends;
    if (!sending) sending_is_done(state, {});

    Progress before;  // at the reading before
    Progress latest;
    std::uint64_t previous_ns = 0;
    std::uint64_t first_arrival_ns = 0;
    unsigned calls = 1;
    unsigned calls_left = calls;
    while (sending || receives) {
      const Progress now = endpoint.progress(posting);
      const bool moved = now.sent != latest.sent || now.received != latest.received;
      latest = now;
      if (moved && --calls_left > 0) continue;
      const std::uint64_t now_ns = measure::monotonic_raw_ns() - start_ns_;
      if (now_ns - previous_ns < reading_at_least_ns) {
        calls = std::min(calls * 2, most_calls_a_reading);
      } else if (now_ns - previous_ns > reading_at_most_ns) {
        calls = std::max(calls / 2, 1u);
      }
      calls_left = calls;
      previous_ns = now_ns;

      if (const std::uint64_t window = now_ns / window_ns; window < state.windows.size()) {
        state.windows[window] += now.*counted - before.*counted;
      }
      if (now.received != before.received) {
        if (before.received == 0) first_arrival_ns = now_ns;
        state.result.receive_seconds = static_cast<double>(now_ns - first_arrival_ns) * 1e-9;
      }
      if (now.sent != before.sent) state.result.send_seconds = static_cast<double>(now_ns) * 1e-9;
      before = now;
      state.result.messages_received = now.received;

      if (now_ns >= duration_ns_) posting = false;
      if (sending && !posting && endpoint.outstanding() == 0) {
        // What came in since `now` counts with the next reading.
        sending = false;
        sending_is_done(state, now);
      }
      if (!sending && receives) {
        const std::uint64_t to_receive = state.to_receive.load(std::memory_order_relaxed);
        if (now.received == to_receive) return;
        if (now.received > to_receive) throw received_too_many(now.received, to_receive);
      }
      if (stopping_.load(std::memory_order_relaxed)) return;
      if (wait_.is_called_off()) throw TransportError({"stream", "", "", ""}, 0, "the run was called off");
      if (wait_.deadline.passed()) throw too_late(state, now);
    }
  }

  static TransportError received_too_many(std::uint64_t received, std::uint64_t sent) {
    return TransportError({"stream", "", "", ""}, 0,
                          fmt::format("{} messages arrived, and the other end sent only {}", received, sent));
  }

  static TransportError too_late(const State& state, const Progress& now) {
    const std::uint64_t to_receive = state.to_receive.load(std::memory_order_relaxed);
    std::string more = fmt::format("the time was up with {} messages sent", now.sent);
    if (state.lane.sends) more += fmt::format(" and {} under way", state.lane.endpoint->outstanding());
    if (state.lane.receives) more += fmt::format(", {} received", now.received);
    if (state.lane.receives && to_receive != not_known) more += fmt::format(" of {}", to_receive);
    return TransportError({"stream", "", "", ""}, ETIMEDOUT, more);
  }

  /// Lanes end by themselves: done, failed, or past their deadline.
  void wait_for_all(bool State::*reached) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        for (const State& state : states_) {
          if (!(state.*reached)) return false;
        }
        return true;
      });
      if (!error_) return;
    }
    stop();
    std::rethrow_exception(error_);
  }

  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    for (State& state : states_) {
      if (state.thread.joinable()) state.thread.join();
    }
  }

  const bool one_sided_;
  const Wait wait_;
  std::vector<State> states_;
  std::uint64_t duration_ns_ = 0;
  std::uint64_t start_ns_ = 0;
  // Relaxed, as to_receive is: values that stand for themselves. Results are read after a lane's thread has taken
  // mutex_ or was joined.
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;  // guarded by mutex_ while threads run
};

StreamBlock::StreamBlock(const std::vector<Lane>& lanes, const Shape& shape, const Wait& wait)
    : impl_(std::make_unique<Impl>(lanes, shape, wait)) {}
StreamBlock::~StreamBlock() = default;

void StreamBlock::start(std::chrono::nanoseconds duration) { impl_->start(duration); }
std::vector<std::uint64_t> StreamBlock::finish_sending() { return impl_->finish_sending(); }
std::vector<LaneResult> StreamBlock::finish_receiving(const std::vector<std::uint64_t>& peer_sent) {
  return impl_->finish_receiving(peer_sent);
}

}  // namespace rocekit::verbs
