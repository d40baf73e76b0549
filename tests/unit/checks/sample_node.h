// Healthy nodes built in code; a test breaks one thing and looks at what the rules say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/check.h"

namespace rocekit::checks::sample {

/// Why a fact is missing.
inline const facts::Missing denied{facts::Why::permission, "open: Permission denied"};
inline const facts::Missing absent{facts::Why::absent, ""};

/// A DGX Spark with a cable in cage 0: rocep1s0f0 and its twin roceP2p1s0f0 are ACTIVE at 200 Gb/s and have IPv4 in two
/// subnets, the pair of the empty cage 1 is DOWN; LAN on enP7s7, WiFi on wlP9s9; rdma-core 50.0, NCCL 2.28.9.
facts::NodeFacts gb10();
/// The two Soft-RoCE devices of a virtual machine: rocep1s0f0 and roceP2p1s0f0 over virtio netdevs.
facts::NodeFacts soft_roce();

/// What NCCL chooses on the healthy samples.
derived::NcclChoice gb10_choice();
derived::NcclChoice soft_roce_choice();

/// Precondition of all: it is there. Devices and netdevs by name, the only port of a device.
facts::Device& device(facts::NodeFacts& node, std::string_view name);
facts::Port& port(facts::NodeFacts& node, std::string_view device_name);
facts::Netdev& netdev(facts::NodeFacts& node, std::string_view name);

/// Takes the IPv4 address, its GIDs and its route from a netdev.
void remove_ipv4(facts::NodeFacts& node, std::string_view device_name);
/// DOWN with everything that follows from it: carrier, speed, rate 40 Gb/s, active_mtu 1024.
void take_down(facts::NodeFacts& node, std::string_view device_name);
/// Puts a setting into the environment.
void set_env(facts::NodeFacts& node, const std::string& name, const std::string& value);

/// The findings of one check ("ROCE-MTU-001") on a node, with its rails and the given choice of NCCL.
std::vector<Finding> run(std::string_view id, const facts::NodeFacts& node, const derived::NcclChoice& nccl,
                         const Expectations& expect = {});
/// The same with NCCL's choice as predicted for this node.
std::vector<Finding> run(std::string_view id, const facts::NodeFacts& node, const Expectations& expect = {});
/// The findings of all checks, NCCL's choice as predicted.
std::vector<Finding> run_all(const facts::NodeFacts& node, const Expectations& expect = {});

/// The worst severity said; skipped < ok < unknown < warning < critical.
Severity worst(const std::vector<Finding>& findings);
/// Subjects with that severity.
std::vector<std::string> subjects(const std::vector<Finding>& findings, Severity severity);
/// All text of the findings, for looking into.
std::string text_of(const std::vector<Finding>& findings);

}  // namespace rocekit::checks::sample
