// Collectives on host memory over message channels of verbs/: RC or TCP to every other rank of the group.
#pragma once

#include <memory>
#include <vector>

#include "collectives/communicator/communicator.h"
#include "verbs/endpoint.h"

namespace rocekit::collectives {

/// This rank's way to one other.
struct HostPeer {
  int peer = 0;                               ///< rank of the group
  std::vector<verbs::EndpointOptions> rails;  ///< one or more, the same number on both ends: long messages are spread
                                              ///< over them. Used of each: device, port, ip, netdev, gid_index
};

/// `device`: of make_host_device(); must outlive the communicator. `peers`: each other rank of the group once.
/// Ranks must meet (a barrier of the session) between the last launch and the communicator's end: what was sent last
/// may still be on its way. Throws InputError (unknown device or address, a transport other than rc and tcp),
/// verbs::TransportError.
std::unique_ptr<Communicator> make_host_communicator(Device& device, verbs::Transport transport,
                                                     const Membership& membership, const std::vector<HostPeer>& peers);

}  // namespace rocekit::collectives
