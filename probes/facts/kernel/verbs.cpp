// libibverbs, asked as NCCL asks it: the device list in its order, each device opened, each port queried.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "core/dynlib/ibverbs.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/kernel/quiet_stderr.h"
#include "probes/facts/kernel/uverbs.h"
#include "probes/facts/readers/library_version.h"

namespace rocekit::facts::kernel {
namespace {

using dynlib::Ibverbs;

/// Path MTU in bytes of enum ibv_mtu: 1 is 256, each next the double.
Fact<int> mtu_bytes(int code, std::string_view question) {
  if (code < IBV_MTU_256 || code > IBV_MTU_4096) {
    return Missing{Why::malformed, fmt::format("{}: path MTU code {} is not one of 1 to 5", question, code)};
  }
  return 128 << code;
}

/// The indexes of valid entries, by port.
void ask_gid_indexes(const Ibverbs& verbs, ibv_context& context, std::size_t table_size, VerbsDeviceAnswers& device) {
  std::vector<ibv_gid_entry> entries(table_size);
  const ssize_t count = verbs.query_gid_table(&context, entries.data(), entries.size());
  for (VerbsPortAnswers& port : device.ports) {
    if (count < 0) {
      port.gid_indexes =
          missing_from_errno(static_cast<int>(-count), fmt::format("ibv_query_gid_table {}", device.name));
      continue;
    }
    std::vector<int> indexes;
    for (ssize_t i = 0; i < count; ++i) {
      const ibv_gid_entry& entry = entries[static_cast<std::size_t>(i)];
      if (entry.port_num == static_cast<std::uint32_t>(port.number))
        indexes.push_back(static_cast<int>(entry.gid_index));
    }
    std::sort(indexes.begin(), indexes.end());
    port.gid_indexes = std::move(indexes);
  }
}

VerbsPortAnswers ask_port(const Ibverbs& verbs, ibv_context& context, int number, const std::string& device,
                          std::size_t& gid_table_size) {
  VerbsPortAnswers port;
  port.number = number;
  const std::string question = fmt::format("ibv_query_port {}:{}", device, number);
  ibv_port_attr attributes{};
  if (const int error = verbs.query_port(&context, static_cast<std::uint8_t>(number), &attributes); error != 0) {
    const Missing missing = missing_from_errno(error, question);
    port.active_mtu = missing;
    port.max_mtu = missing;
    return port;
  }
  port.active_mtu = mtu_bytes(attributes.active_mtu, question);
  port.max_mtu = mtu_bytes(attributes.max_mtu, question);
  port.gid_table_size = std::max(attributes.gid_tbl_len, 0);
  gid_table_size += static_cast<std::size_t>(*port.gid_table_size);
  return port;
}

/// A device that could not be opened or is not listed. Where its node is the reason, the node says it for all answers.
VerbsDeviceAnswers unanswered(const std::string& device, const Fact<bool>& openable, const Missing& why) {
  VerbsDeviceAnswers answers;
  answers.name = device;
  answers.openable = openable;
  answers.vendor_id = openable ? why : openable.missing();
  answers.vendor_part_id = answers.vendor_id;
  return answers;
}

VerbsDeviceAnswers ask_device(const Ibverbs& verbs, ibv_device& device) {
  const std::string name = verbs.get_device_name(&device);
  const std::string node = fmt::format("/dev/infiniband/{}", device.dev_name);
  errno = 0;
  ibv_context* const context = verbs.open_device(&device);
  if (context == nullptr) {
    const int error = errno != 0 ? errno : EIO;
    const Missing missing = missing_from_errno(error, fmt::format("ibv_open_device {} ({})", name, node));
    // The library tries other ways after the node and keeps the errno of the last.
    const Fact<bool> openable = ask_openable(node);
    return unanswered(name, openable ? Fact<bool>(missing) : openable, missing);
  }

  VerbsDeviceAnswers answers;
  answers.name = name;
  answers.openable = true;
  ibv_device_attr attributes{};
  if (const int error = verbs.query_device(context, &attributes); error != 0) {
    const Missing missing = missing_from_errno(error, fmt::format("ibv_query_device {}", name));
    answers.vendor_id = missing;
    answers.vendor_part_id = missing;
  } else {
    answers.vendor_id = static_cast<int>(attributes.vendor_id);
    answers.vendor_part_id = static_cast<int>(attributes.vendor_part_id);
    std::size_t gid_table_size = 0;
    for (int port = 1; port <= attributes.phys_port_cnt; ++port) {
      answers.ports.push_back(ask_port(verbs, *context, port, name, gid_table_size));
    }
    ask_gid_indexes(verbs, *context, gid_table_size, answers);
  }
  verbs.close_device(context);
  return answers;
}

/// Devices that the kernel offers and `listed` lacks: there is no library, no provider for their driver, or no node.
void append_unlisted(std::vector<VerbsDeviceAnswers>& listed, const Missing& why) {
  for (const UverbsNode& node : uverbs_nodes()) {
    const bool known = std::any_of(listed.begin(), listed.end(),
                                   [&](const VerbsDeviceAnswers& device) { return device.name == node.device; });
    if (!known) listed.push_back(unanswered(node.device, ask_openable(node.path), why));
  }
}

Missing load_failure(const std::string& text) {
  const bool not_found = text.find("No such file") != std::string::npos;
  return {not_found ? Why::absent : Why::failed, text};
}

}  // namespace

VerbsAnswers ask_verbs() {
  const QuietStderr quiet;
  const Ibverbs verbs;
  VerbsAnswers answers;
  if (verbs) {
    const std::string& path = verbs.library().path();
    answers.library = Library{path, readers::rdma_core_version(FileTree::live().canonical(path).value_or(path))};
  } else {
    answers.library = load_failure(verbs.error());
  }

  // Without this class the kernel's RDMA core is not loaded; the library would make the kernel load it.
  static constexpr const char* rdma_class = "/sys/class/infiniband";
  if (access(rdma_class, F_OK) != 0) {
    answers.devices = Missing{Why::absent, fmt::format("{}: not there, no RDMA driver is loaded", rdma_class)};
    return answers;
  }

  std::vector<VerbsDeviceAnswers> devices;
  if (!verbs) {
    append_unlisted(devices, answers.library.missing());
    answers.devices = std::move(devices);
    return answers;
  }
  errno = 0;
  int count = 0;
  ibv_device** const list = verbs.get_device_list(&count);
  if (list == nullptr) {
    answers.devices = missing_from_errno(errno != 0 ? errno : EIO, "ibv_get_device_list");
    return answers;
  }
  for (int i = 0; i < count; ++i) devices.push_back(ask_device(verbs, *list[i]));
  verbs.free_device_list(list);
  append_unlisted(devices, Missing{Why::absent, "ibv_get_device_list: does not list this device, no provider for it"});
  answers.devices = std::move(devices);
  return answers;
}

}  // namespace rocekit::facts::kernel
