// The readers that read_node joins: files and raw answers to structs. None throws; what fails is a Missing.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

Fact<bool> read_infiniband_class(const FileTree& tree);
std::vector<Device> read_devices(const FileTree& tree,
                                 const KernelAnswers& answers);  // devices.cpp (ports.cpp, gids.cpp)
/// The function at a sysfs path such as /sys/class/infiniband/rocep1s0f0/device; absent when it is not on a PCI bus.
Fact<Pci> read_pci(const FileTree& tree, std::string_view device_link);                // pci.cpp
std::vector<Netdev> read_netdevs(const FileTree& tree, const KernelAnswers& answers);  // netdevs.cpp
/// Files of netplan, systemd-networkd, NetworkManager and ifupdown that name this netdev.
Fact<std::vector<PersistentConfig>> read_persistent_config(const FileTree& tree, std::string_view netdev,
                                                           const Fact<std::string>& mac);  // persistent_config.cpp
Host read_host(const FileTree& tree, const KernelAnswers& answers);                        // host.cpp
Process read_process(const FileTree& tree, const KernelAnswers& answers);  // process.cpp (nccl_settings.cpp)
/// Another process, seen from outside: /proc/PID and the files below its root.
Serving read_serving(const FileTree& tree, const KernelAnswers& answers, int pid);  // serving.cpp
std::vector<Gpu> read_gpus(const FileTree& tree, const KernelAnswers& answers);     // gpus.cpp
/// From hwloc's XML, and from the PCI paths of devices and GPUs.
Fact<Topology> read_topology(const KernelAnswers& answers, const std::vector<Device>& devices,
                             const std::vector<Gpu>& gpus);  // topology.cpp

}  // namespace rocekit::facts::readers
