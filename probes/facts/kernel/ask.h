// The questions that ask_this_node joins, one source a file. None throws; what fails is a Missing in the answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "probes/facts/kernel_answers.h"

namespace rocekit::facts::kernel {

class NetlinkSocket;

/// rtnetlink: links and addresses; ethtool netlink (ioctl as the fallback) and DCB for the netdevs in `rdma_netdevs`.
Fact<std::vector<NetdevAnswers>> ask_netdevs(NetlinkSocket& route_socket,
                                             const std::vector<std::string>& rdma_netdevs);  // netdevs.cpp
/// RTM_GETROUTE: IPv4 unicast routes of the main table; `netdevs` give the names.
Fact<std::vector<Route>> ask_routes(NetlinkSocket& route_socket,
                                    const std::vector<NetdevAnswers>& netdevs);  // routes.cpp
/// RDMA_NLDEV_CMD_SYS_GET.
Fact<std::string> ask_rdma_netns_mode();  // rdma_netns.cpp

struct VerbsAnswers {
  Fact<Library> library;
  Fact<std::vector<VerbsDeviceAnswers>> devices;
};
VerbsAnswers ask_verbs();  // verbs.cpp

Fact<std::vector<GpuAnswers>> ask_gpus();                                       // gpus.cpp
Fact<Library> ask_nccl(const std::map<std::string, std::string>& environment);  // nccl_library.cpp
/// External network plugins that NCCL's dlopen would find, in its order; an empty list: none.
Fact<std::vector<Library>> ask_nccl_plugins(const std::map<std::string, std::string>& environment);  // nccl_library.cpp
/// "2.28.9" of a libnccl, without loading it: from the real file's name, else from its banner.
Fact<std::string> nccl_version_of(const std::string& path);  // nccl_library.cpp
/// Of another process: nodes in its /dev/infiniband, what it holds open, libraries that it has mapped.
ServingAnswers ask_serving(int pid);   // serving.cpp
Fact<std::string> ask_topology_xml();  // topology.cpp

/// hostname, kernel, architecture, page size, euid, memlock, capabilities, rdma_cm, environment.
void ask_process(KernelAnswers& answers);  // process.cpp

}  // namespace rocekit::facts::kernel
