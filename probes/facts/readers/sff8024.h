// Code tables of SFF-8024 ("SFF Module Management Reference Code Tables"), revision 4.13: what a number in a module's
// EEPROM stands for.
#pragma once

#include <cstdint>

namespace rocekit::facts::readers::sff8024 {

/// Which memory map follows the identifier in byte 0.
enum class MemoryMap { sff8472, sff8636, cmis };

/// Table 4-1. nullptr: not a pluggable module of an Ethernet or InfiniBand port.
struct Identifier {
  std::uint8_t code;
  const char* name;
  MemoryMap memory_map;
};
const Identifier* identifier(std::uint8_t code);

/// The standard that a code names, the fastest where it names several, and its rate over all of the module's lanes.
struct Interface {
  std::uint8_t code;
  const char* name;
  int rate_gbit_s;
};
/// Table 4-4, extended specification compliance codes of a four-lane module.
const Interface* extended_compliance(std::uint8_t code);
/// Table 4-4 as it reads for a one-lane module (SFP28, SFP56).
const Interface* extended_compliance_one_lane(std::uint8_t code);
/// Table 4-5, host electrical interfaces.
const Interface* host_interface(std::uint8_t code);
/// Tables 4-6 (multi-mode fibre, media type 1) and 4-7 (single-mode fibre, media type 2); nullptr for other media,
/// where the host interface names the standard.
const Interface* media_interface(std::uint8_t media_type, std::uint8_t code);

}  // namespace rocekit::facts::readers::sff8024
