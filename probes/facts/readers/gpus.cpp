#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "probes/facts/readers/readers.h"

namespace rocekit::facts::readers {
namespace {

constexpr std::string_view pci_devices = "/sys/bus/pci/devices";
constexpr long long nvidia = 0x10de;
constexpr long long vga_controller = 0x0300;
constexpr long long three_d_controller = 0x0302;

std::string path_of(const std::string& address, std::string_view attribute) {
  return fmt::format("{}/{}/{}", pci_devices, address, attribute);
}

/// An address is written as sysfs does: four digits of domain, lower case.
std::string normal_address(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const std::size_t colon = text.find(':');
  // nvidia-smi writes eight digits of domain.
  if (colon == 8 && text.starts_with("0000")) text.erase(0, 4);
  return text;
}

std::vector<std::string> gpu_addresses(const FileTree& tree) {
  std::vector<std::string> addresses;
  const auto devices = tree.list(pci_devices);
  if (!devices) return addresses;
  for (const std::string& address : *devices) {
    const auto device_class = tree.read_integer(path_of(address, "class"));
    if (!device_class) continue;
    const long long base_and_sub = *device_class >> 8;
    if (base_and_sub != vga_controller && base_and_sub != three_d_controller) continue;
    if (tree.read_integer(path_of(address, "vendor")).is(nvidia)) addresses.push_back(address);
  }
  return addresses;
}

Fact<int> attribute(const Fact<std::map<std::string, int>>& attributes, const char* number) {
  if (!attributes) return missing_as<int>(attributes);
  const auto found = attributes->find(number);
  if (found == attributes->end()) {
    return Missing{Why::not_supported, fmt::format("the CUDA driver does not answer attribute {}", number)};
  }
  return found->second;
}

Fact<bool> flag(const Fact<std::map<std::string, int>>& attributes, const char* number) {
  const Fact<int> value = attribute(attributes, number);
  if (!value) return missing_as<bool>(value);
  return *value != 0;
}

Fact<std::string> compute_capability(const Fact<std::map<std::string, int>>& attributes) {
  const Fact<int> major = attribute(attributes, "75");
  if (!major) return missing_as<std::string>(major);
  const Fact<int> minor = attribute(attributes, "76");
  if (!minor) return missing_as<std::string>(minor);
  return fmt::format("{}.{}", *major, *minor);
}

void take_answers(Gpu& gpu, const Fact<std::string>& name, const Fact<std::map<std::string, int>>& attributes) {
  gpu.name = name;
  gpu.integrated = flag(attributes, "18");
  gpu.gpu_direct_rdma_supported = flag(attributes, "116");
  gpu.dma_buf_supported = flag(attributes, "124");
  gpu.multicast_supported = flag(attributes, "132");
  gpu.pageable_memory_access = flag(attributes, "88");
  gpu.compute_capability = compute_capability(attributes);
}

}  // namespace

std::vector<Gpu> read_gpus(const FileTree& tree, const KernelAnswers& answers) {
  std::vector<Gpu> gpus;
  for (const std::string& address : gpu_addresses(tree)) {
    Gpu gpu;
    gpu.pci_address = address;
    gpu.pci = read_pci(tree, fmt::format("{}/{}", pci_devices, address));
    const Missing unanswered =
        answers.gpus ? Missing{Why::absent, "the CUDA driver does not list this GPU"} : answers.gpus.missing();
    take_answers(gpu, unanswered, unanswered);
    gpus.push_back(std::move(gpu));
  }
  if (!answers.gpus) return gpus;
  for (const GpuAnswers& answer : *answers.gpus) {
    const std::string address = normal_address(answer.pci_address);
    auto gpu = std::find_if(gpus.begin(), gpus.end(), [&](const Gpu& known) { return known.pci_address == address; });
    if (gpu == gpus.end()) {
      gpus.emplace_back();
      gpu = gpus.end() - 1;
      gpu->pci_address = address;
      gpu->pci = Missing{Why::absent, fmt::format("{}/{}: no such PCI function", pci_devices, address)};
    }
    take_answers(*gpu, answer.name, answer.attributes);
  }
  return gpus;
}

}  // namespace rocekit::facts::readers
