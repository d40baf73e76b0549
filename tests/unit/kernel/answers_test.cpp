// Answers of the kernel as its UAPI headers lay them out, for hardware that the machine of the test lacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/dcbnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstdint>
#include <initializer_list>

#include "probes/facts/kernel/dcb.h"
#include "probes/facts/kernel/ethtool_netlink.h"

namespace rocekit::facts::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MessagePtr ethtool_answer() { return new_message(NLMSG_MIN_TYPE, 0, genlmsghdr{}); }

/// A compact bitset of 128 bits.
void put_bitset(nl_msg& message, int attribute, std::initializer_list<int> value, std::initializer_list<int> mask) {
  std::array<std::uint32_t, 4> value_words{};
  std::array<std::uint32_t, 4> mask_words{};
  for (const int bit : value) value_words.at(static_cast<std::size_t>(bit / 32)) |= 1U << bit % 32;
  for (const int bit : mask) mask_words.at(static_cast<std::size_t>(bit / 32)) |= 1U << bit % 32;
  nlattr* const nest = nla_nest_start(&message, attribute);
  nla_put_u32(&message, ETHTOOL_A_BITSET_SIZE, 128);
  nla_put(&message, ETHTOOL_A_BITSET_VALUE, sizeof value_words, value_words.data());
  nla_put(&message, ETHTOOL_A_BITSET_MASK, sizeof mask_words, mask_words.data());
  nla_nest_end(&message, nest);
}

TEST(EthtoolAnswer, LinkModesOfA200GbitPort) {
  const MessagePtr message = ethtool_answer();
  nla_put_u8(message.get(), ETHTOOL_A_LINKMODES_AUTONEG, AUTONEG_ENABLE);
  put_bitset(*message, ETHTOOL_A_LINKMODES_OURS, {6, 66}, {6, 13, 38, 66, 84});
  put_bitset(*message, ETHTOOL_A_LINKMODES_PEER, {6, 59, 66}, {});
  nla_put_u32(message.get(), ETHTOOL_A_LINKMODES_SPEED, 200000);
  nla_put_u32(message.get(), ETHTOOL_A_LINKMODES_LANES, 4);
  const LinkModesAnswer modes = parse_link_modes(*nlmsg_hdr(message.get()));
  EXPECT_THAT(modes.advertised_bits, ElementsAre(6, 66));
  EXPECT_THAT(modes.supported_bits, ElementsAre(6, 13, 38, 66, 84));
  EXPECT_THAT(modes.peer_bits, ElementsAre(6, 59, 66));
  EXPECT_EQ(modes.speed_mbit_s, 200000);
  EXPECT_EQ(modes.lanes, 4);
  EXPECT_EQ(modes.autoneg, true);
}

TEST(EthtoolAnswer, UnknownSpeedIsNoSpeed) {
  const MessagePtr message = ethtool_answer();
  nla_put_u32(message.get(), ETHTOOL_A_LINKMODES_SPEED, static_cast<std::uint32_t>(SPEED_UNKNOWN));
  EXPECT_EQ(parse_link_modes(*nlmsg_hdr(message.get())), LinkModesAnswer{});
}

TEST(EthtoolAnswer, LinkStateWithExtendedState) {
  const MessagePtr message = ethtool_answer();
  nla_put_u8(message.get(), ETHTOOL_A_LINKSTATE_LINK, 0);
  nla_put_u8(message.get(), ETHTOOL_A_LINKSTATE_EXT_STATE, ETHTOOL_LINK_EXT_STATE_CABLE_ISSUE);
  nla_put_u8(message.get(), ETHTOOL_A_LINKSTATE_EXT_SUBSTATE, ETHTOOL_LINK_EXT_SUBSTATE_CI_UNSUPPORTED_CABLE);
  const auto state = parse_link_state(*nlmsg_hdr(message.get()));
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->up);
  EXPECT_EQ(state->ext_state, 5);
  EXPECT_EQ(state->ext_substate, 1);
}

TEST(EthtoolAnswer, NoLinkStateIsNotDown) {
  EXPECT_EQ(parse_link_state(*nlmsg_hdr(ethtool_answer().get())), std::nullopt);
}

TEST(EthtoolAnswer, FecActiveAndConfigured) {
  const MessagePtr message = ethtool_answer();
  put_bitset(*message, ETHTOOL_A_FEC_MODES, {50, 74}, {});
  nla_put_u32(message.get(), ETHTOOL_A_FEC_ACTIVE, 50);
  const FecAnswer fec = parse_fec(*nlmsg_hdr(message.get()));
  EXPECT_THAT(fec.configured_bits, ElementsAre(50, 74));
  EXPECT_EQ(fec.active_bit, 50);
}

TEST(EthtoolAnswer, PauseOfEachDirection) {
  const MessagePtr message = ethtool_answer();
  nla_put_u8(message.get(), ETHTOOL_A_PAUSE_RX, 1);
  nla_put_u8(message.get(), ETHTOOL_A_PAUSE_TX, 0);
  EXPECT_EQ(parse_pause(*nlmsg_hdr(message.get())), (Pause{false, true, false}));
}

TEST(EthtoolAnswer, ModulePageAsHex) {
  const MessagePtr message = ethtool_answer();
  const std::array<std::uint8_t, 3> page{0x11, 0x00, 0xA5};
  nla_put(message.get(), ETHTOOL_A_MODULE_EEPROM_DATA, page.size(), page.data());
  EXPECT_EQ(parse_module_page_hex(*nlmsg_hdr(message.get())), "1100a5");
  EXPECT_EQ(parse_module_page_hex(*nlmsg_hdr(ethtool_answer().get())), "");
}

TEST(EthtoolAnswer, AttributeShorterThanItsTypeIsAbsent) {
  const MessagePtr message = ethtool_answer();
  nla_put_u8(message.get(), ETHTOOL_A_FEC_ACTIVE, 50);
  EXPECT_EQ(parse_fec(*nlmsg_hdr(message.get())).active_bit, std::nullopt);
}

class DcbAnswer : public ::testing::Test {
 protected:
  void begin() { ieee_ = nla_nest_start(message_.get(), DCB_ATTR_IEEE); }
  Qos end() {
    nla_nest_end(message_.get(), ieee_);
    return parse_qos(*nlmsg_hdr(message_.get()), "RTM_GETDCB eth0");
  }

  MessagePtr message_ = new_message(RTM_GETDCB, 0, dcbmsg{});
  nlattr* ieee_ = nullptr;
};

TEST_F(DcbAnswer, PrioritiesSharesAndDscpTrustByApplicationRows) {
  begin();
  ieee_pfc pfc{};
  pfc.pfc_en = 0x08;
  nla_put(message_.get(), DCB_ATTR_IEEE_PFC, sizeof pfc, &pfc);
  ieee_ets ets{};
  ets.tc_tx_bw[0] = 40;
  ets.tc_tx_bw[3] = 60;
  nla_put(message_.get(), DCB_ATTR_IEEE_ETS, sizeof ets, &ets);
  nlattr* const table = nla_nest_start(message_.get(), DCB_ATTR_IEEE_APP_TABLE);
  const dcb_app row{IEEE_8021QAZ_APP_SEL_DSCP, 3, 26};
  nla_put(message_.get(), DCB_ATTR_IEEE_APP, sizeof row, &row);
  nla_nest_end(message_.get(), table);
  const Qos qos = end();
  EXPECT_TRUE(qos.pfc_priorities.is({3}));
  EXPECT_TRUE(qos.ets_bandwidth_percent.is({40, 0, 0, 60, 0, 0, 0, 0}));
  EXPECT_TRUE(qos.trust.is("dscp"));
}

TEST_F(DcbAnswer, TrustTableGoesByItsFirstRow) {
  begin();
  constexpr int trust_table = 11;
  nlattr* const table = nla_nest_start(message_.get(), trust_table);
  nla_put_u8(message_.get(), DCB_ATTR_IEEE_APP, 255);
  nla_put_u8(message_.get(), DCB_ATTR_IEEE_APP, IEEE_8021QAZ_APP_SEL_DSCP);
  nla_nest_end(message_.get(), table);
  EXPECT_TRUE(end().trust.is("pcp"));
}

TEST_F(DcbAnswer, WhatTheDriverDoesNotTellIsMissing) {
  begin();
  const Qos qos = end();
  for (const Missing& missing :
       {qos.pfc_priorities.missing(), qos.ets_bandwidth_percent.missing(), qos.trust.missing()}) {
    EXPECT_EQ(missing.why, Why::not_supported);
    EXPECT_THAT(missing.detail, HasSubstr("eth0"));
  }
}

TEST_F(DcbAnswer, NoPriorityIsAnAnswer) {
  begin();
  const ieee_pfc pfc{};
  nla_put(message_.get(), DCB_ATTR_IEEE_PFC, sizeof pfc, &pfc);
  const Qos qos = end();
  ASSERT_TRUE(qos.pfc_priorities);
  EXPECT_THAT(*qos.pfc_priorities, IsEmpty());
}

}  // namespace
}  // namespace rocekit::facts::kernel
