// The process that serves on a node and is judged in place of this tool's own.
#pragma once

#include <optional>
#include <string>

#include "core/error.h"
#include "probes/facts/node_facts.h"
#include "tools/roce-preflight/settings.h"

namespace rocekit::preflight {

/// A process that was named cannot be judged: one sentence that names the node. The run ends; its verdict would be that
/// of something else.
class ServingError : public InputError {
 public:
  using InputError::InputError;
};

/// The process of one node by what the command lines name: that of its own rank, else that of rank 0. `node` of
/// `nodes`: in the order of ranks. nullopt: none is named. Asks podman and docker for a container. Throws InputError:
/// not there, or not told of this node.
std::optional<int> find_serving_process(const ServingNames& own, const ServingNames& of_rank_0, std::size_t node,
                                        std::size_t nodes);

/// Where this machine reaches the libnccl that the process has mapped: below /proc/PID/root, where its root directory
/// is another. Empty: it has mapped none, or that is not known.
std::string reachable_nccl(const facts::Serving& serving);

}  // namespace rocekit::preflight
