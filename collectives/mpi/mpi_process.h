// MPI in this process, from the first word between the ranks to the end of the run.
//
// MPI starts once in a process, and under a launcher once for each rank of a job: its PMIx server takes a rank whose
// MPI has ended off its list, and MPI_Init of another process as that rank fails and ends the job (seen with Open
// MPI 4.1, whether the first process called MPI_Finalize or not). The session's own way, MPI in a child process that
// ends once the ranks know each other, therefore leaves nothing for a backend: a tool that is to measure MPI starts it
// here, and gives start_mpi() to the session as its courier.
#pragma once

#include <chrono>
#include <string>

namespace rocekit::collectives {

/// session::DoorContext::courier: starts MPI and broadcasts rank 0's bytes, which have the same length on all ranks.
/// Throws InputError (no module), CollectiveError (MPI failed, or sees other ranks than the launcher). MPI's own errors
/// while it starts may end the process, with MPI's text.
std::string start_mpi(int rank, int size, std::string bytes);

/// MPI_Finalize, which waits for the other ranks; gives up after `time`. Only when the run has gone well on all ranks:
/// else the process simply ends. Does nothing where MPI has not been started.
void end_mpi(std::chrono::milliseconds time = std::chrono::seconds(5)) noexcept;

}  // namespace rocekit::collectives
