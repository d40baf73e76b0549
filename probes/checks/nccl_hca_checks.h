// Rules on NCCL_IB_HCA: ROCE-ENV-002, -003 and -004.
#pragma once

#include "probes/checks/check.h"

namespace rocekit::checks {

void check_hca_names(const NodeView& view, Verdicts& verdicts);
void check_hca_prefixes(const NodeView& view, Verdicts& verdicts);
void check_hca_left_out(const NodeView& view, Verdicts& verdicts);

/// Entries of NCCL_IB_HCA that match no device, or only ports that are down though other ports are ACTIVE; empty when
/// the list is unset or excludes. A down twin of an ACTIVE port is not among them: ROCE-LNK-002.
std::vector<std::string> idle_hca_entries(const NodeView& view);

}  // namespace rocekit::checks
