#include "collectives/engine/child_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <thread>

#include "collectives/communicator/device.h"
#include "core/deadline.h"

namespace rocekit::collectives {
namespace {

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

void close_range(unsigned first, unsigned last) {
  if (first > last) return;
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, first, last, 0) == 0) return;
#endif
  const long limit = ::sysconf(_SC_OPEN_MAX);  // before Linux 5.9
  for (unsigned fd = first; fd <= last && static_cast<long>(fd) < limit; ++fd) ::close(static_cast<int>(fd));
}

/// What makes a forked copy of this process one of its own.
void settle(int socket, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::prctl(PR_SET_NAME, "rocekit-side");
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  close_range(STDERR_FILENO + 1, static_cast<unsigned>(socket) - 1);
  close_range(static_cast<unsigned>(socket) + 1, UINT_MAX);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, STDIN_FILENO);
    ::close(null);
  }
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

}  // namespace

ChildProcess::ChildProcess(const std::function<int(io::FileDescriptor socket)>& body) {
  std::fflush(nullptr);  // else the child writes again what is buffered
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw CollectiveError(
        fmt::format("a process to measure in could not be connected: socketpair: {}", std::strerror(errno)));
  }
  socket_ = io::FileDescriptor(ends[0]);
  io::FileDescriptor childs(ends[1]);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) {
    throw CollectiveError(fmt::format("a process to measure in could not be started: fork: {}", std::strerror(errno)));
  }
  if (pid_ > 0) return;
  settle(childs.get(), parent);
  int code = 1;
  try {
    code = body(std::move(childs));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

ChildProcess::~ChildProcess() {
  if (!terminated_) {
    if (reap(grace)) return;
    terminate();
  }
  if (reap(std::chrono::milliseconds(500))) return;
  signal(SIGKILL);
  // A process that hangs in a driver cannot be waited for without end; it is init's then.
  reap(std::chrono::seconds(10));
}

bool ChildProcess::reap(std::chrono::milliseconds time) {
  const Deadline deadline = Deadline::after(time);
  for (std::chrono::milliseconds pause{1};; pause = std::min(pause * 2, std::chrono::milliseconds(10))) {
    {
      const std::lock_guard lock(mutex_);
      if (reaped_) return true;
      const pid_t result = ::waitpid(pid_, &status_, WNOHANG);
      if (result == pid_ || (result < 0 && errno == ECHILD)) {
        reaped_ = true;
        return true;
      }
    }
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(pause);
  }
}

std::string ChildProcess::end(std::chrono::milliseconds time) {
  if (!reap(time)) return {};
  if (WIFSIGNALED(status_)) return "was killed by " + signal_name(WTERMSIG(status_));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status_));
}

void ChildProcess::signal(int number) noexcept {
  const std::lock_guard lock(mutex_);
  if (!reaped_) ::kill(pid_, number);
}

void ChildProcess::terminate() noexcept {
  terminated_ = true;
  signal(SIGTERM);
}

}  // namespace rocekit::collectives
