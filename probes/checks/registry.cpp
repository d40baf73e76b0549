#include <algorithm>
#include <cctype>

#include "probes/checks/areas.h"

namespace rocekit::checks {
namespace {

std::vector<Check> join_areas() {
  std::vector<Check> joined;
  [[maybe_unused]] const auto add = [&](std::span<const Check> area) {
    const auto begin = joined.insert(joined.end(), area.begin(), area.end());
    std::sort(begin, joined.end(), [](const Check& a, const Check& b) { return a.id < b.id; });
  };
#ifdef ROCEKIT_HAVE_DEVICE_CHECKS
  add(device_checks());
#endif
#ifdef ROCEKIT_HAVE_LINK_CHECKS
  add(link_checks());
#endif
#ifdef ROCEKIT_HAVE_MTU_CHECKS
  add(mtu_checks());
#endif
#ifdef ROCEKIT_HAVE_GID_CHECKS
  add(gid_checks());
#endif
#ifdef ROCEKIT_HAVE_PCI_CHECKS
  add(pci_checks());
#endif
#ifdef ROCEKIT_HAVE_ACCESS_CHECKS
  add(access_checks());
#endif
#ifdef ROCEKIT_HAVE_NETWORK_CHECKS
  add(network_checks());
#endif
#ifdef ROCEKIT_HAVE_ENVIRONMENT_CHECKS
  add(environment_checks());
#endif
#ifdef ROCEKIT_HAVE_COUNTER_CHECKS
  add(counter_checks());
#endif
#ifdef ROCEKIT_HAVE_PERSISTENCE_CHECKS
  add(persistence_checks());
#endif
  return joined;
}

bool same_id(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}

}  // namespace

std::span<const Check> all_checks() {
  static const std::vector<Check> checks = join_areas();
  return checks;
}

const Check* find_check(std::string_view id) {
  for (const Check& check : all_checks()) {
    if (same_id(check.id, id)) return &check;
  }
  return nullptr;
}

}  // namespace rocekit::checks
