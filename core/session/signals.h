// SIGINT, SIGTERM and SIGHUP taken over by the session.
#pragma once

#include <signal.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "core/io/file_descriptor.h"

namespace rocekit::session {

/// Blocks the three signals (those of them that are not ignored, as under nohup) for the calling thread and those it
/// starts later, and gives them back when destroyed in that thread. SIGPIPE is ignored from here on.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when a signal waits.
  int fd() const { return fd_.get(); }
  /// A signal that came, waiting up to `time` for one.
  std::optional<int> take(std::chrono::milliseconds time = std::chrono::milliseconds(0));
  /// Throws Interrupted when a signal waits.
  void throw_if_taken(const std::string& while_doing);
  /// For a child process that is about to exec.
  void give_back() const;
  /// Ends this process by the signal, at once.
  [[noreturn]] static void die_of(int signal);

 private:
  sigset_t taken_{};
  sigset_t before_{};
  std::thread::id thread_;
  io::FileDescriptor fd_;
};

/// "SIGINT"
std::string signal_name(int signal);

}  // namespace rocekit::session
