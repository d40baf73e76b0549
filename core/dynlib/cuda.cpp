#include "core/dynlib/cuda.h"

namespace rocekit::dynlib {
namespace {

template <class Function>
void take(CudaDriver& driver, Function*& slot, const char* name) {
  slot = driver.library.function<Function>(name);
  if (slot == nullptr && driver.error.empty()) driver.error = driver.library.path() + " has no function " + name;
}

}  // namespace

CudaDriver CudaDriver::load() {
  CudaDriver driver;
  driver.library = SharedLibrary("libcuda.so.1");
  if (!driver.library) {
    driver.error = driver.library.error();
    return driver;
  }
  take(driver, driver.init, "cuInit");
  take(driver, driver.device_get_count, "cuDeviceGetCount");
  take(driver, driver.device_get, "cuDeviceGet");
  take(driver, driver.device_get_name, "cuDeviceGetName");
  take(driver, driver.device_get_pci_bus_id, "cuDeviceGetPCIBusId");
  take(driver, driver.device_get_attribute, "cuDeviceGetAttribute");
  take(driver, driver.get_error_name, "cuGetErrorName");
  return driver;
}

bool CudaDriver::bind_memory() {
  if (!usable()) return false;
  take(*this, primary_context_retain, "cuDevicePrimaryCtxRetain");
  take(*this, primary_context_release, "cuDevicePrimaryCtxRelease_v2");
  take(*this, context_push, "cuCtxPushCurrent_v2");
  take(*this, context_pop, "cuCtxPopCurrent_v2");
  take(*this, memory_alloc, "cuMemAlloc_v2");
  take(*this, memory_free, "cuMemFree_v2");
  take(*this, memory_host_alloc, "cuMemHostAlloc");
  take(*this, memory_free_host, "cuMemFreeHost");
  take(*this, copy_to_device, "cuMemcpyHtoD_v2");
  take(*this, copy_from_device, "cuMemcpyDtoH_v2");
  take(*this, memset_d8, "cuMemsetD8_v2");
  take(*this, pointer_set_attribute, "cuPointerSetAttribute");
  memory_handle_for_range =
      library.function<CudaResult(void*, CudaDevicePointer, std::size_t, int, unsigned long long)>(
          "cuMemGetHandleForAddressRange");
  return usable();
}

bool CudaDriver::bind_running() {
  if (!bind_memory()) return false;
  take(*this, context_set_current, "cuCtxSetCurrent");
  take(*this, memory_info, "cuMemGetInfo_v2");
  take(*this, memory_host_get_device_pointer, "cuMemHostGetDevicePointer_v2");
  take(*this, stream_create, "cuStreamCreate");
  take(*this, stream_destroy, "cuStreamDestroy_v2");
  take(*this, stream_query, "cuStreamQuery");
  take(*this, copy_to_device_async, "cuMemcpyHtoDAsync_v2");
  take(*this, memset_d8_async, "cuMemsetD8Async");
  take(*this, module_load_data, "cuModuleLoadData");
  take(*this, module_unload, "cuModuleUnload");
  take(*this, module_get_function, "cuModuleGetFunction");
  take(*this, launch_kernel, "cuLaunchKernel");
  take(*this, stream_begin_capture, "cuStreamBeginCapture_v2");
  take(*this, stream_end_capture, "cuStreamEndCapture");
  take(*this, graph_instantiate, "cuGraphInstantiateWithFlags");
  take(*this, graph_launch, "cuGraphLaunch");
  take(*this, graph_exec_destroy, "cuGraphExecDestroy");
  take(*this, graph_destroy, "cuGraphDestroy");
  return usable();
}

std::string CudaDriver::describe(const char* function, CudaResult result) const {
  const char* name = nullptr;
  const bool known = get_error_name(result, &name) == cuda_success && name != nullptr;
  return std::string(function) + ": " + (known ? name : "error " + std::to_string(result));
}

}  // namespace rocekit::dynlib
