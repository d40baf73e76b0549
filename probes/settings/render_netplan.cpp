#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {

std::string render_netplan(const ServingSettings& settings, const Layout& layout) {
  std::string out;
  add_comment(out, fmt::format("MTU and addresses of {}'s RDMA interfaces, for netplan:", settings.host), layout);
  add_command(
      out,
      "roce-probe env --for netplan --fail-on crit > 90-roce.yaml && sudo install -m 600 90-roce.yaml /etc/netplan",
      layout);
  add_command(out, "sudo netplan try", layout);
  add_remarks(out, settings, layout);
  out += "network:\n  version: 2\n  ethernets:\n";
  std::string netdev;
  bool in_addresses = false;
  for (const Setting& setting : settings.settings) {
    if (setting.kind != Kind::mtu && setting.kind != Kind::address) continue;
    if (setting.name != netdev) {
      netdev = setting.name;
      in_addresses = false;
      out += fmt::format("    {}:\n", yaml_quoted(netdev));
    }
    if (setting.kind == Kind::mtu) {
      add_why(out, setting, layout, 6);
      out += fmt::format("      mtu: {}\n", setting.value);
      continue;
    }
    if (!in_addresses) out += "      addresses:\n";
    in_addresses = true;
    add_why(out, setting, layout, 8);
    out += fmt::format("        - {}\n", yaml_quoted(setting.value));
  }
  return out;
}

}  // namespace rocekit::settings
