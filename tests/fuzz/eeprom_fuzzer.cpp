// Module EEPROMs: any bytes decode to a module or to a reason, never to garbage.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "probes/facts/readers/module_eeprom.h"

namespace {

using namespace rocekit::facts;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_printable(const Fact<std::string>& text) {
  if (!text) {
    require(!text.missing().detail.empty());
    return;
  }
  require(!text->empty());
  for (const char c : *text) require(c >= 0x20 && c <= 0x7E);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Fact<Module> module = readers::decode_module(std::span(data, size));
  if (module) {
    require(size >= 256);
    require(!module->identifier.empty());
    require_printable(module->vendor);
    require_printable(module->part_number);
    require_printable(module->serial);
    require_printable(module->compliance);
    require(module->compliance.has_value() == module->rate_class_gbit_s.has_value());
    if (module->rate_class_gbit_s) require(*module->rate_class_gbit_s >= 10 && *module->rate_class_gbit_s <= 1600);
    if (module->length_m) require(*module->length_m > 0 && *module->length_m <= 6300);
  } else {
    require(module.missing().why == Why::malformed && !module.missing().detail.empty());
  }

  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto bytes = readers::bytes_from_hex(text);
  if (bytes) require(bytes->size() * 2 == size);

  std::string hex;
  for (std::size_t i = 0; i < size; ++i) {
    static constexpr char digits[] = "0123456789ABCDEF";
    hex += digits[data[i] >> 4];
    hex += digits[data[i] & 0xF];
  }
  const auto round_trip = readers::bytes_from_hex(hex);
  require(round_trip &&
          std::string_view(reinterpret_cast<const char*>(round_trip->data()), round_trip->size()) == text);
  return 0;
}
