#include <fmt/format.h>

#include "probes/facts/readers/nccl_settings.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {

Process read_process(const FileTree& tree, const KernelAnswers& answers) {
  Process process;
  process.euid = answers.euid;
  process.memlock = answers.memlock;
  if (!answers.capabilities_hex) {
    process.capabilities = answers.capabilities_hex.missing();
  } else if (auto names = parse_capabilities(*answers.capabilities_hex)) {
    process.capabilities = std::move(*names);
  } else {
    process.capabilities = not_this("CapEff of /proc/self/status", "hexadecimal digits", *answers.capabilities_hex);
  }
  process.netns_mode = answers.rdma_netns_mode;
  process.infiniband_nodes = list_names(tree, "/dev/infiniband");
  constexpr const char* rdma_cm = "/dev/infiniband/rdma_cm";
  process.rdma_cm_openable =
      tree.exists(rdma_cm) ? answers.rdma_cm_openable
                           : Fact<bool>(Missing{Why::absent, fmt::format("{}: No such file or directory", rdma_cm)});
  const auto environment = answers.environment.value_or({});
  for (const auto& [name, value] : environment) {
    if (is_transport_variable(name)) process.nccl_env.emplace(name, value);
  }
  NcclSettings settings = read_nccl_settings(tree, environment);
  process.settings = std::move(settings.in_force);
  process.conf_files = std::move(settings.conf_files);
  return process;
}

}  // namespace rocekit::facts::readers
