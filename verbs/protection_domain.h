// What memory regions and queue pairs must share to work together.
#pragma once

#include <cstdint>

#include "verbs/device_context.h"

namespace rocekit::verbs {

class ProtectionDomain {
 public:
  /// `device` must outlive the domain. Throws TransportError.
  explicit ProtectionDomain(const DeviceContext& device);
  ProtectionDomain(const ProtectionDomain&) = delete;
  ProtectionDomain& operator=(const ProtectionDomain&) = delete;
  ~ProtectionDomain() { device_.library().dealloc_pd(domain_); }

  ibv_pd* get() const { return domain_; }
  const DeviceContext& device() const { return device_; }

 private:
  const DeviceContext& device_;
  ibv_pd* domain_;
};

}  // namespace rocekit::verbs
