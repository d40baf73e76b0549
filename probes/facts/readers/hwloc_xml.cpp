#include "probes/facts/readers/hwloc_xml.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace rocekit::facts::readers {
namespace {

constexpr std::size_t largest_xml_bytes = 16U << 20;
constexpr std::size_t most_words = 1024;  // 32768 processors

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Words of 32 bits, lowest first.
std::optional<std::vector<std::uint32_t>> words_of(std::string_view bitmap) {
  std::vector<std::uint32_t> words;
  while (true) {
    const std::size_t comma = bitmap.rfind(',');
    std::string_view word = comma == std::string_view::npos ? bitmap : bitmap.substr(comma + 1);
    std::uint32_t value = 0;
    // A word of zeros may be left out: "0x00000001,,0x00000000".
    if (!word.empty()) {
      if (word.substr(0, 2) == "0x") word.remove_prefix(2);
      const auto number = parse_number<std::uint32_t>(word, 16);
      if (!number) return std::nullopt;
      value = *number;
    }
    words.push_back(value);
    if (comma == std::string_view::npos) return words;
    if (words.size() == most_words) return std::nullopt;
    bitmap.remove_suffix(bitmap.size() - comma);
  }
}

std::optional<std::string_view> attribute(std::string_view tag, std::string_view name) {
  const std::string start = fmt::format(" {}=\"", name);
  const std::size_t found = tag.find(start);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view rest = tag.substr(found + start.size());
  const std::size_t end = rest.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

Missing malformed(std::string_view what) { return {Why::malformed, fmt::format("topology_xml: {}", what)}; }

/// False when the object's set of processors cannot be read.
bool take_object(Processors& processors, std::string_view tag) {
  const std::string_view type = attribute(tag, "type").value_or("");
  if (type == "Package") ++processors.packages;
  if (type == "Core") ++processors.cores;
  if (type != "Machine" && type != "NUMANode") return true;
  const auto cpulist = cpulist_of_bitmap(attribute(tag, "cpuset").value_or(""));
  if (!cpulist) return false;
  if (type == "Machine") {
    processors.cpulist = *cpulist;
    return true;
  }
  ++processors.numa_nodes;
  const auto number = parse_number<int>(attribute(tag, "os_index").value_or(""), 10);
  if (number) processors.node_cpulists[*number] = *cpulist;
  return true;
}

bool take_core_kind(Processors& processors, std::string_view tag) {
  const auto cpulist = cpulist_of_bitmap(attribute(tag, "cpuset").value_or(""));
  if (!cpulist) return false;
  const auto efficiency = parse_number<int>(attribute(tag, "forced_efficiency").value_or(""), 10);
  processors.core_kinds.push_back({*cpulist, efficiency.value_or(-1)});
  return true;
}

}  // namespace

std::optional<std::string> cpulist_of_bitmap(std::string_view bitmap) {
  if (bitmap.empty()) return std::nullopt;
  const auto words = words_of(bitmap);
  if (!words) return std::nullopt;
  const auto holds = [&](std::size_t bit) {
    return bit / 32 < words->size() && (((*words)[bit / 32] >> (bit % 32)) & 1U) != 0;
  };
  std::string text;
  const std::size_t bits = words->size() * 32;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    if (!holds(bit)) continue;
    const std::size_t first = bit;
    while (holds(bit + 1)) ++bit;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (bit != first) text += fmt::format("-{}", bit);
  }
  return text;
}

Fact<Processors> read_hwloc_xml(std::string_view xml) {
  if (xml.size() > largest_xml_bytes) return malformed("larger than 16 MiB");
  if (xml.find("<topology version=\"2.") == std::string_view::npos) return malformed("not an export of hwloc 2");
  if (xml.find("</topology>") == std::string_view::npos) return malformed("cut off, it has no </topology>");
  Processors processors;
  for (std::size_t open = xml.find('<'); open != std::string_view::npos; open = xml.find('<', open + 1)) {
    const std::string_view rest = xml.substr(open);
    const std::string_view tag = rest.substr(0, rest.find('>'));
    if (tag.substr(0, 8) == "<object " && !take_object(processors, tag))
      return malformed("an object has no valid cpuset");
    if (tag.substr(0, 9) == "<cpukind " && !take_core_kind(processors, tag))
      return malformed("a cpukind has no valid cpuset");
  }
  if (processors.cpulist.empty()) return malformed("it has no machine with processors");
  return processors;
}

}  // namespace rocekit::facts::readers
