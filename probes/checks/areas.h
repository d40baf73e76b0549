// One function per area file; registry.cpp joins them.
#pragma once

#include <span>

#include "probes/checks/check.h"

namespace rocekit::checks {

std::span<const Check> device_checks();       // device_checks.cpp       ROCE-DEV
std::span<const Check> link_checks();         // link_checks.cpp         ROCE-LNK
std::span<const Check> mtu_checks();          // mtu_checks.cpp          ROCE-MTU
std::span<const Check> gid_checks();          // gid_checks.cpp          ROCE-GID
std::span<const Check> pci_checks();          // pci_checks.cpp          ROCE-PCI
std::span<const Check> access_checks();       // access_checks.cpp       ROCE-ACC
std::span<const Check> network_checks();      // network_checks.cpp      ROCE-NET
std::span<const Check> environment_checks();  // environment_checks.cpp  ROCE-ENV
std::span<const Check> counter_checks();      // counter_checks.cpp      ROCE-CTR
std::span<const Check> serving_checks();      // serving_checks.cpp      ROCE-SRV
std::span<const Check> persistence_checks();  // persistence_checks.cpp  ROCE-CFG

}  // namespace rocekit::checks
