#include "probes/facts/kernel/uverbs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

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
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/sys/class/infiniband_verbs", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    std::string device;
    std::getline(std::ifstream(entry->path() / "ibdev"), device);
    if (device.empty()) continue;
    numbered.emplace_back(std::atoi(name.c_str() + prefix.size()),
                          UverbsNode{fmt::format("/dev/infiniband/{}", name), device});
  }
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<UverbsNode> nodes;
  nodes.reserve(numbered.size());
  for (auto& [number, node] : numbered) nodes.push_back(std::move(node));
  return nodes;
}

}  // namespace rocekit::facts::kernel
