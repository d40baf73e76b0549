#include "probes/facts/kernel/ethtool_ioctl.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "probes/facts/kernel/hex.h"

namespace rocekit::facts::kernel {
namespace {

constexpr std::size_t module_map_bytes = 256;

/// An ethtool struct with a flexible array at its end.
template <class Command>
class CommandBuffer {
 public:
  explicit CommandBuffer(std::size_t array_bytes)
      : words_((sizeof(Command) + array_bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {}
  Command* get() { return reinterpret_cast<Command*>(words_.data()); }
  Command* operator->() { return get(); }

 private:
  std::vector<std::uint64_t> words_;
};

std::string question(const char* name, const std::string& netdev) { return fmt::format("{} {}", name, netdev); }

std::vector<int> bits_of(const std::uint32_t* words, int count) {
  std::vector<int> bits;
  for (int i = 0; i < count; ++i) {
    for (int bit = 0; bit < 32; ++bit) {
      if ((words[i] >> bit & 1U) != 0) bits.push_back(i * 32 + bit);
    }
  }
  return bits;
}

/// Link-mode bit of an ETHTOOL_FEC_ flag.
std::optional<int> fec_bit(std::uint32_t flags) {
  if ((flags & ETHTOOL_FEC_RS) != 0) return ETHTOOL_LINK_MODE_FEC_RS_BIT;
  if ((flags & ETHTOOL_FEC_BASER) != 0) return ETHTOOL_LINK_MODE_FEC_BASER_BIT;
  if ((flags & ETHTOOL_FEC_LLRS) != 0) return ETHTOOL_LINK_MODE_FEC_LLRS_BIT;
  if ((flags & ETHTOOL_FEC_OFF) != 0) return ETHTOOL_LINK_MODE_FEC_NONE_BIT;
  return std::nullopt;
}

}  // namespace

bool is_queue_counter(const std::string& name) {
  for (const std::string_view prefix : {"rx", "tx", "ch", "rxq", "txq", "queue_", "rx_queue_", "tx_queue_", "rx_queue",
                                        "tx_queue", "rx-", "tx-", "ring_"}) {
    if (!name.starts_with(prefix)) continue;
    std::size_t end = prefix.size();
    while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0) ++end;
    if (end > prefix.size() && end < name.size() && (name[end] == '_' || name[end] == '.')) return true;
  }
  return false;
}

EthtoolIoctl::EthtoolIoctl() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  if (socket_ < 0) socket_error_ = errno;
}

EthtoolIoctl::~EthtoolIoctl() {
  if (socket_ >= 0) close(socket_);
}

int EthtoolIoctl::call(const std::string& netdev, void* command) const {
  if (socket_ < 0) return socket_error_;
  ifreq request{};
  if (netdev.empty() || netdev.size() >= sizeof request.ifr_name) return ENODEV;
  std::memcpy(request.ifr_name, netdev.data(), netdev.size());
  request.ifr_data = static_cast<char*>(command);
  return ioctl(socket_, SIOCETHTOOL, &request) < 0 ? errno : 0;
}

Fact<Counters> EthtoolIoctl::statistics(const std::string& netdev) const {
  CommandBuffer<ethtool_sset_info> info(sizeof(std::uint32_t));
  info->cmd = ETHTOOL_GSSET_INFO;
  info->sset_mask = 1ULL << ETH_SS_STATS;
  if (const int error = call(netdev, info.get()); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GSSET_INFO", netdev));
  }
  const std::uint32_t count = info->sset_mask != 0 ? info->data[0] : 0;
  if (count == 0) {
    return Missing{Why::not_supported,
                   fmt::format("{}: the driver has no statistics", question("ETHTOOL_GSSET_INFO", netdev))};
  }

  CommandBuffer<ethtool_gstrings> names(std::size_t{count} * ETH_GSTRING_LEN);
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_STATS;
  names->len = count;
  if (const int error = call(netdev, names.get()); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GSTRINGS", netdev));
  }
  CommandBuffer<ethtool_stats> values(std::size_t{count} * sizeof(std::uint64_t));
  values->cmd = ETHTOOL_GSTATS;
  values->n_stats = count;
  if (const int error = call(netdev, values.get()); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GSTATS", netdev));
  }

  // The kernel answers with the driver's count of the moment, which may have changed between the calls.
  const std::uint32_t filled = std::min({count, names->len, values->n_stats});
  Counters counters;
  for (std::uint32_t i = 0; i < filled; ++i) {
    const char* const text = reinterpret_cast<const char*>(names->data) + std::size_t{i} * ETH_GSTRING_LEN;
    std::string name(text, strnlen(text, ETH_GSTRING_LEN));
    const auto begin = name.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    name.erase(0, begin);
    if (!is_queue_counter(name)) counters[name] = values->data[i];
  }
  return counters;
}

Fact<LinkModesAnswer> EthtoolIoctl::link_modes(const std::string& netdev) const {
  const std::string asked = question("ETHTOOL_GLINKSETTINGS", netdev);
  ethtool_link_settings size{};
  size.cmd = ETHTOOL_GLINKSETTINGS;
  if (const int error = call(netdev, &size); error != 0) return missing_from_errno(error, asked);
  // The kernel answers the length of its masks as a negative number until it is asked with that length.
  const int words = -size.link_mode_masks_nwords;
  if (words <= 0) return Missing{Why::malformed, fmt::format("{}: the kernel told no length of its masks", asked)};

  CommandBuffer<ethtool_link_settings> settings(3 * static_cast<std::size_t>(words) * sizeof(std::uint32_t));
  settings->cmd = ETHTOOL_GLINKSETTINGS;
  settings->link_mode_masks_nwords = static_cast<std::int8_t>(words);
  if (const int error = call(netdev, settings.get()); error != 0) return missing_from_errno(error, asked);
  const auto* const masks = reinterpret_cast<const std::uint32_t*>(settings.get() + 1);
  LinkModesAnswer modes;
  modes.supported_bits = bits_of(masks, words);
  modes.advertised_bits = bits_of(masks + words, words);
  modes.peer_bits = bits_of(masks + words + words, words);
  if (settings->speed <= INT32_MAX && settings->speed != 0) modes.speed_mbit_s = static_cast<int>(settings->speed);
  modes.autoneg = settings->autoneg == AUTONEG_ENABLE;
  return modes;
}

Fact<LinkStateAnswer> EthtoolIoctl::link_state(const std::string& netdev) const {
  ethtool_value link{};
  link.cmd = ETHTOOL_GLINK;
  if (const int error = call(netdev, &link); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GLINK", netdev));
  }
  LinkStateAnswer state;
  state.up = link.data != 0;
  return state;
}

Fact<FecAnswer> EthtoolIoctl::fec(const std::string& netdev) const {
  ethtool_fecparam parameters{};
  parameters.cmd = ETHTOOL_GFECPARAM;
  if (const int error = call(netdev, &parameters); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GFECPARAM", netdev));
  }
  FecAnswer fec;
  for (const std::uint32_t flag : {ETHTOOL_FEC_OFF, ETHTOOL_FEC_RS, ETHTOOL_FEC_BASER, ETHTOOL_FEC_LLRS}) {
    if ((parameters.fec & flag) != 0) fec.configured_bits.push_back(*fec_bit(flag));
  }
  fec.active_bit = fec_bit(parameters.active_fec);
  return fec;
}

Fact<Pause> EthtoolIoctl::pause(const std::string& netdev) const {
  ethtool_pauseparam parameters{};
  parameters.cmd = ETHTOOL_GPAUSEPARAM;
  if (const int error = call(netdev, &parameters); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GPAUSEPARAM", netdev));
  }
  return Pause{parameters.autoneg != 0, parameters.rx_pause != 0, parameters.tx_pause != 0};
}

Fact<std::string> EthtoolIoctl::module_eeprom_hex(const std::string& netdev) const {
  ethtool_modinfo info{};
  info.cmd = ETHTOOL_GMODULEINFO;
  if (const int error = call(netdev, &info); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GMODULEINFO", netdev));
  }
  const std::size_t length = std::min<std::size_t>(info.eeprom_len, module_map_bytes);
  CommandBuffer<ethtool_eeprom> eeprom(length);
  eeprom->cmd = ETHTOOL_GMODULEEEPROM;
  eeprom->offset = 0;
  eeprom->len = static_cast<std::uint32_t>(length);
  if (const int error = call(netdev, eeprom.get()); error != 0) {
    return missing_from_errno(error, question("ETHTOOL_GMODULEEEPROM", netdev));
  }
  return hex_of(eeprom->data, std::min<std::size_t>(eeprom->len, length));
}

}  // namespace rocekit::facts::kernel
