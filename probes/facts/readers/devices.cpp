#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "probes/facts/readers/ports.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

constexpr const char* infiniband_class = "/sys/class/infiniband";
constexpr const char* verbs_class = "/sys/class/infiniband_verbs";

/// RDMA device -> "uverbs0".
Fact<std::map<std::string, std::string>> read_uverbs_names(const FileTree& tree) {
  const Fact<std::vector<std::string>> names = list_names(tree, verbs_class);
  if (!names) return names.missing();
  std::map<std::string, std::string> of_device;
  for (const std::string& name : *names) {
    if (!name.starts_with("uverbs")) continue;
    if (const auto device = read_line(tree, fmt::format("{}/{}/ibdev", verbs_class, name))) of_device[*device] = name;
  }
  return of_device;
}

Fact<VerbsDeviceAnswers> answers_for(const KernelAnswers& answers, const std::string& device) {
  if (!answers.verbs_devices) return answers.verbs_devices.missing();
  for (const VerbsDeviceAnswers& candidate : *answers.verbs_devices) {
    if (candidate.name == device) return candidate;
  }
  return Missing{Why::absent, fmt::format("libibverbs does not list {}", device)};
}

Fact<Uverbs> read_uverbs(const FileTree& tree, const std::string& device,
                         const Fact<std::map<std::string, std::string>>& names, const Fact<VerbsDeviceAnswers>& verbs) {
  if (!names) return names.missing();
  const auto found = names->find(device);
  if (found == names->end()) return Missing{Why::absent, fmt::format("no entry of {} names {}", verbs_class, device)};
  Uverbs uverbs;
  uverbs.path = "/dev/infiniband/" + found->second;
  if (!tree.exists(uverbs.path)) {
    uverbs.openable = Missing{Why::absent, fmt::format("{}: No such file or directory", uverbs.path)};
  } else {
    uverbs.openable = verbs ? verbs->openable : Fact<bool>(verbs.missing());
  }
  return uverbs;
}

/// Neither Soft-RoCE nor soft-iWARP has a device on a bus, or they borrow their netdev's: what they say of themselves
/// is asked first.
Fact<std::string> read_driver(const FileTree& tree, const std::string& directory, const Fact<std::string>& parent) {
  if (parent) return std::string("rdma_rxe");  // the one driver with this attribute (rxe_verbs.c, parent_show)
  const Fact<std::string> description = tree.read(directory + "/node_desc");
  if (description && description->starts_with("Software iWARP stack"))
    return std::string("siw");  // SIW_NODE_DESC_COMMON
  return read_link_name(tree, directory + "/device/driver");
}

DeviceKind kind_of(const Device& device, const Fact<std::string>& node_type) {
  if (device.driver.is("rdma_rxe")) return DeviceKind::soft_roce;
  if (device.driver.is("siw") || node_type.is("RNIC")) return DeviceKind::iwarp;
  if (device.driver.is("hfi1") || device.name.starts_with("hfi1_") ||
      (device.board_id && device.board_id->find("Omni-Path") != std::string::npos)) {
    return DeviceKind::omni_path;
  }
  if (node_type && *node_type != "CA") return DeviceKind::unknown;
  for (const Port& port : device.ports) {
    if (port.link_layer.is("Ethernet")) return DeviceKind::roce;
    if (port.link_layer.is("InfiniBand")) return DeviceKind::infiniband;
  }
  return DeviceKind::unknown;
}

Device read_device(const FileTree& tree, const std::string& name, const KernelAnswers& answers,
                   const Fact<std::map<std::string, std::string>>& uverbs_names) {
  const std::string directory = fmt::format("{}/{}", infiniband_class, name);
  const Fact<VerbsDeviceAnswers> verbs = answers_for(answers, name);
  Device device;
  device.name = name;
  device.parent_netdev = read_line(tree, directory + "/parent");
  device.driver = read_driver(tree, directory, device.parent_netdev);
  device.fw_version = read_optional_line(tree, directory + "/fw_ver");
  device.board_id = read_optional_line(tree, directory + "/board_id");
  device.hca_type = read_optional_line(tree, directory + "/hca_type");
  device.node_guid = read_line(tree, directory + "/node_guid");
  device.sys_image_guid = read_line(tree, directory + "/sys_image_guid");
  device.vendor_id = verbs ? verbs->vendor_id : Fact<int>(verbs.missing());
  device.vendor_part_id = verbs ? verbs->vendor_part_id : Fact<int>(verbs.missing());
  device.pci = device.driver.is("siw") || device.driver.is("rdma_rxe")
                   ? Fact<Pci>(Missing{Why::absent, fmt::format("{} is software on a netdev", name)})
                   : read_pci(tree, directory + "/device");
  device.uverbs = read_uverbs(tree, name, uverbs_names, verbs);
  device.ports = read_ports(tree, directory, verbs, device.parent_netdev);

  const Fact<std::string> type_text = tree.read(directory + "/node_type");
  const auto type_word = type_text ? parse_numbered_word(*type_text) : std::nullopt;
  device.kind = kind_of(device, type_word ? Fact<std::string>(*type_word) : Fact<std::string>(Missing{}));
  return device;
}

}  // namespace

Fact<bool> read_infiniband_class(const FileTree& tree) {
  if (tree.exists(infiniband_class)) return true;
  return Missing{Why::absent, fmt::format("{}: No such file or directory", infiniband_class)};
}

std::vector<Device> read_devices(const FileTree& tree, const KernelAnswers& answers) {
  std::vector<std::string> rest = list_names(tree, infiniband_class).value_or({});
  std::sort(rest.begin(), rest.end(), natural_less);
  std::vector<std::string> names;
  if (answers.verbs_devices) {
    for (const VerbsDeviceAnswers& listed : *answers.verbs_devices) {
      const auto found = std::find(rest.begin(), rest.end(), listed.name);
      if (found == rest.end()) continue;
      names.push_back(listed.name);
      rest.erase(found);
    }
  }
  names.insert(names.end(), rest.begin(), rest.end());

  const auto uverbs_names = read_uverbs_names(tree);
  std::vector<Device> devices;
  devices.reserve(names.size());
  for (const std::string& name : names) devices.push_back(read_device(tree, name, answers, uverbs_names));
  return devices;
}

}  // namespace rocekit::facts::readers
