// The driver and the primary context of one GPU, the context that the CUDA runtime inside NCCL uses too.
#pragma once

#include <cstdint>
#include <string>

#include "core/dynlib/cuda.h"

namespace rocekit::collectives {

/// The context is the constructing thread's current one until this is destroyed.
class GpuContext {
 public:
  /// `ordinal` as CUDA counts. Throws InputError: no driver, no GPU, no such ordinal; CollectiveError.
  explicit GpuContext(int ordinal);
  GpuContext(const GpuContext&) = delete;
  GpuContext& operator=(const GpuContext&) = delete;
  ~GpuContext();

  const dynlib::CudaDriver& cuda() const { return cuda_; }
  int ordinal() const { return ordinal_; }
  /// Shares its memory with the CPU (GB10).
  bool integrated() const { return integrated_; }
  /// "GPU 0, NVIDIA H200 (0000:19:00.0)"
  const std::string& description() const { return description_; }
  void make_current() const;
  /// Of the GPU's memory; 0 when the driver does not tell.
  std::uint64_t free_memory() const;

  /// Throws CollectiveError "GPU 0, NVIDIA H200 (0000:19:00.0): cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY".
  void check(const char* function, dynlib::CudaResult result) const;

 private:
  std::string describe_device() const;

  dynlib::CudaDriver cuda_;
  int ordinal_;
  dynlib::CudaDevice device_ = 0;
  dynlib::CudaContext context_ = nullptr;
  bool integrated_ = false;
  std::string description_;
};

}  // namespace rocekit::collectives
