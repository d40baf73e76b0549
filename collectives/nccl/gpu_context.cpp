#include "collectives/nccl/gpu_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "collectives/communicator/device.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

/// " (CUDA_VISIBLE_DEVICES=1)", which hides and renumbers GPUs; empty where it is not set.
std::string visible_devices() {
  const char* const value = std::getenv("CUDA_VISIBLE_DEVICES");
  return value != nullptr ? fmt::format(" (CUDA_VISIBLE_DEVICES={})", value) : "";
}

}  // namespace

GpuContext::GpuContext(int ordinal) : cuda_(dynlib::CudaDriver::load()), ordinal_(ordinal) {
  if (!cuda_.usable() || !cuda_.bind_running()) {
    throw InputError(fmt::format(
        "NCCL needs a GPU, and its driver is not here: {}; --backend host measures without one", cuda_.error));
  }
  if (const auto result = cuda_.init(0); result != dynlib::cuda_success) {
    throw InputError(fmt::format("no GPU can be used here: {}{}; --backend host measures without one",
                                 cuda_.describe("cuInit", result), visible_devices()));
  }
  int count = 0;
  description_ = fmt::format("GPU {}", ordinal);
  check("cuDeviceGetCount", cuda_.device_get_count(&count));
  if (ordinal < 0 || ordinal >= count) {
    throw InputError(fmt::format("there is no GPU {} here: {} {} visible{}, 0 is the first", ordinal, count,
                                 count == 1 ? "is" : "are", visible_devices()));
  }
  check("cuDeviceGet", cuda_.device_get(&device_, ordinal));
  description_ = describe_device();
  int integrated = 0;
  integrated_ =
      cuda_.device_get_attribute(&integrated, dynlib::cuda_attribute_integrated, device_) == dynlib::cuda_success &&
      integrated != 0;
  check("cuDevicePrimaryCtxRetain", cuda_.primary_context_retain(&context_, device_));
  if (const auto result = cuda_.context_set_current(context_); result != dynlib::cuda_success) {
    cuda_.primary_context_release(device_);
    check("cuCtxSetCurrent", result);
  }
}

GpuContext::~GpuContext() {
  cuda_.context_set_current(nullptr);
  cuda_.primary_context_release(device_);
}

std::string GpuContext::describe_device() const {
  std::array<char, 128> name{};
  std::array<char, 32> address{};
  if (cuda_.device_get_name(name.data(), static_cast<int>(name.size()) - 1, device_) != dynlib::cuda_success ||
      cuda_.device_get_pci_bus_id(address.data(), static_cast<int>(address.size()) - 1, device_) !=
          dynlib::cuda_success) {
    return fmt::format("GPU {}", ordinal_);
  }
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return fmt::format("GPU {}, {} ({})", ordinal_, name.data(), address.data());
}

void GpuContext::make_current() const { check("cuCtxSetCurrent", cuda_.context_set_current(context_)); }

std::uint64_t GpuContext::free_memory() const {
  std::size_t free = 0;
  std::size_t total = 0;
  return cuda_.memory_info(&free, &total) == dynlib::cuda_success ? free : 0;
}

void GpuContext::check(const char* function, dynlib::CudaResult result) const {
  if (result != dynlib::cuda_success)
    throw CollectiveError(fmt::format("{}: {}", description_, cuda_.describe(function, result)));
}

}  // namespace rocekit::collectives
