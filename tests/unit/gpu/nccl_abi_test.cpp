// Declarations of this repository against the headers of CUDA and NCCL, where these are installed; all of it is checked
// when it compiles.
#include "collectives/nccl/nccl_abi.h"

#include <gtest/gtest.h>

#include "core/dynlib/cuda.h"

#if __has_include(<nccl.h>) && __has_include(<cuda.h>)
#include <cuda.h>
#include <nccl.h>

#include <cstddef>
#include <type_traits>

namespace {

using namespace rocekit;
namespace nccl = collectives::nccl;

/// Passed alike: both pointers, or numbers and structures of one size and kind.
template <class A, class B>
constexpr bool alike_value() {
  if constexpr (std::is_void_v<A> || std::is_void_v<B>) {
    return std::is_void_v<A> && std::is_void_v<B>;
  } else {
    return std::is_pointer_v<A> == std::is_pointer_v<B> && std::is_class_v<A> == std::is_class_v<B> &&
           sizeof(A) == sizeof(B) && alignof(A) == alignof(B);
  }
}
template <class A, class B>
struct Alike : std::false_type {};
template <class A, class... As, class B, class... Bs>
struct Alike<A(As...), B(Bs...)> {
  static constexpr bool compare() {
    if constexpr (sizeof...(As) == sizeof...(Bs)) {
      return alike_value<A, B>() && (alike_value<As, Bs>() && ...);
    } else {
      return false;
    }
  }
  static constexpr bool value = compare();
};

#define SAME_FUNCTION(table, slot, function) \
  static_assert(Alike<std::remove_pointer_t<decltype(table::slot)>, std::remove_pointer_t<decltype(&function)>>::value)

using Nccl = nccl::Functions;
SAME_FUNCTION(Nccl, get_version, ncclGetVersion);
SAME_FUNCTION(Nccl, get_unique_id, ncclGetUniqueId);
SAME_FUNCTION(Nccl, comm_init_rank_config, ncclCommInitRankConfig);
SAME_FUNCTION(Nccl, comm_destroy, ncclCommDestroy);
SAME_FUNCTION(Nccl, comm_abort, ncclCommAbort);
SAME_FUNCTION(Nccl, comm_get_async_error, ncclCommGetAsyncError);
SAME_FUNCTION(Nccl, get_error_string, ncclGetErrorString);
SAME_FUNCTION(Nccl, get_last_error, ncclGetLastError);
SAME_FUNCTION(Nccl, all_reduce, ncclAllReduce);
SAME_FUNCTION(Nccl, broadcast, ncclBroadcast);
SAME_FUNCTION(Nccl, reduce_scatter, ncclReduceScatter);
SAME_FUNCTION(Nccl, all_gather, ncclAllGather);
SAME_FUNCTION(Nccl, send, ncclSend);
SAME_FUNCTION(Nccl, recv, ncclRecv);
SAME_FUNCTION(Nccl, group_start, ncclGroupStart);
SAME_FUNCTION(Nccl, group_end, ncclGroupEnd);
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 7)
SAME_FUNCTION(Nccl, all_to_all, ncclAlltoAll);
SAME_FUNCTION(Nccl, comm_revoke, ncclCommRevoke);
#endif

static_assert(nccl::success == ncclSuccess && nccl::unhandled_cuda_error == ncclUnhandledCudaError &&
              nccl::system_error == ncclSystemError && nccl::internal_error == ncclInternalError &&
              nccl::invalid_argument == ncclInvalidArgument && nccl::invalid_usage == ncclInvalidUsage &&
              nccl::remote_error == ncclRemoteError && nccl::in_progress == ncclInProgress);
static_assert(nccl::type_int8 == ncclInt8 && nccl::type_int32 == ncclInt32 && nccl::type_float16 == ncclFloat16 &&
              nccl::type_float32 == ncclFloat32 && nccl::type_bfloat16 == ncclBfloat16 && nccl::op_sum == ncclSum);
static_assert(sizeof(nccl::UniqueId) == sizeof(ncclUniqueId));
static_assert(offsetof(nccl::Config, magic) == offsetof(ncclConfig_t, magic) &&
              offsetof(nccl::Config, version) == offsetof(ncclConfig_t, version) &&
              offsetof(nccl::Config, blocking) == offsetof(ncclConfig_t, blocking) &&
              offsetof(nccl::Config, cga_cluster_size) == offsetof(ncclConfig_t, cgaClusterSize) &&
              offsetof(nccl::Config, min_ctas) == offsetof(ncclConfig_t, minCTAs) &&
              offsetof(nccl::Config, max_ctas) == offsetof(ncclConfig_t, maxCTAs) &&
              offsetof(nccl::Config, net_name) == offsetof(ncclConfig_t, netName));
static_assert(nccl::undefined == NCCL_CONFIG_UNDEF_INT);
static_assert(nccl::version_code(2, 17, 1) == NCCL_VERSION(2, 17, 1));

using Cuda = dynlib::CudaDriver;
SAME_FUNCTION(Cuda, init, cuInit);
SAME_FUNCTION(Cuda, device_get_count, cuDeviceGetCount);
SAME_FUNCTION(Cuda, device_get, cuDeviceGet);
SAME_FUNCTION(Cuda, device_get_name, cuDeviceGetName);
SAME_FUNCTION(Cuda, device_get_pci_bus_id, cuDeviceGetPCIBusId);
SAME_FUNCTION(Cuda, device_get_attribute, cuDeviceGetAttribute);
SAME_FUNCTION(Cuda, get_error_name, cuGetErrorName);
SAME_FUNCTION(Cuda, primary_context_retain, cuDevicePrimaryCtxRetain);
SAME_FUNCTION(Cuda, primary_context_release, cuDevicePrimaryCtxRelease_v2);
SAME_FUNCTION(Cuda, context_push, cuCtxPushCurrent_v2);
SAME_FUNCTION(Cuda, context_pop, cuCtxPopCurrent_v2);
SAME_FUNCTION(Cuda, memory_alloc, cuMemAlloc_v2);
SAME_FUNCTION(Cuda, memory_free, cuMemFree_v2);
SAME_FUNCTION(Cuda, memory_host_alloc, cuMemHostAlloc);
SAME_FUNCTION(Cuda, memory_free_host, cuMemFreeHost);
SAME_FUNCTION(Cuda, copy_to_device, cuMemcpyHtoD_v2);
SAME_FUNCTION(Cuda, copy_from_device, cuMemcpyDtoH_v2);
SAME_FUNCTION(Cuda, memset_d8, cuMemsetD8_v2);
SAME_FUNCTION(Cuda, pointer_set_attribute, cuPointerSetAttribute);
SAME_FUNCTION(Cuda, memory_handle_for_range, cuMemGetHandleForAddressRange);
SAME_FUNCTION(Cuda, context_set_current, cuCtxSetCurrent);
SAME_FUNCTION(Cuda, memory_info, cuMemGetInfo_v2);
SAME_FUNCTION(Cuda, stream_create, cuStreamCreate);
SAME_FUNCTION(Cuda, stream_destroy, cuStreamDestroy_v2);
SAME_FUNCTION(Cuda, stream_query, cuStreamQuery);
SAME_FUNCTION(Cuda, copy_to_device_async, cuMemcpyHtoDAsync_v2);
SAME_FUNCTION(Cuda, memset_d8_async, cuMemsetD8Async);
SAME_FUNCTION(Cuda, module_load_data, cuModuleLoadData);
SAME_FUNCTION(Cuda, module_unload, cuModuleUnload);
SAME_FUNCTION(Cuda, module_get_function, cuModuleGetFunction);
SAME_FUNCTION(Cuda, launch_kernel, cuLaunchKernel);
SAME_FUNCTION(Cuda, stream_begin_capture, cuStreamBeginCapture_v2);
SAME_FUNCTION(Cuda, stream_end_capture, cuStreamEndCapture);
SAME_FUNCTION(Cuda, graph_instantiate, cuGraphInstantiateWithFlags);
SAME_FUNCTION(Cuda, graph_launch, cuGraphLaunch);
SAME_FUNCTION(Cuda, graph_exec_destroy, cuGraphExecDestroy);
SAME_FUNCTION(Cuda, graph_destroy, cuGraphDestroy);

static_assert(dynlib::cuda_success == CUDA_SUCCESS && dynlib::cuda_error_not_ready == CUDA_ERROR_NOT_READY);
static_assert(dynlib::cuda_attribute_integrated == CU_DEVICE_ATTRIBUTE_INTEGRATED &&
              dynlib::cuda_attribute_gpu_direct_rdma_supported == CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED &&
              dynlib::cuda_attribute_dma_buf_supported == CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED);
static_assert(dynlib::cuda_host_alloc_portable == CU_MEMHOSTALLOC_PORTABLE &&
              dynlib::cuda_pointer_attribute_sync_memops == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS &&
              dynlib::cuda_handle_type_dma_buf == CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD &&
              dynlib::cuda_stream_non_blocking == CU_STREAM_NON_BLOCKING &&
              dynlib::cuda_capture_thread_local == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);

TEST(Declarations, AgreeWithTheHeadersOfCudaAndNccl) { SUCCEED() << "or this file would not compile"; }

}  // namespace
#else
TEST(Declarations, AgreeWithTheHeadersOfCudaAndNccl) { GTEST_SKIP() << "cuda.h and nccl.h are not installed here"; }
#endif
