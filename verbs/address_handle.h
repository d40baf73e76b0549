// The way to a peer of unconnected queue pairs (UD).
#pragma once

#include "verbs/protection_domain.h"
#include "verbs/queue_pair.h"

namespace rocekit::verbs {

class AddressHandle {
 public:
  /// On RoCE the peer's Ethernet address is resolved here. `domain` must outlive the handle. Throws TransportError, as
  /// QueuePair::connect().
  AddressHandle(const ProtectionDomain& domain, const Destination& destination, const GidEntry& local);
  AddressHandle(const AddressHandle&) = delete;
  AddressHandle& operator=(const AddressHandle&) = delete;
  ~AddressHandle() { domain_.device().library().destroy_ah(handle_); }

  ibv_ah* get() const { return handle_; }

 private:
  const ProtectionDomain& domain_;
  ibv_ah* handle_;
};

}  // namespace rocekit::verbs
