// Values of sysfs and procfs, configuration of networks, and masking: any text ends soon in a value or in nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "probes/facts/identifiers.h"
#include "probes/facts/readers/persistent_config.h"
#include "probes/facts/readers/small_yaml.h"
#include "probes/facts/readers/values.h"
#include "probes/facts/secrets.h"

namespace {

using namespace rocekit::facts;
using namespace rocekit::facts::readers;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_sound(const std::optional<std::vector<ConfigEntry>>& entries) {
  if (!entries) return;
  for (const ConfigEntry& entry : *entries) {
    require(!entry.config.file.empty() && !entry.config.manager.empty());
    require(!entry.config.mtu || *entry.config.mtu > 0);
    for (const std::string& address : entry.config.addresses) require(is_printable(address));
    entry.match.accepts("enp1s0f0np0", "aa:bb:cc:dd:ee:ff");
    // What says nothing of a netdev must not mean all of them.
    require(entry.match.never || !entry.match.names.empty() || !entry.match.macs.empty());
  }
}

void values(std::string_view text) {
  if (const auto rate = parse_rate(text)) require(rate->gbit_s >= 0);
  if (const auto speed = parse_pci_speed(text)) require(pci_bandwidth_gbit_s(*speed, 16) > 0);
  if (const auto word = parse_numbered_word(text)) require(is_printable(*word) && !word->empty());
  if (const auto gid = parse_gid(text)) require(!mapped_ipv4(*gid) || !is_zero(*gid));
  if (const auto names = parse_capabilities(text)) require(names->size() <= 64);
  if (const auto name = parse_os_release(text, "PRETTY_NAME")) require(is_printable(*name));
  if (const auto version = parse_nvidia_version(text)) require(is_printable(*version));
  parse_meminfo(text, "CmaTotal");
  is_cpulist(text);
  is_pci_address(text);
  const std::size_t middle = text.size() / 2;
  const std::string_view a = text.substr(0, middle);
  const std::string_view b = text.substr(middle);
  require(!(natural_less(a, b) && natural_less(b, a)));
  require(a == b || natural_less(a, b) || natural_less(b, a));
  glob_matches(a, b);
}

void masking(std::string_view text) {
  Identifiers identifiers;
  identifiers.collect(text, DottedNumbers::are_addresses);
  identifiers.assign();
  const std::string masked = identifiers.mask(text, DottedNumbers::are_addresses);
  Identifiers again;
  again.collect(masked, DottedNumbers::are_addresses);
  again.assign();
  require(again.mask(masked, DottedNumbers::are_addresses) == masked);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  values(text);
  parse_yaml(text);
  require_sound(parse_netplan(text, "/etc/netplan/a.yaml"));
  require_sound(parse_networkd(text, "/etc/systemd/network/a.network"));
  require_sound(parse_keyfile(text, "/etc/NetworkManager/system-connections/a.nmconnection"));
  require_sound(parse_ifcfg(text, "/etc/sysconfig/network-scripts/ifcfg-a"));
  std::vector<std::string> sources;
  require_sound(parse_ifupdown(text, "/etc/network/interfaces", sources));
  const std::string open = without_secrets("/etc/netplan/a.yaml", std::string(text));
  require(without_secrets("/etc/netplan/a.yaml", open) == open);
  masking(text);
  return 0;
}
