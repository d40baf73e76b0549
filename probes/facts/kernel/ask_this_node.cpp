#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/netlink.h"
#include "probes/facts/read_node.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts {
namespace {

/// Netdevs that RDMA devices use: of the same PCI function, of the first GID of each port, and under Soft-RoCE.
std::vector<std::string> rdma_netdevs() {
  using readers::list_names;
  constexpr const char* infiniband_class = "/sys/class/infiniband";
  const FileTree tree = FileTree::live();
  std::vector<std::string> netdevs;
  const auto add = [&](const std::string& name) {
    if (std::find(netdevs.begin(), netdevs.end(), name) == netdevs.end()) netdevs.push_back(name);
  };
  for (const std::string& device : list_names(tree, infiniband_class).value_or({})) {
    const std::string directory = fmt::format("{}/{}", infiniband_class, device);
    if (const auto parent = readers::read_line(tree, directory + "/parent")) {
      // Of Soft-RoCE, whose GIDs are all of this netdev.
      add(*parent);
      continue;
    }
    for (const std::string& name : list_names(tree, directory + "/device/net").value_or({})) add(name);
    for (const std::string& port : list_names(tree, directory + "/ports").value_or({})) {
      const auto of_gid = readers::read_line(tree, fmt::format("{}/ports/{}/gid_attrs/ndevs/0", directory, port));
      if (of_gid) add(*of_gid);
    }
  }
  return netdevs;
}

}  // namespace

KernelAnswers ask_this_node(const AskOptions& options) {
  KernelAnswers answers;
  kernel::ask_process(answers);
  kernel::NetlinkSocket route_socket(NETLINK_ROUTE);
  answers.netdevs = kernel::ask_netdevs(route_socket, rdma_netdevs());
  answers.routes = kernel::ask_routes(route_socket, answers.netdevs.value_or({}));
  answers.rdma_netns_mode = kernel::ask_rdma_netns_mode();
  kernel::VerbsAnswers verbs = kernel::ask_verbs();
  answers.libibverbs = std::move(verbs.library);
  answers.verbs_devices = std::move(verbs.devices);
  const auto environment = answers.environment.value_or({});
  answers.nccl = kernel::ask_nccl(environment);
  answers.nccl_plugins = kernel::ask_nccl_plugins(environment);
  if (options.serving) answers.serving = kernel::ask_serving(*options.serving);
  if (options.gpus) answers.gpus = kernel::ask_gpus();
  if (options.topology) answers.topology_xml = kernel::ask_topology_xml();
  return answers;
}

NodeFacts read_this_node(const AskOptions& options) {
  const FileTree tree = FileTree::live();
  const std::uint64_t start = options.serving ? require_process(tree, *options.serving) : 0;
  NodeFacts node = read_node(tree, ask_this_node(options), options.serving);
  require_same_process(options.serving, start);
  return node;
}

void require_same_process(const std::optional<int>& pid, std::uint64_t start) {
  // What was read of a process that ended meanwhile is half of it, or of another process.
  if (pid && require_process(FileTree::live(), *pid) != start) {
    throw InputError(fmt::format("process {} ended while it was read", *pid));
  }
}

}  // namespace rocekit::facts
