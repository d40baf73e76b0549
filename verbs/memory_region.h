// A buffer that the device may read and write.
#pragma once

#include <cstdint>

#include "verbs/buffer.h"
#include "verbs/protection_domain.h"

namespace rocekit::verbs {

class MemoryRegion {
 public:
  /// Registers the whole buffer: memory of a GPU through dma-buf where the driver and libibverbs know it, else through
  /// nvidia_peermem. `access`: ibv_access_flags. `before`: bytes that this endpoint has registered already, for the
  /// message. Domain and buffer must outlive the region. Throws TransportError (ROCE-ACC-003, ROCE-ACC-004,
  /// ROCE-ACC-007).
  MemoryRegion(const ProtectionDomain& domain, const Buffer& buffer, unsigned access, std::uint64_t before = 0);
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;
  ~MemoryRegion() { domain_.device().library().dereg_mr(region_); }

  std::uint32_t lkey() const { return region_->lkey; }
  std::uint32_t rkey() const { return region_->rkey; }
  /// Address of the buffer's first byte in work requests, this end's and the peer's.
  std::uint64_t address() const { return address_; }
  /// "dma-buf", "peermem"; empty for memory of the host.
  const char* gpu_way() const { return gpu_way_; }

 private:
  const ProtectionDomain& domain_;
  ibv_mr* region_ = nullptr;
  std::uint64_t address_;
  const char* gpu_way_ = "";
};

}  // namespace rocekit::verbs
