#include "verbs/protection_domain.h"

#include <cerrno>

namespace rocekit::verbs {

ProtectionDomain::ProtectionDomain(const DeviceContext& device)
    : device_(device), domain_(device.library().alloc_pd(device.get())) {
  if (domain_ == nullptr) throw TransportError({"ibv_alloc_pd", device.name(), {}, {}}, errno);
}

}  // namespace rocekit::verbs
