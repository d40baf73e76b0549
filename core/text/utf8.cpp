#include "core/text/utf8.h"

#include <fmt/format.h>

#include <cstdint>

namespace rocekit::text {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
}

bool is_continuation(unsigned byte) { return (byte & 0xC0U) == 0x80U; }

/// Length of the well-formed sequence at `at` (Unicode 15, table 3-7), 0 when there is none.
std::size_t sequence_length(std::string_view bytes, std::size_t at) {
  const unsigned first = byte_at(bytes, at);
  const unsigned second = byte_at(bytes, at + 1);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return is_continuation(second) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool overlong = first == 0xE0U && second < 0xA0U;
    const bool surrogate = first == 0xEDU && second > 0x9FU;
    return is_continuation(second) && !overlong && !surrogate && is_continuation(byte_at(bytes, at + 2)) ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool overlong = first == 0xF0U && second < 0x90U;
    const bool too_large = first == 0xF4U && second > 0x8FU;
    return is_continuation(second) && !overlong && !too_large && is_continuation(byte_at(bytes, at + 2)) &&
                   is_continuation(byte_at(bytes, at + 3))
               ? 4
               : 0;
  }
  return 0;
}

template <class OnControl>
std::string cleaned(std::string_view bytes, OnControl&& on_control) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = sequence_length(bytes, at);
    if (length == 0) {
      out += replacement;
      ++at;
      continue;
    }
    const unsigned first = byte_at(bytes, at);
    const bool c1_control = first == 0xC2U && byte_at(bytes, at + 1) < 0xA0U;
    if (first < 0x20U || first == 0x7FU || c1_control) {
      on_control(out, bytes.substr(at, length));
    } else {
      out += bytes.substr(at, length);
    }
    at += length;
  }
  return out;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  return cleaned(bytes, [](std::string& out, std::string_view control) { out += control; });
}

std::string printable(std::string_view bytes) {
  return cleaned(bytes, [](std::string& out, std::string_view control) {
    if (control == "\n") {
      out += "\\n";
    } else if (control == "\t") {
      out += "\\t";
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(control.back()));
    }
  });
}

std::size_t columns(std::string_view utf8) {
  std::size_t count = 0;
  for (const char c : utf8) count += is_continuation(static_cast<unsigned char>(c)) ? 0 : 1;
  return count;
}

std::string shortened(std::string_view utf8, std::size_t max_columns) {
  if (columns(utf8) <= max_columns) return std::string(utf8);
  const std::size_t keep = max_columns > 3 ? max_columns - 3 : 0;
  std::size_t end = 0;
  for (std::size_t count = 0; end < utf8.size(); ++end) {
    if (!is_continuation(static_cast<unsigned char>(utf8[end])) && count++ == keep) break;
  }
  return std::string(utf8.substr(0, end)).append(max_columns - keep, '.');
}

}  // namespace rocekit::text
