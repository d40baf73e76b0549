// The steps of serving_settings(), each as one function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/evidence.h"
#include "probes/settings/serving_settings.h"

namespace rocekit::settings {

/// The ports to serve over, in the node's order, and what is said about the others.
struct ChosenPorts {
  std::vector<checks::PortView> ports;
  std::string address_family;  ///< NCCL_IB_ADDR_FAMILY that they need; empty: NCCL's default, IPv4
  std::vector<Remark> remarks;
  std::string why_none;  ///< where `ports` is empty
};
/// `here`: only ports whose device this process can open.
ChosenPorts choose_ports(const checks::NodeView& view, bool here);

/// MTU and addresses that must survive a reboot.
std::variant<ServingSettings, Obstacle> netplan_settings(const checks::NodeView& view);

/// Warnings and critical findings, one remark a check.
std::vector<Remark> remarks_of(const std::vector<checks::Finding>& findings);

/// "spark-head"; "this node" where the name could not be read.
std::string host_name(const facts::NodeFacts& node);

/// Letters, digits and -_.:/@ only: what every consumer takes without quotes.
bool is_plain(std::string_view word);

}  // namespace rocekit::settings
