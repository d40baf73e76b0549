// What a side works with: a device and the communicators of this rank's groups.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "collectives/engine/side.h"

namespace rocekit::collectives {

/// One communicator; groups that have the same members share it.
struct Seat {
  std::vector<traffic::Group> groups;
  std::vector<int> members;  ///< ranks of the world, by rank of the group
  int rank = 0;              ///< of the group
  std::unique_ptr<Communicator> communicator;
  int size() const { return static_cast<int>(members.size()); }
};

struct Equipment {
  std::shared_ptr<const void> library;  ///< outlives what was made of it
  std::unique_ptr<Device> device;
  std::vector<Seat> seats;  ///< in the order of traffic::Group, so that all ranks connect them in one order
  std::string library_name;
  std::string library_version;
  std::vector<std::string> notes;
};

/// Loads what the backend needs. Throws InputError, CollectiveError, verbs::TransportError.
Equipment make_equipment(const SideRequest& request);

/// The seats of a request, without communicators. Throws InputError: a group that lacks this rank, or names one that is
/// not in the world.
std::vector<Seat> seats_of(const SideRequest& request);

/// A side over other equipment than the backends': tests give faulty ones.
std::unique_ptr<Side> make_side(const SideRequest& request, Equipment equipment);

}  // namespace rocekit::collectives
