// Decodes a module's EEPROM: SFF-8636 (QSFP, QSFP+, QSFP28), CMIS (QSFP-DD, OSFP, QSFP with CMIS) and SFF-8472 (SFP).
// link_modes.cpp: names of link modes and extended link states.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// `bytes`: lower page followed by upper page 00h (SFP: the page at address A0h). All zeros, an unknown identifier or
/// too few bytes is Why::malformed with what was found.
Fact<Module> decode_module(std::span<const std::uint8_t> bytes);
/// Pairs of hexadecimal digits; anything else is Why::malformed.
Fact<std::vector<std::uint8_t>> bytes_from_hex(std::string_view hex);

/// "200000baseCR4/Full" for bit 66; "bit 200" for a bit that this table does not know.
std::string link_mode_name(int bit);
/// Gb/s of a link mode, rounded down: 200 for bit 66; nullopt for ports, pause and FEC bits, and below 1 Gb/s.
std::optional<int> link_mode_rate_gbit_s(int bit);
/// Lanes of a link mode: 4 for bit 66.
std::optional<int> link_mode_lanes(int bit);
/// "No cable", "Autoneg, No partner detected", ... of enum ethtool_link_ext_state, as ethtool(8) prints them.
std::string link_ext_state_name(int ext_state, std::optional<int> ext_substate);

}  // namespace rocekit::facts::readers
