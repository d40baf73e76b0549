#include "verbs/causes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace rocekit::verbs {
namespace {

constexpr int cap_ipc_lock = 14;

std::uint64_t field_of(const char* file, const std::string& key, bool hexadecimal = false) {
  std::ifstream stream(file);
  std::string word;
  while (stream >> word) {
    if (word != key) continue;
    std::uint64_t value = 0;
    if (hexadecimal) stream >> std::hex;
    stream >> value;
    return value;
  }
  return 0;
}

}  // namespace

LockedMemory read_locked_memory() {
  LockedMemory memory;
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) memory.limit_bytes = limit.rlim_cur;
  memory.may_exceed = ((field_of("/proc/self/status", "CapEff:", true) >> cap_ipc_lock) & 1) != 0;
  memory.cma_miscounted = field_of("/proc/meminfo", "CmaFree:") > field_of("/proc/meminfo", "CmaTotal:");
  return memory;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return whole ? fmt::format("{:.0f} {}", value, units[unit]) : fmt::format("{:.1f} {}", value, units[unit]);
}

UverbsNode uverbs_node_of(const std::string& device) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/infiniband_verbs", ignored)) {
    std::ifstream file(entry.path() / "ibdev");
    std::string name;
    if (!(file >> name) || name != device) continue;
    UverbsNode node{"/dev/infiniband/" + entry.path().filename().string(), 0};
    const int descriptor = open(node.path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
      node.error = errno;
    } else {
      close(descriptor);
    }
    return node;
  }
  return {};
}

Cause cause_of_open(const UverbsNode& node) {
  if (node.path.empty()) {
    return {"ROCE-ACC-001", "the kernel offers no uverbs node for it: sudo modprobe ib_uverbs"};
  }
  switch (node.error) {
    case 0:
      return {"ROCE-DEV-002", fmt::format("{} can be opened, but libibverbs has no provider for its driver (package "
                                          "ibverbs-providers)",
                                          node.path)};
    case ENOENT:
      return {"ROCE-ACC-001", fmt::format("{} is not here; a container needs --device /dev/infiniband", node.path)};
    case EACCES:
    case EPERM:
    case ENXIO:
      return {"ROCE-ACC-002",
              fmt::format("{} may not be opened by this process: {}", node.path, std::strerror(node.error))};
    default:
      return {"", fmt::format("{}: {}", node.path, std::strerror(node.error))};
  }
}

Cause cause_of_registration(int error, std::uint64_t bytes, std::uint64_t before, const LockedMemory& memory) {
  if (error != ENOMEM && error != EAGAIN && error != EPERM) return {"", ""};
  const std::string wanted =
      bytes == 0 ? "queues"
                 : size_text(bytes) + (before == 0 ? std::string() : fmt::format(" beside {}", size_text(before)));
  if (memory.limit_bytes && !memory.may_exceed) {
    const bool above = bytes == 0 || before + bytes > *memory.limit_bytes;
    return {"ROCE-ACC-003",
            fmt::format("the limit on locked memory (RLIMIT_MEMLOCK) is {}, asked for: {}{}; raise it (container: "
                        "--ulimit memlock=-1:-1) or give smaller --sizes",
                        size_text(*memory.limit_bytes), wanted,
                        above ? "" : " (what else this user has locked counts too)")};
  }
  if (memory.cma_miscounted) {
    return {"ROCE-ACC-004",
            "locked memory is not limited, but /proc/meminfo has CmaFree above CmaTotal: the kernel "
            "miscounts contiguous memory; boot with kho=off"};
  }
  if (!memory.limit_bytes) {
    return {"", fmt::format("locked memory is not limited and contiguous memory is counted rightly: the memory for {} "
                            "itself is not there",
                            wanted)};
  }
  return {"ROCE-ACC-003", fmt::format("the limit on locked memory is {}, asked for: {}; CAP_IPC_LOCK should lift it, "
                                      "but does not in a rootless container",
                                      size_text(*memory.limit_bytes), wanted)};
}

Cause cause_of_gpu_registration(int error) {
  if (error == EFAULT || error == EINVAL || error == EOPNOTSUPP || error == ENOMEM) {
    return {"ROCE-ACC-007",
            "neither dma-buf nor nvidia_peermem lets this device read the GPU's memory; --memory "
            "gpu-host and host need neither"};
  }
  return {"", ""};
}

Cause cause_of_connect(int error, const ConnectEvidence& evidence) {
  switch (error) {
    case ENODATA:
      return {"ROCE-GID-001", fmt::format("GID {} ({}) is gone: its address was removed after it was chosen",
                                          evidence.gid_index, evidence.from)};
    case ETIMEDOUT:
      return {"ROCE-PAIR-003", fmt::format("{} got no ARP answer from {}: cabled crosswise, another subnet, or two "
                                           "interfaces of a node in one subnet",
                                           evidence.from, evidence.to)};
    case ENETUNREACH:
    case EHOSTUNREACH:
      return {"ROCE-NET-003", fmt::format("no route from {} to {} on this device's interface: both ends need "
                                          "addresses of one subnet",
                                          evidence.from, evidence.to)};
    case ENODEV:
      return {"ROCE-GID-003", fmt::format("the network interface of GID {} is not in this network namespace; a "
                                          "container needs --network=host",
                                          evidence.gid_index)};
    case EINVAL:
      return {"ROCE-GID-001", fmt::format("the device refuses GID {} ({}) or the peer's ({}): different types (RoCE v1 "
                                          "and v2, IPv4 and IPv6), or an entry that changed",
                                          evidence.gid_index, evidence.from, evidence.to)};
    default:
      return {"", ""};
  }
}

std::optional<std::string> port_fault(ibv_port_state state) {
  switch (state) {
    case IBV_PORT_ACTIVE:
    case IBV_PORT_ACTIVE_DEFER:
      return std::nullopt;
    case IBV_PORT_DOWN:
      return "the port is DOWN";
    case IBV_PORT_INIT:
      return "the port is in state INIT (no subnet manager has set it up)";
    case IBV_PORT_ARMED:
      return "the port is in state ARMED";
    default:
      return "the port's state is unknown";
  }
}

const char* name_of(ibv_wc_status status) {
  constexpr std::array names{"IBV_WC_SUCCESS",
                             "IBV_WC_LOC_LEN_ERR",
                             "IBV_WC_LOC_QP_OP_ERR",
                             "IBV_WC_LOC_EEC_OP_ERR",
                             "IBV_WC_LOC_PROT_ERR",
                             "IBV_WC_WR_FLUSH_ERR",
                             "IBV_WC_MW_BIND_ERR",
                             "IBV_WC_BAD_RESP_ERR",
                             "IBV_WC_LOC_ACCESS_ERR",
                             "IBV_WC_REM_INV_REQ_ERR",
                             "IBV_WC_REM_ACCESS_ERR",
                             "IBV_WC_REM_OP_ERR",
                             "IBV_WC_RETRY_EXC_ERR",
                             "IBV_WC_RNR_RETRY_EXC_ERR",
                             "IBV_WC_LOC_RDD_VIOL_ERR",
                             "IBV_WC_REM_INV_RD_REQ_ERR",
                             "IBV_WC_REM_ABORT_ERR",
                             "IBV_WC_INV_EECN_ERR",
                             "IBV_WC_INV_EEC_STATE_ERR",
                             "IBV_WC_FATAL_ERR",
                             "IBV_WC_RESP_TIMEOUT_ERR",
                             "IBV_WC_GENERAL_ERR",
                             "IBV_WC_TM_ERR",
                             "IBV_WC_TM_RNDV_INCOMPLETE"};
  const auto index = static_cast<std::size_t>(status);
  return index < names.size() ? names[index] : "an unknown status";
}

Cause cause_of_completion(ibv_wc_status status, double seconds, bool gpu_memory) {
  switch (status) {
    case IBV_WC_RETRY_EXC_ERR:
      return {"ROCE-CTR-001", fmt::format("the peer acknowledged nothing for {:.1f} s or more: its process or node "
                                          "died, its port is down, or packets are lost on the way",
                                          seconds)};
    case IBV_WC_RNR_RETRY_EXC_ERR:
      return {"ROCE-CTR-003", "the peer posted no receive buffer in time"};
    case IBV_WC_WR_FLUSH_ERR:
      return {"", "the queue pair had failed before; the first error was not seen"};
    case IBV_WC_LOC_PROT_ERR:
    case IBV_WC_LOC_ACCESS_ERR:
      if (gpu_memory) return {"ROCE-ACC-007", "the device cannot read or write the GPU's memory"};
      return {"", "the device may not use this end's buffer"};
    case IBV_WC_REM_ACCESS_ERR:
    case IBV_WC_REM_INV_REQ_ERR:
      return {"", "the peer's device refused the request: both ends must run the same version with the same options"};
    case IBV_WC_REM_OP_ERR:
      if (gpu_memory) return {"ROCE-ACC-007", "the peer's device could not read or write its GPU's memory"};
      return {"", "the peer's device could not carry the request out"};
    case IBV_WC_LOC_LEN_ERR:
      return {"", "a message was longer than the buffer that was posted for it"};
    case IBV_WC_FATAL_ERR:
    case IBV_WC_GENERAL_ERR:
      return {"", "the device failed; see dmesg"};
    default:
      return {"", ""};
  }
}

}  // namespace rocekit::verbs
