#include "core/session/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/session/session.h"

namespace rocekit::session {

Signals::Signals() : thread_(std::this_thread::get_id()) {
  ::sigemptyset(&taken_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    // A blocked signal reaches a signalfd even where it is ignored.
    if (action.sa_handler != SIG_IGN) ::sigaddset(&taken_, signal);
  }
  ::signal(SIGPIPE, SIG_IGN);
  fd_ = io::FileDescriptor(::signalfd(-1, &taken_, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
  ::pthread_sigmask(SIG_BLOCK, &taken_, &before_);
}

Signals::~Signals() {
  if (std::this_thread::get_id() == thread_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> Signals::take(std::chrono::milliseconds time) {
  if (time.count() > 0) {
    pollfd poll{fd(), POLLIN, 0};
    ::poll(&poll, 1, static_cast<int>(time.count()));
  }
  signalfd_siginfo info{};
  if (::read(fd(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void Signals::throw_if_taken(const std::string& while_doing) {
  if (const auto signal = take()) {
    throw Interrupted(*signal, fmt::format("interrupted by {} while {}", signal_name(*signal), while_doing));
  }
}

void Signals::give_back() const {
  ::signal(SIGPIPE, SIG_DFL);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::die_of(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

}  // namespace rocekit::session
