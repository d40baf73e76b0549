#include <algorithm>
#include <cctype>

#include "probes/checks/areas.h"
#include "probes/checks/measured_checks.h"

namespace rocekit::checks {
namespace {

std::vector<Check> join_areas() {
  std::vector<Check> joined;
  for (const std::span<const Check> area : {device_checks(), link_checks(), mtu_checks(), gid_checks(), pci_checks(),
                                            access_checks(), network_checks(), environment_checks(), serving_checks(),
                                            counter_checks(), persistence_checks(), pair_checks(), measured_checks()}) {
    const auto begin = joined.insert(joined.end(), area.begin(), area.end());
    std::sort(begin, joined.end(), [](const Check& a, const Check& b) { return a.id < b.id; });
  }
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
