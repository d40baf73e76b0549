// A port of an RDMA device as message channels share it: opened once, one completion queue, and the memory that
// messages come from and arrive in, registered once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "verbs/completion_queue.h"
#include "verbs/device_context.h"
#include "verbs/endpoint.h"
#include "verbs/memory_region.h"
#include "verbs/protection_domain.h"

namespace rocekit::verbs {

class RcRail {
 public:
  /// `completions`: how many of all channels may wait in the queue.
  RcRail(const EndpointOptions& options, int completions);

  const DeviceContext& device() const { return device_; }
  const GidEntry& gid() const { return gid_; }
  const ProtectionDomain& domain() const { return domain_; }
  CompletionQueue& queue() { return queue_; }

  void attach(const std::vector<const Buffer*>& memory);
  /// Of the attached memory that holds these bytes. Throws std::logic_error when none does.
  const MemoryRegion& region_of(const std::byte* data, std::size_t size) const;

  /// Access to memory that messages arrive in. Its bytes are read after a completion only, so they may come in any
  /// order.
  unsigned access() const {
    unsigned access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
    if (device_.deviations().relaxed_ordering_helps) access |= IBV_ACCESS_RELAXED_ORDERING;
    return access;
  }

 private:
  struct Attached {
    Attached(const ProtectionDomain& domain, const Buffer& buffer, unsigned access, std::uint64_t before)
        : data(buffer.data()), size(buffer.size()), region(domain, buffer, access, before) {}
    const std::byte* data;
    std::size_t size;
    MemoryRegion region;
  };

  DeviceContext device_;
  GidEntry gid_;
  ProtectionDomain domain_;
  CompletionQueue queue_;
  std::deque<Attached> attached_;
};

}  // namespace rocekit::verbs
