#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "probes/facts/kernel/ask.h"
#include "probes/facts/read_node.h"

namespace rocekit::facts {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    paths.push_back(entry->path());
  }
  return paths;
}

void add_line(const fs::path& file, std::vector<std::string>& lines) {
  std::string line;
  std::getline(std::ifstream(file), line);
  if (!line.empty() && std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
}

/// Netdevs that RDMA devices use: of the same PCI function, of the first GID of each port, and under Soft-RoCE.
std::vector<std::string> rdma_netdevs() {
  std::vector<std::string> netdevs;
  for (const fs::path& device : entries("/sys/class/infiniband")) {
    for (const fs::path& netdev : entries(device / "device/net")) {
      const std::string name = netdev.filename().string();
      if (std::find(netdevs.begin(), netdevs.end(), name) == netdevs.end()) netdevs.push_back(name);
    }
    add_line(device / "parent", netdevs);
    for (const fs::path& port : entries(device / "ports")) add_line(port / "gid_attrs/ndevs/0", netdevs);
  }
  return netdevs;
}

}  // namespace

KernelAnswers ask_this_node(const AskOptions& options) {
  KernelAnswers answers;
  kernel::ask_process(answers);
  answers.netdevs = kernel::ask_netdevs(rdma_netdevs());
  answers.routes = kernel::ask_routes();
  answers.rdma_netns_mode = kernel::ask_rdma_netns_mode();
  kernel::VerbsAnswers verbs = kernel::ask_verbs();
  answers.libibverbs = std::move(verbs.library);
  answers.verbs_devices = std::move(verbs.devices);
  const auto environment = answers.environment.value_or({});
  answers.nccl = kernel::ask_nccl(environment);
  answers.nccl_plugins = kernel::ask_nccl_plugins(environment);
  if (options.gpus) answers.gpus = kernel::ask_gpus();
  if (options.topology) answers.topology_xml = kernel::ask_topology_xml();
  return answers;
}

}  // namespace rocekit::facts
