// The CUDA driver, loaded at run time: one table of the functions that the tools call, declared here so that no CUDA
// header is needed to build.
#pragma once

#include <string>

#include "core/dynlib/shared_library.h"

namespace rocekit::dynlib {

/// CUresult, CUdevice and CUdevice_attribute of cuda.h are C enums or int.
using CudaResult = int;
using CudaDevice = int;
inline constexpr CudaResult cuda_success = 0;

struct CudaDriver {
  CudaResult (*init)(unsigned flags) = nullptr;
  CudaResult (*device_get_count)(int* count) = nullptr;
  CudaResult (*device_get)(CudaDevice* device, int ordinal) = nullptr;
  CudaResult (*device_get_name)(char* name, int length, CudaDevice device) = nullptr;
  CudaResult (*device_get_pci_bus_id)(char* bus_id, int length, CudaDevice device) = nullptr;
  CudaResult (*device_get_attribute)(int* value, int attribute, CudaDevice device) = nullptr;
  CudaResult (*get_error_name)(CudaResult error, const char** name) = nullptr;

  SharedLibrary library;
  std::string error;  ///< why the table cannot be used: the library is missing, or it lacks a function

  /// libcuda.so.1. Loading starts nothing yet; init() does, and may take seconds on machines with many GPUs.
  static CudaDriver load();
  bool usable() const { return error.empty(); }
  /// "cuInit: CUDA_ERROR_NO_DEVICE". Precondition: usable().
  std::string describe(const char* function, CudaResult result) const;
};

}  // namespace rocekit::dynlib
