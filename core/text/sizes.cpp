#include "core/text/sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::text {
namespace {

constexpr std::uint64_t largest = std::uint64_t{1} << 62U;
constexpr std::size_t most_sizes = 1000;

std::string in_quotes(std::string_view word) { return fmt::format("\"{}\"", shortened(printable(word), 40)); }

std::string_view trimmed(std::string_view word) {
  const std::size_t first = word.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return word.substr(first, word.find_last_not_of(" \t") - first + 1);
}

/// Powers of two of a unit; absent: no unit that is known.
std::optional<unsigned> shift_of(std::string_view unit) {
  std::string name = lower_case(unit);
  if (name.empty() || name == "b") return 0U;
  if (name.size() == 3 && name.substr(1) == "ib") name.resize(1);
  if (name.size() == 2 && name[1] == 'b') name.resize(1);
  if (name == "k") return 10U;
  if (name == "m") return 20U;
  if (name == "g") return 30U;
  return std::nullopt;
}

std::optional<std::uint64_t> whole(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc{} || stop != end || value > largest) return std::nullopt;
  return value;
}

void add_range(std::string_view range, std::vector<std::uint64_t>& sizes) {
  const std::size_t colon = range.find(':');
  const std::string_view rest = range.substr(colon + 1);
  const std::size_t second = rest.find(':');
  const std::uint64_t low = parse_size(range.substr(0, colon));
  const std::uint64_t high = parse_size(rest.substr(0, second));
  std::uint64_t factor = 2;
  if (second != std::string_view::npos) {
    const std::string_view word = trimmed(rest.substr(second + 1));
    const std::optional<std::uint64_t> given = whole(word);
    if (!given || *given < 2 || *given > 1024) {
      throw InputError(fmt::format("the factor of a range of sizes is 2 to 1024, not {}", in_quotes(word)));
    }
    factor = *given;
  }
  if (low == 0) throw InputError(fmt::format("a range of sizes starts at 1 or more, not {}", in_quotes(range)));
  if (low > high) throw InputError(fmt::format("the range of sizes {} runs downwards", in_quotes(range)));
  for (std::uint64_t size = low;; size *= factor) {
    sizes.push_back(size);
    if (size == high) return;
    if (size > high / factor) break;
  }
  sizes.push_back(high);
}

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  const std::string_view word = trimmed(text);
  const std::size_t end = std::min(word.find_first_not_of("0123456789."), word.size());
  const std::string_view number = word.substr(0, end);
  const std::optional<unsigned> shift = shift_of(trimmed(word.substr(end)));
  const std::size_t point = number.find('.');
  const std::optional<std::uint64_t> units = whole(number.substr(0, point));
  const auto refuse = [&](std::string_view why) {
    return InputError(fmt::format("{} is no size{}: write bytes such as 8, 4K or 1M", in_quotes(word), why));
  };
  if (!shift || !units) throw refuse("");
  if (*units > (largest >> *shift)) throw refuse(" that fits");
  std::uint64_t bytes = *units << *shift;
  if (point != std::string_view::npos) {
    const std::string_view digits = number.substr(point + 1);
    const std::optional<std::uint64_t> numerator = whole(digits);
    if (!numerator || digits.size() > 9) throw refuse("");
    std::uint64_t denominator = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) denominator *= 10;
    // Below 10^9 * 2^30: no overflow.
    if ((*numerator << *shift) % denominator != 0) throw refuse(" in whole bytes");
    bytes += (*numerator << *shift) / denominator;
  }
  if (bytes > largest) throw refuse(" that fits");
  return bytes;
}

std::vector<std::uint64_t> parse_sizes(std::string_view list) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string_view word = trimmed(list.substr(at, comma - at));
    at = comma + 1;
    if (word.empty()) continue;
    if (word.find(':') != std::string_view::npos) {
      add_range(word, sizes);
    } else {
      sizes.push_back(parse_size(word));
    }
    if (sizes.size() > most_sizes) throw InputError(fmt::format("more than {} sizes in one list", most_sizes));
  }
  if (sizes.empty()) throw InputError("a list of sizes names at least one, such as 8,4K,64K or 2:8M");
  std::vector<std::uint64_t> once;
  for (const std::uint64_t size : sizes) {
    if (std::find(once.begin(), once.end(), size) == once.end()) once.push_back(size);
  }
  return once;
}

std::string exact_size(std::uint64_t bytes) {
  if (bytes != 0 && bytes % (1ULL << 30U) == 0) return fmt::format("{} GiB", bytes >> 30U);
  if (bytes != 0 && bytes % (1ULL << 20U) == 0) return fmt::format("{} MiB", bytes >> 20U);
  if (bytes != 0 && bytes % (1ULL << 10U) == 0) return fmt::format("{} KiB", bytes >> 10U);
  return fmt::format("{} B", bytes);
}

std::string rounded_size(double bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  // 1023.6 KiB would be shown as 1024 KiB: it is 1 MiB.
  while (unit + 1 < std::size(units) && std::round(bytes) >= 1024) {
    bytes /= 1024;
    ++unit;
  }
  if (unit == 0 || bytes >= 100) return fmt::format("{:.0f} {}", bytes, units[unit]);
  std::string number = fmt::format("{:.{}f}", bytes, bytes >= 10 ? 1 : 2);
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return fmt::format("{} {}", number, units[unit]);
}

}  // namespace rocekit::text
