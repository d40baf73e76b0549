// librocekit_mpi_collectives.so: non-blocking collectives of MPI behind a C table.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <deque>
#include <new>
#include <vector>

#include "collectives/communicator/numbers.h"
#include "collectives/mpi/module/table.h"

struct rocekit_mpi_group {
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Datatype half = MPI_DATATYPE_NULL;  ///< two bytes
  MPI_Op sum_bf16 = MPI_OP_NULL;
  MPI_Op sum_fp16 = MPI_OP_NULL;
  std::vector<MPI_Request> requests;
  /// MPI reads counts and offsets until the operation is complete.
  std::deque<std::vector<int>> arrays;
};

namespace {

using rocekit::collectives::Bf16;
using rocekit::collectives::Fp16;
using rocekit::collectives::to_float;

int result_of(int code, const char* call, char* error, std::size_t error_size) {
  if (code == MPI_SUCCESS) return 0;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  ::MPI_Error_string(code, text, &length);
  std::snprintf(error, error_size, "%s: %s", call, text);
  return 1;
}

Bf16 narrowed(float number, Bf16 /*type*/) { return rocekit::collectives::to_bf16(number); }
Fp16 narrowed(float number, Fp16 /*type*/) { return rocekit::collectives::to_fp16(number); }

/// MPI has no type of two bytes that adds as a floating point number.
template <class Number>
void add(void* from, void* to, int* count, MPI_Datatype* /*type*/) {
  const auto* const a = static_cast<const Number*>(from);
  auto* const b = static_cast<Number*>(to);
  for (int i = 0; i < *count; ++i) b[i] = narrowed(to_float(a[i]) + to_float(b[i]), Number{});
}

int init(int* rank, int* size, char* error, std::size_t error_size) {
  int provided = MPI_THREAD_SINGLE;
  // The tool starts MPI in one thread and uses it in another.
  if (result_of(::MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread", error,
                error_size) != 0) {
    return 1;
  }
  if (provided < MPI_THREAD_SERIALIZED) {
    std::snprintf(error, error_size, "this MPI was built without support of threads (MPI_THREAD_SERIALIZED)");
    return 1;
  }
  // Else MPI ends the process itself, with a page of text.
  ::MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  ::MPI_Comm_rank(MPI_COMM_WORLD, rank);
  ::MPI_Comm_size(MPI_COMM_WORLD, size);
  return 0;
}

int running(int* rank, int* size) {
  int started = 0;
  int ended = 0;
  ::MPI_Initialized(&started);
  ::MPI_Finalized(&ended);
  if (started == 0 || ended != 0) return 0;
  ::MPI_Comm_rank(MPI_COMM_WORLD, rank);
  ::MPI_Comm_size(MPI_COMM_WORLD, size);
  return 1;
}

int broadcast_from_0(void* bytes, std::size_t count, char* error, std::size_t error_size) {
  return result_of(::MPI_Bcast(bytes, static_cast<int>(count), MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast", error,
                   error_size);
}

int finalize(char* error, std::size_t error_size) {
  return result_of(::MPI_Finalize(), "MPI_Finalize", error, error_size);
}

void library(char* text, std::size_t size) {
  char name[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  ::MPI_Get_library_version(name, &length);
  std::snprintf(text, size, "%s", name);
}

int open_group(const int* ranks, int count, rocekit_mpi_group** group, char* error, std::size_t error_size) {
  auto* const opened = new (std::nothrow) rocekit_mpi_group;
  if (opened == nullptr) {
    std::snprintf(error, error_size, "out of memory");
    return 1;
  }
  *group = opened;
  MPI_Group world = MPI_GROUP_NULL;
  MPI_Group members = MPI_GROUP_NULL;
  int code = ::MPI_Comm_group(MPI_COMM_WORLD, &world);
  if (code == MPI_SUCCESS) code = ::MPI_Group_incl(world, count, ranks, &members);
  if (code == MPI_SUCCESS) code = ::MPI_Comm_create_group(MPI_COMM_WORLD, members, 0, &opened->comm);
  if (members != MPI_GROUP_NULL) ::MPI_Group_free(&members);
  if (world != MPI_GROUP_NULL) ::MPI_Group_free(&world);
  if (result_of(code, "MPI_Comm_create_group", error, error_size) != 0) return 1;
  ::MPI_Comm_set_errhandler(opened->comm, MPI_ERRORS_RETURN);
  code = ::MPI_Type_contiguous(2, MPI_BYTE, &opened->half);
  if (code == MPI_SUCCESS) code = ::MPI_Type_commit(&opened->half);
  if (code == MPI_SUCCESS) code = ::MPI_Op_create(add<Bf16>, 1, &opened->sum_bf16);
  if (code == MPI_SUCCESS) code = ::MPI_Op_create(add<Fp16>, 1, &opened->sum_fp16);
  return result_of(code, "MPI_Op_create", error, error_size);
}

void close_group(rocekit_mpi_group* group) { delete group; }

const int* kept(rocekit_mpi_group& group, const int* numbers, int count) {
  return group.arrays.emplace_back(numbers, numbers + count).data();
}

int start(rocekit_mpi_group* group, const rocekit_mpi_operation* operation, char* error, std::size_t error_size) try {
  const rocekit_mpi_operation& op = *operation;
  MPI_Datatype type = MPI_BYTE;
  MPI_Op sum = MPI_SUM;
  switch (op.type) {
    case rocekit_mpi_bytes:
      break;
    case rocekit_mpi_bf16:
      type = group->half;
      sum = group->sum_bf16;
      break;
    case rocekit_mpi_fp16:
      type = group->half;
      sum = group->sum_fp16;
      break;
    case rocekit_mpi_fp32:
      type = MPI_FLOAT;
      break;
    case rocekit_mpi_int32:
      type = MPI_INT32_T;
      break;
  }
  MPI_Comm comm = group->comm;
  MPI_Request request = MPI_REQUEST_NULL;
  const int n = op.count;
  int code = MPI_SUCCESS;
  const char* call = "";
  switch (op.kind) {
    case rocekit_mpi_all_reduce:
      call = "MPI_Iallreduce";
      code = ::MPI_Iallreduce(op.send, op.receive, n, type, sum, comm, &request);
      break;
    case rocekit_mpi_all_gather:
      call = "MPI_Iallgather";
      code = ::MPI_Iallgather(op.send, n, type, op.receive, n, type, comm, &request);
      break;
    case rocekit_mpi_reduce_scatter:
      call = "MPI_Ireduce_scatter_block";
      code = ::MPI_Ireduce_scatter_block(op.send, op.receive, n, type, sum, comm, &request);
      break;
    case rocekit_mpi_all_to_all:
      call = "MPI_Ialltoall";
      code = ::MPI_Ialltoall(op.send, n, type, op.receive, n, type, comm, &request);
      break;
    case rocekit_mpi_all_to_all_v: {
      int size = 0;
      ::MPI_Comm_size(comm, &size);
      call = "MPI_Ialltoallv";
      code = ::MPI_Ialltoallv(op.send, kept(*group, op.send_counts, size), kept(*group, op.send_offsets, size), type,
                              op.receive, kept(*group, op.receive_counts, size), kept(*group, op.receive_offsets, size),
                              type, comm, &request);
      break;
    }
    case rocekit_mpi_broadcast: {
      int rank = 0;
      ::MPI_Comm_rank(comm, &rank);
      call = "MPI_Ibcast";
      // The root's buffer is only read.
      code = ::MPI_Ibcast(rank == op.peer ? const_cast<void*>(op.send) : op.receive, n, type, op.peer, comm, &request);
      break;
    }
    case rocekit_mpi_send:
      call = "MPI_Isend";
      code = ::MPI_Isend(op.send, n, type, op.peer, op.tag, comm, &request);
      break;
    case rocekit_mpi_receive:
      call = "MPI_Irecv";
      code = ::MPI_Irecv(op.receive, n, type, op.peer, op.tag, comm, &request);
      break;
  }
  if (code == MPI_SUCCESS) group->requests.push_back(request);
  return result_of(code, call, error, error_size);
} catch (const std::bad_alloc&) {
  std::snprintf(error, error_size, "out of memory");
  return 1;
}

int test(rocekit_mpi_group* group, int* done, char* error, std::size_t error_size) {
  int all = 0;
  const int code =
      ::MPI_Testall(static_cast<int>(group->requests.size()), group->requests.data(), &all, MPI_STATUSES_IGNORE);
  *done = all;
  if (all != 0) {
    group->requests.clear();
    group->arrays.clear();
  }
  return result_of(code, "MPI_Testall", error, error_size);
}

constexpr rocekit_mpi_collectives_table table = {rocekit::collectives::mpi_collectives_table_version,
                                                 init,
                                                 running,
                                                 broadcast_from_0,
                                                 finalize,
                                                 library,
                                                 open_group,
                                                 close_group,
                                                 start,
                                                 test};

}  // namespace

const rocekit_mpi_collectives_table* rocekit_mpi_collectives() { return &table; }
