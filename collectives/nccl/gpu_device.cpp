#include "collectives/nccl/gpu_device.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "collectives/nccl/gpu_context.h"
#include "collectives/nccl/gpu_kernels.h"
#include "collectives/nccl/host_check.h"
#include "core/error.h"
#include "core/text/sizes.h"

namespace rocekit::collectives {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;
/// A poll of the stream costs about half a microsecond.
constexpr int polls_without_yield = 64;
constexpr int polls_between_looks = 32;
constexpr auto between_watches = 250us;
/// How long destruction waits for work that may hang.
constexpr auto patience_at_end = 2s;

dynlib::CudaDevicePointer address_of(const std::byte* data) { return reinterpret_cast<std::uintptr_t>(data); }

struct Allocator {
  std::function<void*(std::size_t)> allocate;  ///< empty: cuMemAlloc
  std::function<void(void*)> free;
};

/// Memory of the GPU, as an engine's tensors are (cudaMalloc), also where it shares the CPU's (GB10). There no adapter
/// can read it, and none has to: without GPUDirect RDMA, NCCL has its kernels copy into host memory that it pins itself
/// (cuMemHostAlloc), and sends from there. What a queue pair of our own sends from is verbs::Buffer, which refuses
/// cuMemAlloc on such a GPU and names cuMemHostAlloc (gpu-host) instead.
class GpuBuffer {
 public:
  GpuBuffer() = default;
  GpuBuffer(const GpuContext& gpu, std::size_t size, const Allocator& allocator = {})
      : gpu_(&gpu), size_(std::max<std::size_t>(size, 256)) {
    if (allocator.allocate) {
      data_ = static_cast<std::byte*>(allocator.allocate(size_));
      free_ = allocator.free;
      if (data_ != nullptr) return;
      // A driver may lack what ncclMemAlloc asks for where there is memory all the same; registering it is an
      // optimisation.
      free_ = nullptr;
    }
    dynlib::CudaDevicePointer address = 0;
    gpu.check("cuMemAlloc", gpu.cuda().memory_alloc(&address, size_));
    data_ = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address));
  }
  GpuBuffer(GpuBuffer&& other) noexcept { swap(other); }
  GpuBuffer& operator=(GpuBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~GpuBuffer() {
    if (data_ == nullptr) return;
    if (free_) {
      free_(data_);
    } else {
      gpu_->cuda().memory_free(address());
    }
  }

  std::byte* data() const { return data_; }
  dynlib::CudaDevicePointer address() const { return address_of(data_); }
  std::size_t size() const { return size_; }
  /// Leaves the memory to the end of the process.
  void forget() { data_ = nullptr; }

 private:
  void swap(GpuBuffer& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(free_, other.free_);
  }

  const GpuContext* gpu_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::function<void(void*)> free_;
};

class GraphRecording final : public Recording {
 public:
  GraphRecording(std::shared_ptr<const GpuContext> gpu, dynlib::CudaGraph graph) : gpu_(std::move(gpu)), graph_(graph) {
    const auto result = gpu_->cuda().graph_instantiate(&executable_, graph_, 0);
    if (result == dynlib::cuda_success) return;
    gpu_->cuda().graph_destroy(graph_);
    gpu_->check("cuGraphInstantiate", result);
  }
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;
  ~GraphRecording() override {
    gpu_->cuda().graph_exec_destroy(executable_);
    gpu_->cuda().graph_destroy(graph_);
  }
  dynlib::CudaGraphExec executable() const { return executable_; }

 private:
  std::shared_ptr<const GpuContext> gpu_;
  dynlib::CudaGraph graph_;
  dynlib::CudaGraphExec executable_ = nullptr;
};

class CudaDevice final : public GpuDevice {
 public:
  explicit CudaDevice(int ordinal) : gpu_(std::make_shared<GpuContext>(ordinal)), cuda_(gpu_->cuda()) {
    gpu_->check("cuStreamCreate", cuda_.stream_create(&stream_, dynlib::cuda_stream_non_blocking));
    kernels_ = GpuKernels::load(cuda_, why_no_kernels_);
  }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice() override {
    stop_recording();
    if (!wait_at_end()) {
      // Freeing waits for the GPU, which may never come; the driver takes all back when the process ends.
      for (GpuBuffer* buffer : {&send_, &receive_, &result_}) buffer->forget();
      static_cast<void>(new std::shared_ptr<GpuContext>(gpu_));
      return;
    }
    cuda_.stream_destroy(stream_);
  }

  int ordinal() const override { return gpu_->ordinal(); }
  dynlib::CudaStream stream() const override { return stream_; }
  std::function<void()> context_setter() const override {
    return [gpu = gpu_] { gpu->make_current(); };
  }
  bool idle() const override { return cuda_.stream_query(stream_) != dynlib::cuda_error_not_ready; }
  void allocate_with(std::function<void*(std::size_t)> allocate, std::function<void(void*)> free) override {
    allocator_ = {std::move(allocate), std::move(free)};
  }
  std::vector<std::string> notes() const override {
    if (kernels_) return {};
    return {fmt::format("no kernels for this GPU: {}; data are filled and checked by the CPU", why_no_kernels_)};
  }

  std::string description() const override { return gpu_->description(); }
  std::uint64_t default_memory_cap() const override {
    const std::uint64_t quarter = gpu_->free_memory() / 4;
    return gpu_->integrated() ? std::min(quarter, gib) : quarter;
  }

  void reserve(std::size_t send_bytes, std::size_t receive_bytes) override {
    if (!wait_at_end()) throw CollectiveError(description() + ": earlier operations still run");
    send_ = GpuBuffer();
    receive_ = GpuBuffer();
    const std::uint64_t free = gpu_->free_memory();
    // Shared memory is the system's too: larger runs have frozen nodes.
    const std::uint64_t most = gpu_->integrated() ? free / 2 : free;
    if (send_bytes > most || receive_bytes > most - send_bytes) throw too_large(send_bytes, receive_bytes, free);
    try {
      send_ = GpuBuffer(*gpu_, send_bytes, allocator_);
      receive_ = GpuBuffer(*gpu_, receive_bytes, allocator_);
    } catch (const CollectiveError&) {
      send_ = GpuBuffer();
      throw too_large(send_bytes, receive_bytes, free);
    }
    // Nothing is written here. Any kernel before NCCL's first, also a memset's, can leave the GPU so that each of
    // NCCL's is 7 % slower from then on (alltoall of 16 MiB on 2x H200): docs/methodology.md.
  }
  std::byte* send_buffer() const override { return send_.data(); }
  std::byte* receive_buffer() const override { return receive_.data(); }

  void fill(std::size_t offset, std::uint64_t elements, traffic::DataType type, int rank, std::uint32_t seed) override {
    if (elements == 0) return;
    const auto to = send_.address() + offset;
    if (kernels_) {
      gpu_->check("fill kernel", kernels_->fill(stream_, to, elements, static_cast<int>(type),
                                                static_cast<std::uint32_t>(rank), seed));
      return;
    }
    fill_by_host(elements, type, rank, seed, [&](std::size_t at, const std::byte* data, std::size_t size) {
      // From pageable memory: the data have been taken over when this returns.
      gpu_->check("cuMemcpyHtoDAsync", cuda_.copy_to_device_async(to + at, data, size, stream_));
    });
  }

  void clear_receive() override {
    gpu_->check("cuMemsetD8Async", cuda_.memset_d8_async(receive_.address(), 0xff, receive_.size(), stream_));
  }

  Mismatch check(std::span<const Segment> segments, traffic::DataType type, int ranks, std::uint32_t seed,
                 const Wait& wait) override {
    synchronize(wait);
    const HostCheck host(type, ranks, seed, [&](std::size_t at, std::byte* data, std::size_t size) {
      gpu_->check("cuMemcpyDtoH", cuda_.copy_from_device(data, receive_.address() + at, size));
    });
    if (!kernels_) return host.check(segments, wait);
    const CheckResult counted = check_by_kernels(segments, type, ranks, seed, wait);
    if (counted.wrong == 0) return {};
    Mismatch mismatch = host.element(segments, counted.first);
    mismatch.elements = counted.wrong;
    return mismatch;
  }

  void compute(double microseconds) override {
    if (!kernels_) {
      throw InputError(fmt::format("--compute-us needs a kernel on {}: {}; build rocekit with nvcc, or leave it out",
                                   description(), why_no_kernels_));
    }
    const auto nanoseconds = static_cast<std::uint64_t>(std::max(0.0, microseconds * 1000));
    gpu_->check("delay kernel", kernels_->delay(stream_, nanoseconds));
  }

  void synchronize(const Wait& wait) override {
    auto next_watch = Deadline::Clock::time_point::min();
    for (int poll = 1;; ++poll) {
      const dynlib::CudaResult result = cuda_.stream_query(stream_);
      if (result == dynlib::cuda_success) break;
      if (result != dynlib::cuda_error_not_ready) fail(result);
      if (poll % polls_between_looks == 0) look(wait, next_watch);
      // NCCL's proxy threads may need this core.
      if (poll > polls_without_yield) sched_yield();
    }
    if (wait.is_called_off()) throw_called_off();
  }
  void add_watch(std::function<void()> watch) override { watches_.push_back(std::move(watch)); }

  bool records() const override { return true; }
  void begin_recording() override {
    stop_recording();
    gpu_->check("cuStreamBeginCapture", cuda_.stream_begin_capture(stream_, dynlib::cuda_capture_thread_local));
    recording_ = true;
  }
  std::unique_ptr<Recording> end_recording() override {
    dynlib::CudaGraph graph = nullptr;
    recording_ = false;
    gpu_->check("cuStreamEndCapture", cuda_.stream_end_capture(stream_, &graph));
    return std::make_unique<GraphRecording>(gpu_, graph);
  }
  void replay(const Recording& recording) override {
    const auto& graph = static_cast<const GraphRecording&>(recording);
    gpu_->check("cuGraphLaunch", cuda_.graph_launch(graph.executable(), stream_));
  }

 private:
  CheckResult check_by_kernels(std::span<const Segment> segments, traffic::DataType type, int ranks, std::uint32_t seed,
                               const Wait& wait) {
    if (result_.data() == nullptr) result_ = GpuBuffer(*gpu_, sizeof(CheckResult));
    CheckResult counted;
    gpu_->check("cuMemcpyHtoD", cuda_.copy_to_device_async(result_.address(), &counted, sizeof counted, stream_));
    std::uint64_t base = 0;
    for (const Segment& segment : segments) {
      const bool sum = segment.source == Segment::sum_of_ranks;
      gpu_->check("check kernel", kernels_->check(stream_, receive_.address() + segment.offset_bytes, segment.elements,
                                                  static_cast<int>(type), segment.source, segment.source_element, ranks,
                                                  seed, sum ? sum_tolerance(type, ranks) : 0, base, result_.address()));
      base += segment.elements;
    }
    synchronize(wait);
    gpu_->check("cuMemcpyDtoH", cuda_.copy_from_device(&counted, result_.address(), sizeof counted));
    return counted;
  }

  /// What a wait looks at now and then.
  void look(const Wait& wait, Deadline::Clock::time_point& next_watch) {
    if (wait.is_called_off()) throw_called_off();
    const auto now = Deadline::Clock::now();
    const bool too_late = now >= wait.deadline.at();
    if (now >= next_watch || too_late) {
      next_watch = now + between_watches;
      for (const auto& watch : watches_) watch();
    }
    if (too_late) {
      throw CollectiveError(
          fmt::format("{}: what was enqueued was not done in time: {}", description(), why_operations_hang));
    }
  }
  [[noreturn]] void fail(dynlib::CudaResult result) {
    for (const auto& watch : watches_) watch();
    throw CollectiveError(fmt::format("{}: {} (seen by cuStreamQuery: an operation before it failed)", description(),
                                      cuda_.describe("work on the stream", result)));
  }
  [[noreturn]] void throw_called_off() const {
    throw CollectiveError(description() + ": the run was called off while operations were under way");
  }
  InputError too_large(std::size_t send_bytes, std::size_t receive_bytes, std::uint64_t free) const {
    const auto size = [](auto bytes) { return text::rounded_size(static_cast<double>(bytes)); };
    return InputError(
        fmt::format("{}: buffers of {} to send and {} to receive do not fit: {} are free{}; give smaller "
                    "sizes",
                    description(), size(send_bytes), size(receive_bytes), size(free),
                    gpu_->integrated() ? ", of which a run takes at most half (GPU and CPU share them)" : ""));
  }

  void stop_recording() {
    if (!recording_) return;
    recording_ = false;
    dynlib::CudaGraph graph = nullptr;
    if (cuda_.stream_end_capture(stream_, &graph) == dynlib::cuda_success && graph != nullptr)
      cuda_.graph_destroy(graph);
  }
  /// False when the stream is still busy.
  bool wait_at_end() const {
    const Deadline deadline = Deadline::after(patience_at_end);
    while (!idle()) {
      if (deadline.passed()) return false;
      sched_yield();
    }
    return true;
  }

  std::shared_ptr<GpuContext> gpu_;
  const dynlib::CudaDriver& cuda_;
  dynlib::CudaStream stream_ = nullptr;
  std::string why_no_kernels_;
  std::optional<GpuKernels> kernels_;
  Allocator allocator_;
  GpuBuffer send_;
  GpuBuffer receive_;
  GpuBuffer result_;
  std::vector<std::function<void()>> watches_;
  bool recording_ = false;
};

}  // namespace

std::unique_ptr<Device> make_gpu_device(int ordinal) { return std::make_unique<CudaDevice>(ordinal); }

}  // namespace rocekit::collectives
