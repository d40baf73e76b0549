#include "collectives/nccl/gpu_kernels.h"

#include <algorithm>

#ifdef ROCEKIT_KERNELS_FATBIN
// clang-format off
__asm__(
    ".pushsection .rodata\n"
    ".balign 64\n"
    ".globl rocekit_kernels_fatbin\n"
    ".hidden rocekit_kernels_fatbin\n"
    "rocekit_kernels_fatbin:\n"
    ".incbin \"" ROCEKIT_KERNELS_FATBIN "\"\n"
    ".popsection\n");
// clang-format on
extern "C" const unsigned char rocekit_kernels_fatbin[];
#endif

namespace rocekit::collectives {
namespace {

constexpr unsigned block_threads = 256;
constexpr std::uint64_t most_blocks = 2048;

unsigned blocks_for(std::uint64_t elements) {
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>((elements + block_threads - 1) / block_threads, 1, most_blocks));
}

}  // namespace

std::optional<GpuKernels> GpuKernels::load([[maybe_unused]] const dynlib::CudaDriver& cuda, std::string& why) {
#ifdef ROCEKIT_KERNELS_FATBIN
  GpuKernels kernels(cuda);
  dynlib::CudaModule module = nullptr;
  dynlib::CudaResult result = cuda.module_load_data(&module, rocekit_kernels_fatbin);
  if (result != dynlib::cuda_success) {
    why = cuda.describe("cuModuleLoadData", result);
    return std::nullopt;
  }
  // The module stays until the context ends.
  for (const auto& [slot, name] : {std::pair{&kernels.fill_, "rocekit_fill"},
                                   {&kernels.check_, "rocekit_check"},
                                   {&kernels.delay_, "rocekit_delay"}}) {
    result = cuda.module_get_function(slot, module, name);
    if (result != dynlib::cuda_success) {
      why = cuda.describe("cuModuleGetFunction", result);
      return std::nullopt;
    }
  }
  return kernels;
#else
  why = "this build has none (nvcc was missing)";
  return std::nullopt;
#endif
}

dynlib::CudaResult GpuKernels::fill(dynlib::CudaStream stream, dynlib::CudaDevicePointer data, std::uint64_t elements,
                                    int type, std::uint32_t rank, std::uint32_t seed) const {
  void* parameters[] = {&data, &elements, &type, &rank, &seed};
  return cuda_->launch_kernel(fill_, blocks_for(elements), 1, 1, block_threads, 1, 1, 0, stream, parameters, nullptr);
}

dynlib::CudaResult GpuKernels::check(dynlib::CudaStream stream, dynlib::CudaDevicePointer data, std::uint64_t elements,
                                     int type, int source, std::uint64_t source_element, int ranks, std::uint32_t seed,
                                     double tolerance, std::uint64_t base, dynlib::CudaDevicePointer result) const {
  void* parameters[] = {&data, &elements, &type, &source, &source_element, &ranks, &seed, &tolerance, &base, &result};
  return cuda_->launch_kernel(check_, blocks_for(elements), 1, 1, block_threads, 1, 1, 0, stream, parameters, nullptr);
}

dynlib::CudaResult GpuKernels::delay(dynlib::CudaStream stream, std::uint64_t nanoseconds) const {
  void* parameters[] = {&nanoseconds};
  return cuda_->launch_kernel(delay_, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr);
}

}  // namespace rocekit::collectives
