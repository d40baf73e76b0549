#include "collectives/nccl/nccl_communicator.h"

#include "core/error.h"

namespace rocekit::collectives {

std::unique_ptr<Communicator> make_nccl_communicator(Device&, const NcclLibrary&, const Membership&,
                                                     const NcclOptions&) {
  throw InputError("NCCL is not measured yet");
}

}  // namespace rocekit::collectives
