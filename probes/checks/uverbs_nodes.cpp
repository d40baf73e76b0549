#include "probes/checks/uverbs_nodes.h"

#include <algorithm>
#include <iterator>

namespace rocekit::checks {
namespace {

using facts::Device;
using facts::NodeFacts;
using facts::Why;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::optional<bool> is_listed(const NodeFacts& node, const std::string& name) {
  const auto& listed = node.process.infiniband_nodes;
  if (listed) return std::find(listed->begin(), listed->end(), name) != listed->end();
  if (listed.missing().why == Why::absent) return false;
  return std::nullopt;
}

NodeState uverbs_state(const NodeFacts& node, const Device& device) {
  if (!device.uverbs) return device.uverbs.missing().why == Why::absent ? NodeState::missing : NodeState::unknown;
  const auto& openable = device.uverbs->openable;
  if (openable) return *openable ? NodeState::openable : NodeState::refused;
  const std::optional<bool> listed = is_listed(node, file_name(device.uverbs->path));
  switch (openable.missing().why) {
    case Why::permission:
    case Why::failed:
    case Why::not_supported:
      return NodeState::refused;
    case Why::absent:
      // ENXIO and ENODEV read as absent too: the node of a driver that is gone.
      return listed.value_or(false) ? NodeState::refused : NodeState::missing;
    case Why::not_read:
    case Why::malformed:
      break;
  }
  return listed == false ? NodeState::missing : NodeState::unknown;
}

std::vector<const Device*> devices_of_interest(const NodeFacts& node) {
  std::vector<const Device*> all;
  std::vector<const Device*> active;
  for (const Device& device : node.devices) {
    all.push_back(&device);
    const bool is_active = std::any_of(device.ports.begin(), device.ports.end(),
                                       [](const facts::Port& port) { return port.state.is("ACTIVE"); });
    if (is_active) active.push_back(&device);
  }
  return active.empty() ? all : active;
}

std::vector<const Device*> with_uverbs(const NodeFacts& node, const std::vector<const Device*>& devices,
                                       NodeState state) {
  std::vector<const Device*> found;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(found),
               [&](const Device* device) { return uverbs_state(node, *device) == state; });
  return found;
}

}  // namespace rocekit::checks
