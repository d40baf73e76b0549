#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "probes/facts/paths.h"
#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using checks::Severity;
using facts::Missing;
using facts::Why;

/// "2.28.9" of "2.28.9+cuda13.0": what NCCL compares.
std::string release_of(const std::string& version) { return version.substr(0, version.find_first_of("+- ")); }

/// The first `count` numbers: "6.17" of "6.17.0-1014-nvidia".
std::string series_of(const std::string& version, int count) {
  std::size_t end = 0;
  for (; end < version.size(); ++end) {
    if (version[end] == '.' && --count == 0) break;
    if (version[end] != '.' && std::isdigit(static_cast<unsigned char>(version[end])) == 0) break;
  }
  return version.substr(0, end);
}

std::vector<int> numbers_of(const std::string& version) {
  std::vector<int> numbers;
  bool inside = false;
  for (const char c : version) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (digit && !inside) numbers.push_back(0);
    if (digit && numbers.back() < 100'000'000) numbers.back() = numbers.back() * 10 + (c - '0');
    inside = digit;
  }
  return numbers;
}

std::string newest(const std::vector<Value>& values) {
  std::string best;
  for (const Value& value : values) {
    if (value.is && (best.empty() || numbers_of(best) < numbers_of(*value.is))) best = *value.is;
  }
  return best;
}

/// All values agree in their first `count` numbers, as far as they are known.
bool same_series(const std::vector<Value>& values, int count) {
  std::set<std::string> series;
  for (const Value& value : values) {
    if (value.is) series.insert(series_of(*value.is, count));
  }
  return series.size() < 2;
}

std::vector<std::string> on(const Value& value, std::vector<std::string> commands) {
  return checks::concat({fmt::format("# on {}:", host_of(*value.node))}, commands);
}

Value nccl_version_of(const NodeOfPair& node) {
  const std::vector<facts::Library>* libraries = &node.node.host.nccl_libraries;
  Missing why{Why::absent, "the loader finds no libnccl.so.2 there"};
  if (node.node.serving) {
    const auto& mapped = node.node.serving->nccl_libraries;
    libraries = mapped ? &*mapped : nullptr;
    why = mapped ? Missing{Why::absent, "the process has loaded no libnccl"} : mapped.missing();
  }
  if (libraries == nullptr || libraries->empty()) return {&node, node.name, std::nullopt, why, "", ""};
  Value value = value_of(node, node.name, libraries->front().version, libraries->front().path);
  if (value.is) value.is = release_of(*value.is);
  return value;
}

}  // namespace

void compare_nccl_versions(const Nodes& nodes, Findings& out) {
  Question question{"ROCE-PAIR-005", "NCCL's version"};
  for (const NodeOfPair& node : nodes) question.values.push_back(nccl_version_of(node));
  question.severity = Severity::critical;
  question.cause =
      "NCCL takes no ranks of different versions: it ends with \"Mismatched NCCL version detected\", or hangs before "
      "it "
      "comes to compare them.";
  question.preferred = newest(question.values);
  question.remedy = [](const Value& value, const std::string& wanted) {
    return on(value,
              {fmt::format("# use the image or package with NCCL {}; here {} has {}", wanted, value.source, *value.is),
               "apt-cache policy libnccl2; podman images --digests"});
  };
  question.unread_remedy = "roce-probe --pid PID    # of the process that serves";
  if (judge(question, out) == Agreement::nothing) {
    verdicts_of("ROCE-PAIR-005", all_of(nodes), out).skipped("nodes", "no node shows an NCCL library");
  }
}

void compare_firmware(const Nodes& nodes, Findings& out) {
  // Boards in the order of their first appearance; of each node the versions that its functions run.
  std::map<std::string, std::map<const NodeOfPair*, std::vector<const facts::Device*>>> boards;
  for (const NodeOfPair& node : nodes) {
    for (const facts::Device& device : node.node.devices) {
      if (!checks::is_hardware(device)) continue;
      boards[device.board_id.value_or(device.hca_type.value_or("unnamed board"))][&node].push_back(&device);
    }
  }
  bool judged = false;
  for (const auto& [board, by_node] : boards) {
    if (by_node.size() < 2) continue;
    Question question{"ROCE-PAIR-006", fmt::format("Firmware of {}", board)};
    for (const NodeOfPair& node : nodes) {
      const auto found = by_node.find(&node);
      if (found == by_node.end()) continue;
      const std::vector<const facts::Device*>& devices = found->second;
      Value value =
          value_of(node, node.name, devices.front()->fw_version, facts::sysfs_device(devices.front()->name, "fw_ver"));
      std::set<std::string> versions;
      for (const facts::Device* device : devices) {
        if (device->fw_version) versions.insert(*device->fw_version);
      }
      if (value.is) value.is = checks::join(std::vector<std::string>(versions.begin(), versions.end()), " and ");
      question.values.push_back(std::move(value));
    }
    question.cause =
        "Link training, lossless settings and congestion control live in the firmware: with two levels of it the ends "
        "of one link behave differently.";
    question.preferred = newest(question.values);
    question.remedy = [](const Value& value, const std::string& wanted) {
      return on(value, {fmt::format("# bring the adapter from {} to {} by the vendor's update, then switch off and on:",
                                    *value.is, wanted),
                        "fwupdmgr get-devices"});
    };
    judged = judge(question, out) != Agreement::nothing || judged;
  }
  if (!judged) {
    verdicts_of("ROCE-PAIR-006", all_of(nodes), out).skipped("nodes", "no two nodes have an adapter of one board");
  }
}

void compare_system(const Nodes& nodes, Findings& out) {
  const auto ask = [&](const char* what, const char* source, int series, const char* cause, const char* command,
                       auto&& fact_of) {
    Question question{"ROCE-PAIR-007", what};
    for (const NodeOfPair& node : nodes)
      question.values.push_back(value_of(node, node.name, fact_of(node.node), source));
    if (same_series(question.values, series)) question.severity = Severity::ok;
    question.cause = cause;
    question.preferred = newest(question.values);
    question.remedy = [command](const Value& value, const std::string& wanted) {
      return on(value, {fmt::format("# {} now; the other end has {}", *value.is, wanted), command});
    };
    return judge(question, out) != Agreement::nothing;
  };
  const auto driver_version = [&](const std::string& driver) {
    return [driver](const facts::NodeFacts& node) -> facts::Fact<std::string> {
      if (!node.host.modules) return facts::missing_as<std::string>(node.host.modules);
      const auto found = node.host.modules->find(driver);
      if (found == node.host.modules->end()) return Missing{Why::absent, driver + " is not loaded there"};
      return found->second.empty() ? std::string("the kernel's own") : found->second;
    };
  };
  bool judged = ask(
      "Kernel", "uname -r", 2,
      "Another release series brings another RDMA driver and other accounting of memory: what works on "
      "one node can fail on the other.",
      "apt list --installed 'linux-image-*'    # install the same on both, then restart",
      [](const facts::NodeFacts& node) -> const auto& { return node.host.kernel; });
  judged |= ask(
      "NVIDIA driver", "/proc/driver/nvidia/version", 1,
      "Another branch of the driver brings other support for GPUDirect and CUDA, so ranks may take different "
      "ways.",
      "apt-cache policy 'nvidia-driver-*' | grep -B1 -A2 'Installed: [0-9]'",
      [](const facts::NodeFacts& node) -> const auto& { return node.host.nvidia_driver; });
  judged |= ask("rdma-core", "libibverbs.so.1", 1,
                "libibverbs and its providers of different releases know different devices and calls: NCCL can find "
                "devices on one node and none on the other.",
                "dpkg -l rdma-core libibverbs1 ibverbs-providers",
                [](const facts::NodeFacts& node) -> facts::Fact<std::string> {
                  const auto& library =
                      node.serving && node.serving->libibverbs ? node.serving->libibverbs : node.host.libibverbs;
                  return library ? library->version : facts::missing_as<std::string>(library);
                });
  std::set<std::string> drivers;
  for (const NodeOfPair& node : nodes) {
    for (const facts::Device& device : node.node.devices) {
      if (device.driver) drivers.insert(*device.driver);
    }
  }
  for (const std::string& driver : drivers) {
    const auto version_of = driver_version(driver);
    // Nodes with different adapters have different drivers.
    const bool everywhere = std::all_of(nodes.begin(), nodes.end(), [&](const NodeOfPair& node) {
      const auto version = version_of(node.node);
      return version || version.missing().why != Why::absent;
    });
    if (!everywhere) continue;
    // Every number counts: the vendor's releases and the kernel's own have nothing in common.
    judged |= ask(fmt::format("Driver {}", driver).c_str(), "/sys/module/*/version", 99,
                  "One node runs the vendor's driver and the other the kernel's, or two releases of it.",
                  "modinfo -F version mlx5_core; dkms status", version_of);
  }
  if (!judged) verdicts_of("ROCE-PAIR-007", all_of(nodes), out).skipped("nodes", "no node tells its versions");
}

void compare_tool_versions(const Nodes& nodes, Findings& out) {
  Question question{"ROCE-PAIR-008", "rocekit's version"};
  for (const NodeOfPair& node : nodes) {
    Value value{&node, node.name, node.tool_version, {}, "", ""};
    if (node.tool_version.empty()) {
      value.is.reset();
      value.missing = {Why::not_read, "that rank did not tell it"};
    }
    question.values.push_back(std::move(value));
  }
  question.cause = "The two ends measure and judge by different code, so their figures and findings do not compare.";
  question.preferred = newest(question.values);
  question.unread_remedy = "roce-probe --version";
  question.remedy = [](const Value& value, const std::string& wanted) {
    return on(value, {fmt::format("# install rocekit {} in place of {}", wanted, *value.is), "roce-probe --version"});
  };
  judge(question, out);
}

}  // namespace rocekit::pair
