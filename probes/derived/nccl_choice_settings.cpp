#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "probes/derived/nccl_choice.h"
#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::derived {
namespace {

/// atoi() on the text behind a ':', which it reads on past a ','.
int number_at(std::string_view text) {
  const std::string copy(text);
  const long value = std::strtol(copy.c_str(), nullptr, 10);
  return static_cast<int>(std::clamp(value, -1L, 1L << 30));
}

}  // namespace

NameFilter NameFilter::parse(std::string_view text, std::size_t limit) {
  NameFilter filter;
  text = text.substr(0, text.find('\0'));
  if (!text.empty() && text.front() == '^') {
    filter.exclude = true;
    text.remove_prefix(1);
  }
  if (!text.empty() && text.front() == '=') {
    filter.exact = true;
    text.remove_prefix(1);
  }
  while (!text.empty() && filter.entries.size() < limit) {
    const std::size_t comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    const std::size_t colon = entry.find(':');
    const std::string_view name = entry.substr(0, colon);
    if (!name.empty()) {
      std::optional<int> port;
      if (colon != std::string_view::npos) {
        const int number = number_at(entry.substr(colon + 1));
        if (number != -1) port = number;
      }
      filter.entries.push_back({std::string(name), port});
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return filter;
}

bool NameFilter::matches(const FilterEntry& entry, std::string_view name, std::optional<int> port) const {
  const bool name_matches = exact ? name == entry.name : name.substr(0, entry.name.size()) == entry.name;
  return name_matches && (!port || !entry.port || *port == *entry.port);
}

bool NameFilter::accepts(std::string_view name, std::optional<int> port) const {
  const bool matched = entries.empty() || std::any_of(entries.begin(), entries.end(), [&](const FilterEntry& entry) {
                         return matches(entry, name, port);
                       });
  return matched != exclude;
}

const facts::Setting* find_setting(const facts::NodeFacts& node, std::string_view name) {
  const auto& settings = node.process.settings;
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const facts::Setting& setting) { return setting.name == name; });
  return found == settings.end() ? nullptr : &*found;
}

std::optional<std::string> setting(const facts::NodeFacts& node, std::string_view name) {
  const facts::Setting* found = find_setting(node, name);
  if (found == nullptr || found->value.empty()) return std::nullopt;
  return found->value;
}

namespace nccl {

std::int64_t integer_setting(const facts::NodeFacts& node, std::string_view name, std::int64_t fallback) {
  const auto text = setting(node, name);
  if (!text) return fallback;
  errno = 0;
  const long long value = std::strtoll(text->c_str(), nullptr, 0);
  return errno == 0 ? value : fallback;
}

std::string describe_setting(const facts::Setting& setting) {
  return fmt::format("{}={} ({})", setting.name, setting.value, setting.source);
}

}  // namespace nccl
}  // namespace rocekit::derived
