// librocekit_mpi.so: loaded only under mpirun and srun, to pass rank 0's address to the other ranks.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>

#include "core/session/mpi_module/table.h"

namespace {

int result_of(int code, const char* call, char* error, std::size_t error_size) {
  if (code == MPI_SUCCESS) return 0;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  ::MPI_Error_string(code, text, &length);
  std::snprintf(error, error_size, "%s: %s", call, text);
  return 1;
}

int init(int* rank, int* size, char* error, std::size_t error_size) {
  if (result_of(::MPI_Init(nullptr, nullptr), "MPI_Init", error, error_size) != 0) return 1;
  // Else MPI ends the process itself, with a page of text.
  ::MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  ::MPI_Comm_rank(MPI_COMM_WORLD, rank);
  ::MPI_Comm_size(MPI_COMM_WORLD, size);
  return 0;
}

int broadcast_from_0(void* bytes, std::size_t count, char* error, std::size_t error_size) {
  return result_of(::MPI_Bcast(bytes, static_cast<int>(count), MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast", error,
                   error_size);
}

int finalize(char* error, std::size_t error_size) {
  return result_of(::MPI_Finalize(), "MPI_Finalize", error, error_size);
}

constexpr rocekit_mpi_table table = {rocekit::session::mpi_table_version, init, broadcast_from_0, finalize};

}  // namespace

const rocekit_mpi_table* rocekit_mpi() { return &table; }
