// What an error code of verbs usually means, which evidence tells its causes apart, and the check that explains it.
// Pure functions: who calls them has gathered the evidence.
#pragma once

#include <infiniband/verbs.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace rocekit::verbs {

struct Cause {
  std::string check_id;  ///< empty: no check explains it
  std::string sentence;  ///< what was looked at, what it means, what to do; empty: nothing to add
};

/// What bounds the memory that this process may register.
struct LockedMemory {
  std::optional<std::uint64_t> limit_bytes;  ///< soft RLIMIT_MEMLOCK; nullopt: unlimited
  bool may_exceed = false;                   ///< CAP_IPC_LOCK
  /// CmaFree above CmaTotal in /proc/meminfo: the kernel miscounts contiguous memory.
  bool cma_miscounted = false;
};
LockedMemory read_locked_memory();
/// "8 MiB", "1.5 GiB", "65536 B"
std::string size_text(std::uint64_t bytes);

/// The device's node under /dev/infiniband, and what opening it says.
struct UverbsNode {
  std::string path;  ///< "/dev/infiniband/uverbs0"; empty: the kernel has none for it
  int error = 0;     ///< errno of open(); ENOENT: no such node here; 0: it can be opened
};
UverbsNode uverbs_node_of(const std::string& device);
/// ibv_open_device, which reports ENOENT for a node that it may not open, and devices missing in libibverbs' list.
Cause cause_of_open(const UverbsNode& node);
/// ibv_reg_mr of `bytes` when `before` bytes were registered already, and of queues (`bytes` unknown: 0).
Cause cause_of_registration(int error, std::uint64_t bytes, std::uint64_t before, const LockedMemory& memory);
/// The same for memory of a GPU.
Cause cause_of_gpu_registration(int error);

struct ConnectEvidence {
  std::string from;  ///< this end's IPv4 address or GID
  std::string to;    ///< the peer's
  int gid_index = 0;
};
/// ibv_modify_qp INIT->RTR (RoCE: the kernel resolves the peer's Ethernet address here) and ibv_create_ah.
Cause cause_of_connect(int error, const ConnectEvidence& evidence);

/// "the port is DOWN"; nullopt when ACTIVE.
std::optional<std::string> port_fault(ibv_port_state state);

/// A completion other than IBV_WC_SUCCESS. `seconds`: how long the device tries before IBV_WC_RETRY_EXC_ERR.
Cause cause_of_completion(ibv_wc_status status, double seconds, bool gpu_memory);
/// "IBV_WC_RETRY_EXC_ERR"
const char* name_of(ibv_wc_status status);

}  // namespace rocekit::verbs
