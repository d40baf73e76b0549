// A GPU: one stream of its primary context (the one that NCCL uses too), buffers in its memory, kernels that fill and
// check them, CUDA graphs.
#pragma once

#include <memory>

#include "collectives/communicator/device.h"
#include "core/dynlib/cuda.h"

namespace rocekit::collectives {

/// What NCCL needs to know of it.
class GpuDevice : public Device {
 public:
  virtual int ordinal() const = 0;
  virtual dynlib::CudaStream stream() const = 0;
  /// Makes the GPU's primary context the calling thread's: NCCL works on the GPU that is current.
  virtual void make_current() const = 0;
};

/// `ordinal` as CUDA counts (CUDA_VISIBLE_DEVICES renumbers). The GPU stays current in the calling thread.
/// Throws InputError: no driver, no GPU, no such ordinal; CollectiveError: the GPU could not be set up.
std::unique_ptr<Device> make_gpu_device(int ordinal);

}  // namespace rocekit::collectives
