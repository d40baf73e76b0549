#include "verbs/channel.h"

#include <fmt/format.h>

#include "core/error.h"

namespace rocekit::verbs {

std::unique_ptr<Channels> make_channels(Transport transport, const std::vector<EndpointOptions>& ends) {
  switch (transport) {
    case Transport::rc:
      return make_rc_channels(ends);
    case Transport::tcp:
      return make_tcp_channels(ends);
    case Transport::ud:
    case Transport::null:
      break;
  }
  throw InputError(fmt::format("Collectives run over rc and tcp, not over {}.", to_string(transport)));
}

}  // namespace rocekit::verbs
