// Rules on interfaces and addresses of bootstrap and serving frameworks: ROCE-ENV-005 and -009.
#pragma once

#include "probes/checks/check.h"

namespace rocekit::checks {

void check_socket_interface(const NodeView& view, Verdicts& verdicts);
/// NCCL finds no interface only because interfaces of the fabric, which NCCL_SOCKET_IFNAME names, have no link: the
/// link is at fault (ROCE-LNK-001, -002), not the setting.
bool bootstrap_lacks_link(const NodeView& view);
/// NCCL finds no interface, but addresses of interfaces that it would look at could not be read.
const facts::Missing* unread_bootstrap_addresses(const NodeView& view);

void check_framework_addresses(const NodeView& view, Verdicts& verdicts);

}  // namespace rocekit::checks
