#include "verbs/device_context.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "verbs/causes.h"

namespace rocekit::verbs {
namespace {

/// The list that libibverbs gives, until it is freed. Devices stay valid while one of them is open.
class DeviceList {
 public:
  explicit DeviceList(const dynlib::Ibverbs& library) : library_(library), list_(library.get_device_list(&count_)) {}
  DeviceList(const DeviceList&) = delete;
  DeviceList& operator=(const DeviceList&) = delete;
  ~DeviceList() {
    if (list_ != nullptr) library_.free_device_list(list_);
  }
  int count() const { return list_ == nullptr ? 0 : count_; }
  ibv_device* operator[](int i) const { return list_[i]; }

 private:
  const dynlib::Ibverbs& library_;
  int count_ = 0;
  ibv_device** list_;
};

bool kernel_has(const std::string& device) {
  std::error_code error;
  return std::filesystem::exists("/sys/class/infiniband/" + device, error);
}

}  // namespace

DeviceContext::DeviceContext(const std::string& device, int port)
    : name_(fmt::format("{}:{}", device, port)), port_(port) {
  if (!library_ || !library_.bind_data_path()) {
    throw TransportError({"loading libibverbs.so.1", {}, {}, "ROCE-DEV-002"}, 0, library_.error());
  }
  const DeviceList list(library_);
  std::vector<std::string> names;
  ibv_device* found = nullptr;
  for (int i = 0; i < list.count(); ++i) {
    names.emplace_back(library_.get_device_name(list[i]));
    if (names.back() == device) found = list[i];
  }
  if (found == nullptr) {
    if (kernel_has(device)) {
      const Cause cause = cause_of_open(uverbs_node_of(device));
      throw TransportError({"ibv_get_device_list", device, {}, cause.check_id}, 0, cause.sentence);
    }
    if (names.empty()) {
      throw TransportError({"ibv_get_device_list", device, {}, "ROCE-DEV-001"}, 0, "this node has no RDMA device");
    }
    throw InputError(fmt::format("no RDMA device {} on this node; it has {}", device, fmt::join(names, ", ")));
  }
  context_ = library_.open_device(found);
  if (context_ == nullptr) {
    const int error = errno;
    const Cause cause = cause_of_open(uverbs_node_of(device));
    throw TransportError({"ibv_open_device", device, {}, cause.check_id}, error, cause.sentence);
  }
  try {
    if (const int error = library_.query_device(context_, &attributes_); error != 0) {
      throw TransportError({"ibv_query_device", device, {}, {}}, error);
    }
    if (port < 1 || port > attributes_.phys_port_cnt) {
      throw InputError(fmt::format("{} has no port {}; its ports are 1 to {}", device, port,
                                   static_cast<int>(attributes_.phys_port_cnt)));
    }
    if (const int error = library_.query_port(context_, static_cast<std::uint8_t>(port), &port_attributes_);
        error != 0) {
      throw TransportError({"ibv_query_port", name_, {}, {}}, error);
    }
    // Asynchronous events are looked at between other things, never waited for.
    fcntl(context_->async_fd, F_SETFL, fcntl(context_->async_fd, F_GETFL) | O_NONBLOCK);
    if (const auto cause = fault()) throw TransportError({"opening", name_, {}, cause->check_id}, 0, cause->sentence);
  } catch (...) {
    library_.close_device(context_);
    throw;
  }
}

DeviceContext::~DeviceContext() { library_.close_device(context_); }

std::vector<GidEntry> DeviceContext::gids() const {
  std::vector<ibv_gid_entry> table(static_cast<std::size_t>(std::max(port_attributes_.gid_tbl_len, 0)) *
                                   attributes_.phys_port_cnt);
  const ssize_t count = library_.query_gid_table(context_, table.data(), table.size());
  if (count < 0) {
    throw TransportError({"ibv_query_gid_table", name_, {}, count == -EOPNOTSUPP ? "ROCE-DEV-002" : ""},
                         static_cast<int>(-count),
                         count == -EOPNOTSUPP ? "libibverbs is older than rdma-core 32, or the kernel than 5.10" : "");
  }
  std::vector<GidEntry> entries;
  for (ssize_t i = 0; i < count; ++i) {
    const ibv_gid_entry& from = table[static_cast<std::size_t>(i)];
    if (from.port_num != static_cast<std::uint32_t>(port_)) continue;
    GidEntry entry;
    entry.index = static_cast<int>(from.gid_index);
    entry.type = from.gid_type == IBV_GID_TYPE_ROCE_V2   ? GidEntry::Type::roce_v2
                 : from.gid_type == IBV_GID_TYPE_ROCE_V1 ? GidEntry::Type::roce_v1
                                                         : GidEntry::Type::infiniband;
    std::memcpy(entry.gid.data(), from.gid.raw, entry.gid.size());
    entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(), [](const GidEntry& a, const GidEntry& b) { return a.index < b.index; });
  return entries;
}

std::optional<Cause> DeviceContext::fault() const {
  ibv_async_event event{};
  while (library_.get_async_event(context_, &event) == 0) {
    const ibv_event_type type = event.event_type;
    library_.ack_async_event(&event);
    if (type == IBV_EVENT_DEVICE_FATAL || type == IBV_EVENT_CQ_ERR || type == IBV_EVENT_QP_FATAL ||
        type == IBV_EVENT_QP_REQ_ERR || type == IBV_EVENT_QP_ACCESS_ERR) {
      return Cause{"", fmt::format("the device reported: {}", library_.event_type_str(type))};
    }
  }
  ibv_port_attr now{};
  if (const int error = library_.query_port(context_, static_cast<std::uint8_t>(port_), &now); error != 0) {
    return Cause{"ROCE-DEV-001", fmt::format("the device is gone (ibv_query_port: {})", std::strerror(error))};
  }
  if (const auto sentence = port_fault(now.state)) return Cause{"ROCE-LNK-002", *sentence};
  return std::nullopt;
}

}  // namespace rocekit::verbs
