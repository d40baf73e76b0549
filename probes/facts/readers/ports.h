// Ports of one RDMA device.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// `directory`: /sys/class/infiniband/NAME. `verbs`: libibverbs' answers for this device, or why there are none.
std::vector<Port> read_ports(const FileTree& tree, const std::string& directory, const Fact<VerbsDeviceAnswers>& verbs,
                             const Fact<std::string>& parent_netdev);

/// Fills gid_table_size and gids from `directory`/gids and gid_attrs; needs the port's link layer. The table is listed
/// where `table_size` is not known, and only `valid_indexes` are read where they are known.
void read_gids(const FileTree& tree, const std::string& directory, const Fact<int>& table_size,
               const Fact<std::vector<int>>& valid_indexes, Port& port);

}  // namespace rocekit::facts::readers
