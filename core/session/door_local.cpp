// --local: ranks on this host, forked from rank 0.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "core/session/door_rooms.h"
#include "core/session/joiner.h"
#include "core/session/reception.h"

namespace rocekit::session {

Assembly enter_local(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                     std::unique_ptr<Signals> signals) {
  std::fflush(nullptr);  // else each child writes again what is buffered
  const pid_t parent = ::getpid();
  const Hello mine = hello_of(context.tool, context.version);
  Children children;
  Reception reception(mine, options.ranks, limits, *signals, children);
  for (int rank = 1; rank < options.ranks; ++rank) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw SessionError(std::string("could not connect the ranks of --local: socketpair: ") + std::strerror(errno));
    }
    Stream own((io::FileDescriptor(ends[0])));
    Stream childs((io::FileDescriptor(ends[1])));
    const pid_t pid = ::fork();
    if (pid < 0) throw SessionError(std::string("could not start the ranks of --local: fork: ") + std::strerror(errno));
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      children.forget();
      reception.take_links();  // the streams to the ranks before this one are rank 0's alone
      own = Stream(io::FileDescriptor());
      return follow(std::move(childs), hello_of(context.tool, context.version), "rank 0", limits, std::move(signals));
    }
    children.add(rank, pid);
    reception.expect(rank, std::move(own), mine.host, false);
  }
  reception.run(nullptr, options.wait, "the machine may be overloaded, try again with fewer ranks");
  Assembly assembly;
  assembly.peers = reception.peers();
  assembly.links = reception.take_links();
  assembly.limits = limits;
  assembly.signals = std::move(signals);
  assembly.children = std::move(children);
  return assembly;
}

}  // namespace rocekit::session
