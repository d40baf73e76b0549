// The node as the process finds it that --pid or --container names.
#pragma once

#include <string>

#include "probes/derived/nccl_choice.h"
#include "probes/facts/node_facts.h"

namespace rocekit::derived {

/// The node with the process's rights, settings, device nodes, libraries and network namespace in place of this tool's:
/// what rules about a process and NCCL's prediction then see is that process. What could not be looked at becomes
/// Why::not_read, never a fault of the process. Precondition: node.serving.
facts::NodeFacts as_seen_by_serving(const facts::NodeFacts& node);

/// predict_nccl() for such a node; net "unknown" where the process's environment could not be read.
NcclChoice predict_serving_nccl(const facts::NodeFacts& seen);

/// "process 4711 (VLLM::Worker)"
std::string name_of(const facts::Serving& serving);

}  // namespace rocekit::derived
