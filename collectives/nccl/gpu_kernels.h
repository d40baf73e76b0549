// The kernels of kernels.cu as this library carries them: machine code for the GPUs it knows, PTX for others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/dynlib/cuda.h"

namespace rocekit::collectives {

/// What rocekit_check counts.
struct CheckResult {
  std::uint64_t wrong = 0;
  std::uint64_t first = UINT64_MAX;
};

/// Loaded into the context that is current; unloaded with it.
class GpuKernels {
 public:
  /// nullopt, with `why`: built without nvcc, or the driver takes none of the code.
  static std::optional<GpuKernels> load(const dynlib::CudaDriver& cuda, std::string& why);

  dynlib::CudaResult fill(dynlib::CudaStream stream, dynlib::CudaDevicePointer data, std::uint64_t elements, int type,
                          std::uint32_t rank, std::uint32_t seed) const;
  /// `source` < 0: a sum over `ranks` ranks. Elements count from `base` on in `result`.
  dynlib::CudaResult check(dynlib::CudaStream stream, dynlib::CudaDevicePointer data, std::uint64_t elements, int type,
                           int source, std::uint64_t source_element, int ranks, std::uint32_t seed, double tolerance,
                           std::uint64_t base, dynlib::CudaDevicePointer result) const;
  dynlib::CudaResult delay(dynlib::CudaStream stream, std::uint64_t nanoseconds) const;

 private:
  explicit GpuKernels(const dynlib::CudaDriver& cuda) : cuda_(&cuda) {}

  const dynlib::CudaDriver* cuda_;
  dynlib::CudaFunction fill_ = nullptr;
  dynlib::CudaFunction check_ = nullptr;
  dynlib::CudaFunction delay_ = nullptr;
};

}  // namespace rocekit::collectives
