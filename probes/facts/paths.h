// Where the kernel shows a value: used by readers to read it and by rules to say where it was read.
#pragma once

#include <string>
#include <string_view>

namespace rocekit::facts {

/// "/sys/class/infiniband/rocep1s0f0/fw_ver"; the device's directory without `attribute`.
inline std::string sysfs_device(std::string_view device, std::string_view attribute = {}) {
  std::string path("/sys/class/infiniband/");
  path.append(device);
  if (!attribute.empty()) path.append("/").append(attribute);
  return path;
}

/// "/sys/class/infiniband/rocep1s0f0/ports/1/state"; the port's directory without `attribute`.
inline std::string sysfs_port(std::string_view device, int port, std::string_view attribute = {}) {
  std::string path = sysfs_device(device).append("/ports/").append(std::to_string(port));
  if (!attribute.empty()) path.append("/").append(attribute);
  return path;
}

/// "/sys/class/infiniband/rocep1s0f0/ports/1/gids/3"
inline std::string sysfs_gid(std::string_view device, int port, int index) {
  return sysfs_port(device, port, "gids/").append(std::to_string(index));
}
/// "/sys/class/infiniband/rocep1s0f0/ports/1/gid_attrs/types/3": "IB/RoCE v1" or "RoCE v2"
inline std::string sysfs_gid_type(std::string_view device, int port, int index) {
  return sysfs_port(device, port, "gid_attrs/types/").append(std::to_string(index));
}
/// "/sys/class/infiniband/rocep1s0f0/ports/1/gid_attrs/ndevs/3": the netdev of that GID
inline std::string sysfs_gid_netdev(std::string_view device, int port, int index) {
  return sysfs_port(device, port, "gid_attrs/ndevs/").append(std::to_string(index));
}

/// "/sys/class/net/enp1s0f0np0/mtu"
inline std::string sysfs_net(std::string_view netdev, std::string_view attribute = {}) {
  std::string path("/sys/class/net/");
  path.append(netdev);
  if (!attribute.empty()) path.append("/").append(attribute);
  return path;
}

/// "/sys/bus/pci/devices/0000:01:00.0/current_link_width"
inline std::string sysfs_pci(std::string_view address, std::string_view attribute = {}) {
  std::string path("/sys/bus/pci/devices/");
  path.append(address);
  if (!attribute.empty()) path.append("/").append(attribute);
  return path;
}

}  // namespace rocekit::facts
