#include "probes/facts/readers/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>

#include "probes/facts/disk_file.h"

namespace rocekit::facts::readers {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

/// Length of the valid UTF-8 sequence of a printable character at the start; 0 when there is none.
std::size_t printable_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  unsigned code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80U) return 0;
    code = (code << 6U) | (next & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool no_character = (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff || code < 0xa0;
  return overlong || no_character ? 0 : length;
}

/// A number without sign or exponent at the start of `text`, which then begins after it.
std::optional<double> take_decimal(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && length < 12 && (is_digit(text[length]) || text[length] == '.')) ++length;
  double value = 0;
  const char* end = text.data() + length;
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

std::optional<std::string> text_after(std::string_view lines, std::string_view prefix) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    if (line.starts_with(prefix)) return std::string(trim(line.substr(prefix.size())));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return std::nullopt;
}

/// Of include/uapi/linux/capability.h, in the order of their bits.
constexpr std::array capability_names{"CAP_CHOWN",
                                      "CAP_DAC_OVERRIDE",
                                      "CAP_DAC_READ_SEARCH",
                                      "CAP_FOWNER",
                                      "CAP_FSETID",
                                      "CAP_KILL",
                                      "CAP_SETGID",
                                      "CAP_SETUID",
                                      "CAP_SETPCAP",
                                      "CAP_LINUX_IMMUTABLE",
                                      "CAP_NET_BIND_SERVICE",
                                      "CAP_NET_BROADCAST",
                                      "CAP_NET_ADMIN",
                                      "CAP_NET_RAW",
                                      "CAP_IPC_LOCK",
                                      "CAP_IPC_OWNER",
                                      "CAP_SYS_MODULE",
                                      "CAP_SYS_RAWIO",
                                      "CAP_SYS_CHROOT",
                                      "CAP_SYS_PTRACE",
                                      "CAP_SYS_PACCT",
                                      "CAP_SYS_ADMIN",
                                      "CAP_SYS_BOOT",
                                      "CAP_SYS_NICE",
                                      "CAP_SYS_RESOURCE",
                                      "CAP_SYS_TIME",
                                      "CAP_SYS_TTY_CONFIG",
                                      "CAP_MKNOD",
                                      "CAP_LEASE",
                                      "CAP_AUDIT_WRITE",
                                      "CAP_AUDIT_CONTROL",
                                      "CAP_SETFCAP",
                                      "CAP_MAC_OVERRIDE",
                                      "CAP_MAC_ADMIN",
                                      "CAP_SYSLOG",
                                      "CAP_WAKE_ALARM",
                                      "CAP_BLOCK_SUSPEND",
                                      "CAP_AUDIT_READ",
                                      "CAP_PERFMON",
                                      "CAP_BPF",
                                      "CAP_CHECKPOINT_RESTORE"};

/// One bracket expression at pattern[0] == '['; its length, and whether it takes `c`. 0: no closing bracket.
std::size_t match_bracket(std::string_view pattern, char c, bool& taken) {
  std::size_t i = 1;
  const bool inverted = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (inverted) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) {
      taken = found != inverted;
      return i + 1;
    }
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 3;
    } else {
      found = found || pattern[i] == c;
      ++i;
    }
  }
  return 0;
}

}  // namespace

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = printable_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split_words(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<std::string> parse_numbered_word(std::string_view text) {
  const std::size_t colon = text.find(": ");
  if (colon == std::string_view::npos || !parse_unsigned(text.substr(0, colon))) return std::nullopt;
  const std::string_view word = trim(text.substr(colon + 2));
  if (word.empty() || !is_printable(word) || word.size() > 64) return std::nullopt;
  return std::string(word);
}

std::optional<Rate> parse_rate(std::string_view text) {
  const std::optional<double> number = take_decimal(text);
  constexpr std::string_view unit = " Gb/sec";
  if (!number || text.substr(0, unit.size()) != unit) return std::nullopt;
  text = trim(text.substr(unit.size()));
  Rate rate{*number, {}};
  if (!text.empty()) {
    if (text.front() != '(' || text.back() != ')') return std::nullopt;
    const std::string_view width = text.substr(1, std::min(text.find(' '), text.size() - 1) - 1);
    if (width.size() < 2 || width.back() != 'X' || !parse_unsigned(width.substr(0, width.size() - 1))) {
      return std::nullopt;
    }
    rate.width = width;
  }
  return rate;
}

std::optional<double> parse_pci_speed(std::string_view text) {
  const std::optional<double> number = take_decimal(text);
  constexpr std::string_view unit = " GT/s";
  if (!number || *number <= 0 || text.substr(0, unit.size()) != unit) return std::nullopt;
  text.remove_prefix(unit.size());
  if (!text.empty() && text != " PCIe") return std::nullopt;
  return number;
}

double pci_bandwidth_gbit_s(double speed_gt_s, int width) {
  const double coding = speed_gt_s <= 5.0 ? 8.0 / 10.0 : speed_gt_s <= 32.0 ? 128.0 / 130.0 : 242.0 / 256.0;
  return speed_gt_s * width * coding;
}

bool is_pci_address(std::string_view text) {
  const std::size_t domain = text.find(':');
  if (domain == std::string_view::npos || domain < 4 || domain > 8 || text.size() != domain + 8) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool good = i == domain || i == domain + 3 ? text[i] == ':'
                      : i == domain + 6              ? text[i] == '.'
                                                     : is_hex_digit(text[i]);
    if (!good) return false;
  }
  return true;
}

std::optional<GidBytes> parse_gid(std::string_view text) {
  if (text.size() != 39) return std::nullopt;
  GidBytes gid{};
  std::size_t byte = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (i % 5 == 4) {
      if (text[i] != ':') return std::nullopt;
      ++i;
      continue;
    }
    if (!is_hex_digit(text[i]) || !is_hex_digit(text[i + 1])) return std::nullopt;
    std::from_chars(text.data() + i, text.data() + i + 2, gid[byte++], 16);
    i += 2;
  }
  return gid;
}

bool is_zero(const GidBytes& gid) {
  return std::all_of(gid.begin(), gid.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::optional<std::string> mapped_ipv4(const GidBytes& gid) {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(prefix.begin(), prefix.end(), gid.begin())) return std::nullopt;
  return fmt::format("{}.{}.{}.{}", gid[12], gid[13], gid[14], gid[15]);
}

bool is_cpulist(std::string_view text) {
  if (text.empty()) return true;
  for (;;) {
    const std::string_view part = text.substr(0, text.find(','));
    const std::size_t dash = part.find('-');
    const auto first = parse_unsigned(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_unsigned(part.substr(dash + 1));
    if (!first || !last || *last < *first) return false;
    if (part.size() == text.size()) return true;
    text.remove_prefix(part.size() + 1);
  }
}

std::optional<std::uint64_t> parse_meminfo(std::string_view meminfo, std::string_view name) {
  const auto line = text_after(meminfo, std::string(name) + ":");
  if (!line) return std::nullopt;
  const std::size_t space = line->find(' ');
  const auto number = parse_unsigned(std::string_view(*line).substr(0, space));
  if (!number) return std::nullopt;
  if (space == std::string::npos) return number;
  if (line->substr(space) != " kB" || *number > UINT64_MAX / 1024) return std::nullopt;
  return *number * 1024;
}

std::optional<std::string> parse_os_release(std::string_view text, std::string_view name) {
  auto value = text_after(text, std::string(name) + "=");
  if (!value) return std::nullopt;
  if (value->size() >= 2 && (value->front() == '"' || value->front() == '\'') && value->back() == value->front()) {
    value = value->substr(1, value->size() - 2);
  }
  if (value->empty() || !is_printable(*value)) return std::nullopt;
  return value;
}

std::optional<std::string> parse_nvidia_version(std::string_view text) {
  for (const std::string& word : split_words(text, " \t\n")) {
    const auto dots = std::count(word.begin(), word.end(), '.');
    const bool numeric = std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == '.'; });
    if (numeric && dots >= 1 && dots <= 2 && is_digit(word.front()) && is_digit(word.back())) return word;
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> parse_capabilities(std::string_view hex) {
  std::uint64_t bits = 0;
  const char* end = hex.data() + hex.size();
  const auto [stop, error] = std::from_chars(hex.data(), end, bits, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  std::vector<std::string> names;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bits >> bit & 1U) == 0) continue;
    names.push_back(bit < capability_names.size() ? capability_names.at(bit) : fmt::format("CAP_{}", bit));
  }
  return names;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  // After a mismatch behind a star, the star takes one more character: linear in the number of stars times the text.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    bool taken = false;
    std::size_t length = 1;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_text = t;
        continue;
      }
      if (pattern[p] == '[') {
        length = match_bracket(pattern.substr(p), text[t], taken);
        if (length == 0) {
          length = 1;
          taken = text[t] == '[';
        }
      } else {
        taken = pattern[p] == '?' || pattern[p] == text[t];
      }
    }
    if (taken) {
      p += length;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool natural_less(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a;
  const std::string_view whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const auto digits = [](std::string_view& text) {
        std::size_t length = 0;
        while (length < text.size() && is_digit(text[length])) ++length;
        std::string_view number = text.substr(0, length);
        text.remove_prefix(length);
        while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
        return number;
      };
      const std::string_view number_a = digits(a);
      const std::string_view number_b = digits(b);
      if (number_a.size() != number_b.size()) return number_a.size() < number_b.size();
      if (number_a != number_b) return number_a < number_b;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;
}

Missing not_this(std::string_view path, std::string_view expected, const std::string& content) {
  if (content.empty()) return {Why::malformed, fmt::format("{}: empty, expected {}", path, expected)};
  return {Why::malformed, fmt::format("{}: {} where {} is expected", path, describe_bytes(content), expected)};
}

namespace {

Fact<std::string> one_line(const std::string& path, const Fact<std::string>& text) {
  if (!text) return text;
  // Firmware pads some strings on both sides.
  std::string line(trim(*text));
  if (line.empty() || line.size() > 4096 || !is_printable(line)) return not_this(path, "one line of text", *text);
  return line;
}

}  // namespace

Fact<std::string> read_line(const FileTree& tree, const std::string& path) { return one_line(path, tree.read(path)); }

Fact<std::string> read_optional_line(const FileTree& tree, const std::string& path) {
  const Fact<std::string> text = tree.read(path);
  if (text && text->empty()) return Missing{Why::absent, fmt::format("{}: empty", path)};
  return one_line(path, text);
}

Fact<int> read_int(const FileTree& tree, const std::string& path) {
  const Fact<long long> number = tree.read_integer(path);
  if (!number) return number.missing();
  if (*number < INT_MIN || *number > INT_MAX) {
    return Missing{Why::malformed, fmt::format("{}: {} is out of range", path, *number)};
  }
  return static_cast<int>(*number);
}

Fact<std::string> read_link_name(const FileTree& tree, const std::string& path) {
  const Fact<std::string> target = tree.link_target(path);
  if (!target) return target;
  std::string name = target->substr(target->rfind('/') + 1);
  if (name.empty() || !is_printable(name)) return not_this(path, "a link to a named directory", *target);
  return name;
}

Fact<std::vector<std::string>> list_names(const FileTree& tree, const std::string& path) {
  Fact<std::vector<std::string>> names = tree.list(path);
  if (!names) return names;
  auto& all = names.value();
  const auto is_strange = [](const std::string& name) { return !is_printable(name); };
  all.erase(std::remove_if(all.begin(), all.end(), is_strange), all.end());
  return names;
}

}  // namespace rocekit::facts::readers
