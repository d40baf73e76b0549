#include "core/session/doors.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>

#include "core/error.h"
#include "core/session/door_rooms.h"
#include "core/session/hello.h"
#include "core/session/launch.h"
#include "core/session/limits.h"

namespace rocekit::session {

namespace {

/// Rank 0 holds a stream to each rank; the usual limit of 1024 descriptors is soft.
void allow_descriptors(int ranks) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(ranks) * 3 + 256;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void check(const DoorOptions& options) {
  const int doors = options.listen.has_value() + options.join.has_value() + !options.via.empty() + options.local;
  if (doors > 1) throw InputError("--listen, --join, --via and --local exclude each other: give one of them");
  if ((options.listen || options.local) && (options.ranks < 2 || options.ranks > max_ranks)) {
    throw InputError(fmt::format("--ranks {}: not between 2 and {}", options.ranks, max_ranks));
  }
}

}  // namespace

Door door_of(const DoorOptions& options) {
  if (options.listen) return Door::listen;
  if (options.join) return Door::join;
  if (!options.via.empty()) return Door::via;
  if (options.local) return Door::local;
  return launch_of_environment() ? Door::launched : Door::none;
}

Session open(const DoorOptions& options, const DoorContext& context) { return open_with(options, context, Limits{}); }

Session open_with(const DoorOptions& options, const DoorContext& context, const Limits& limits) {
  check(options);
  const Door door = door_of(options);
  allow_descriptors(options.ranks);
  auto signals = std::make_unique<Signals>();
  Assembly assembly;
  switch (door) {
    case Door::listen:
      assembly = enter_listen(options, context, limits, std::move(signals));
      break;
    case Door::join:
      assembly = enter_join(options, context, limits, std::move(signals));
      break;
    case Door::local:
      assembly = enter_local(options, context, limits, std::move(signals));
      break;
    case Door::via:
      assembly = enter_via(options, context, limits, std::move(signals));
      break;
    case Door::launched:
      assembly = enter_launched(options, context, limits, std::move(signals));
      break;
    case Door::none:
      throw InputError(
          "no peers to measure with: give --listen, --join, --via or --local, or start it under mpirun or srun");
  }
  return Session(std::make_unique<Session::Impl>(std::move(assembly)));
}

}  // namespace rocekit::session
