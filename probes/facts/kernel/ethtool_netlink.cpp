#include "probes/facts/kernel/ethtool_netlink.h"

#include <fmt/format.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "probes/facts/kernel/hex.h"

namespace rocekit::facts::kernel {
namespace {

constexpr std::uint32_t module_page_bytes = 128;
constexpr std::uint8_t module_i2c_address = 0x50;

MessagePtr new_generic_message(int family, int command, int version) {
  genlmsghdr header{};
  header.cmd = static_cast<std::uint8_t>(command);
  header.version = static_cast<std::uint8_t>(version);
  return new_message(family, 0, header);
}

Fact<int> family_id(NetlinkSocket& socket, const char* family) {
  const MessagePtr message = new_generic_message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
  nla_put_string(message.get(), CTRL_ATTR_FAMILY_NAME, family);
  std::optional<std::uint16_t> id;
  const int error = socket.request(*message, [&](nlmsghdr& answer) {
    id = u16_of(attributes_of<CTRL_ATTR_MAX>(answer, GENL_HDRLEN)[CTRL_ATTR_FAMILY_ID]);
  });
  const std::string question = fmt::format("generic netlink family \"{}\"", family);
  if (error != 0) return missing_from_errno(error, question);
  if (!id) return Missing{Why::malformed, question + ": the answer holds no family number"};
  return int{*id};
}

/// Numbers of the bits that are set in `words`: 32-bit words in the machine's byte order.
std::vector<int> bits_of(const nlattr* words) {
  std::vector<int> bits;
  if (words == nullptr) return bits;
  const int count = nla_len(words) / static_cast<int>(sizeof(std::uint32_t));
  for (int i = 0; i < count; ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(nla_data(words)) + static_cast<std::size_t>(i) * sizeof word,
                sizeof word);
    for (int bit = 0; bit < 32; ++bit) {
      if ((word >> bit & 1U) != 0) bits.push_back(i * 32 + bit);
    }
  }
  return bits;
}

}  // namespace

EthtoolNetlink::EthtoolNetlink() : socket_(NETLINK_GENERIC), family_(family_id(socket_, ETHTOOL_GENL_NAME)) {}

MessagePtr EthtoolNetlink::message(const Question& question, const std::string& netdev) const {
  MessagePtr request = new_generic_message(family_.value(), question.command, ETHTOOL_GENL_VERSION);
  nlattr* const header = nla_nest_start(request.get(), question.header_attribute | NLA_F_NESTED);
  nla_put_string(request.get(), ETHTOOL_A_HEADER_DEV_NAME, netdev.c_str());
  nla_put_u32(request.get(), ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
  nla_nest_end(request.get(), header);
  return request;
}

std::optional<Missing> EthtoolNetlink::ask(nl_msg& request, const Question& question, const std::string& netdev,
                                           const std::function<void(nlmsghdr&)>& on_answer) {
  bool answered = false;
  const int error = socket_.request(request, [&](nlmsghdr& answer) {
    answered = true;
    on_answer(answer);
  });
  const std::string subject = fmt::format("{} {}", question.name, netdev);
  if (error != 0) return missing_from_errno(error, subject);
  if (!answered) return Missing{Why::malformed, subject + ": no answer"};
  return std::nullopt;
}

Fact<LinkModesAnswer> EthtoolNetlink::link_modes(const std::string& netdev) {
  static constexpr Question question{ETHTOOL_MSG_LINKMODES_GET, "ETHTOOL_MSG_LINKMODES_GET",
                                     ETHTOOL_A_LINKMODES_HEADER};
  if (!family_) return family_.missing();
  LinkModesAnswer modes;
  const auto missing =
      ask(*message(question, netdev), question, netdev, [&](nlmsghdr& answer) { modes = parse_link_modes(answer); });
  if (missing) return *missing;
  return modes;
}

Fact<LinkStateAnswer> EthtoolNetlink::link_state(const std::string& netdev) {
  static constexpr Question question{ETHTOOL_MSG_LINKSTATE_GET, "ETHTOOL_MSG_LINKSTATE_GET",
                                     ETHTOOL_A_LINKSTATE_HEADER};
  if (!family_) return family_.missing();
  std::optional<LinkStateAnswer> state;
  const auto missing =
      ask(*message(question, netdev), question, netdev, [&](nlmsghdr& answer) { state = parse_link_state(answer); });
  if (missing) return *missing;
  if (!state)
    return Missing{Why::not_supported, fmt::format("{} {}: the driver tells no state", question.name, netdev)};
  return *state;
}

Fact<FecAnswer> EthtoolNetlink::fec(const std::string& netdev) {
  static constexpr Question question{ETHTOOL_MSG_FEC_GET, "ETHTOOL_MSG_FEC_GET", ETHTOOL_A_FEC_HEADER};
  if (!family_) return family_.missing();
  FecAnswer fec;
  const auto missing =
      ask(*message(question, netdev), question, netdev, [&](nlmsghdr& answer) { fec = parse_fec(answer); });
  if (missing) return *missing;
  return fec;
}

Fact<Pause> EthtoolNetlink::pause(const std::string& netdev) {
  static constexpr Question question{ETHTOOL_MSG_PAUSE_GET, "ETHTOOL_MSG_PAUSE_GET", ETHTOOL_A_PAUSE_HEADER};
  if (!family_) return family_.missing();
  Pause pause;
  const auto missing =
      ask(*message(question, netdev), question, netdev, [&](nlmsghdr& answer) { pause = parse_pause(answer); });
  if (missing) return *missing;
  return pause;
}

Fact<std::string> EthtoolNetlink::module_page_hex(const std::string& netdev, std::uint32_t offset) {
  static constexpr Question question{ETHTOOL_MSG_MODULE_EEPROM_GET, "ETHTOOL_MSG_MODULE_EEPROM_GET",
                                     ETHTOOL_A_MODULE_EEPROM_HEADER};
  const MessagePtr request = message(question, netdev);
  nla_put_u32(request.get(), ETHTOOL_A_MODULE_EEPROM_OFFSET, offset);
  nla_put_u32(request.get(), ETHTOOL_A_MODULE_EEPROM_LENGTH, module_page_bytes);
  nla_put_u8(request.get(), ETHTOOL_A_MODULE_EEPROM_PAGE, 0);
  nla_put_u8(request.get(), ETHTOOL_A_MODULE_EEPROM_I2C_ADDRESS, module_i2c_address);
  std::string hex;
  const auto missing = ask(*request, question, netdev, [&](nlmsghdr& answer) { hex = parse_module_page_hex(answer); });
  if (missing) return *missing;
  return hex;
}

Fact<std::string> EthtoolNetlink::module_eeprom_hex(const std::string& netdev) {
  if (!family_) return family_.missing();
  Fact<std::string> lower = module_page_hex(netdev, 0);
  if (!lower) return lower;
  Fact<std::string> upper = module_page_hex(netdev, module_page_bytes);
  if (!upper) return upper;
  return lower.value() + upper.value();
}

LinkModesAnswer parse_link_modes(nlmsghdr& answer) {
  const auto attributes = attributes_of<ETHTOOL_A_LINKMODES_MAX>(answer, GENL_HDRLEN);
  LinkModesAnswer modes;
  // What is advertised is the value of the set of supported modes.
  const auto ours = attributes_in<ETHTOOL_A_BITSET_MAX>(attributes[ETHTOOL_A_LINKMODES_OURS]);
  modes.advertised_bits = bits_of(ours[ETHTOOL_A_BITSET_VALUE]);
  modes.supported_bits = bits_of(ours[ETHTOOL_A_BITSET_MASK]);
  const auto peer = attributes_in<ETHTOOL_A_BITSET_MAX>(attributes[ETHTOOL_A_LINKMODES_PEER]);
  modes.peer_bits = bits_of(peer[ETHTOOL_A_BITSET_VALUE]);
  // SPEED_UNKNOWN is -1.
  const auto speed = u32_of(attributes[ETHTOOL_A_LINKMODES_SPEED]);
  if (speed && *speed <= INT32_MAX && *speed != 0) modes.speed_mbit_s = static_cast<int>(*speed);
  const auto lanes = u32_of(attributes[ETHTOOL_A_LINKMODES_LANES]);
  if (lanes && *lanes <= INT32_MAX && *lanes != 0) modes.lanes = static_cast<int>(*lanes);
  const auto autoneg = u8_of(attributes[ETHTOOL_A_LINKMODES_AUTONEG]);
  if (autoneg) modes.autoneg = *autoneg == AUTONEG_ENABLE;
  return modes;
}

std::optional<LinkStateAnswer> parse_link_state(nlmsghdr& answer) {
  const auto attributes = attributes_of<ETHTOOL_A_LINKSTATE_MAX>(answer, GENL_HDRLEN);
  const auto up = u8_of(attributes[ETHTOOL_A_LINKSTATE_LINK]);
  if (!up) return std::nullopt;
  LinkStateAnswer state;
  state.up = *up != 0;
  if (const auto ext = u8_of(attributes[ETHTOOL_A_LINKSTATE_EXT_STATE])) state.ext_state = *ext;
  if (const auto sub = u8_of(attributes[ETHTOOL_A_LINKSTATE_EXT_SUBSTATE])) state.ext_substate = *sub;
  return state;
}

FecAnswer parse_fec(nlmsghdr& answer) {
  const auto attributes = attributes_of<ETHTOOL_A_FEC_MAX>(answer, GENL_HDRLEN);
  FecAnswer fec;
  const auto modes = attributes_in<ETHTOOL_A_BITSET_MAX>(attributes[ETHTOOL_A_FEC_MODES]);
  fec.configured_bits = bits_of(modes[ETHTOOL_A_BITSET_VALUE]);
  const auto active = u32_of(attributes[ETHTOOL_A_FEC_ACTIVE]);
  if (active && *active <= INT32_MAX) fec.active_bit = static_cast<int>(*active);
  return fec;
}

Pause parse_pause(nlmsghdr& answer) {
  const auto attributes = attributes_of<ETHTOOL_A_PAUSE_MAX>(answer, GENL_HDRLEN);
  Pause pause;
  pause.autoneg = u8_of(attributes[ETHTOOL_A_PAUSE_AUTONEG]).value_or(0) != 0;
  pause.rx = u8_of(attributes[ETHTOOL_A_PAUSE_RX]).value_or(0) != 0;
  pause.tx = u8_of(attributes[ETHTOOL_A_PAUSE_TX]).value_or(0) != 0;
  return pause;
}

std::string parse_module_page_hex(nlmsghdr& answer) {
  const nlattr* const data =
      attributes_of<ETHTOOL_A_MODULE_EEPROM_MAX>(answer, GENL_HDRLEN)[ETHTOOL_A_MODULE_EEPROM_DATA];
  return data != nullptr ? hex_of(nla_data(data), static_cast<std::size_t>(nla_len(data))) : std::string();
}

}  // namespace rocekit::facts::kernel
