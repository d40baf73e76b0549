#include "tests/unit/session/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "core/error.h"

namespace rocekit::session::test {

Limits quick_limits() {
  Limits limits;
  limits.heartbeat = milliseconds(50);
  limits.silence = milliseconds(500);
  limits.handshake = milliseconds(500);
  limits.overdue_grace = milliseconds(500);
  return limits;
}

Process::Process(const std::function<int(const Say&)>& body) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(ends[0]);
    const Say say = [out = ends[1]](const std::string& line) {
      const std::string whole = line + "\n";
      [[maybe_unused]] const ssize_t written = ::write(out, whole.data(), whole.size());
    };
    int code = 99;
    try {
      code = body(say);
    } catch (const std::exception& error) {
      say(std::string("?: exception: ") + error.what());
    }
    std::fflush(nullptr);
    ::_exit(code);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

Process::~Process() {
  if (status_ < 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
  ::close(pipe_);
}

void Process::signal(int number) const { ::kill(pid_, number); }

bool Process::read_more(std::chrono::steady_clock::time_point until) {
  if (ended_) return false;
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()).count();
  pollfd poll{pipe_, POLLIN, 0};
  if (left <= 0 || ::poll(&poll, 1, static_cast<int>(left)) <= 0) return false;
  char buffer[4096];
  const ssize_t got = ::read(pipe_, buffer, sizeof buffer);
  if (got <= 0) {
    ended_ = true;
    return false;
  }
  text_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

std::string Process::line_with(const std::string& part, milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    const std::size_t found = text_.find(part);
    const std::size_t end = found == std::string::npos ? found : text_.find('\n', found);
    if (end != std::string::npos) {
      const std::size_t before = text_.rfind('\n', found);
      const std::size_t begin = before == std::string::npos ? 0 : before + 1;
      return text_.substr(begin, end - begin);
    }
    if (!read_more(until)) {
      ADD_FAILURE() << "no line with '" << part << "' in:\n" << text_;
      return {};
    }
  }
}

std::vector<std::string> Process::lines(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (read_more(until)) {
  }
  EXPECT_TRUE(ended_) << "still running; so far:\n" << text_;
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text_.substr(begin, end - begin));
  }
  return lines;
}

int Process::exit_code() {
  lines();
  if (status_ < 0 && ::waitpid(pid_, &status_, 0) != pid_) return -1;
  return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

DoorContext context_of(const std::string& version, const std::function<void(const std::string&)>& say) {
  return {"session-test", version, {}, say};
}

int take_part(const DoorOptions& options, const Process::Say& say, const std::function<std::string(Session&)>& body,
              const Limits& limits, const std::string& version) {
  std::string rank = "?";
  try {
    Session session = open_with(options, context_of(version, say), limits);
    rank = std::to_string(session.rank());
    const std::string result = body(session);
    session.close();
    say(rank + ": " + result);
    return 0;
  } catch (const Interrupted& interrupted) {
    say(rank + ": interrupted " + std::to_string(interrupted.signal()) + ": " + interrupted.what());
    return 128 + interrupted.signal();
  } catch (const SessionError& error) {
    say(rank + ": error: " + error.what());
  } catch (const InputError& error) {
    say(rank + ": input: " + error.what());
  }
  return 3;
}

Process local_ranks(int ranks, const std::function<std::string(Session&)>& body, const Limits& limits) {
  DoorOptions options;
  options.local = true;
  options.ranks = ranks;
  return Process([=](const Process::Say& say) { return take_part(options, say, body, limits); });
}

std::string of_rank(const std::vector<std::string>& lines, int rank) {
  const std::string start = std::to_string(rank) + ": ";
  for (const std::string& line : lines) {
    if (line.rfind(start, 0) == 0) return line.substr(start.size());
  }
  return "(rank " + std::to_string(rank) + " said nothing)";
}

}  // namespace rocekit::session::test
