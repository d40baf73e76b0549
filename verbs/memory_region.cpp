#include "verbs/memory_region.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "verbs/causes.h"

namespace rocekit::verbs {

MemoryRegion::MemoryRegion(const ProtectionDomain& domain, const Buffer& buffer, unsigned access, std::uint64_t before)
    : domain_(domain), address_(reinterpret_cast<std::uintptr_t>(buffer.data())) {
  const dynlib::Ibverbs& library = domain.device().library();
  const bool gpu = !buffer.is_host();
  if (gpu && library.reg_dmabuf_mr != nullptr) {
    if (const auto descriptor = buffer.export_dma_buf()) {
      // Relaxed ordering is an optional flag of plain registration; dma-buf takes required flags only.
      const auto required = static_cast<int>(access & ~static_cast<unsigned>(IBV_ACCESS_OPTIONAL_RANGE));
      region_ = library.reg_dmabuf_mr(domain.get(), 0, buffer.size(), address_, *descriptor, required);
      close(*descriptor);
      if (region_ != nullptr) gpu_way_ = "dma-buf";
    }
  }
  if (region_ == nullptr) {
    region_ = library.reg_mr(domain.get(), buffer.data(), buffer.size(), access);
    if (gpu) gpu_way_ = "peermem";
  }
  if (region_ == nullptr) {
    const int error = errno;
    const Cause cause = gpu ? cause_of_gpu_registration(error)
                            : cause_of_registration(error, buffer.size(), before, read_locked_memory());
    throw TransportError(
        {fmt::format("ibv_reg_mr of {}", size_text(buffer.size())), domain.device().name(), {}, cause.check_id}, error,
        cause.sentence);
  }
}

}  // namespace rocekit::verbs
