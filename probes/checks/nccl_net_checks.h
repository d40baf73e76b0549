// Rules on the network that NCCL takes: ROCE-ENV-001, -006, -007, -008 and -010.
#pragma once

#include "probes/checks/check.h"

namespace rocekit::checks {

void check_ib_disabled(const NodeView& view, Verdicts& verdicts);
void check_fallback(const NodeView& view, Verdicts& verdicts);
void check_conf_files(const NodeView& view, Verdicts& verdicts);
void check_net_name(const NodeView& view, Verdicts& verdicts);
void check_nccl_rdma_core(const NodeView& view, Verdicts& verdicts);

/// A fact that decides whether NCCL falls to sockets, and that could not be read; nullptr: there is none.
const facts::Missing* undecided_network(const NodeView& view);

}  // namespace rocekit::checks
