// The session's own times and sizes, in one place so that tests can shorten them.
#pragma once

#include <chrono>
#include <cstddef>

#include "core/session/doors.h"
#include "core/session/session.h"

namespace rocekit::session {

struct Limits {
  std::chrono::milliseconds heartbeat{1'000};
  std::chrono::milliseconds silence = silence_limit;
  /// What a connection may take from accept() to its proof of the token, and then to its first frame.
  std::chrono::milliseconds handshake{3'000};
  /// A rank whose time for a step is up asks rank 0 who is missing, and waits this long for the answer.
  std::chrono::milliseconds overdue_grace{1'000};
  /// Time in close() for the others to come there: rank 0 may be writing to a pager. Lost ranks show by silence.
  std::chrono::milliseconds ending{600'000};
  /// Time for child processes to end by themselves once the session has ended.
  std::chrono::milliseconds children_end{5'000};
  /// Connections that have not proved the token, at one time.
  std::size_t max_strangers = 64;
};

/// As open() of doors.h.
Session open_with(const DoorOptions& options, const DoorContext& context, const Limits& limits);

}  // namespace rocekit::session
