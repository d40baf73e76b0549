// Rules on interfaces and addresses of bootstrap and serving frameworks: ROCE-ENV-005 and -009.
#pragma once

#include "probes/checks/check.h"

namespace rocekit::checks {

void check_socket_interface(const NodeView& view, Verdicts& verdicts);
void check_framework_addresses(const NodeView& view, Verdicts& verdicts);

}  // namespace rocekit::checks
