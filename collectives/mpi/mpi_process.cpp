#include "collectives/mpi/mpi_process.h"

#include <fmt/format.h>

#include <cstdlib>

#include "collectives/communicator/device.h"
#include "collectives/mpi/bounded_call.h"
#include "collectives/mpi/mpi_library.h"

namespace rocekit::collectives {

std::string start_mpi(int rank, int size, std::string bytes) {
  const MpiLibrary mpi;
  // A transport that finds no device says so on standard error; which transports there are is Open MPI's matter.
  ::setenv("OMPI_MCA_btl_base_warn_component_unused", "0", 0);
  int mpi_rank = 0;
  int mpi_size = 0;
  MpiLibrary::require([&](char* error, std::size_t n) { return mpi.table().init(&mpi_rank, &mpi_size, error, n); });
  if (mpi_rank != rank || mpi_size != size) {
    throw CollectiveError(
        fmt::format("MPI sees this as rank {} of {}, the launcher as rank {} of {}: start it with the mpirun of the "
                    "same MPI, or with srun --mpi=pmix",
                    mpi_rank, mpi_size, rank, size));
  }
  MpiLibrary::require(
      [&](char* error, std::size_t n) { return mpi.table().broadcast_from_0(bytes.data(), bytes.size(), error, n); });
  return bytes;
}

void end_mpi(std::chrono::milliseconds time) noexcept {
  try {
    const MpiLibrary mpi;
    int rank = 0;
    int size = 0;
    if (mpi.table().running(&rank, &size) == 0) return;
    const auto finalize = mpi.table().finalize;
    bounded_call("MPI_Finalize", Wait{Deadline::after(time)}, [finalize] {
      char error[256] = {};
      finalize(error, sizeof error);
    });
  } catch (const std::exception&) {
    // The run is over and reported; the launcher sees the process end.
  }
}

}  // namespace rocekit::collectives
