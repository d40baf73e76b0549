// Who my peers are: the ranks of one run, on one node or many, and what they tell each other outside the measured path.
//
// A session is a star of byte streams around rank 0. Whatever door a rank came through (doors.h), the same messages
// flow, with the same deadlines; so that a lost peer, an interrupted run and a stopped process look alike everywhere.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::session {

/// The run is over for every rank: a peer was lost, did not answer in time, refused, or called it off. The message is
/// one sentence that names rank, host and step: "rank 1 (spark-2) did not answer within 10 s while connecting queue
/// pairs". Exit code 3.
class SessionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// This process got SIGINT, SIGTERM or SIGHUP; the other ranks have been told. Exit code 128 + signal.
class Interrupted : public SessionError {
 public:
  Interrupted(int signal, const std::string& sentence) : SessionError(sentence), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

struct Peer {
  int rank = 0;
  std::string host;  ///< its host name (uname)
  int pid = 0;
};

/// Time that a step of plain talk may take; steps that wait for measurements add the measurement's own time.
inline constexpr std::chrono::milliseconds talk_timeout{10'000};
/// A rank that shows no sign of life for this long is lost, also while nothing is waited for (SIGSTOP, a dead node).
inline constexpr std::chrono::milliseconds silence_limit{4'000};
/// Length limit of what one rank contributes to one step.
inline constexpr std::size_t max_message_bytes = 16u << 20;

class Session {
 public:
  class Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  /// Without close(): as abort("ended early").
  ~Session();

  int rank() const;
  int size() const;
  /// By rank, this one included.
  const std::vector<Peer>& peers() const;
  /// "rank 1 (spark-2)"
  std::string name_of(int rank) const;

  // All ranks make the same calls in the same order. `step` completes the sentence "... while <step>": "connecting
  // queue pairs". Each throws SessionError (Interrupted after a signal).

  /// What each rank gave, by rank. Bytes of any kind, each up to max_message_bytes.
  std::vector<std::string> allgather(std::string_view mine, std::string_view step,
                                     std::chrono::milliseconds timeout = talk_timeout);
  /// `value` of rank `root`; the others' is ignored.
  std::string broadcast(std::string_view value, int root, std::string_view step,
                        std::chrono::milliseconds timeout = talk_timeout);
  void barrier(std::string_view step, std::chrono::milliseconds timeout = talk_timeout);

  /// A part of the run that may fail without ending it; all ranks begin and end it. Within it, what one rank cannot do,
  /// a step that is not answered in time, and `limit` (rank 0's: from now on) set called_off() and end the waits of all
  /// ranks with SessionError; a peer that is lost, an interrupt and abort() end the run as ever.
  void begin_attempt(std::string_view what, std::chrono::milliseconds limit);
  /// `error`: why this rank could not do its share; empty: it did. Waits for all ranks; called_off() is false again
  /// after it. Returns what failed first, "rank 1 (spark-2): <error>", the same on all ranks; empty: nothing did.
  /// `grace`: what ranks may take to come here once the limit has passed. Throws SessionError where the run is over.
  std::string end_attempt(std::string_view error, std::chrono::milliseconds grace = talk_timeout);

  /// True as soon as the run, or the attempt, is over for any reason; loops that wait for data look at it
  /// (core/deadline.h).
  const std::atomic<bool>& called_off() const;
  /// Throws the SessionError or Interrupted that called the run off, if one did. Where a wait ended because of
  /// called_off(), this is the error to report.
  void throw_if_called_off() const;

  /// Ends the run on all ranks: their next or present wait throws SessionError "rank R (HOST): <reason>". Returns at
  /// once; idempotent.
  void abort(std::string_view reason) noexcept;

  /// The orderly end: waits until all ranks have come here (so that rank 0 has printed before a launcher sees the first
  /// exit), then takes all streams down. Local children have been reaped when it returns.
  void close();

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace rocekit::session
