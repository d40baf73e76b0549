// Memory of messages: pages of this process, huge pages, memory of a GPU, or host memory pinned by the GPU's driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "verbs/endpoint.h"

namespace rocekit::verbs {

/// Bytes that the kernel could give to programs without swapping (MemAvailable); 0 when it does not say.
std::uint64_t available_memory();

/// Page aligned, zeroed, and backed by memory from the start: no page fault falls into a measurement. Movable; freed
/// when destroyed. The CUDA driver is loaded only for MemoryKind::gpu and gpu_host.
class Buffer {
 public:
  /// `size` of 1 or more. Throws InputError, one sentence with what to do: memory that is not free (more than half of
  /// MemAvailable is refused: larger runs have frozen nodes whose GPU shares it), no huge pages reserved, no CUDA
  /// driver or GPU, a GPU whose memory no network adapter can read.
  Buffer(MemoryKind kind, std::size_t size, int gpu = 0);
  Buffer(Buffer&&) noexcept;
  Buffer& operator=(Buffer&&) noexcept;
  ~Buffer();

  MemoryKind kind() const;
  std::size_t size() const;
  /// Of MemoryKind::gpu: an address of the device, which the CPU must not follow.
  std::byte* data() const;
  bool is_host() const { return kind() != MemoryKind::gpu; }

  /// Copies into and out of the buffer, whatever its kind; any thread may call.
  void copy_in(std::size_t offset, const void* from, std::size_t size);
  void copy_out(std::size_t offset, void* to, std::size_t size) const;
  void fill(std::size_t offset, std::size_t size, unsigned char value);

  /// MemoryKind::gpu where the driver exports it: a dma-buf of the whole buffer, for ibv_reg_dmabuf_mr. The caller
  /// closes it.
  std::optional<int> export_dma_buf() const;

 private:
  class Memory;
  class Pages;
  class GpuMemory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace rocekit::verbs
