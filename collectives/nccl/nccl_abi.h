// What nccl.h declares and this backend calls, declared here so that no NCCL or CUDA header is needed to build: names
// and numbers as of NCCL 2.30, all of them unchanged since 2.17 (tests/unit/gpu holds them to the header, where one is
// installed).
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include "core/dynlib/cuda.h"

namespace rocekit::collectives::nccl {

/// ncclResult_t, ncclDataType_t and ncclRedOp_t are C enums.
using Result = int;
inline constexpr Result success = 0;
inline constexpr Result unhandled_cuda_error = 1;
inline constexpr Result system_error = 2;
inline constexpr Result internal_error = 3;
inline constexpr Result invalid_argument = 4;
inline constexpr Result invalid_usage = 5;
inline constexpr Result remote_error = 6;
inline constexpr Result in_progress = 7;

inline constexpr int type_int8 = 0;
inline constexpr int type_int32 = 2;
inline constexpr int type_float16 = 6;
inline constexpr int type_float32 = 7;
inline constexpr int type_bfloat16 = 9;
inline constexpr int op_sum = 0;

/// ncclComm_t
struct CommState;
using Comm = CommState*;
/// cudaStream_t is CUstream.
using Stream = dynlib::CudaStream;

struct UniqueId {
  char internal[128];
};

/// ncclConfig_t of NCCL 2.17, the first with netName. Newer versions add fields at its end; each copies as many bytes
/// as `size` says and takes its own defaults for the rest, so the first part serves them all.
struct Config {
  std::size_t size;
  unsigned magic;
  unsigned version;
  int blocking;
  int cga_cluster_size;
  int min_ctas;
  int max_ctas;
  const char* net_name;
};
inline constexpr unsigned config_magic = 0xcafebeef;
inline constexpr int undefined = INT_MIN;

/// NCCL_VERSION(2, 17, 1); since 2.9.
constexpr int version_code(int major, int minor, int patch) { return major * 10000 + minor * 100 + patch; }
inline constexpr int oldest_version = version_code(2, 14, 0);       ///< ncclCommInitRankConfig
inline constexpr int first_with_net_name = version_code(2, 17, 0);  ///< ncclConfig_t.netName

/// Functions of nccl.h, by their names there.
struct Functions {
  Result (*get_version)(int* version) = nullptr;
  Result (*get_unique_id)(UniqueId* id) = nullptr;
  Result (*comm_init_rank_config)(Comm* comm, int ranks, UniqueId id, int rank, Config* config) = nullptr;
  Result (*comm_destroy)(Comm comm) = nullptr;
  Result (*comm_abort)(Comm comm) = nullptr;
  Result (*comm_get_async_error)(Comm comm, Result* error) = nullptr;
  const char* (*get_error_string)(Result result) = nullptr;
  Result (*all_reduce)(const void* send, void* receive, std::size_t count, int type, int op, Comm comm,
                       Stream stream) = nullptr;
  Result (*broadcast)(const void* send, void* receive, std::size_t count, int type, int root, Comm comm,
                      Stream stream) = nullptr;
  Result (*reduce_scatter)(const void* send, void* receive, std::size_t receive_count, int type, int op, Comm comm,
                           Stream stream) = nullptr;
  Result (*all_gather)(const void* send, void* receive, std::size_t send_count, int type, Comm comm,
                       Stream stream) = nullptr;
  Result (*send)(const void* data, std::size_t count, int type, int peer, Comm comm, Stream stream) = nullptr;
  Result (*recv)(void* data, std::size_t count, int type, int peer, Comm comm, Stream stream) = nullptr;
  Result (*group_start)() = nullptr;
  Result (*group_end)() = nullptr;
  // nullptr where the library lacks them
  Result (*all_to_all)(const void* send, void* receive, std::size_t count, int type, Comm comm,
                       Stream stream) = nullptr;                 ///< 2.28
  const char* (*get_last_error)(Comm comm) = nullptr;            ///< 2.13
  Result (*comm_revoke)(Comm comm, int flags) = nullptr;         ///< 2.28.7
  Result (*mem_alloc)(void** data, std::size_t size) = nullptr;  ///< 2.19
  Result (*mem_free)(void* data) = nullptr;                      ///< 2.19
};

/// For a library of `version`: everything left to NCCL but the network's name, where one is given (not nullptr).
/// Before 2.17 there is no name to give: the part that such a library knows.
Config config_for(int version, const char* net_name);

}  // namespace rocekit::collectives::nccl
