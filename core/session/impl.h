// The session itself: what all doors lead to.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/session/children.h"
#include "core/session/frame.h"
#include "core/session/limits.h"
#include "core/session/session.h"
#include "core/session/signals.h"
#include "core/session/stream.h"

namespace rocekit::session {

/// A stream to another rank, with its identity known: rank 0 has one to each, the others one to rank 0.
struct Link {
  int rank = 0;
  Stream stream;
  /// May hold bytes that followed the handshake.
  FrameReader reader;
};

/// What a door hands over.
struct Assembly {
  int rank = 0;
  std::vector<Peer> peers;
  std::vector<Link> links;
  Limits limits;
  std::unique_ptr<Signals> signals;
  Children children;
  /// A launcher ends the whole job at the first rank that fails: the others stay until rank 0 has had time to speak.
  bool under_launcher = false;
};

/// A background thread (the watcher) does all input and output; the ranks' own threads hand it messages and wait. It
/// sleeps in poll(2) and wakes once a heartbeat, so that it does not disturb what is measured.
class Session::Impl {
 public:
  explicit Impl(Assembly assembly);
  ~Impl();

  enum class Kind : std::uint8_t { allgather = 1, broadcast = 2, barrier = 3, closing = 4, attempt = 5 };
  /// All ranks' contributions (allgather), the root's (broadcast) or none.
  std::vector<std::string> exchange(Kind kind, int root, std::string_view mine, std::string_view step,
                                    std::chrono::milliseconds timeout);
  void begin_attempt(std::string_view what, std::chrono::milliseconds limit);
  std::string end_attempt(std::string_view error, std::chrono::milliseconds grace);
  void abort(std::string_view reason) noexcept;
  void close();
  void throw_if_called_off() const;

  const int rank;
  const std::vector<Peer> peers;
  /// Looked at in loops by any thread, relaxed or not: it hands over nothing. What goes with it (sentence_, signal_) is
  /// guarded by mutex_.
  std::atomic<bool> called_off{false};
  std::string name_of(int of_rank) const;
  int size() const { return static_cast<int>(peers.size()); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Outgoing {
    std::shared_ptr<const std::string> bytes;
    std::size_t sent = 0;
  };
  struct Line {
    explicit Line(Link&& from) : rank(from.rank), stream(std::move(from.stream)), reader(std::move(from.reader)) {}
    int rank;
    std::optional<Stream> stream;  ///< none once closed
    FrameReader reader;
    std::deque<Outgoing> outbox;
    std::string message;  ///< parts that have come
    Clock::time_point heard;
  };
  struct Contribution {
    Kind kind{};
    int root = 0;
    std::string bytes;
  };
  enum class Cause : std::uint8_t { plain = 0, interrupted = 1, attempt = 2 };

  // watcher.cpp; all but the first two are called with mutex_ held.
  void watch();
  void watch_until_stopped();
  void read(Line& line);
  void write(Line& line);
  void on_frame(Line& line, Frame frame);
  void on_message(Line& line, std::string message);
  void on_overdue(std::string_view body);
  void on_lost(Line& line, const std::string& why);
  void judge_silence(Clock::time_point now);
  bool take_own_signal(std::chrono::milliseconds time);
  bool drained(Clock::time_point now) const;
  int poll_time_ms(Clock::time_point now) const;

  // session.cpp; called with mutex_ held.
  void call_off(Cause cause, const std::string& sentence, int from_rank, int signal = 0);
  /// Of what ends an attempt where one is under way, and else the run.
  Cause cause_of_failure() const { return attempting_ ? Cause::attempt : Cause::plain; }
  /// Called off for good.
  bool over() const { return called_off.load(std::memory_order_relaxed) && !attempt_failed_; }
  bool all_at_end_of_attempt() const;
  void forget_attempt();
  void post(Line& line, std::shared_ptr<const std::string> bytes);
  void post_message(const std::vector<Line*>& lines, std::string_view message);
  void throw_called_off() const;
  std::string where() const;
  std::string unanswered(std::chrono::milliseconds timeout, std::string_view step) const;
  std::vector<std::string> gather_and_give(Kind kind, int root, std::string_view step,
                                           std::chrono::milliseconds timeout, std::unique_lock<std::mutex>& lock);
  std::vector<std::string> give_and_take(std::string_view step, std::chrono::milliseconds timeout,
                                         std::unique_lock<std::mutex>& lock);

  void wake() noexcept;
  void stop_watcher();

  const Limits limits_;
  const bool under_launcher_;
  std::unique_ptr<Signals> signals_;
  io::FileDescriptor wake_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Children children_;
  std::vector<Line> lines_;
  std::uint64_t steps_done_ = 0;
  std::string step_;  ///< present or last
  bool in_step_ = false;
  std::vector<std::optional<Contribution>> contributions_;  ///< to the step after steps_done_; rank 0
  std::optional<std::string> result_;                       ///< of the step after steps_done_; other ranks
  bool attempting_ = false;
  bool attempt_failed_ = false;  ///< called_off tells of the attempt alone
  std::string attempt_;
  std::chrono::milliseconds attempt_limit_{0};
  Clock::time_point attempt_by_{};
  bool ending_ = false;  ///< all ranks have come to close(): streams may end
  bool closed_ = false;
  std::string sentence_;
  int signal_ = 0;
  Clock::time_point signal_at_{};
  bool stop_ = false;
  Clock::time_point stop_by_{};
  Clock::time_point next_beat_{};
  Clock::time_point last_look_{};
  std::string read_buffer_;

  std::thread watcher_;
};

/// "10 s", "250 ms"
std::string time_text(std::chrono::milliseconds time);

}  // namespace rocekit::session
