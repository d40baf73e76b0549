#include <fmt/format.h>

#include <algorithm>

#include "core/text/utf8.h"
#include "probes/checks/fabric.h"
#include "probes/checks/persist.h"
#include "probes/settings/parts.h"

namespace rocekit::settings {
namespace {

using checks::NodeView;
using checks::PortView;
using facts::Netdev;
using facts::NodeFacts;

std::string with_prefix(const facts::Address& address) {
  return fmt::format("{}/{}", address.ip, address.prefix_length);
}

class NetplanCollector {
 public:
  explicit NetplanCollector(const NodeView& view) : view_(view), planned_(view.node) {
    result_.host = host_name(view.node);
  }

  std::variant<ServingSettings, Obstacle> collect() {
    for (const PortView& port : checks::roce_ports(view_)) {
      if (!port.active() || port.netdev == nullptr || port.netdev->type.is("loopback")) continue;
      const auto same = [&](const PortView& other) { return other.netdev == port.netdev; };
      if (std::none_of(ports_.begin(), ports_.end(), same)) ports_.push_back(port);
    }
    if (ports_.empty()) return none();
    for (const PortView& port : ports_) {
      if (!is_plain(port.netdev->name)) {
        return Obstacle{fmt::format("the name {} holds characters that settings cannot carry",
                                    text::shortened(text::printable(port.netdev->name), 60)),
                        true};
      }
      add_mtu(port);
      add_addresses(port);
      remark_on_manager(*port.netdev);
    }
    remark_on_shared_subnets();
    if (checks::in_container(view_.node)) {
      result_.remarks.push_back(
          {"Read inside a container, where the host's own network files are not visible.", false});
    }
    return std::move(result_);
  }

 private:
  Obstacle none() const {
    if (view_.node.devices.empty()) return {"this node has no RDMA device (ROCE-DEV-001)", false};
    const std::vector<PortView> all = checks::all_ports(view_);
    const bool infiniband = std::any_of(all.begin(), all.end(), [](const PortView& port) {
      return port.active() && port.port->link_layer.is("InfiniBand");
    });
    if (infiniband) return {"InfiniBand ports take no MTU or address from netplan: there is nothing to set", true};
    const bool hidden =
        std::any_of(all.begin(), all.end(), [](const PortView& port) { return port.active() && !port.netdev; });
    if (hidden) {
      return {"the network interfaces of the RDMA ports are not visible here (ROCE-GID-003): run this on the host",
              false};
    }
    std::vector<std::string> states;
    for (const PortView& port : all) {
      states.push_back(fmt::format("{} is {}", port.name(), checks::show(port.port->state)));
    }
    return {fmt::format("no RoCE port is ACTIVE: {} (ROCE-LNK-001)", checks::join(states, ", ")), false};
  }

  void add_mtu(const PortView& port) {
    const Netdev& netdev = *port.netdev;
    const checks::ExpectedMtu expected = checks::expected_mtu(view_, port);
    const int now = netdev.mtu.value_or(0);
    // Larger than expected is a choice where all ports have it, and a mishap where they differ.
    const bool all_alike = std::all_of(ports_.begin(), ports_.end(),
                                       [&](const PortView& other) { return other.netdev->mtu.value_or(0) == now; });
    const int wanted = expected.demanded || !all_alike ? expected.bytes : std::max(expected.bytes, now);

    std::string why;
    if (now != wanted) {
      why = fmt::format("{} now. {}; the other ends of the link, a switch too, need the same.",
                        now == 0 ? std::string("Not readable") : std::to_string(now), capital(expected.why));
    } else if (!netdev.persistent) {
      why = "As now. Whether a file keeps it over a reboot could not be read (root can).";
    } else {
      const auto file = std::find_if(netdev.persistent->begin(), netdev.persistent->end(),
                                     [&](const auto& config) { return config.mtu == wanted; });
      why = file != netdev.persistent->end()
                ? fmt::format("As now, and as {} has it.", text::printable(file->file))
                : "As now, but no file sets it: it would be lost at the next reboot (ROCE-CFG-001).";
    }
    result_.settings.push_back({Kind::mtu, netdev.name, std::to_string(wanted), std::move(why), false});
  }

  static std::string capital(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
      text.front() = static_cast<char>(text.front() - 32);
    return text;
  }

  void add_addresses(const PortView& port) {
    const Netdev& netdev = *port.netdev;
    bool addressed = false;
    for (const Netdev* item : checks::netdevs_over(view_.node, netdev)) {
      const std::vector<facts::Address> addresses = checks::ipv4_addresses(*item);
      addressed = addressed || !addresses.empty();
      if (item == &netdev) {
        for (const facts::Address& address : addresses) keep(netdev, address);
      } else if (!addresses.empty()) {
        result_.remarks.push_back({fmt::format("The address stands on {}, over {}: its MTU is set there as well.",
                                               text::printable(item->name), netdev.name),
                                   false});
      }
    }
    if (!addressed && netdev.addresses) propose(port);
  }

  void keep(const Netdev& netdev, const facts::Address& address) {
    if (!netdev.persistent || address.scope != "global") return;
    const std::string text = with_prefix(address);
    const bool kept = std::any_of(netdev.persistent->begin(), netdev.persistent->end(), [&](const auto& config) {
      return std::find(config.addresses.begin(), config.addresses.end(), text) != config.addresses.end();
    });
    if (kept || !is_plain(text)) return;
    result_.settings.push_back({Kind::address, netdev.name, text,
                                "As now, but no file that was found sets it; leave this out where DHCP gives it.",
                                false});
  }

  void propose(const PortView& port) {
    std::optional<std::string> like;
    for (const checks::FabricAddress& own : checks::fabric_addresses(view_)) {
      if (!like || own.port.rail == port.rail) like = own.address.ip;
    }
    const std::string address = checks::free_address(planned_, like);
    const std::size_t slash = address.find('/');
    const auto subnet = checks::parse_subnet(address);
    result_.settings.push_back(
        {Kind::address, port.netdev->name, address,
         fmt::format(
             "{} has no IPv4 address, without which {} carries no RoCE v2 (ROCE-NET-001). {} is free on this node; "
             "give the matching port of the other node another address of it.",
             port.netdev->name, port.name(), subnet ? subnet->text() : address),
         true});
    // The next proposal must not fall into the same subnet.
    for (Netdev& netdev : planned_.netdevs) {
      if (netdev.name == port.netdev->name) {
        netdev.addresses = std::vector<facts::Address>{{"inet", address.substr(0, slash), 24, "global"}};
      }
    }
  }

  void remark_on_manager(const Netdev& netdev) {
    const std::string manager = checks::network_manager_of(view_.node, netdev);
    if (manager == "netplan") return;
    result_.remarks.push_back(
        {fmt::format("{} seems to be set up by {}: netplan's file has no effect unless netplan manages "
                     "the interface.",
                     netdev.name, manager),
         true});
  }

  void remark_on_shared_subnets() {
    const std::vector<checks::FabricAddress> addresses = checks::fabric_addresses(view_);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const auto& [one, other] = std::pair(addresses[j], addresses[i]);
        if (one.netdev == other.netdev || !one.subnet.overlaps(other.subnet)) continue;
        const std::string better = checks::free_address(planned_, other.address.ip);
        result_.remarks.push_back(
            {fmt::format(
                 "{} of {} lies in the subnet of {} (ROCE-NET-002). Put {} (a proposal) in its place in the file that "
                 "sets it: netplan joins the addresses of all files, so another file cannot take it away.",
                 with_prefix(other.address), other.netdev->name, one.netdev->name, better),
             true});
        return;
      }
    }
  }

  const NodeView& view_;
  NodeFacts planned_;
  std::vector<PortView> ports_;
  ServingSettings result_;
};

}  // namespace

std::variant<ServingSettings, Obstacle> netplan_settings(const NodeView& view) {
  return NetplanCollector(view).collect();
}

}  // namespace rocekit::settings
