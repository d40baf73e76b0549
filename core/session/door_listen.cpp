// --listen: ranks come over TCP with a one-time token.
#include <fmt/format.h>

#include "core/session/door_rooms.h"
#include "core/session/gate.h"
#include "core/session/reception.h"
#include "core/session/token.h"

namespace rocekit::session {

namespace {

void tell(const DoorContext& context, const HostPort& at, const Gate& gate, int ranks) {
  if (!context.say) return;
  std::vector<LocalAddress> addresses = local_addresses();
  const bool everywhere = at.host.empty() || at.host == "0.0.0.0" || at.host == "::";
  if (!everywhere) addresses = {{at.host, ""}};
  if (addresses.empty()) addresses = {{"127.0.0.1", "lo"}};
  const auto line = [&](const LocalAddress& address) {
    return fmt::format("  {} --join {}@{}", context.tool, gate.token(), text_of({address.address, gate.port()}));
  };
  context.say(ranks == 2 ? "On the other node run:" : fmt::format("On each of the {} other nodes run:", ranks - 1));
  context.say(line(addresses.front()));
  if (addresses.size() > 1) context.say("or, where that address is not to be reached from there, one of:");
  for (std::size_t i = 1; i < addresses.size(); ++i)
    context.say(fmt::format("{}  # {}", line(addresses[i]), addresses[i].netdev));
}

}  // namespace

Assembly enter_listen(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                      std::unique_ptr<Signals> signals) {
  const HostPort at = parse_listen(*options.listen);
  Children children;
  Gate gate(at, make_token(), limits);
  tell(context, at, gate, options.ranks);
  Reception reception(hello_of(context.tool, context.version), options.ranks, limits, *signals, children);
  reception.run(&gate, options.wait,
                "start the line above on the other nodes, and see that a firewall lets this port through");
  Assembly assembly;
  assembly.peers = reception.peers();
  assembly.links = reception.take_links();
  assembly.limits = limits;
  assembly.signals = std::move(signals);
  return assembly;
}

}  // namespace rocekit::session
