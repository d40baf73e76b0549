#include "tools/nccl-pattern/plan/gpus.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "collectives/nccl/nccl_library.h"
#include "core/deadline.h"
#include "core/dynlib/cuda.h"
#include "core/io/file_descriptor.h"
#include "core/wire/wire.h"
#include "tools/nccl-pattern/run/fields.h"

namespace rocekit::pattern {
namespace {

/// cuInit takes seconds on machines with many GPUs.
constexpr std::chrono::seconds patience{30};

void find_gpus(GpuFacts& facts) {
  const dynlib::CudaDriver driver = dynlib::CudaDriver::load();
  if (!driver.usable()) {
    facts.no_gpu = driver.error;
    return;
  }
  int count = 0;
  for (const auto& [function, result] :
       {std::pair{"cuInit", driver.init(0)}, std::pair{"cuDeviceGetCount", driver.device_get_count(&count)}}) {
    if (result == dynlib::cuda_success) continue;
    facts.no_gpu = driver.describe(function, result);
    return;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    dynlib::CudaDevice device = 0;
    std::array<char, 128> name{};
    std::array<char, 32> bus_id{};
    if (driver.device_get(&device, ordinal) != dynlib::cuda_success) break;
    driver.device_get_name(name.data(), static_cast<int>(name.size()), device);
    driver.device_get_pci_bus_id(bus_id.data(), static_cast<int>(bus_id.size()), device);
    facts.gpus.push_back({name.data(), bus_id.data()});
  }
  if (facts.gpus.empty()) facts.no_gpu = "the CUDA driver shows no GPU";
}

void find_nccl(GpuFacts& facts, const std::string& path) {
  try {
    const collectives::NcclLibrary library = collectives::NcclLibrary::load(path);
    facts.nccl_path = library.path();
    facts.nccl_version = library.version();
  } catch (const std::exception& error) {
    facts.no_nccl = error.what();
  }
}

GpuFacts none(const std::string& why) {
  GpuFacts facts;
  facts.no_gpu = why;
  facts.no_nccl = why;
  return facts;
}

[[noreturn]] void answer(int pipe, const std::string& nccl_library, bool gpus) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  GpuFacts facts;
  if (gpus) find_gpus(facts);
  find_nccl(facts, nccl_library);
  const std::string message = wire::encode(facts);
  std::size_t sent = 0;
  while (sent < message.size()) {
    const ssize_t wrote = ::write(pipe, message.data() + sent, message.size() - sent);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) ::_exit(1);
    sent += static_cast<std::size_t>(wrote);
  }
  ::_exit(0);
}

std::string read_all(int pipe) {
  const Deadline deadline = Deadline::after(patience);
  std::string message;
  std::array<char, 4096> block{};
  while (!deadline.passed()) {
    pollfd wanted{pipe, POLLIN, 0};
    if (::poll(&wanted, 1, deadline.left_ms()) <= 0) continue;
    const ssize_t got = ::read(pipe, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return message;
    message.append(block.data(), static_cast<std::size_t>(got));
  }
  return {};
}

GpuFacts ask_child(const std::string& nccl_library, bool gpus) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return none(fmt::format("pipe: {}", std::strerror(errno)));
  const io::FileDescriptor reads(ends[0]);
  io::FileDescriptor writes(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return none(fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) answer(writes.get(), nccl_library, gpus);
  writes = io::FileDescriptor();
  const std::string message = read_all(reads.get());
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  try {
    return wire::decode<GpuFacts>(message);
  } catch (const std::exception&) {
    return none(
        fmt::format("{} did not answer within {} s", gpus ? "the CUDA driver" : nccl_library, patience.count()));
  }
}

}  // namespace

GpuFacts probe_gpus(const std::string& nccl_library) { return ask_child(nccl_library, true); }

std::string why_not_loadable(const std::string& nccl_library) { return ask_child(nccl_library, false).no_nccl; }

}  // namespace rocekit::pattern
