// --via LAUNCHER HOST...: starts the other ranks with ssh, or a program with its command line; the session runs over
// their standard input and output.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/session/door_rooms.h"
#include "core/session/reception.h"

namespace rocekit::session {

namespace {

/// As a POSIX shell reads it back: ssh joins its arguments and gives them to the login shell over there.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

/// The name to be found in the other host's PATH; the whole path where this one was started by a path (a build that
/// both hosts see).
std::string remote_tool(const std::string& tool) {
  std::ifstream file("/proc/self/cmdline");
  std::string invoked;
  std::getline(file, invoked, '\0');
  if (invoked.find('/') == std::string::npos) return tool;
  // Not /proc/self/exe: the tool may have been started through a script of its name, without which it does not start.
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(invoked, error).lexically_normal();
  return !error && path.filename() == tool ? path.string() : tool;
}

struct Via {
  std::vector<std::string> launcher;  ///< program and its own arguments
  std::vector<std::string> hosts;
};

Via parse(const std::vector<std::string>& option) {
  Via via;
  std::istringstream words(option.front());
  for (std::string word; words >> word;) via.launcher.push_back(word);
  for (std::size_t i = 1; i < option.size(); ++i) {
    std::istringstream list(option[i]);
    for (std::string host; std::getline(list, host, ',');) via.hosts.push_back(host);
  }
  bool usable = !via.launcher.empty() && !via.hosts.empty() && via.hosts.size() < static_cast<std::size_t>(max_ranks);
  for (const std::string& host : via.hosts) usable = usable && !host.empty() && host.front() != '-';
  if (!usable) throw InputError("--via needs a program and hosts: --via ssh HOST, or --via ssh HOST,HOST");
  return via;
}

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw SessionError(std::string("could not start the ranks of --via: pipe: ") + std::strerror(errno));
    read = io::FileDescriptor(ends[0]);
    write = io::FileDescriptor(ends[1]);
  }
  io::FileDescriptor read, write;
};

struct Started {
  pid_t pid = 0;
  Stream stream;
  io::FileDescriptor errors;
};

Started start(const std::vector<std::string>& command, const Signals& signals) {
  Pipe input, output, errors, failure;
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw SessionError(std::string("could not start the ranks of --via: fork: ") + std::strerror(errno));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    ::dup2(input.read.get(), STDIN_FILENO);
    ::dup2(output.write.get(), STDOUT_FILENO);
    ::dup2(errors.write.get(), STDERR_FILENO);
    signals.give_back();
    ::execvp(arguments[0], arguments.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(failure.write.get(), &error, sizeof error);
    ::_exit(127);
  }
  failure.write.reset();
  int error = 0;
  if (::read(failure.read.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    throw InputError(fmt::format("--via {}: cannot be started: {}", command.front(), std::strerror(error)));
  }
  return {pid, Stream(std::move(output.read), std::move(input.write)), std::move(errors.read)};
}

/// Why a rank's launcher ended before the rank was there.
std::string why_not_there(const std::string& launcher, const std::string& tool, const std::string& host, int status,
                          const std::string& line) {
  const std::string said = line.empty() ? "" : fmt::format(" ({} said: {})", launcher, line);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return fmt::format("{} is not installed on {}{}: install it there, or use --listen here and --join there", tool,
                       host, said);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 255) {
    return fmt::format(
        "{} does not get to {}{}: see that `{} {} true` works without a question, or use --listen here and --join "
        "there",
        launcher, host, said, launcher, host);
  }
  if (WIFEXITED(status)) {
    return fmt::format("{} ended on {} with exit code {} before the session began{}", tool, host, WEXITSTATUS(status),
                       said);
  }
  return fmt::format("{} to {} was killed by {} before the session began{}", launcher, host,
                     signal_name(WTERMSIG(status)), said);
}

}  // namespace

Assembly enter_via(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                   std::unique_ptr<Signals> signals) {
  const Via via = parse(options.via);
  const std::string tool = remote_tool(context.tool);
  const std::string& launcher = via.launcher.front();
  Children children;
  Reception reception(hello_of(context.tool, context.version), static_cast<int>(via.hosts.size()) + 1, limits, *signals,
                      children);
  for (std::size_t i = 0; i < via.hosts.size(); ++i) {
    std::vector<std::string> command = via.launcher;
    command.push_back(via.hosts[i]);
    command.push_back(quoted(tool));
    command.insert(command.end(), {"--join", "-"});
    for (const std::string& argument : context.arguments) command.push_back(quoted(argument));
    Started started = start(command, *signals);
    const int rank = static_cast<int>(i) + 1;
    children.add(rank, started.pid, via.hosts[i], std::move(started.errors));
    reception.expect(rank, std::move(started.stream), via.hosts[i], true);
  }
  reception.explain_end([&](int rank) -> std::string {
    const auto status = children.status_of(rank, std::chrono::milliseconds(1'000));
    if (!status) return {};
    children.pump();
    return why_not_there(launcher, tool, via.hosts.at(static_cast<std::size_t>(rank - 1)), *status,
                         children.last_line(rank));
  });
  reception.run(nullptr, options.wait,
                fmt::format("see that `{} {} {} --version` works", launcher, via.hosts.front(), tool));
  Assembly assembly;
  assembly.peers = reception.peers();
  assembly.links = reception.take_links();
  assembly.limits = limits;
  assembly.signals = std::move(signals);
  assembly.children = std::move(children);
  return assembly;
}

}  // namespace rocekit::session
