// What librocekit_mpi.so gives to the tools, none of which links MPI: a C table, so that module and tool may come from
// different compilers.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// NOLINTNEXTLINE(modernize-use-using): read by C too
typedef struct rocekit_mpi_table {
  std::uint32_t version;
  /// Each returns 0, or writes a sentence into `error` (of `error_size` bytes) and returns something else.
  int (*init)(int* rank, int* size, char* error, std::size_t error_size);
  int (*broadcast_from_0)(void* bytes, std::size_t count, char* error, std::size_t error_size);
  int (*finalize)(char* error, std::size_t error_size);
} rocekit_mpi_table;

/// The module's one symbol.
const rocekit_mpi_table* rocekit_mpi(void);
}

namespace rocekit::session {
inline constexpr std::uint32_t mpi_table_version = 1;
inline constexpr const char* mpi_table_symbol = "rocekit_mpi";
}  // namespace rocekit::session
