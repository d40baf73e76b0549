#include "core/session/children.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "core/deadline.h"
#include "core/session/signals.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

constexpr std::size_t max_line_bytes = 2048;

void write_line(const std::string& line) {
  const std::string whole = line + "\n";
  // One call a line: lines of several hosts do not mix.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

}  // namespace

Children::Children(Children&& other) noexcept : children_(std::exchange(other.children_, {})) {}

Children& Children::operator=(Children&& other) noexcept {
  std::swap(children_, other.children_);
  return *this;
}

Children::~Children() { end(std::chrono::milliseconds(0)); }

void Children::add(int rank, pid_t pid, std::string name, io::FileDescriptor errors) {
  children_.push_back({rank, pid, std::move(name), std::move(errors), {}, {}, std::nullopt});
}

void Children::forget() { children_.clear(); }

Children::Child* Children::find(int rank) {
  for (Child& child : children_) {
    if (child.rank == rank) return &child;
  }
  return nullptr;
}

bool Children::reap(Child& child, std::chrono::milliseconds time) {
  if (child.status) return true;
  const Deadline deadline = Deadline::after(time);
  for (std::chrono::milliseconds pause{1};; pause = std::min(pause * 2, std::chrono::milliseconds(10))) {
    int status = 0;
    const pid_t result = ::waitpid(child.pid, &status, WNOHANG);
    if (result == child.pid || (result < 0 && errno == ECHILD)) {
      child.status = status;
      return true;
    }
    if (deadline.passed()) return false;
    pump(child);
    std::this_thread::sleep_for(pause);
  }
}

std::optional<int> Children::status_of(int rank, std::chrono::milliseconds time) {
  Child* child = find(rank);
  if (child == nullptr || !reap(*child, time)) return std::nullopt;
  return child->status;
}

std::string Children::end_of(int rank, std::chrono::milliseconds time) {
  const auto status = status_of(rank, time);
  if (!status) return {};
  if (WIFSIGNALED(*status)) return "was killed by " + signal_name(WTERMSIG(*status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(*status));
}

void Children::kill(int rank) {
  Child* child = find(rank);
  if (child != nullptr && !child->status) ::kill(child->pid, SIGKILL);
}

void Children::end(std::chrono::milliseconds time) {
  const Deadline deadline = Deadline::after(time);
  for (Child& child : children_) {
    reap(child, std::chrono::ceil<std::chrono::milliseconds>(deadline.left()));
    pump(child);
  }
  for (Child& child : children_) {
    if (!child.status) ::kill(child.pid, SIGKILL);
  }
  for (Child& child : children_) reap(child, std::chrono::seconds(5));
  children_.clear();
}

std::vector<int> Children::error_fds() const {
  std::vector<int> fds;
  for (const Child& child : children_) {
    if (child.errors) fds.push_back(child.errors.get());
  }
  return fds;
}

void Children::pump() {
  for (Child& child : children_) pump(child);
}

void Children::pump(Child& child) {
  char buffer[4096];
  while (child.errors) {
    pollfd poll{child.errors.get(), POLLIN, 0};
    if (::poll(&poll, 1, 0) <= 0) return;
    const ssize_t got = ::read(child.errors.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) child.partial_line.append(buffer, static_cast<std::size_t>(got));
    std::size_t end;
    while ((end = child.partial_line.find('\n')) != std::string::npos || child.partial_line.size() > max_line_bytes ||
           (got <= 0 && !child.partial_line.empty())) {
      const std::size_t length = std::min(end, child.partial_line.size());
      std::string line = child.partial_line.substr(0, length);
      child.partial_line.erase(0, length + (end == std::string::npos ? 0 : 1));
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      child.last_line = text::printable(line);
      write_line(child.name + ": " + child.last_line);
    }
    if (got <= 0) child.errors.reset();
  }
}

std::string Children::last_line(int rank) const {
  for (const Child& child : children_) {
    if (child.rank == rank) return child.last_line;
  }
  return {};
}

}  // namespace rocekit::session
