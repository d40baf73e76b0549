#include "collectives/proof/transport_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rocekit::proof {
namespace {

using Carrier = LogVerdict::Carrier;

Carrier carrier_of(const std::string& network) {
  if (network == "IB" || network.rfind("IBext", 0) == 0 || network.rfind("NCCL RDMA Plugin", 0) == 0)
    return Carrier::rdma;
  if (network == "Socket") return Carrier::socket;
  return Carrier::plugin;
}

template <class Match>
std::vector<const NetDevice*> matching(const std::vector<NetDevice>& devices, const Match& match) {
  std::vector<const NetDevice*> found;
  for (const NetDevice& device : devices) {
    if (match(device)) found.push_back(&device);
  }
  return found;
}

/// Nodes may number their devices differently, and a log of all ranks does not tell whose number it is.
std::string names_of(const std::vector<const NetDevice*>& devices) {
  std::vector<std::string> names;
  for (const NetDevice* device : devices) {
    std::string name = device->port > 0 ? fmt::format("{}:{}", device->name, device->port) : device->name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

std::string device_name(const TransportEvidence& evidence, const ChannelUse& channel) {
  const auto numbered = [&](const NetDevice& device) { return device.index == channel.device; };
  if (channel.name == "Socket") {
    const auto devices = matching(evidence.socket_interfaces, numbered);
    if (!devices.empty()) return names_of(devices);
  } else if (carrier_of(channel.name) == Carrier::rdma) {
    for (const NetDevice& device : evidence.virtual_devices) {
      if (device.index == channel.device && device.name.find('+') != std::string::npos) return device.name;
    }
    const auto devices = matching(evidence.ib_devices, numbered);
    if (!devices.empty()) return names_of(devices);
  }
  return fmt::format("device {}", channel.device);
}

bool is_network(const ChannelUse& channel) {
  return channel.way == ChannelUse::Way::net || channel.way == ChannelUse::Way::collnet;
}

LogVerdict unknown(std::string sentence) { return {Carrier::unknown, false, std::move(sentence)}; }

LogVerdict judge_networks(const TransportEvidence& evidence) {
  std::set<std::string> names;
  std::set<Carrier> carriers;
  std::uint64_t lines = 0;
  std::uint64_t gpu_direct = 0;
  std::uint64_t local = 0;
  for (const ChannelUse& channel : evidence.channels) {
    if (!is_network(channel)) {
      local += channel.count;
      continue;
    }
    names.insert(channel.name);
    carriers.insert(carrier_of(channel.name));
    lines += channel.count;
    gpu_direct += channel.gpu_direct;
  }
  LogVerdict verdict;
  verdict.carrier = carriers.size() == 1 ? *carriers.begin() : Carrier::mixed;
  verdict.gpu_direct = gpu_direct == lines;
  verdict.sentence = fmt::format("{} channel line{} via NET/{} over {}", lines, lines == 1 ? "" : "s",
                                 fmt::join(names, ", NET/"), fmt::join(evidence.devices_used(), ", "));
  if (carriers != std::set<Carrier>{Carrier::socket}) {
    verdict.sentence += fmt::format("; GPUDirect RDMA on {} of them", gpu_direct);
  }
  if (local > 0) verdict.sentence += fmt::format("; {} more stay within a node", local);
  return verdict;
}

}  // namespace

const char* to_string(ChannelUse::Way way) {
  switch (way) {
    case ChannelUse::Way::net:
      return "NET";
    case ChannelUse::Way::p2p:
      return "P2P";
    case ChannelUse::Way::shm:
      return "SHM";
    case ChannelUse::Way::collnet:
      return "COLLNET";
  }
  return "?";
}

const char* to_string(Carrier carrier) {
  switch (carrier) {
    case Carrier::unknown:
      return "unknown";
    case Carrier::rdma:
      return "rdma";
    case Carrier::socket:
      return "socket";
    case Carrier::plugin:
      return "plugin";
    case Carrier::p2p:
      return "p2p";
    case Carrier::shm:
      return "shm";
    case Carrier::mixed:
      return "mixed";
  }
  return "?";
}

std::vector<std::string> TransportEvidence::devices_used() const {
  std::vector<std::string> used;
  for (const ChannelUse& channel : channels) {
    if (!is_network(channel)) continue;
    std::string name = device_name(*this, channel);
    if (std::find(used.begin(), used.end(), name) == used.end()) used.push_back(std::move(name));
  }
  return used;
}

std::vector<Connection> TransportEvidence::connections() const {
  std::vector<Connection> all;
  for (const QueuePairUse& use : queue_pairs) {
    const auto devices = matching(
        ib_devices, [&](const NetDevice& device) { return device.index == use.ib_device && device.port == use.port; });
    Connection connection;
    connection.device =
        devices.empty() ? fmt::format("device {}, port {}", use.ib_device, use.port) : names_of(devices);
    if (!devices.empty()) connection.link_layer = devices.front()->link_layer;
    connection.gid_index = use.gid_index;
    connection.mtu_bytes = use.mtu_bytes;
    auto known = std::find_if(all.begin(), all.end(), [&](const Connection& other) {
      return other.device == connection.device && other.gid_index == use.gid_index && other.mtu_bytes == use.mtu_bytes;
    });
    if (known == all.end()) known = all.insert(known, std::move(connection));
    if (!use.address.empty()) known->addresses.push_back(use.address);
    known->queue_pairs += use.count;
  }
  for (const ChannelUse& channel : channels) {
    if (!is_network(channel) || carrier_of(channel.name) != Carrier::socket) continue;
    Connection connection;
    connection.device = device_name(*this, channel);
    for (const NetDevice& device : socket_interfaces) {
      if (device.index == channel.device) connection.addresses.push_back(device.address);
    }
    all.push_back(std::move(connection));
  }
  return all;
}

LogVerdict judge(const TransportEvidence& evidence) {
  if (evidence.nccl_lines == 0) {
    return unknown("the log holds no line of NCCL: was it written with NCCL_DEBUG=INFO?");
  }
  if (evidence.unread_channels > 0) {
    return unknown(fmt::format("{} line{} about channels could not be read, so the log proves nothing: {}",
                               evidence.unread_channels, evidence.unread_channels == 1 ? "" : "s",
                               evidence.unread.empty() ? "" : evidence.unread.front()));
  }
  if (evidence.channels.empty()) {
    return unknown(evidence.networks.empty()
                       ? std::string("the log shows no channel: was it written with NCCL_DEBUG=INFO, and to its end?")
                       : fmt::format("NCCL chose network {}, but the log shows no channel that uses it",
                                     fmt::join(evidence.networks, " and ")));
  }
  const bool over_network = std::any_of(evidence.channels.begin(), evidence.channels.end(), is_network);
  if (!over_network) {
    const bool p2p = std::any_of(evidence.channels.begin(), evidence.channels.end(),
                                 [](const ChannelUse& use) { return use.way == ChannelUse::Way::p2p; });
    std::uint64_t lines = 0;
    for (const ChannelUse& channel : evidence.channels) lines += channel.count;
    return {
        p2p ? Carrier::p2p : Carrier::shm, false,
        fmt::format("{} channel line{}, none over a network: all ranks are on one node", lines, lines == 1 ? "" : "s")};
  }
  const bool ib_channels = std::any_of(
      evidence.channels.begin(), evidence.channels.end(),
      [](const ChannelUse& channel) { return channel.way == ChannelUse::Way::net && channel.name == "IB"; });
  if (ib_channels && evidence.ib_found_nothing && evidence.ib_devices.empty()) {
    return unknown("channels via NET/IB in a log that says NET/IB found no device: the lines contradict each other");
  }
  return judge_networks(evidence);
}

}  // namespace rocekit::proof
