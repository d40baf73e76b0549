// Ranks of a test as real processes: each writes lines that the test reads.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/session/limits.h"
#include "core/session/session.h"

namespace rocekit::session::test {

using std::chrono::milliseconds;

/// Short, so that tests of silence take little time, and long enough for a busy machine and for sanitizers.
Limits quick_limits();

/// A forked process; killed and reaped with its owner. Its ranks of --local write to the same pipe.
class Process {
 public:
  using Say = std::function<void(const std::string& line)>;
  /// `body` returns the exit code; what it throws is said as by outcome_of().
  explicit Process(const std::function<int(const Say&)>& body);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The next line that contains `part`; those before it are kept for the end. Empty when none comes.
  std::string line_with(const std::string& part, milliseconds time = milliseconds(10'000));
  /// All lines, when every process that holds the pipe has ended; fails the test when they do not end in time.
  std::vector<std::string> lines(milliseconds time = milliseconds(20'000));
  /// Exit code, or 128 + signal.
  int exit_code();

 private:
  bool read_more(std::chrono::steady_clock::time_point until);
  pid_t pid_ = 0;
  int pipe_ = -1;
  std::string text_;
  bool ended_ = false;
  int status_ = -1;
};

/// Opens a session, runs `body` in it and closes it. Says "RANK: <what body returned>", or "RANK: error: <sentence>",
/// "RANK: interrupted 2: <sentence>", "?: input: <sentence>". Returns the exit code that a tool would.
int take_part(const DoorOptions& options, const Process::Say& say, const std::function<std::string(Session&)>& body,
              const Limits& limits = quick_limits(), const std::string& version = "1.0");

/// The ranks of one --local session.
Process local_ranks(int ranks, const std::function<std::string(Session&)>& body, const Limits& limits = quick_limits());

/// The line of one rank: what follows "RANK: ".
std::string of_rank(const std::vector<std::string>& lines, int rank);

DoorContext context_of(const std::string& version, const std::function<void(const std::string&)>& say);

}  // namespace rocekit::session::test
