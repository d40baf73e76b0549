#include "probes/facts/readers/module_eeprom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace rocekit::facts::readers {
namespace {

using Bytes = std::vector<std::uint8_t>;
using ::testing::HasSubstr;

void put_text(Bytes& bytes, std::size_t offset, std::size_t size, const std::string& text) {
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, std::uint8_t{' '});
  std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// The cable of a GB10 pair: QSFP28 by its identifier and 40GBASE-CR4 by byte 131, faster by its extended code.
Bytes gb10_cable() {
  Bytes bytes(256);
  bytes[0] = bytes[128] = 0x11;
  bytes[131] = 0x88;
  bytes[146] = 1;
  bytes[147] = 0xA0;
  bytes[192] = 0x40;
  put_text(bytes, 148, 16, "Amphenol");
  put_text(bytes, 168, 16, "NJAAKK-N911");
  put_text(bytes, 196, 16, "APF24500012ABC");
  return bytes;
}

/// A passive OSFP cable: host interfaces 400GBASE-CR4, 200GBASE-CR2 and 800GBASE-CR8, half a metre.
Bytes osfp_cable() {
  Bytes bytes(256);
  bytes[0] = bytes[128] = 0x19;
  bytes[85] = 3;
  const Bytes applications = {0x48, 0x01, 0x44, 0x11, 0x47, 0x01, 0x22, 0x55, 0x49, 0x01, 0x88, 0x01, 0xFF};
  std::copy(applications.begin(), applications.end(), bytes.begin() + 86);
  put_text(bytes, 129, 16, "NVIDIA");
  put_text(bytes, 148, 16, "MCP4Y10-N00A");
  put_text(bytes, 166, 16, "MT2345VS01234");
  bytes[202] = 5;
  bytes[212] = 0x0A;
  return bytes;
}

TEST(ModuleEeprom, ClassOfQsfp28CableComesFromExtendedComplianceCode) {
  const Fact<Module> module = decode_module(gb10_cable());
  ASSERT_TRUE(module) << module.missing().detail;
  EXPECT_EQ(module->identifier, "QSFP28");
  EXPECT_EQ(module->identifier_code, 0x11);
  EXPECT_TRUE(module->compliance.is("200GBASE-CR4"));
  EXPECT_TRUE(module->rate_class_gbit_s.is(200));
  EXPECT_TRUE(module->vendor.is("Amphenol"));
  EXPECT_TRUE(module->part_number.is("NJAAKK-N911"));
  EXPECT_TRUE(module->serial.is("APF24500012ABC"));
  EXPECT_TRUE(module->passive_copper.is(true));
  EXPECT_TRUE(module->length_m.is(1));
}

TEST(ModuleEeprom, ExtendedCodesOfDirectAttachCables) {
  const auto class_of = [](std::uint8_t code) {
    Bytes bytes = gb10_cable();
    bytes[192] = code;
    const Fact<Module> module = decode_module(bytes);
    return module->compliance.value_or("?") + " " + std::to_string(module->rate_class_gbit_s.value_or(0));
  };
  EXPECT_EQ(class_of(0x0B), "100GBASE-CR4 100");
  EXPECT_EQ(class_of(0x30), "200G ACC 200");
  EXPECT_EQ(class_of(0x3F), "400GBASE-CR4 400");
  EXPECT_EQ(class_of(0x40), "200GBASE-CR4 200");
}

TEST(ModuleEeprom, WithoutExtendedCodeTheEthernetBitsDecide) {
  Bytes bytes = gb10_cable();
  bytes[131] = 0x08;
  const Fact<Module> by_bits = decode_module(bytes);
  EXPECT_TRUE(by_bits->compliance.is("40GBASE-CR4"));
  EXPECT_TRUE(by_bits->rate_class_gbit_s.is(40));

  bytes[131] = 0x88;
  bytes[192] = 0;
  EXPECT_TRUE(decode_module(bytes)->compliance.is("40GBASE-CR4"));
}

TEST(ModuleEeprom, UnknownExtendedCodeIsNotGuessed) {
  Bytes bytes = gb10_cable();
  bytes[192] = 0x6E;
  const Fact<Module> module = decode_module(bytes);
  ASSERT_TRUE(module);
  ASSERT_FALSE(module->compliance);
  EXPECT_THAT(module->compliance.missing().detail, HasSubstr("0x6e"));
  EXPECT_FALSE(module->rate_class_gbit_s);
}

TEST(ModuleEeprom, OpticalModuleIsNotCopper) {
  Bytes bytes = gb10_cable();
  bytes[147] = 0x00;
  bytes[146] = 0;
  const Fact<Module> module = decode_module(bytes);
  EXPECT_TRUE(module->passive_copper.is(false));
  ASSERT_FALSE(module->length_m);
  EXPECT_EQ(module->length_m.missing().why, Why::absent);
}

TEST(ModuleEeprom, BlankAndUnprintableTextIsMissingWithItsBytes) {
  Bytes bytes = gb10_cable();
  put_text(bytes, 148, 16, "");
  bytes[170] = 0x07;
  const Fact<Module> module = decode_module(bytes);
  ASSERT_FALSE(module->vendor);
  EXPECT_EQ(module->vendor.missing().why, Why::absent);
  ASSERT_FALSE(module->part_number);
  EXPECT_EQ(module->part_number.missing().why, Why::malformed);
  EXPECT_THAT(module->part_number.missing().detail, HasSubstr("168-183"));
}

TEST(ModuleEeprom, CmisCableTakesItsFastestApplication) {
  const Fact<Module> module = decode_module(osfp_cable());
  ASSERT_TRUE(module) << module.missing().detail;
  EXPECT_EQ(module->identifier, "OSFP");
  EXPECT_TRUE(module->compliance.is("800GBASE-CR8"));
  EXPECT_TRUE(module->rate_class_gbit_s.is(800));
  EXPECT_TRUE(module->vendor.is("NVIDIA"));
  EXPECT_TRUE(module->part_number.is("MCP4Y10-N00A"));
  EXPECT_TRUE(module->serial.is("MT2345VS01234"));
  EXPECT_TRUE(module->passive_copper.is(true));
  EXPECT_TRUE(module->length_m.is(1)) << "0.5 m, rounded up";
}

TEST(ModuleEeprom, CmisListEndsAtItsEndMark) {
  Bytes bytes = osfp_cable();
  bytes[90] = 0xFF;
  EXPECT_TRUE(decode_module(bytes)->compliance.is("400GBASE-CR4"));
}

TEST(ModuleEeprom, CmisOpticsAreNamedByTheirMedia) {
  Bytes bytes = osfp_cable();
  bytes[0] = 0x1E;
  bytes[85] = 2;
  bytes[86] = 0x4F;
  bytes[87] = 0x1C;
  bytes[90] = 0xFF;
  bytes[202] = 0;
  const Fact<Module> module = decode_module(bytes);
  EXPECT_EQ(module->identifier, "QSFP (CMIS)");
  EXPECT_TRUE(module->compliance.is("400GBASE-DR4"));
  EXPECT_TRUE(module->passive_copper.is(false));
  EXPECT_FALSE(module->length_m);
}

TEST(ModuleEeprom, CmisLengthScales) {
  const auto metres = [](std::uint8_t byte) {
    Bytes bytes = osfp_cable();
    bytes[202] = byte;
    return decode_module(bytes)->length_m.value_or(-1);
  };
  EXPECT_EQ(metres(0x0F), 2);    // 15 x 0.1
  EXPECT_EQ(metres(0x43), 3);    // 3 x 1
  EXPECT_EQ(metres(0x83), 30);   // 3 x 10
  EXPECT_EQ(metres(0xC1), 100);  // 1 x 100
}

TEST(ModuleEeprom, SfpIsDecodedByItsOwnMap) {
  Bytes bytes(256);
  bytes[0] = 0x03;
  bytes[8] = 0x04;
  bytes[18] = 3;
  bytes[36] = 0x0B;
  put_text(bytes, 20, 16, "Mellanox");
  put_text(bytes, 40, 16, "MCP2M00-A003");
  put_text(bytes, 68, 16, "MT1912VS00001");
  const Fact<Module> module = decode_module(bytes);
  ASSERT_TRUE(module);
  EXPECT_TRUE(module->compliance.is("25GBASE-CR"));
  EXPECT_TRUE(module->rate_class_gbit_s.is(25));
  EXPECT_TRUE(module->part_number.is("MCP2M00-A003"));
  EXPECT_TRUE(module->passive_copper.is(true));
  EXPECT_TRUE(module->length_m.is(3));
}

TEST(ModuleEeprom, AllZerosIsMalformed) {
  const Fact<Module> module = decode_module(Bytes(256));
  ASSERT_FALSE(module);
  EXPECT_EQ(module.missing().why, Why::malformed);
  EXPECT_THAT(module.missing().detail, HasSubstr("all 256 bytes are zero"));
}

TEST(ModuleEeprom, EveryShorterLengthIsMalformed) {
  const Bytes whole = gb10_cable();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Fact<Module> module = decode_module(std::span(whole).first(size));
    ASSERT_FALSE(module) << size;
    EXPECT_EQ(module.missing().why, Why::malformed);
    EXPECT_THAT(module.missing().detail, HasSubstr(std::to_string(size) + " bytes"));
  }
}

TEST(ModuleEeprom, FurtherPagesAreIgnored) {
  Bytes bytes = gb10_cable();
  bytes.resize(640, 0xEE);
  EXPECT_EQ(decode_module(bytes), decode_module(gb10_cable()));
}

TEST(ModuleEeprom, UnknownIdentifierIsNamed) {
  Bytes bytes = gb10_cable();
  bytes[0] = 0xFF;
  const Fact<Module> module = decode_module(bytes);
  ASSERT_FALSE(module);
  EXPECT_THAT(module.missing().detail, HasSubstr("0xff"));
}

TEST(HexBytes, PairsOfDigitsOfBothCases) {
  EXPECT_TRUE(bytes_from_hex("00fFA5").is({0x00, 0xFF, 0xA5}));
  EXPECT_TRUE(bytes_from_hex("").is({}));
}

TEST(HexBytes, OtherTextIsMalformed) {
  for (const char* text : {"0", "0g", "-1", " 00 ", "0x11"}) {
    const auto bytes = bytes_from_hex(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.missing().why, Why::malformed) << text;
  }
}

TEST(LinkModes, NamesRatesAndLanesOfTheModesThatMatter) {
  struct Expected {
    int bit;
    const char* name;
    int rate_gbit_s;
    int lanes;
  };
  for (const Expected& mode : {
           Expected{12, "10000baseT/Full", 10, 1},
           Expected{24, "40000baseCR4/Full", 40, 4},
           Expected{31, "25000baseCR/Full", 25, 1},
           Expected{38, "100000baseCR4/Full", 100, 4},
           Expected{39, "100000baseLR4_ER4/Full", 100, 4},
           Expected{55, "50000baseLR_ER_FR/Full", 50, 1},
           Expected{59, "100000baseCR2/Full", 100, 2},
           Expected{66, "200000baseCR4/Full", 200, 4},
           Expected{73, "400000baseCR8/Full", 400, 8},
           Expected{78, "100000baseCR/Full", 100, 1},
           Expected{84, "200000baseCR2/Full", 200, 2},
           Expected{89, "400000baseCR4/Full", 400, 4},
           Expected{93, "800000baseCR8/Full", 800, 8},
           Expected{96, "800000baseDR8_2/Full", 800, 8},
           Expected{103, "200000baseCR/Full", 200, 1},
           Expected{106, "200000baseDR_2/Full", 200, 1},
           Expected{115, "800000baseCR4/Full", 800, 4},
           Expected{124, "1600000baseDR8_2/Full", 1600, 8},
       }) {
    EXPECT_EQ(link_mode_name(mode.bit), mode.name);
    EXPECT_EQ(link_mode_rate_gbit_s(mode.bit), mode.rate_gbit_s) << mode.name;
    EXPECT_EQ(link_mode_lanes(mode.bit), mode.lanes) << mode.name;
  }
}

TEST(LinkModes, PortsPauseAndFecHaveNoRate) {
  for (const int bit : {6, 7, 8, 9, 10, 11, 13, 14, 16, 49, 50, 51, 74}) {
    EXPECT_EQ(link_mode_rate_gbit_s(bit), std::nullopt) << link_mode_name(bit);
    EXPECT_EQ(link_mode_lanes(bit), std::nullopt) << link_mode_name(bit);
  }
  EXPECT_EQ(link_mode_name(6), "Autoneg");
  EXPECT_EQ(link_mode_name(50), "RS");
}

TEST(LinkModes, NamesAreDistinct) {
  std::set<std::string> names;
  for (int bit = 0; bit <= 124; ++bit) names.insert(link_mode_name(bit));
  EXPECT_EQ(names.size(), 125U);
}

TEST(LinkModes, UnknownBitsKeepTheirNumber) {
  EXPECT_EQ(link_mode_name(200), "bit 200");
  EXPECT_EQ(link_mode_name(-1), "bit -1");
  EXPECT_EQ(link_mode_rate_gbit_s(200), std::nullopt);
  EXPECT_EQ(link_mode_lanes(-1), std::nullopt);
}

TEST(LinkExtState, StatesAndSubstatesInEthtoolsWords) {
  EXPECT_EQ(link_ext_state_name(4, std::nullopt), "No cable");
  EXPECT_EQ(link_ext_state_name(8, 0), "Power budget exceeded");
  EXPECT_EQ(link_ext_state_name(0, 1), "Autoneg, No partner detected");
  EXPECT_EQ(link_ext_state_name(5, 1), "Cable issue, Unsupported cable");
  EXPECT_EQ(link_ext_state_name(10, 1), "Module, CMIS module is not in ModuleReady state");
  EXPECT_EQ(link_ext_state_name(4, 9), "No cable, substate 9");
  EXPECT_EQ(link_ext_state_name(99, std::nullopt), "extended state 99");
  EXPECT_EQ(link_ext_state_name(-1, 2), "extended state -1, substate 2");
}

}  // namespace
}  // namespace rocekit::facts::readers
