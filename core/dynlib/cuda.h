// The CUDA driver, loaded at run time: one table of the functions that the tools call, declared here so that no CUDA
// header is needed to build.
#pragma once

#include <cstddef>
#include <string>

#include "core/dynlib/shared_library.h"

namespace rocekit::dynlib {

/// CUresult, CUdevice and CUdevice_attribute of cuda.h are C enums or int.
using CudaResult = int;
using CudaDevice = int;
inline constexpr CudaResult cuda_success = 0;
/// CUcontext, a pointer to a struct that only the driver knows; CUdeviceptr, an address of the device.
struct CudaContextState;
using CudaContext = CudaContextState*;
using CudaDevicePointer = unsigned long long;
/// CUstream, CUmodule, CUfunction, CUgraph, CUgraphExec: likewise pointers.
struct CudaStreamState;
using CudaStream = CudaStreamState*;
struct CudaModuleState;
using CudaModule = CudaModuleState*;
struct CudaFunctionState;
using CudaFunction = CudaFunctionState*;
struct CudaGraphState;
using CudaGraph = CudaGraphState*;
struct CudaGraphExecState;
using CudaGraphExec = CudaGraphExecState*;
inline constexpr CudaResult cuda_error_out_of_memory = 2;
inline constexpr CudaResult cuda_error_not_ready = 600;
/// CUdevice_attribute of cuda.h.
inline constexpr int cuda_attribute_integrated = 18;
inline constexpr int cuda_attribute_gpu_direct_rdma_supported = 116;
inline constexpr int cuda_attribute_dma_buf_supported = 124;
/// CU_MEMHOSTALLOC_PORTABLE: pinned for all contexts.
inline constexpr unsigned cuda_host_alloc_portable = 1;
/// CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: copies of this memory are complete when they return, also for other devices.
inline constexpr int cuda_pointer_attribute_sync_memops = 6;
/// CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD
inline constexpr int cuda_handle_type_dma_buf = 1;
/// CU_STREAM_NON_BLOCKING: no waiting for the legacy default stream.
inline constexpr unsigned cuda_stream_non_blocking = 1;
/// CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads (NCCL's, which allocate) go on meanwhile.
inline constexpr int cuda_capture_thread_local = 1;

struct CudaDriver {
  CudaResult (*init)(unsigned flags) = nullptr;
  CudaResult (*device_get_count)(int* count) = nullptr;
  CudaResult (*device_get)(CudaDevice* device, int ordinal) = nullptr;
  CudaResult (*device_get_name)(char* name, int length, CudaDevice device) = nullptr;
  CudaResult (*device_get_pci_bus_id)(char* bus_id, int length, CudaDevice device) = nullptr;
  CudaResult (*device_get_attribute)(int* value, int attribute, CudaDevice device) = nullptr;
  CudaResult (*get_error_name)(CudaResult error, const char** name) = nullptr;

  // ---- bind_memory()

  CudaResult (*primary_context_retain)(CudaContext* context, CudaDevice device) = nullptr;
  CudaResult (*primary_context_release)(CudaDevice device) = nullptr;
  CudaResult (*context_push)(CudaContext context) = nullptr;
  CudaResult (*context_pop)(CudaContext* context) = nullptr;
  CudaResult (*memory_alloc)(CudaDevicePointer* address, std::size_t size) = nullptr;
  CudaResult (*memory_free)(CudaDevicePointer address) = nullptr;
  CudaResult (*memory_host_alloc)(void** address, std::size_t size, unsigned flags) = nullptr;
  CudaResult (*memory_free_host)(void* address) = nullptr;
  CudaResult (*copy_to_device)(CudaDevicePointer to, const void* from, std::size_t size) = nullptr;
  CudaResult (*copy_from_device)(void* to, CudaDevicePointer from, std::size_t size) = nullptr;
  CudaResult (*memset_d8)(CudaDevicePointer to, unsigned char value, std::size_t size) = nullptr;
  CudaResult (*pointer_set_attribute)(const void* value, int attribute, CudaDevicePointer address) = nullptr;
  /// CUDA 11.7; nullptr before.
  CudaResult (*memory_handle_for_range)(void* handle, CudaDevicePointer address, std::size_t size, int type,
                                        unsigned long long flags) = nullptr;

  // ---- bind_running()

  CudaResult (*context_set_current)(CudaContext context) = nullptr;
  CudaResult (*memory_info)(std::size_t* free, std::size_t* total) = nullptr;
  CudaResult (*memory_host_get_device_pointer)(CudaDevicePointer* address, void* host, unsigned flags) = nullptr;
  CudaResult (*stream_create)(CudaStream* stream, unsigned flags) = nullptr;
  CudaResult (*stream_destroy)(CudaStream stream) = nullptr;
  CudaResult (*stream_query)(CudaStream stream) = nullptr;
  CudaResult (*copy_to_device_async)(CudaDevicePointer to, const void* from, std::size_t size,
                                     CudaStream stream) = nullptr;
  CudaResult (*memset_d8_async)(CudaDevicePointer to, unsigned char value, std::size_t size,
                                CudaStream stream) = nullptr;
  CudaResult (*module_load_data)(CudaModule* module, const void* image) = nullptr;
  CudaResult (*module_unload)(CudaModule module) = nullptr;
  CudaResult (*module_get_function)(CudaFunction* function, CudaModule module, const char* name) = nullptr;
  CudaResult (*launch_kernel)(CudaFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                              unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                              CudaStream stream, void** parameters, void** extra) = nullptr;
  CudaResult (*stream_begin_capture)(CudaStream stream, int mode) = nullptr;
  CudaResult (*stream_end_capture)(CudaStream stream, CudaGraph* graph) = nullptr;
  CudaResult (*graph_instantiate)(CudaGraphExec* executable, CudaGraph graph, unsigned long long flags) = nullptr;
  CudaResult (*graph_launch)(CudaGraphExec executable, CudaStream stream) = nullptr;
  CudaResult (*graph_exec_destroy)(CudaGraphExec executable) = nullptr;
  CudaResult (*graph_destroy)(CudaGraph graph) = nullptr;

  SharedLibrary library;
  std::string error;  ///< why the table cannot be used: the library is missing, or it lacks a function

  /// libcuda.so.1. Loading starts nothing yet; init() does, and may take seconds on machines with many GPUs.
  static CudaDriver load();
  bool usable() const { return error.empty(); }
  /// Binds what taking and copying memory needs as well. False, with `error`, when the driver lacks a function.
  bool bind_memory();
  /// Binds what running kernels and graphs on a stream needs as well, with bind_memory(). Drivers from CUDA 11.4 on.
  bool bind_running();
  /// "cuInit: CUDA_ERROR_NO_DEVICE". Precondition: usable().
  std::string describe(const char* function, CudaResult result) const;
};

}  // namespace rocekit::dynlib
