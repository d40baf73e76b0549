#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "probes/facts/readers/host.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

/// RDMA and GPU drivers, and what joins the two.
constexpr std::array modules_of_interest{
    "ib_core", "ib_uverbs", "rdma_cm", "rdma_ucm", "ib_ipoib",   "mlx4_core", "mlx4_ib",        "mlx5_core",
    "mlx5_ib", "bnxt_re",   "irdma",   "efa",      "hfi1",       "qedr",      "erdma",          "hns_roce_hw_v2",
    "mana_ib", "rdma_rxe",  "siw",     "nvidia",   "nvidia_uvm", "gdrdrv",    "nvidia_peermem", "nv_peer_mem"};

Fact<std::string> read_os(const FileTree& tree) {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const Fact<std::string> text = tree.read(path);
    if (!text) continue;
    if (auto name = parse_os_release(*text, "PRETTY_NAME")) return *name;
    return Missing{Why::malformed, fmt::format("{}: no PRETTY_NAME", path)};
  }
  return tree.read("/etc/os-release").missing();
}

Fact<std::string> read_machine(const FileTree& tree) {
  Fact<std::string> name = read_line(tree, "/sys/class/dmi/id/product_name");
  if (name) return name;
  // Boards without DMI; the text ends in a NUL.
  const Fact<std::string> model = tree.read("/proc/device-tree/model");
  if (model && !model->empty()) return model->substr(0, model->find('\0'));
  return name;
}

Fact<std::string> read_container(const FileTree& tree) {
  if (auto marked = container_mark(tree, "")) return *marked;
  const Fact<std::string> environment = tree.read("/proc/1/environ");
  for (const std::string& variable : split_words(environment.value_or(""), std::string_view("\0", 1))) {
    constexpr std::string_view name = "container=";
    if (variable.starts_with(name) && variable.size() > name.size() && variable.size() < 64) {
      return variable.substr(name.size());
    }
  }
  Fact<std::string> cgroup = tree.read("/proc/1/cgroup");
  if (!cgroup) cgroup = tree.read("/proc/self/cgroup");
  if (!cgroup) return cgroup;
  return container_of_cgroup(*cgroup).value_or("none");
}

/// rdma-core names a provider's file after the driver that it names (rdma_provider() of its buildlib): only files of
/// other names have to be read.
Fact<std::vector<std::string>> providers_in(const FileTree& tree, const std::string& directory) {
  constexpr std::string_view suffix = ".driver";
  const Fact<std::vector<std::string>> names = list_names(tree, directory);
  if (!names) return names.missing();
  std::set<std::string> providers;
  for (const std::string& name : *names) {
    const bool is_named = name.size() > suffix.size() && std::string_view(name).ends_with(suffix);
    if (is_named) providers.insert(name.substr(0, name.size() - suffix.size()));
    if (is_named && !tree.is_recording()) continue;
    const Fact<std::string> text = tree.read(fmt::format("{}/{}", directory, name));
    for (const std::string& line : split_words(text.value_or(""), "\n")) {
      const auto words = split_words(line);
      if (words.size() == 2 && words[0] == "driver") providers.insert(words[1]);
    }
  }
  return std::vector<std::string>(providers.begin(), providers.end());
}

Fact<std::string> read_nvidia_driver(const FileTree& tree) {
  Fact<std::string> version = read_line(tree, "/sys/module/nvidia/version");
  if (version) return version;
  constexpr const char* path = "/proc/driver/nvidia/version";
  const Fact<std::string> text = tree.read(path);
  if (!text) return text;
  if (auto found = parse_nvidia_version(*text)) return *found;
  return not_this(path, "a driver version", *text);
}

Fact<std::map<std::string, std::string>> read_modules(const FileTree& tree) {
  if (!tree.exists("/sys/module")) return Missing{Why::absent, "/sys/module: No such file or directory"};
  std::map<std::string, std::string> modules;
  for (const char* name : modules_of_interest) {
    const std::string directory = fmt::format("/sys/module/{}", name);
    if (tree.exists(directory)) modules[name] = read_line(tree, directory + "/version").value_or("");
  }
  return modules;
}

Fact<std::uint64_t> from_meminfo(const Fact<std::string>& meminfo, const char* name) {
  if (!meminfo) return meminfo.missing();
  if (const auto value = parse_meminfo(*meminfo, name)) return *value;
  if (("\n" + *meminfo).find(fmt::format("\n{}:", name)) == std::string::npos) {
    return Missing{Why::absent, fmt::format("/proc/meminfo: no line {}", name)};
  }
  return Missing{Why::malformed, fmt::format("/proc/meminfo: line {} holds no number of kB", name)};
}

constexpr const char* frequency_policies = "/sys/devices/system/cpu/cpufreq";

/// The distinct values of one file of all frequency policies.
Fact<std::vector<std::string>> read_frequency_policies(const FileTree& tree,
                                                       const Fact<std::vector<std::string>>& policies,
                                                       std::string_view file) {
  if (!policies) return policies.missing();
  std::set<std::string> values;
  Missing reason{Why::absent, fmt::format("{}: no policy", frequency_policies)};
  for (const std::string& policy : *policies) {
    if (policy.substr(0, 6) != "policy") continue;
    const Fact<std::string> value = read_line(tree, fmt::format("{}/{}/{}", frequency_policies, policy, file));
    if (value) {
      values.insert(*value);
    } else {
      reason = value.missing();
    }
  }
  if (values.empty()) return reason;
  return std::vector<std::string>(values.begin(), values.end());
}

/// The kernel's answer, or where a saved machine has none, the file of procfs that holds the same.
Fact<std::string> answer_or_file(const FileTree& tree, const Fact<std::string>& answer, const char* path) {
  if (answer || answer.missing().why != Why::not_read) return answer;
  Fact<std::string> text = read_line(tree, path);
  return text ? text : answer;
}

}  // namespace

std::optional<std::string> container_of_cgroup(std::string_view text) {
  struct Mark {
    const char* text;
    const char* container;
  };
  for (const Mark& mark : {Mark{"kubepods", "kubernetes"}, Mark{"libpod", "podman"}, Mark{"/docker", "docker"},
                           Mark{"docker-", "docker"}, Mark{"/lxc", "lxc"}, Mark{"containerd", "containerd"}}) {
    if (text.find(mark.text) != std::string_view::npos) return mark.container;
  }
  return std::nullopt;
}

std::optional<std::string> container_mark(const FileTree& tree, const std::string& root) {
  if (tree.exists(root + "/var/run/secrets/kubernetes.io/serviceaccount")) return "kubernetes";
  if (tree.exists(root + "/run/.containerenv")) return "podman";
  if (tree.exists(root + "/.dockerenv")) return "docker";
  if (auto named = read_line(tree, root + "/run/systemd/container")) return *named;
  return std::nullopt;
}

Fact<std::vector<std::string>> read_verbs_providers(const FileTree& tree, const std::string& root) {
  return providers_in(tree, root + "/etc/libibverbs.d");
}

Host read_host(const FileTree& tree, const KernelAnswers& answers) {
  Host host;
  host.hostname = answer_or_file(tree, answers.hostname, "/proc/sys/kernel/hostname");
  host.kernel = answer_or_file(tree, answers.kernel, "/proc/sys/kernel/osrelease");
  host.architecture = answers.architecture;
  host.page_size_bytes = answers.page_size_bytes;
  host.os = read_os(tree);
  host.machine = read_machine(tree);
  host.container = read_container(tree);
  host.libibverbs = answers.libibverbs;
  host.verbs_providers = read_verbs_providers(tree, "");
  if (answers.nccl) host.nccl_libraries.push_back(*answers.nccl);
  host.nccl_plugins = answers.nccl_plugins;
  host.nvidia_driver = read_nvidia_driver(tree);
  host.modules = read_modules(tree);
  const Fact<std::string> meminfo = tree.read("/proc/meminfo");
  host.memory_total_bytes = from_meminfo(meminfo, "MemTotal");
  host.cma_total_bytes = from_meminfo(meminfo, "CmaTotal");
  host.cma_free_bytes = from_meminfo(meminfo, "CmaFree");
  host.hugepages_total = from_meminfo(meminfo, "HugePages_Total");
  host.hugepage_size_bytes = from_meminfo(meminfo, "Hugepagesize");
  const Fact<std::vector<std::string>> policies = list_names(tree, frequency_policies);
  host.cpu_governors = read_frequency_policies(tree, policies, "scaling_governor");
  host.cpu_frequency_drivers = read_frequency_policies(tree, policies, "scaling_driver");
  return host;
}

}  // namespace rocekit::facts::readers
