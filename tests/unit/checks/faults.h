// What the tests of single areas share: which checks fire on a node, and shorthand for breaking one thing.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks::sample {

/// IDs with a warning or critical finding.
inline std::set<std::string> fired(const std::vector<Finding>& findings) {
  std::set<std::string> ids;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::warning || finding.severity == Severity::critical) ids.insert(finding.id);
  }
  return ids;
}

/// All remedies of the findings, one line each.
inline std::string remedies(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    for (const std::string& line : finding.remedy) text += line + "\n";
  }
  return text;
}

inline void unset_env(facts::NodeFacts& node, const std::string& name) {
  node.process.nccl_env.erase(name);
  std::erase_if(node.process.settings, [&](const facts::Setting& setting) { return setting.name == name; });
}

inline void set_conf(facts::NodeFacts& node, const std::string& name, const std::string& value,
                     const std::string& source) {
  unset_env(node, name);
  node.process.settings.push_back({name, value, source});
  node.process.conf_files = {source.substr(0, source.rfind(':'))};
}

/// A podman container, as root of it, with every capability that podman gives by default.
inline void move_into_podman(facts::NodeFacts& node) {
  node.host.container = std::string("podman");
  node.process.euid = 0;
  node.process.capabilities = std::vector<std::string>{"CAP_CHOWN", "CAP_NET_BIND_SERVICE", "CAP_SETUID"};
}

/// The container got /sys of the host, but not these nodes of /dev/infiniband.
inline void hide_uverbs(facts::NodeFacts& node, const std::vector<std::string>& devices) {
  for (const std::string& name : devices) {
    facts::Uverbs& uverbs = device(node, name).uverbs.value();
    uverbs.openable = facts::Missing{facts::Why::absent, uverbs.path + ": No such file or directory"};
    std::erase(node.process.infiniband_nodes.value(), uverbs.path.substr(uverbs.path.rfind('/') + 1));
  }
}

inline void hide_all_uverbs(facts::NodeFacts& node) {
  for (facts::Device& item : node.devices) {
    item.uverbs.value().openable =
        facts::Missing{facts::Why::absent, item.uverbs->path + ": No such file or directory"};
  }
  node.process.infiniband_nodes = facts::Missing{facts::Why::absent, "/dev/infiniband: No such file or directory"};
  node.process.rdma_cm_openable =
      facts::Missing{facts::Why::absent, "/dev/infiniband/rdma_cm: No such file or directory"};
}

/// An IPv4 address in place of the ones a netdev has, with its route; GIDs follow.
inline void give_address(facts::NodeFacts& node, const std::string& netdev_name, const std::string& ip,
                         int prefix_length, const std::string& subnet) {
  facts::Netdev& link = netdev(node, netdev_name);
  std::erase_if(link.addresses.value(), [](const facts::Address& address) { return address.family == "inet"; });
  link.addresses.value().push_back({"inet", ip, prefix_length, "global"});
  std::erase_if(node.routes.value(), [&](const facts::Route& route) { return route.netdev == netdev_name; });
  node.routes.value().push_back({subnet, netdev_name, std::nullopt, ip, 0});
  for (facts::Device& item : node.devices) {
    for (facts::Gid& gid : item.ports.at(0).gids) {
      if (gid.netdev.is(netdev_name) && gid.ipv4) gid.ipv4 = ip;
    }
  }
}

}  // namespace rocekit::checks::sample
