#include <fmt/format.h>
#include <rdma/rdma_netlink.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/netlink.h"

namespace rocekit::facts::kernel {

Fact<std::string> ask_rdma_netns_mode() {
  // The socket's creation would make the kernel load ib_core, and a probe changes nothing.
  static constexpr const char* rdma_class = "/sys/class/infiniband";
  if (access(rdma_class, F_OK) != 0) {
    return Missing{Why::absent, fmt::format("{}: not there, the kernel's RDMA core is not loaded", rdma_class)};
  }
  NetlinkSocket socket(NETLINK_RDMA);
  const MessagePtr message = new_message(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SYS_GET), 0);
  std::optional<std::uint8_t> shared;
  const int error = socket.request(*message, [&](nlmsghdr& answer) {
    shared = u8_of(attributes_of<RDMA_NLDEV_ATTR_MAX>(answer, 0)[RDMA_NLDEV_SYS_ATTR_NETNS_MODE]);
  });
  static constexpr const char* question = "netlink RDMA_NLDEV_CMD_SYS_GET";
  if (error != 0) return missing_from_errno(error, question);
  if (!shared)
    return Missing{Why::not_supported, fmt::format("{}: the answer holds no network namespace mode", question)};
  return std::string(*shared != 0 ? "shared" : "exclusive");
}

}  // namespace rocekit::facts::kernel
