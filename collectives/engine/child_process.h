// A forked process of this one that does one thing and never outlives it.
//
// A fork without exec: what is forked needs nothing but the request in memory, on any tool and in any container. The
// session's own thread may run at that moment, but only the forking thread goes on in the child; glibc's fork leaves
// malloc usable there, and the thread of the session holds no other lock that the child takes. Libraries that do not
// stand a fork (CUDA, NCCL) must not have been used before.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "core/io/file_descriptor.h"

namespace rocekit::collectives {

class ChildProcess {
 public:
  /// `body` runs in the child with its end of a stream socket; the child ends with what it returns, by _exit. There
  /// standard output is standard error (results are the parent's to print), SIGINT and SIGHUP are ignored (the parent
  /// decides), SIGTERM ends it, and no file of the parent's but the standard ones is open. It is killed when the thread
  /// that forked it ends. Throws CollectiveError.
  explicit ChildProcess(const std::function<int(io::FileDescriptor socket)>& body);
  /// Gives it `grace` to end by itself, then SIGTERM (at once where it was terminated), then SIGKILL; reaps it. The
  /// socket must be closed by then.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// This end, once.
  io::FileDescriptor take_socket() { return std::move(socket_); }
  pid_t pid() const { return pid_; }

  /// "was killed by SIGKILL", "ended with exit code 3"; empty while it runs after `time`.
  std::string end(std::chrono::milliseconds time);
  /// SIGTERM; any thread.
  void terminate() noexcept;

  static constexpr std::chrono::milliseconds grace{2000};

 private:
  bool reap(std::chrono::milliseconds time);
  void signal(int number) noexcept;

  std::mutex mutex_;  ///< no signal is sent to a process that was reaped: its number may be another's
  pid_t pid_ = 0;
  bool reaped_ = false;
  std::atomic<bool> terminated_{false};
  int status_ = 0;
  io::FileDescriptor socket_;
};

}  // namespace rocekit::collectives
