#include "tools/roce-pingpong/run/place.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <thread>

#include "core/measure/affinity.h"

namespace rocekit::pingpong {
namespace {

struct Part {
  const char* implementer;
  const char* part;
  const char* name;
};
// MIDR_EL1 of the cores that such nodes have (Linux, arch/arm64/include/asm/cputype.h).
constexpr std::array parts{
    Part{"0x41", "0xd85", "Cortex-X925"}, Part{"0x41", "0xd87", "Cortex-A725"}, Part{"0x41", "0xd4f", "Neoverse V2"},
    Part{"0x41", "0xd84", "Neoverse V3"}, Part{"0x41", "0xd40", "Neoverse V1"}, Part{"0x41", "0xd49", "Neoverse N2"},
    Part{"0x41", "0xd0c", "Neoverse N1"}, Part{"0x41", "0xd08", "Cortex-A72"},
};

/// x86 names its model; Arm numbers its cores, and they differ within one machine.
std::string cpu_model(int cpu) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  int at = -1;
  std::string implementer;
  std::string part;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (line.rfind("processor", 0) == 0) ++at;
    if (at != cpu && cpu >= 0) continue;
    if (line.rfind("model name", 0) == 0) return value;
    if (line.rfind("CPU implementer", 0) == 0) implementer = value;
    if (line.rfind("CPU part", 0) == 0) part = value;
  }
  for (const Part& known : parts) {
    if (implementer == known.implementer && part == known.part) return known.name;
  }
  return part.empty() ? "" : fmt::format("Arm implementer {} part {}", implementer, part);
}

const std::vector<int>& near_cpus(const PathPlan& path, bool is_a) { return is_a ? path.cpus_a : path.cpus_b; }

}  // namespace

std::map<std::size_t, std::vector<int>> cpus_of_paths(const Plan& plan, const PairPlan& pair, bool is_a,
                                                      const std::vector<int>& allowed, int ranks_before_on_machine,
                                                      int ranks_on_machine, int lanes_a_path) {
  std::map<std::size_t, std::vector<int>> cpus;
  const bool enough = static_cast<int>(allowed.size()) >= ranks_on_machine;
  int lane = 0;
  for (const std::size_t path : pair.paths) {
    for (int i = 0; i < lanes_a_path; ++i) {
      const auto index = static_cast<std::size_t>(lane++ * ranks_on_machine + ranks_before_on_machine);
      cpus[path].push_back(enough ? measure::choose_cpu(allowed, near_cpus(plan.paths[path], is_a), index) : -1);
    }
  }
  return cpus;
}

std::vector<int> usable_cpus(std::size_t lanes, bool widen) {
  std::vector<int> allowed = measure::allowed_cpus();
  if (!widen || allowed.size() >= lanes) return allowed;
  std::vector<int> all;
  for (int cpu = 0; cpu < static_cast<int>(std::thread::hardware_concurrency()); ++cpu) all.push_back(cpu);
  std::ifstream present("/sys/devices/system/cpu/online");
  std::string list;
  if (std::getline(present, list)) all = measure::parse_cpulist(list).value_or(all);
  measure::pin_this_thread(all);
  return measure::allowed_cpus();
}

Host this_host(int rank, const std::string& name, int cpu) {
  Host host;
  host.rank = rank;
  host.name = name;
  host.measuring_cpu = cpu;
  host.cpu = cpu_model(cpu);
  if (cpu >= 0) {
    const measure::CpuPlace place = measure::cpu_place(cpu);
    host.governor = place.governor;
    host.numa_node = place.numa_node;
  }
  return host;
}

std::vector<measure::Warning> place_warnings(int cpu, const Node& node, const End& end) {
  if (cpu < 0) return {};
  measure::CpuPlace place = measure::cpu_place(cpu);
  for (const RdmaPort& port : node.ports) {
    if (port.device != end.device || port.port != end.port) continue;
    place.device = port.device;
    place.device_numa_node = port.numa_node;
  }
  std::vector<measure::Warning> warnings = measure::examine_place(place);
  for (measure::Warning& warning : warnings) warning.text += fmt::format(" ({})", node.host);
  return warnings;
}

}  // namespace rocekit::pingpong
