#include "tools/roce-preflight/run/serving.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "probes/facts/kernel/container_runtime.h"

namespace rocekit::preflight {
namespace {

/// The item of a node: one holds for all of them.
template <class T>
const T& item_of(const std::vector<T>& items, const char* option, std::size_t node, std::size_t nodes) {
  if (items.size() == 1) return items.front();
  if (items.size() == nodes) return items.at(node);
  throw InputError(
      fmt::format("{} names {}, and there {} {} node{}: one for all, or one for each in the order of ranks", option,
                  items.size(), nodes == 1 ? "is" : "are", nodes, nodes == 1 ? "" : "s"));
}

}  // namespace

std::optional<int> find_serving_process(const ServingNames& own, const ServingNames& of_rank_0, std::size_t node,
                                        std::size_t nodes) {
  const bool told_here = !own.empty();
  const ServingNames& names = told_here ? own : of_rank_0;
  if (!names.containers.empty()) {
    return facts::kernel::process_of_container(item_of(names.containers, "--container", node, nodes));
  }
  if (names.pids.empty()) return std::nullopt;
  if (!told_here && names.pids.size() == 1) {
    throw InputError(
        fmt::format("process {} is one of rank 0's node: name the one that serves here, beside --join: --pid PID",
                    names.pids.front()));
  }
  return item_of(names.pids, "--pid", node, nodes);
}

std::string reachable_nccl(const facts::Serving& serving) {
  if (!serving.nccl_libraries || serving.nccl_libraries->empty()) return {};
  const std::string& path = serving.nccl_libraries->front().path;
  const std::string below = fmt::format("/proc/{}/root{}", serving.pid, path);
  std::error_code unreadable;
  return std::filesystem::equivalent(path, below, unreadable) ? path : below;
}

}  // namespace rocekit::preflight
