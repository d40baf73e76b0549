// Names of link modes and extended link states: enum ethtool_link_mode_bit_indices and enum ethtool_link_ext_state of
// Linux 6.17, in the words of ethtool(8).
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

#include "probes/facts/readers/module_eeprom.h"

namespace rocekit::facts::readers {
namespace {

// The place in the table is the bit. The names carry the rate (Mb/s before "base") and the lanes (the number after the
// letters of the medium, one where there is none), as IEEE 802.3 forms them.
constexpr std::array<std::string_view, 125> link_modes{
    "10baseT/Half",
    "10baseT/Full",
    "100baseT/Half",
    "100baseT/Full",
    "1000baseT/Half",
    "1000baseT/Full",
    "Autoneg",
    "TP",
    "AUI",
    "MII",
    "FIBRE",
    "BNC",
    "10000baseT/Full",
    "Pause",
    "Asym_Pause",
    "2500baseX/Full",
    "Backplane",
    "1000baseKX/Full",
    "10000baseKX4/Full",
    "10000baseKR/Full",
    "10000baseR_FEC",
    "20000baseMLD2/Full",
    "20000baseKR2/Full",
    "40000baseKR4/Full",
    "40000baseCR4/Full",
    "40000baseSR4/Full",
    "40000baseLR4/Full",
    "56000baseKR4/Full",
    "56000baseCR4/Full",
    "56000baseSR4/Full",
    "56000baseLR4/Full",
    "25000baseCR/Full",
    "25000baseKR/Full",
    "25000baseSR/Full",
    "50000baseCR2/Full",
    "50000baseKR2/Full",
    "100000baseKR4/Full",
    "100000baseSR4/Full",
    "100000baseCR4/Full",
    "100000baseLR4_ER4/Full",
    "50000baseSR2/Full",
    "1000baseX/Full",
    "10000baseCR/Full",
    "10000baseSR/Full",
    "10000baseLR/Full",
    "10000baseLRM/Full",
    "10000baseER/Full",
    "2500baseT/Full",
    "5000baseT/Full",
    "None",
    "RS",
    "BASER",
    "50000baseKR/Full",
    "50000baseSR/Full",
    "50000baseCR/Full",
    "50000baseLR_ER_FR/Full",
    "50000baseDR/Full",
    "100000baseKR2/Full",
    "100000baseSR2/Full",
    "100000baseCR2/Full",
    "100000baseLR2_ER2_FR2/Full",
    "100000baseDR2/Full",
    "200000baseKR4/Full",
    "200000baseSR4/Full",
    "200000baseLR4_ER4_FR4/Full",
    "200000baseDR4/Full",
    "200000baseCR4/Full",
    "100baseT1/Full",
    "1000baseT1/Full",
    "400000baseKR8/Full",
    "400000baseSR8/Full",
    "400000baseLR8_ER8_FR8/Full",
    "400000baseDR8/Full",
    "400000baseCR8/Full",
    "LLRS",
    "100000baseKR/Full",
    "100000baseSR/Full",
    "100000baseLR_ER_FR/Full",
    "100000baseCR/Full",
    "100000baseDR/Full",
    "200000baseKR2/Full",
    "200000baseSR2/Full",
    "200000baseLR2_ER2_FR2/Full",
    "200000baseDR2/Full",
    "200000baseCR2/Full",
    "400000baseKR4/Full",
    "400000baseSR4/Full",
    "400000baseLR4_ER4_FR4/Full",
    "400000baseDR4/Full",
    "400000baseCR4/Full",
    "100baseFX/Half",
    "100baseFX/Full",
    "10baseT1L/Full",
    "800000baseCR8/Full",
    "800000baseKR8/Full",
    "800000baseDR8/Full",
    "800000baseDR8_2/Full",
    "800000baseSR8/Full",
    "800000baseVR8/Full",
    "10baseT1S/Full",
    "10baseT1S/Half",
    "10baseT1S_P2MP/Half",
    "10baseT1BRR/Full",
    "200000baseCR/Full",
    "200000baseKR/Full",
    "200000baseDR/Full",
    "200000baseDR_2/Full",
    "200000baseSR/Full",
    "200000baseVR/Full",
    "400000baseCR2/Full",
    "400000baseKR2/Full",
    "400000baseDR2/Full",
    "400000baseDR2_2/Full",
    "400000baseSR2/Full",
    "400000baseVR2/Full",
    "800000baseCR4/Full",
    "800000baseKR4/Full",
    "800000baseDR4/Full",
    "800000baseDR4_2/Full",
    "800000baseSR4/Full",
    "800000baseVR4/Full",
    "1600000baseCR8/Full",
    "1600000baseKR8/Full",
    "1600000baseDR8/Full",
    "1600000baseDR8_2/Full",
};

constexpr std::string_view base_word = "base";

std::string_view known_name(int bit) {
  return bit >= 0 && bit < static_cast<int>(link_modes.size()) ? link_modes[static_cast<std::size_t>(bit)]
                                                               : std::string_view{};
}

constexpr std::array<std::string_view, 13> ext_states{
    "Autoneg",     "Link training failure", "Logical mismatch",    "Bad signal integrity",  "No cable",
    "Cable issue", "EEPROM issue",          "Calibration failure", "Power budget exceeded", "Overheat",
    "Module",      "OTP speed violation",   "BMC request down",
};

struct ExtSubstate {
  int state;
  int substate;
  std::string_view text;
};
constexpr std::array ext_substates{
    ExtSubstate{0, 1, "No partner detected"},
    ExtSubstate{0, 2, "Ack not received"},
    ExtSubstate{0, 3, "Next page exchange failed"},
    ExtSubstate{0, 4, "No partner detected during force mode"},
    ExtSubstate{0, 5, "FEC mismatch during override"},
    ExtSubstate{0, 6, "No HCD"},
    ExtSubstate{1, 1, "KR frame lock not acquired"},
    ExtSubstate{1, 2, "KR link inhibit timeout"},
    ExtSubstate{1, 3, "KR link partner did not set receiver ready"},
    ExtSubstate{1, 4, "Remote side is not ready"},
    ExtSubstate{2, 1, "PCS did not acquire block lock"},
    ExtSubstate{2, 2, "PCS did not acquire AM lock"},
    ExtSubstate{2, 3, "PCS did not get align_status"},
    ExtSubstate{2, 4, "FC FEC is not locked"},
    ExtSubstate{2, 5, "RS FEC is not locked"},
    ExtSubstate{3, 1, "Large number of physical errors"},
    ExtSubstate{3, 2, "Unsupported rate"},
    ExtSubstate{3, 3, "Serdes reference clock lost"},
    ExtSubstate{3, 4, "Serdes ALOS"},
    ExtSubstate{5, 1, "Unsupported cable"},
    ExtSubstate{5, 2, "Cable test failure"},
    ExtSubstate{10, 1, "CMIS module is not in ModuleReady state"},
};

}  // namespace

std::string link_mode_name(int bit) {
  const std::string_view name = known_name(bit);
  return name.empty() ? fmt::format("bit {}", bit) : std::string(name);
}

std::optional<int> link_mode_rate_gbit_s(int bit) {
  const std::string_view name = known_name(bit);
  const auto base = name.find(base_word);
  if (base == std::string_view::npos) return std::nullopt;
  int rate_mbit_s = 0;
  std::from_chars(name.data(), name.data() + base, rate_mbit_s);
  if (rate_mbit_s < 1000) return std::nullopt;
  return rate_mbit_s / 1000;
}

std::optional<int> link_mode_lanes(int bit) {
  const std::string_view name = known_name(bit);
  const auto base = name.find(base_word);
  if (base == std::string_view::npos) return std::nullopt;
  const std::string_view medium = name.substr(base + base_word.size());
  const auto digit = medium.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  int lanes = 1;
  if (digit != std::string_view::npos) {
    std::from_chars(medium.data() + digit, medium.data() + medium.size(), lanes);
  }
  return lanes;
}

std::string link_ext_state_name(int ext_state, std::optional<int> ext_substate) {
  if (ext_state < 0 || ext_state >= static_cast<int>(ext_states.size())) {
    return ext_substate ? fmt::format("extended state {}, substate {}", ext_state, *ext_substate)
                        : fmt::format("extended state {}", ext_state);
  }
  const std::string_view state = ext_states[static_cast<std::size_t>(ext_state)];
  if (!ext_substate || *ext_substate == 0) return std::string(state);
  for (const ExtSubstate& row : ext_substates) {
    if (row.state == ext_state && row.substate == *ext_substate) return fmt::format("{}, {}", state, row.text);
  }
  return fmt::format("{}, substate {}", state, *ext_substate);
}

}  // namespace rocekit::facts::readers
