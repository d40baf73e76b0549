// Whether programs reach the RDMA devices through their nodes in /dev/infiniband.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/checks/evidence.h"

namespace rocekit::checks {

enum class NodeState {
  openable,
  refused,  ///< the node is there, open() fails
  missing,  ///< no node in /dev/infiniband
  unknown,  ///< nobody tried
};
NodeState uverbs_state(const facts::NodeFacts& node, const facts::Device& device);

/// In /dev/infiniband; nullopt when the directory could not be read.
std::optional<bool> is_listed(const facts::NodeFacts& node, const std::string& name);

/// The devices that matter: those with an ACTIVE port, or all where none is ACTIVE.
std::vector<const facts::Device*> devices_of_interest(const facts::NodeFacts& node);

std::vector<const facts::Device*> with_uverbs(const facts::NodeFacts& node,
                                              const std::vector<const facts::Device*>& devices, NodeState state);

}  // namespace rocekit::checks
