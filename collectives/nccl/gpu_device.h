// A GPU: one stream of its primary context (the one that NCCL uses too), buffers in its memory, kernels that fill and
// check them, CUDA graphs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collectives/communicator/device.h"
#include "core/dynlib/cuda.h"

namespace rocekit::collectives {

/// What may be behind a deadline that passed.
inline constexpr const char* why_operations_hang =
    "a peer is gone, stuck, or issued other operations, or full-size packets are lost between nodes; "
    "roce-probe explain ROCE-PAIR-019";

/// What NCCL needs to know of it.
class GpuDevice : public Device {
 public:
  virtual int ordinal() const = 0;
  virtual dynlib::CudaStream stream() const = 0;
  /// A function that makes the GPU's primary context the calling thread's, as NCCL works on the GPU that is current.
  /// It may outlive the device.
  virtual std::function<void()> context_setter() const = 0;
  /// Whether all that was enqueued is done, or has failed.
  virtual bool idle() const = 0;
  /// Buffers that reserve() takes from here on come from there: memory that NCCL has made it can register for direct
  /// access when operations are recorded (ncclMemAlloc, which nccl-tests uses too). `allocate` gives nullptr when it
  /// has none.
  virtual void allocate_with(std::function<void*(std::size_t)> allocate, std::function<void(void*)> free) = 0;
  /// What this build or driver lacks, a sentence each.
  virtual std::vector<std::string> notes() const = 0;
};

/// `ordinal` as CUDA counts (CUDA_VISIBLE_DEVICES renumbers). The GPU stays current in the calling thread.
/// Throws InputError: no driver, no GPU, no such ordinal; CollectiveError: the GPU could not be set up.
std::unique_ptr<Device> make_gpu_device(int ordinal);

}  // namespace rocekit::collectives
