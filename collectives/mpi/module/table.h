// What librocekit_mpi_collectives.so gives to the tools, none of which links MPI: a C table, so that module and tool
// may come from different compilers.
#pragma once

#include <cstddef>
#include <cstdint>

// NOLINTBEGIN(modernize-use-using): read by C too
extern "C" {

enum rocekit_mpi_kind {
  rocekit_mpi_all_reduce,      ///< `count` elements, summed
  rocekit_mpi_all_gather,      ///< `count` elements of each rank
  rocekit_mpi_reduce_scatter,  ///< `count` elements for each rank, summed
  rocekit_mpi_all_to_all,      ///< `count` elements for each rank
  rocekit_mpi_all_to_all_v,    ///< bytes, by counts and offsets
  rocekit_mpi_broadcast,       ///< from `peer`, which gives `send`; the others get `receive`
  rocekit_mpi_send,            ///< to `peer`
  rocekit_mpi_receive          ///< from `peer`
};

enum rocekit_mpi_type { rocekit_mpi_bytes, rocekit_mpi_bf16, rocekit_mpi_fp16, rocekit_mpi_fp32, rocekit_mpi_int32 };

/// One call of a non-blocking function of MPI. The arrays hold one number a rank and may be gone after start().
typedef struct rocekit_mpi_operation {
  enum rocekit_mpi_kind kind;
  enum rocekit_mpi_type type;
  const void* send;
  void* receive;
  int count;
  int peer;
  int tag;
  const int* send_counts;
  const int* send_offsets;
  const int* receive_counts;
  const int* receive_offsets;
} rocekit_mpi_operation;

/// A group of ranks: a communicator of MPI, and what has been started on it.
typedef struct rocekit_mpi_group rocekit_mpi_group;

/// Functions that return int return 0, or write a sentence into `error` (of `error_size` bytes) and return something
/// else. One thread at a time.
typedef struct rocekit_mpi_collectives_table {
  std::uint32_t version;
  /// MPI_Init_thread. Once in the life of a process.
  int (*init)(int* rank, int* size, char* error, std::size_t error_size);
  /// Whether MPI is started and has not ended; its rank and size then.
  int (*running)(int* rank, int* size);
  int (*broadcast_from_0)(void* bytes, std::size_t count, char* error, std::size_t error_size);
  int (*finalize)(char* error, std::size_t error_size);
  /// MPI's own name and version: "Open MPI v4.1.4, package: ...".
  void (*library)(char* text, std::size_t size);

  /// Ranks of the world, by rank of the group, which all call it.
  int (*open_group)(const int* ranks, int count, rocekit_mpi_group** group, char* error, std::size_t error_size);
  /// Frees what this process holds; the communicator of MPI, whose end all ranks would have to join, stays.
  void (*close_group)(rocekit_mpi_group* group);
  int (*start)(rocekit_mpi_group* group, const rocekit_mpi_operation* operation, char* error, std::size_t error_size);
  /// *done: all that was started is complete.
  int (*test)(rocekit_mpi_group* group, int* done, char* error, std::size_t error_size);
} rocekit_mpi_collectives_table;

/// The module's one symbol.
const rocekit_mpi_collectives_table* rocekit_mpi_collectives(void);
}
// NOLINTEND(modernize-use-using)

namespace rocekit::collectives {
inline constexpr std::uint32_t mpi_collectives_table_version = 1;
inline constexpr const char* mpi_collectives_table_symbol = "rocekit_mpi_collectives";
}  // namespace rocekit::collectives
