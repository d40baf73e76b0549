#include "verbs/address_handle.h"

#include <fmt/format.h>

#include <cerrno>

#include "verbs/causes.h"

namespace rocekit::verbs {

AddressHandle::AddressHandle(const ProtectionDomain& domain, const Destination& destination, const GidEntry& local)
    : domain_(domain) {
  const DeviceContext& device = domain.device();
  ibv_ah_attr route = route_to(destination, local, device);
  handle_ = device.library().create_ah(domain.get(), &route);
  if (handle_ == nullptr) {
    const int error = errno;
    GidEntry remote = local;
    remote.gid = destination.gid;
    const Cause cause = cause_of_connect(error, {describe(local), describe(remote), local.index});
    throw TransportError(
        {"ibv_create_ah", fmt::format("{} GID {}", device.name(), local.index), destination.peer, cause.check_id},
        error, cause.sentence);
  }
}

}  // namespace rocekit::verbs
