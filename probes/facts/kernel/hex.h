#pragma once

#include <cstddef>
#include <string>

namespace rocekit::facts::kernel {

/// Two lower-case hexadecimal digits a byte.
inline std::string hex_of(const void* data, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto* const bytes = static_cast<const unsigned char*>(data);
  std::string hex;
  hex.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    hex += digits[bytes[i] >> 4];
    hex += digits[bytes[i] & 0xF];
  }
  return hex;
}

}  // namespace rocekit::facts::kernel
