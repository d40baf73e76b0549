// Byte offsets: SFF-8472 rev 12.4 (SFP), SFF-8636 rev 2.10a (QSFP), CMIS 5.2 (QSFP-DD, OSFP); codes: sff8024.h.
#include "probes/facts/readers/module_eeprom.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "probes/facts/readers/sff8024.h"

namespace rocekit::facts::readers {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t map_bytes = 256;

/// A text field: ASCII padded with spaces (some vendors pad with zeros).
Fact<std::string> text(Bytes bytes, std::size_t first, std::size_t last, const char* what) {
  std::string value;
  for (std::size_t i = first; i <= last; ++i) {
    const std::uint8_t byte = bytes[i];
    if (byte == 0) continue;
    if (byte < 0x20 || byte > 0x7E) {
      return Missing{Why::malformed,
                     fmt::format("module EEPROM bytes {}-{} ({}): 0x{:02x} is not a printable character", first, last,
                                 what, byte)};
    }
    value += static_cast<char>(byte);
  }
  const auto begin = value.find_first_not_of(' ');
  if (begin == std::string::npos) {
    return Missing{Why::absent, fmt::format("module EEPROM bytes {}-{} ({}): blank", first, last, what)};
  }
  return value.substr(begin, value.find_last_not_of(' ') - begin + 1);
}

void set_compliance(Module& module, const sff8024::Interface* found, const std::string& where) {
  if (found == nullptr) {
    const Missing missing{Why::absent, fmt::format("module EEPROM: {}", where)};
    module.compliance = missing;
    module.rate_class_gbit_s = missing;
    return;
  }
  module.compliance = std::string(found->name);
  module.rate_class_gbit_s = found->rate_gbit_s;
}

// --- SFF-8636 ---

void decode_sff8636(Bytes bytes, Module& module) {
  module.vendor = text(bytes, 148, 163, "vendor name");
  module.part_number = text(bytes, 168, 183, "part number");
  module.serial = text(bytes, 196, 211, "serial number");

  // Cables of 50 and 100 Gb/s a lane also set the 40GBASE-CR4 bit of byte 131: the extended code goes first.
  const std::uint8_t ethernet = bytes[131];
  const std::uint8_t extended = bytes[192];
  static constexpr sff8024::Interface forty_gigabit[] = {
      {0x08, "40GBASE-CR4", 40}, {0x04, "40GBASE-SR4", 40}, {0x02, "40GBASE-LR4", 40}, {0x01, "40G active cable", 40}};
  const sff8024::Interface* compliance = nullptr;
  if ((ethernet & 0x80) != 0) compliance = sff8024::extended_compliance(extended);
  const bool unknown_extended = (ethernet & 0x80) != 0 && extended != 0 && compliance == nullptr;
  if (compliance == nullptr && !unknown_extended) {
    for (const sff8024::Interface& row : forty_gigabit) {
      if (compliance == nullptr && (ethernet & row.code) != 0) compliance = &row;
    }
  }
  set_compliance(module, compliance,
                 unknown_extended ? fmt::format("extended compliance code 0x{:02x} (byte 192) is not known", extended)
                                  : fmt::format("no Ethernet compliance told (byte 131 is 0x{:02x})", ethernet));

  const int technology = bytes[147] >> 4;
  module.passive_copper = technology == 0xA || technology == 0xB;
  if (bytes[146] != 0) {
    module.length_m = bytes[146];
  } else {
    module.length_m = Missing{Why::absent, "module EEPROM byte 146 (length of the cable assembly): 0, not told"};
  }
}

// --- CMIS ---

struct Application {
  const sff8024::Interface* interface = nullptr;
  bool any = false;
};

/// The fastest of the applications (a host interface carried over a media interface) that the module advertises.
Application fastest_application(Bytes bytes, std::uint8_t media_type) {
  Application best;
  for (std::size_t offset = 86; offset + 3 <= 117; offset += 4) {
    const std::uint8_t host_code = bytes[offset];
    if (host_code == 0xFF) break;
    if (host_code == 0) continue;
    best.any = true;
    const sff8024::Interface* candidate = sff8024::media_interface(media_type, bytes[offset + 1]);
    if (candidate == nullptr) candidate = sff8024::host_interface(host_code);
    if (candidate == nullptr) continue;
    if (best.interface == nullptr || candidate->rate_gbit_s > best.interface->rate_gbit_s) best.interface = candidate;
  }
  return best;
}

void decode_cmis(Bytes bytes, Module& module) {
  module.vendor = text(bytes, 129, 144, "vendor name");
  module.part_number = text(bytes, 148, 163, "part number");
  module.serial = text(bytes, 166, 181, "serial number");

  const std::uint8_t media_type = bytes[85];
  const Application application = fastest_application(bytes, media_type);
  set_compliance(module, application.interface,
                 application.any ? fmt::format("host interface 0x{:02x} (byte 86) is not known", bytes[86])
                                 : "no application is advertised (bytes 86-117)");

  // Media type 3 is also that of linear active copper; the technology in byte 212 tells them apart.
  constexpr std::uint8_t copper = 3;
  const std::uint8_t technology = bytes[212];
  module.passive_copper = media_type == copper && (technology == 0x0A || technology == 0x0B || technology == 0x00);

  // Byte 202: metres = base (bits 5-0) x 0.1, 1, 10 or 100 (bits 7-6); rounded up to whole metres.
  static constexpr int tenths[] = {1, 10, 100, 1000};
  const int length_tenths = (bytes[202] & 0x3F) * tenths[bytes[202] >> 6];
  if (length_tenths != 0) {
    module.length_m = (length_tenths + 9) / 10;
  } else {
    module.length_m = Missing{Why::absent, "module EEPROM byte 202 (length of the cable assembly): 0, not told"};
  }
}

// --- SFF-8472 ---

void decode_sff8472(Bytes bytes, Module& module) {
  module.vendor = text(bytes, 20, 35, "vendor name");
  module.part_number = text(bytes, 40, 55, "part number");
  module.serial = text(bytes, 68, 83, "serial number");

  static constexpr sff8024::Interface ten_gigabit[] = {
      {0x10, "10GBASE-SR", 10}, {0x20, "10GBASE-LR", 10}, {0x40, "10GBASE-LRM", 10}, {0x80, "10GBASE-ER", 10}};
  const std::uint8_t extended = bytes[36];
  const sff8024::Interface* compliance = sff8024::extended_compliance_one_lane(extended);
  if (compliance == nullptr && extended == 0) {
    for (const sff8024::Interface& row : ten_gigabit) {
      if (compliance == nullptr && (bytes[3] & row.code) != 0) compliance = &row;
    }
  }
  set_compliance(module, compliance,
                 extended != 0 ? fmt::format("extended compliance code 0x{:02x} (byte 36) is not known", extended)
                               : fmt::format("no Ethernet compliance told (byte 3 is 0x{:02x})", bytes[3]));

  module.passive_copper = (bytes[8] & 0x04) != 0;
  if (bytes[18] != 0) {
    module.length_m = bytes[18];
  } else {
    module.length_m = Missing{Why::absent, "module EEPROM byte 18 (length of the cable assembly): 0, not told"};
  }
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Fact<Module> decode_module(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < map_bytes) {
    return Missing{Why::malformed,
                   fmt::format("module EEPROM: {} bytes, needs {} (lower page and page 00h)", bytes.size(), map_bytes)};
  }
  const Bytes map = bytes.first(map_bytes);
  if (std::all_of(map.begin(), map.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return Missing{Why::malformed, fmt::format("module EEPROM: all {} bytes are zero", map_bytes)};
  }
  const sff8024::Identifier* identifier = sff8024::identifier(map[0]);
  if (identifier == nullptr) {
    return Missing{Why::malformed,
                   fmt::format("module EEPROM: identifier 0x{:02x} (byte 0) is of no known network module", map[0])};
  }

  Module module;
  module.identifier = identifier->name;
  module.identifier_code = identifier->code;
  switch (identifier->memory_map) {
    case sff8024::MemoryMap::sff8472:
      decode_sff8472(map, module);
      break;
    case sff8024::MemoryMap::sff8636:
      decode_sff8636(map, module);
      break;
    case sff8024::MemoryMap::cmis:
      decode_cmis(map, module);
      break;
  }
  return module;
}

Fact<std::vector<std::uint8_t>> bytes_from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) {
    return Missing{Why::malformed, fmt::format("hexadecimal text of {} digits: one digit is left over", hex.size())};
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit_value(hex[i]);
    const int low = digit_value(hex[i + 1]);
    if (high < 0 || low < 0) {
      return Missing{Why::malformed, fmt::format("hexadecimal text: no digits at position {}", i)};
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

}  // namespace rocekit::facts::readers
