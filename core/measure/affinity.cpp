#include "core/measure/affinity.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>

namespace rocekit::measure {

namespace {

/// Far above NR_CPUS of any distribution's kernel (8192).
constexpr int most_cpus = 65536;

/// A CPU mask of any length: the fixed cpu_set_t ends at 1024.
class CpuMask {
 public:
  explicit CpuMask(int cpus) : bytes_(CPU_ALLOC_SIZE(cpus)), set_(CPU_ALLOC(cpus)) {
    if (set_) CPU_ZERO_S(bytes_, set_.get());
  }
  explicit operator bool() const { return set_ != nullptr; }
  std::size_t bytes() const { return bytes_; }
  cpu_set_t* get() const { return set_.get(); }
  void add(int cpu) { CPU_SET_S(static_cast<std::size_t>(cpu), bytes_, set_.get()); }
  bool has(int cpu) const { return CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes_, set_.get()); }

 private:
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  std::size_t bytes_;
  std::unique_ptr<cpu_set_t, Free> set_;
};

std::optional<int> parse_cpu(std::string_view digits) {
  int cpu = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), cpu);
  if (error != std::errc{} || end != digits.data() + digits.size() || cpu < 0 || cpu >= most_cpus) return std::nullopt;
  return cpu;
}

std::filesystem::path directory_of(int cpu, const std::filesystem::path& sysfs) {
  return sysfs / fmt::format("devices/system/cpu/cpu{}", cpu);
}

std::optional<std::string> first_word(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string word;
  if (!(stream >> word)) return std::nullopt;
  return word;
}

/// Equal for hardware threads of one core.
std::string core_of(int cpu, const std::filesystem::path& sysfs) {
  return first_word(directory_of(cpu, sysfs) / "topology/thread_siblings_list").value_or(std::to_string(cpu));
}

int capacity_of(int cpu, const std::filesystem::path& sysfs) {
  const auto word = first_word(directory_of(cpu, sysfs) / "cpu_capacity");
  int capacity = 0;
  if (word) std::from_chars(word->data(), word->data() + word->size(), capacity);
  return capacity;
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  // The kernel answers EINVAL when the mask is shorter than its own.
  for (int length = 1024; length <= most_cpus; length *= 2) {
    const CpuMask mask(length);
    if (!mask) return {};
    if (sched_getaffinity(0, mask.bytes(), mask.get()) != 0) {
      if (errno == EINVAL) continue;
      return {};
    }
    for (int cpu = 0; cpu < length; ++cpu) {
      if (mask.has(cpu)) cpus.push_back(cpu);
    }
    return cpus;
  }
  return cpus;
}

int current_cpu() { return sched_getcpu(); }

int pin_this_thread(std::span<const int> cpus) {
  if (cpus.empty()) return EINVAL;
  const auto [least, greatest] = std::minmax_element(cpus.begin(), cpus.end());
  if (*least < 0 || *greatest >= most_cpus) return EINVAL;
  CpuMask mask(std::max(*greatest + 1, 1024));
  if (!mask) return ENOMEM;
  for (const int cpu : cpus) mask.add(cpu);
  return sched_setaffinity(0, mask.bytes(), mask.get()) == 0 ? 0 : errno;
}

int pin_this_thread(int cpu) { return pin_this_thread(std::span<const int>(&cpu, 1)); }

std::optional<std::vector<int>> parse_cpulist(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::vector<int> cpus;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_cpu(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_cpu(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

int choose_cpu(std::span<const int> allowed, std::span<const int> near, std::size_t index,
               const std::filesystem::path& sysfs) {
  if (allowed.empty()) return -1;
  struct Candidate {
    bool far;
    int slowness;         ///< minus cpu_capacity
    std::size_t sharers;  ///< of its core, that come before it
    bool is_zero;
    int cpu;
  };
  std::vector<Candidate> candidates;
  std::map<std::string, std::size_t> taken;
  for (const int cpu : allowed) {
    const bool is_near = near.empty() || std::find(near.begin(), near.end(), cpu) != near.end();
    candidates.push_back({!is_near, -capacity_of(cpu, sysfs), taken[core_of(cpu, sysfs)]++, cpu == 0, cpu});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.far, a.slowness, a.sharers, a.is_zero, a.cpu) <
           std::tie(b.far, b.slowness, b.sharers, b.is_zero, b.cpu);
  });
  return candidates[index % candidates.size()].cpu;
}

CpuPlace cpu_place(int cpu, const std::filesystem::path& sysfs) {
  CpuPlace place;
  place.cpu = cpu;
  if (cpu < 0) return place;
  const std::filesystem::path directory = directory_of(cpu, sysfs);
  place.governor = first_word(directory / "cpufreq/scaling_governor");
  place.frequency_driver = first_word(directory / "cpufreq/scaling_driver");
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind("node", 0) != 0) continue;
    if (const auto node = parse_cpu(std::string_view(name).substr(4))) place.numa_node = *node;
  }
  return place;
}

}  // namespace rocekit::measure
