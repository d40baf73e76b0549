#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "core/dynlib/cuda.h"
#include "core/dynlib/library_search.h"
#include "probes/facts/kernel/ask.h"

// The driver starts in a child process: cuInit() has been seen to hang on nodes in trouble, and it leaves threads,
// mappings of device memory and tens of MiB behind. The child also sees GPUs that CUDA_VISIBLE_DEVICES hides.

namespace rocekit::facts::kernel {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds deadline{30};
constexpr std::size_t largest_answer_bytes = 1U << 20;

/// CUdevice_attribute numbers of cuda.h.
constexpr std::array attributes{
    18,   // INTEGRATED
    75,   // COMPUTE_CAPABILITY_MAJOR
    76,   // COMPUTE_CAPABILITY_MINOR
    88,   // PAGEABLE_MEMORY_ACCESS
    89,   // CONCURRENT_MANAGED_ACCESS
    100,  // PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES
    116,  // GPU_DIRECT_RDMA_SUPPORTED
    117,  // GPU_DIRECT_RDMA_FLUSH_WRITES_OPTIONS
    118,  // GPU_DIRECT_RDMA_WRITES_ORDERING
    124,  // DMA_BUF_SUPPORTED
    132,  // MULTICAST_SUPPORTED
};

/// What the child says, a line each: "error TEXT", or for each GPU "gpu ADDRESS", "name TEXT", "attribute N VALUE".
std::string ask_driver() {
  unsetenv("CUDA_VISIBLE_DEVICES");
  const dynlib::CudaDriver cuda = dynlib::CudaDriver::load();
  if (!cuda.usable()) return fmt::format("error {}\n", cuda.error);
  int count = 0;
  int result = cuda.init(0);
  if (result != dynlib::cuda_success) return fmt::format("error {}\n", cuda.describe("cuInit", result));
  result = cuda.device_get_count(&count);
  if (result != dynlib::cuda_success) return fmt::format("error {}\n", cuda.describe("cuDeviceGetCount", result));
  std::string text;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    dynlib::CudaDevice device = 0;
    std::array<char, 32> address{};
    std::array<char, 256> name{};
    if (cuda.device_get(&device, ordinal) != dynlib::cuda_success ||
        cuda.device_get_pci_bus_id(address.data(), static_cast<int>(address.size()), device) != dynlib::cuda_success) {
      continue;
    }
    text += fmt::format("gpu {}\n", address.data());
    if (cuda.device_get_name(name.data(), static_cast<int>(name.size()) - 1, device) == dynlib::cuda_success) {
      text += fmt::format("name {}\n", name.data());
    }
    for (const int attribute : attributes) {
      int value = 0;
      if (cuda.device_get_attribute(&value, attribute, device) == dynlib::cuda_success) {
        text += fmt::format("attribute {} {}\n", attribute, value);
      }
    }
  }
  return text;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Reads until the other end closes; false when the deadline passes first.
bool read_until_closed(int fd, std::string& text) {
  const auto end = steady_clock::now() + deadline;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > largest_answer_bytes) return false;
  }
  return true;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// cuDeviceGetPCIBusId says "000F:01:00.0"; sysfs, and so all facts, "000f:01:00.0".
std::string sysfs_address(std::string_view address) {
  std::string text(address);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

Fact<std::vector<GpuAnswers>> parse(std::string_view text) {
  std::vector<GpuAnswers> gpus;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view word = line.substr(0, blank);
    const std::string_view rest = line.substr(blank + 1);
    if (word == "error") {
      const bool no_gpu = rest.find("CUDA_ERROR_NO_DEVICE") != std::string_view::npos;
      return Missing{no_gpu ? Why::absent : Why::failed, std::string(rest)};
    }
    if (word == "gpu") {
      GpuAnswers gpu;
      gpu.pci_address = sysfs_address(rest);
      gpu.name = Missing{Why::failed, "cuDeviceGetName failed"};
      gpu.attributes = std::map<std::string, int>{};
      gpus.push_back(std::move(gpu));
    } else if (word == "name" && !gpus.empty()) {
      gpus.back().name = std::string(rest);
    } else if (word == "attribute" && !gpus.empty()) {
      const std::size_t second = rest.find(' ');
      if (second == std::string_view::npos) continue;
      const auto value = number(rest.substr(second + 1));
      if (value) gpus.back().attributes.value()[std::string(rest.substr(0, second))] = *value;
    }
  }
  return gpus;
}

}  // namespace

Fact<std::vector<GpuAnswers>> ask_gpus() {
  const char* ld_library_path = std::getenv("LD_LIBRARY_PATH");
  if (!dynlib::find_library("libcuda.so.1", ld_library_path != nullptr ? ld_library_path : "")) {
    return Missing{Why::absent, "libcuda.so.1: the loader finds no CUDA driver library"};
  }
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return missing_from_errno(errno, "pipe to the process that asks the CUDA driver");
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return missing_from_errno(error, "fork of the process that asks the CUDA driver");
  }
  if (child == 0) {
    close(ends[0]);
    write_all(ends[1], ask_driver());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  const bool answered = read_until_closed(ends[0], text);
  close(ends[0]);
  if (!answered) kill(child, SIGKILL);
  int status = 0;
  // A process inside a hung driver call does not die; it is left to init rather than waited for.
  while (waitpid(child, &status, answered ? 0 : WNOHANG) < 0 && errno == EINTR) {
  }
  if (!answered) {
    return Missing{Why::failed, fmt::format("the CUDA driver did not answer within {} s", deadline.count())};
  }
  if (text.empty() && WIFSIGNALED(status)) {
    return Missing{Why::failed,
                   fmt::format("the CUDA driver ended the process that asked it (signal {})", WTERMSIG(status))};
  }
  return parse(text);
}

}  // namespace rocekit::facts::kernel
