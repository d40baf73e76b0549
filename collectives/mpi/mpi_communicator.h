// MPI's own collectives on host memory: a second opinion.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "collectives/communicator/communicator.h"

namespace rocekit::collectives {

/// "Open MPI 4.1.4" and "4.1.4".
struct MpiVersion {
  std::string name;
  std::string version;
};
/// Throws InputError where the module is not installed.
MpiVersion mpi_version();

/// `device`: memory of this host; must outlive the communicator. `world_ranks`: of MPI's world, which are the
/// session's, by rank of the group. MPI must have been started (mpi_process.h), which goes under mpirun and srun only:
/// else throws InputError, as where the module is not installed.
///
/// Operations are MPI's non-blocking ones, polled: what blocks in MPI could not be ended when a peer is lost. Open MPI
/// chooses other algorithms for them than for the blocking ones.
std::unique_ptr<Communicator> make_mpi_communicator(Device& device, const Membership& membership,
                                                    const std::vector<int>& world_ranks);

}  // namespace rocekit::collectives
