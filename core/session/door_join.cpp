// --join: over TCP with the token of --listen, or over standard input and output for --via.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "core/error.h"
#include "core/session/door_rooms.h"
#include "core/session/joiner.h"
#include "core/session/reception.h"

namespace rocekit::session {

namespace {

bool carries_a_stream(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode));
}

/// Takes standard input and output away from the rest of the program: what it prints goes to standard error.
Stream take_standard_streams() {
  if (!carries_a_stream(STDIN_FILENO) || !carries_a_stream(STDOUT_FILENO)) {
    throw InputError(
        "--join -: standard input and output are no pipes: this form is for what --via starts; use --join "
        "TOKEN@ADDR:PORT");
  }
  std::fflush(stdout);
  io::FileDescriptor in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  io::FileDescriptor out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  const io::FileDescriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return Stream(std::move(in), std::move(out));
}

}  // namespace

Assembly enter_join(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                    std::unique_ptr<Signals> signals) {
  const Hello mine = hello_of(context.tool, context.version);
  if (*options.join == "-") {
    Stream stream = take_standard_streams();
    send_all(stream, Reception::noisy_greeting, Deadline::after(limits.handshake));
    return follow(std::move(stream), mine, "rank 0", limits, std::move(signals));
  }
  const JoinTarget target = parse_join(*options.join);
  const std::string name = text_of(target.at);
  Stream stream = knock(resolve(target.at), target.token, name, talk_timeout, limits, *signals);
  return follow(std::move(stream), mine, "rank 0 (" + name + ")", limits, std::move(signals));
}

}  // namespace rocekit::session
