// What this process is and may do: uname, limits, capabilities, environment.
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

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
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};
  // glibc has no capget(). The digits are those of CapEff in /proc/self/status.
  if (syscall(SYS_capget, &header, words.data()) != 0) return missing_from_errno(errno, "capget");
  return fmt::format("{:08x}{:08x}", words[1].effective, words[0].effective);
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
