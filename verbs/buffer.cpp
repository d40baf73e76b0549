#include "verbs/buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "core/dynlib/cuda.h"
#include "core/error.h"

namespace rocekit::verbs {
namespace {

/// A line of /proc/meminfo ("HugePages_Free:") as its number; 0 when it is not there.
std::uint64_t meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string word;
  std::uint64_t value = 0;
  while (file >> word) {
    if (word == key && file >> value) return value;
  }
  return 0;
}

std::size_t rounded_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

constexpr double bytes_per_mib = 1024.0 * 1024.0;

void require_free_memory(std::size_t size) {
  const std::uint64_t available = available_memory();
  if (available == 0 || size <= available / 2) return;
  throw InputError(
      fmt::format("message buffers of {:.0f} MiB are more than half of the memory that is free ({:.0f} MiB): "
                  "give smaller --sizes or fewer --qps",
                  static_cast<double>(size) / bytes_per_mib, static_cast<double>(available) / bytes_per_mib));
}

}  // namespace

std::uint64_t available_memory() { return meminfo("MemAvailable:") * 1024; }

class Buffer::Memory {
 public:
  Memory(MemoryKind kind, std::size_t size) : kind_(kind), size_(size) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  virtual void copy_in(std::size_t offset, const void* from, std::size_t size) {
    std::memcpy(data_ + offset, from, size);
  }
  virtual void copy_out(std::size_t offset, void* to, std::size_t size) const { std::memcpy(to, data_ + offset, size); }
  virtual void fill(std::size_t offset, std::size_t size, unsigned char value) {
    std::memset(data_ + offset, value, size);
  }
  virtual std::optional<int> export_dma_buf() const { return std::nullopt; }

  MemoryKind kind() const { return kind_; }
  std::size_t size() const { return size_; }
  std::byte* data() const { return data_; }

 protected:
  std::byte* data_ = nullptr;

 private:
  MemoryKind kind_;
  std::size_t size_;
};

class Buffer::Pages final : public Buffer::Memory {
 public:
  Pages(MemoryKind kind, std::size_t size) : Memory(kind, size) {
    const bool huge = kind == MemoryKind::hugepages;
    if (!huge) require_free_memory(size);
    const std::size_t page = huge ? meminfo("Hugepagesize:") * 1024 : static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = rounded_up(size, page == 0 ? 1 : page);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | (huge ? MAP_HUGETLB : 0);
    void* const address = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (address == MAP_FAILED) {
      const std::string why = std::strerror(errno);
      if (!huge) {
        throw InputError(fmt::format("message buffers of {:.0f} MiB cannot be had: {}",
                                     static_cast<double>(size) / bytes_per_mib, why));
      }
      const std::size_t pages = page == 0 ? 0 : mapped_ / page;
      throw InputError(
          fmt::format("message buffers need {} huge pages of {} KiB: {} ({} are free): reserve them with "
                      "sudo sysctl vm.nr_hugepages={}",
                      pages, page / 1024, why, meminfo("HugePages_Free:"), meminfo("HugePages_Total:") + pages));
    }
    data_ = static_cast<std::byte*>(address);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() override { munmap(data_, mapped_); }

 private:
  std::size_t mapped_ = 0;
};

/// Memory that the GPU's driver gave, in the GPU's primary context (the one that the runtime API uses too).
class Buffer::GpuMemory final : public Buffer::Memory {
 public:
  GpuMemory(MemoryKind kind, std::size_t size, int gpu)
      : Memory(kind, size), name_(fmt::format("--memory {} on GPU {}", to_string(kind), gpu)), cuda_(load()) {
    check("cuInit", cuda_.init(0));
    int count = 0;
    check("cuDeviceGetCount", cuda_.device_get_count(&count));
    if (gpu < 0 || gpu >= count)
      throw InputError(fmt::format("{}: this node has {} GPUs (0 is the first)", name_, count));
    check("cuDeviceGet", cuda_.device_get(&device_, gpu));
    if (kind == MemoryKind::gpu) require_gpu_direct();
    if (kind == MemoryKind::gpu_host) require_free_memory(size);
    check("cuDevicePrimaryCtxRetain", cuda_.primary_context_retain(&context_, device_));
    try {
      take();
    } catch (...) {
      release();
      throw;
    }
  }
  GpuMemory(const GpuMemory&) = delete;
  GpuMemory& operator=(const GpuMemory&) = delete;
  ~GpuMemory() override { release(); }

  void copy_in(std::size_t offset, const void* from, std::size_t size) override {
    if (!on_device()) return Memory::copy_in(offset, from, size);
    const Current current(*this);
    check("cuMemcpyHtoD", cuda_.copy_to_device(address() + offset, from, size));
  }
  void copy_out(std::size_t offset, void* to, std::size_t size) const override {
    if (!on_device()) return Memory::copy_out(offset, to, size);
    const Current current(*this);
    check("cuMemcpyDtoH", cuda_.copy_from_device(to, address() + offset, size));
  }
  void fill(std::size_t offset, std::size_t size, unsigned char value) override {
    if (!on_device()) return Memory::fill(offset, size, value);
    const Current current(*this);
    check("cuMemsetD8", cuda_.memset_d8(address() + offset, value, size));
  }

  std::optional<int> export_dma_buf() const override {
    if (!on_device() || cuda_.memory_handle_for_range == nullptr ||
        attribute(dynlib::cuda_attribute_dma_buf_supported) != 1)
      return std::nullopt;
    const Current current(*this);
    int descriptor = -1;
    // The range must be whole pages of the host; the allocation is.
    const auto result =
        cuda_.memory_handle_for_range(&descriptor, address(), allocated_, dynlib::cuda_handle_type_dma_buf, 0);
    if (result != dynlib::cuda_success || descriptor < 0) return std::nullopt;
    return descriptor;
  }

 private:
  /// The context belongs to no thread for longer than a call.
  class Current {
   public:
    explicit Current(const GpuMemory& memory) : memory_(memory) {
      memory.check("cuCtxPushCurrent", memory.cuda_.context_push(memory.context_));
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    ~Current() {
      dynlib::CudaContext before = nullptr;
      memory_.cuda_.context_pop(&before);
    }

   private:
    const GpuMemory& memory_;
  };

  dynlib::CudaDriver load() const {
    dynlib::CudaDriver cuda = dynlib::CudaDriver::load();
    if (!cuda.usable() || !cuda.bind_memory()) {
      throw InputError(fmt::format("{} needs the CUDA driver: {}; --memory host needs none", name_, cuda.error));
    }
    return cuda;
  }

  void check(const char* function, dynlib::CudaResult result) const {
    if (result != dynlib::cuda_success)
      throw InputError(fmt::format("{}: {}", name_, cuda_.describe(function, result)));
  }

  int attribute(int number) const {
    int value = 0;
    return cuda_.device_get_attribute(&value, number, device_) == dynlib::cuda_success ? value : 0;
  }

  /// An integrated GPU's memory cannot be read by devices of the bus, whatever modules are loaded.
  void require_gpu_direct() const {
    const int dma_buf = attribute(dynlib::cuda_attribute_dma_buf_supported);
    const int direct = attribute(dynlib::cuda_attribute_gpu_direct_rdma_supported);
    const int integrated = attribute(dynlib::cuda_attribute_integrated);
    if (integrated == 0 && (dma_buf != 0 || direct != 0)) return;
    throw InputError(fmt::format(
        "{}: network adapters cannot reach this GPU's memory (CUDA attributes INTEGRATED={}, DMA_BUF_SUPPORTED={}, "
        "GPU_DIRECT_RDMA_SUPPORTED={}): take --memory gpu-host; roce-probe explain ROCE-ACC-007",
        name_, integrated, dma_buf, direct));
  }

  void take() {
    const Current current(*this);
    if (!on_device()) {
      void* host = nullptr;
      check("cuMemHostAlloc", cuda_.memory_host_alloc(&host, size(), dynlib::cuda_host_alloc_portable));
      data_ = static_cast<std::byte*>(host);
      std::memset(data_, 0, size());
      return;
    }
    // Whole pages of 64 KiB, the GPU's own: what dma-buf and peermem hand to the adapter. Also whole pages of the host,
    // whose are 4, 16 or 64 KiB on Arm: cuMemGetHandleForAddressRange asks for these.
    constexpr std::size_t gpu_page = 64 * 1024;
    allocated_ = rounded_up(size(), gpu_page);
    dynlib::CudaDevicePointer device_address = 0;
    check("cuMemAlloc", cuda_.memory_alloc(&device_address, allocated_));
    data_ = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(device_address));
    const unsigned yes = 1;
    check("cuPointerSetAttribute",
          cuda_.pointer_set_attribute(&yes, dynlib::cuda_pointer_attribute_sync_memops, device_address));
    check("cuMemsetD8", cuda_.memset_d8(device_address, 0, allocated_));
  }

  void release() noexcept {
    if (data_ != nullptr && cuda_.context_push(context_) == dynlib::cuda_success) {
      if (on_device()) {
        cuda_.memory_free(address());
      } else {
        cuda_.memory_free_host(data_);
      }
      dynlib::CudaContext before = nullptr;
      cuda_.context_pop(&before);
    }
    cuda_.primary_context_release(device_);
  }

  bool on_device() const { return kind() == MemoryKind::gpu; }
  dynlib::CudaDevicePointer address() const { return reinterpret_cast<std::uintptr_t>(data_); }

  std::string name_;
  dynlib::CudaDriver cuda_;
  dynlib::CudaDevice device_ = 0;
  dynlib::CudaContext context_ = nullptr;
  std::size_t allocated_ = 0;
};

Buffer::Buffer(MemoryKind kind, std::size_t size, int gpu) {
  if (kind == MemoryKind::gpu || kind == MemoryKind::gpu_host) {
    memory_ = std::make_unique<GpuMemory>(kind, size, gpu);
  } else {
    memory_ = std::make_unique<Pages>(kind, size);
  }
}
Buffer::Buffer(Buffer&&) noexcept = default;
Buffer& Buffer::operator=(Buffer&&) noexcept = default;
Buffer::~Buffer() = default;

MemoryKind Buffer::kind() const { return memory_->kind(); }
std::size_t Buffer::size() const { return memory_->size(); }
std::byte* Buffer::data() const { return memory_->data(); }
void Buffer::copy_in(std::size_t offset, const void* from, std::size_t size) { memory_->copy_in(offset, from, size); }
void Buffer::copy_out(std::size_t offset, void* to, std::size_t size) const { memory_->copy_out(offset, to, size); }
void Buffer::fill(std::size_t offset, std::size_t size, unsigned char value) { memory_->fill(offset, size, value); }
std::optional<int> Buffer::export_dma_buf() const { return memory_->export_dma_buf(); }

}  // namespace rocekit::verbs
