// A process that is judged, in one line.
#pragma once

#include <string>

#include "probes/derived/nccl_choice.h"
#include "probes/facts/node_facts.h"

namespace rocekit::report {

/// "process 4711 (VLLM::Worker): in a container (podman), root, memlock unlimited, NCCL 2.28.9, 2 RDMA devices open";
/// what could not be read is left out.
std::string serving_in_words(const facts::Serving& serving);

/// "NCCL will use IB (RDMA) over rocep1s0f0:1, roceP2p1s0f0:1"
std::string nccl_in_words(const derived::NcclChoice& choice);

/// "unlimited", "8 MiB"
std::string memlock_in_words(const facts::Memlock& memlock);

}  // namespace rocekit::report
