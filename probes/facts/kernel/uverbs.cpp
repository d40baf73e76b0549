#include "probes/facts/kernel/uverbs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "probes/facts/file_tree.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::kernel {

Fact<bool> ask_openable(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return missing_from_errno(errno, "open " + path);
  close(descriptor);
  return true;
}

std::vector<UverbsNode> uverbs_nodes() {
  static constexpr std::string_view prefix = "uverbs";
  std::vector<std::pair<int, UverbsNode>> numbered;
  constexpr const char* verbs_class = "/sys/class/infiniband_verbs";
  const FileTree tree = FileTree::live();
  for (const std::string& name : readers::list_names(tree, verbs_class).value_or({})) {
    if (!name.starts_with(prefix)) continue;
    const auto device = readers::read_line(tree, fmt::format("{}/{}/ibdev", verbs_class, name));
    if (!device) continue;
    numbered.emplace_back(std::atoi(name.c_str() + prefix.size()),
                          UverbsNode{fmt::format("/dev/infiniband/{}", name), *device});
  }
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<UverbsNode> nodes;
  nodes.reserve(numbered.size());
  for (auto& [number, node] : numbered) nodes.push_back(std::move(node));
  return nodes;
}

}  // namespace rocekit::facts::kernel
