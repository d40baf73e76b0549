// NCCL's log lines, as versions 2.12 to 2.30 write them with NCCL_DEBUG=INFO (subsystems INIT, NET, TUNING; NCCL's
// init.cc, transport/net.cc, p2p.cc, shm.cc, net_ib.cc, enqueue.cc).
#pragma once

#include <string_view>

#include "collectives/proof/transport_evidence.h"

namespace rocekit::proof {

/// Reads a log, of one or more processes, mixed with other output or not. Never throws: what is not understood is
/// counted (TransportEvidence::unknown_format). Texts of the log are made printable.
TransportEvidence read_nccl_log(std::string_view log);

}  // namespace rocekit::proof
