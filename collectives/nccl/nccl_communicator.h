// Collective operations by NCCL on a GPU's stream.
#pragma once

#include <memory>
#include <string>

#include "collectives/communicator/communicator.h"
#include "collectives/nccl/nccl_library.h"

namespace rocekit::collectives {

struct NcclOptions {
  /// "IB", "Socket", a plugin's; empty: NCCL chooses. The environment's NCCL_NET overrides it: unset it before the
  /// library is loaded. The same on all ranks, or NCCL hangs (until the deadline).
  std::string net_name;
};

/// `device`: of make_gpu_device(). Device and library outlive the communicator; recordings that hold its operations
/// are destroyed before it. Throws InputError: net_name with a library that takes none, a device that is no GPU.
std::unique_ptr<Communicator> make_nccl_communicator(Device& device, const NcclLibrary& library,
                                                     const Membership& membership, const NcclOptions& options);

}  // namespace rocekit::collectives
