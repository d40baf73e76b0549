// What this process is and may do: uname, limits, capabilities, environment.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/uverbs.h"
#include "probes/facts/readers/nccl_settings.h"

namespace rocekit::facts::kernel {
namespace {

Fact<Memlock> ask_memlock() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return missing_from_errno(errno, "getrlimit RLIMIT_MEMLOCK");
  Memlock memlock;
  if (limit.rlim_cur != RLIM_INFINITY) memlock.soft_bytes = limit.rlim_cur;
  if (limit.rlim_max != RLIM_INFINITY) memlock.hard_bytes = limit.rlim_max;
  return memlock;
}

Fact<std::string> ask_effective_capabilities() {
  static constexpr const char* path = "/proc/self/status";
  static constexpr std::string_view key = "CapEff:";
  errno = 0;
  std::ifstream status(path);
  if (!status) return missing_from_errno(errno, path);
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const auto begin = line.find_first_not_of(" \t", key.size());
    if (begin != std::string::npos) return line.substr(begin);
  }
  return Missing{Why::malformed, fmt::format("{}: no line {}", path, key)};
}

std::map<std::string, std::string> asked_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const char* const equals = std::strchr(*entry, '=');
    if (equals == nullptr) continue;
    const std::string name(*entry, static_cast<std::size_t>(equals - *entry));
    if (readers::is_asked_variable(name)) variables[name] = equals + 1;
  }
  return variables;
}

}  // namespace

void ask_process(KernelAnswers& answers) {
  utsname names{};
  if (uname(&names) == 0) {
    answers.hostname = std::string(names.nodename);
    answers.kernel = std::string(names.release);
    answers.architecture = std::string(names.machine);
  } else {
    const Missing missing = missing_from_errno(errno, "uname");
    answers.hostname = missing;
    answers.kernel = missing;
    answers.architecture = missing;
  }

  errno = 0;
  const long page_size = sysconf(_SC_PAGESIZE);
  if (page_size > 0) {
    answers.page_size_bytes = static_cast<int>(page_size);
  } else {
    answers.page_size_bytes = missing_from_errno(errno, "sysconf _SC_PAGESIZE");
  }

  answers.euid = static_cast<int>(geteuid());
  answers.memlock = ask_memlock();
  answers.capabilities_hex = ask_effective_capabilities();
  answers.rdma_cm_openable = ask_openable("/dev/infiniband/rdma_cm");
  answers.environment = asked_environment();
}

}  // namespace rocekit::facts::kernel
