#include "probes/checks/fabric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "probes/checks/persist.h"

namespace rocekit::checks {
namespace {

std::uint32_t mask_of(int prefix_length) { return prefix_length <= 0 ? 0U : ~0U << (32 - prefix_length); }

std::optional<int> parse_number(std::string_view text, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

bool is_private(std::uint32_t address) {
  // RFC 1918.
  constexpr std::array blocks{Subnet{0x0a000000U, 8}, Subnet{0xac100000U, 12}, Subnet{0xc0a80000U, 16}};
  return std::any_of(blocks.begin(), blocks.end(), [&](const Subnet& block) { return block.contains(address); });
}

std::vector<Subnet> subnets_in_use(const facts::NodeFacts& node) {
  std::vector<Subnet> used;
  for (const facts::Netdev& netdev : node.netdevs) {
    for (const facts::Address& address : ipv4_addresses(netdev)) {
      if (const auto subnet = subnet_of(address)) used.push_back(*subnet);
    }
  }
  if (node.routes) {
    for (const facts::Route& route : *node.routes) {
      if (const auto subnet = parse_subnet(route.destination); subnet && subnet->prefix_length > 0) {
        used.push_back(*subnet);
      }
    }
  }
  return used;
}

}  // namespace

bool Subnet::contains(std::uint32_t address) const { return (address & mask_of(prefix_length)) == network; }

bool Subnet::overlaps(const Subnet& other) const {
  return prefix_length <= other.prefix_length ? contains(other.network) : other.contains(network);
}

std::string Subnet::text() const { return fmt::format("{}/{}", ipv4_text(network), prefix_length); }

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = text.find('.');
    if ((end == std::string_view::npos) != (part == 3)) return std::nullopt;
    const auto number = parse_number(text.substr(0, end), 255);
    if (!number) return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(*number);
    text.remove_prefix(part == 3 ? text.size() : end + 1);
  }
  return address;
}

std::string ipv4_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

std::optional<Subnet> subnet_of(const facts::Address& address) {
  if (address.family != "inet" || address.prefix_length < 0 || address.prefix_length > 32) return std::nullopt;
  const auto ip = parse_ipv4(address.ip);
  if (!ip) return std::nullopt;
  return Subnet{*ip & mask_of(address.prefix_length), address.prefix_length};
}

std::optional<Subnet> parse_subnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto ip = parse_ipv4(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const auto prefix_length =
      slash == std::string_view::npos ? std::optional<int>(32) : parse_number(text.substr(slash + 1), 32);
  if (!prefix_length) return std::nullopt;
  return Subnet{*ip & mask_of(*prefix_length), *prefix_length};
}

std::vector<facts::Address> ipv4_addresses(const facts::Netdev& netdev) {
  std::vector<facts::Address> found;
  if (!netdev.addresses) return found;
  for (const facts::Address& address : *netdev.addresses) {
    if (address.family == "inet" && address.scope != "host") found.push_back(address);
  }
  return found;
}

std::vector<const facts::Netdev*> netdevs_over(const facts::NodeFacts& node, const facts::Netdev& netdev) {
  std::vector<const facts::Netdev*> stack{&netdev};
  if (netdev.upper) {
    if (const facts::Netdev* upper = node.find_netdev(*netdev.upper)) stack.push_back(upper);
  }
  const std::size_t bases = stack.size();
  for (const facts::Netdev& candidate : node.netdevs) {
    for (std::size_t base = 0; base < bases; ++base) {
      const bool on_top =
          std::find(candidate.lower.begin(), candidate.lower.end(), stack[base]->name) != candidate.lower.end();
      if (on_top && std::find(stack.begin(), stack.end(), &candidate) == stack.end()) stack.push_back(&candidate);
    }
  }
  return stack;
}

std::vector<FabricAddress> fabric_addresses(const NodeView& view) {
  std::vector<FabricAddress> found;
  for (const PortView& port : all_ports(view)) {
    if (!port.active() || port.netdev == nullptr) continue;
    for (const facts::Netdev* netdev : netdevs_over(view.node, *port.netdev)) {
      for (const facts::Address& address : ipv4_addresses(*netdev)) {
        if (const auto subnet = subnet_of(address)) found.push_back({port, netdev, address, *subnet});
      }
    }
  }
  return found;
}

std::string free_address(const facts::NodeFacts& node, std::optional<std::string> like) {
  const std::vector<Subnet> used = subnets_in_use(node);
  const auto is_free = [&](std::uint32_t network) {
    return std::none_of(used.begin(), used.end(), [&](const Subnet& subnet) {
      return subnet.overlaps(Subnet{network, 24});
    });
  };
  std::uint32_t host = 10;
  std::vector<std::uint32_t> bases;
  if (const auto near = parse_ipv4(like.value_or("")); near && is_private(*near)) {
    const std::uint32_t last = *near & 255;
    if (last > 0 && last < 255) host = last;
    bases.push_back(*near & 0xffffff00U);
  }
  bases.push_back(0xc0a86400U);  // 192.168.100.0
  bases.push_back(0x0a640000U);  // 10.100.0.0
  for (const std::uint32_t base : bases) {
    for (std::uint32_t step = 1; step <= 256; ++step) {
      // Only the third number moves, so that the address stays in the same private block.
      const std::uint32_t network = (base & 0xffff0000U) | ((base + (step << 8)) & 0xff00U);
      if (is_free(network)) return ipv4_text(network | host) + "/24";
    }
  }
  return ipv4_text(0xac1f0000U | host) + "/24";  // 172.31.0.0
}

std::vector<std::string> add_address(const facts::NodeFacts& node, const facts::Netdev& netdev,
                                     const std::string& address) {
  return concat(on_host(node, {fmt::format("ip address add {} dev {}", address, netdev.name),
                               "# and to keep it after a reboot:"}),
                persist_address(node, netdev, address));
}

std::vector<std::string> replace_address(const facts::NodeFacts& node, const facts::Netdev& netdev,
                                         const std::string& from, const std::string& to) {
  std::vector<std::string> commands{fmt::format("ip address del {} dev {}", from, netdev.name),
                                    fmt::format("ip address add {} dev {}", to, netdev.name)};
  if (netdev.persistent) {
    for (const facts::PersistentConfig& config : *netdev.persistent) {
      if (std::find(config.addresses.begin(), config.addresses.end(), from) == config.addresses.end()) continue;
      commands.emplace_back("# and in the file that sets it at boot:");
      commands.push_back(fmt::format("sed -i 's|{}|{}|' {}", from, to, config.file));
      return on_host(node, commands);
    }
  }
  commands.push_back(
      fmt::format("# and put {} in place of {} where the configuration of {} sets it at boot", to, from, netdev.name));
  return on_host(node, commands);
}

}  // namespace rocekit::checks
