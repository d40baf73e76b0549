#include "probes/checks/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace rocekit::checks {
namespace {

struct FileLine {
  std::string file;
  std::string line;
};

FileLine file_line(const std::string& source) {
  const std::size_t colon = source.rfind(':');
  const bool numbered = colon != std::string::npos && colon + 1 < source.size() &&
                        std::all_of(source.begin() + static_cast<std::ptrdiff_t>(colon) + 1, source.end(),
                                    [](unsigned char letter) { return std::isdigit(letter) != 0; });
  if (!numbered) return {source, ""};
  return {source.substr(0, colon), source.substr(colon + 1)};
}

/// Safe to paste into a shell.
std::string quoted(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 ||
           std::string_view("_.,:/-").find(static_cast<char>(letter)) != std::string_view::npos;
  });
  if (plain) return text;
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
    } else {
      result += letter;
    }
  }
  return result + "'";
}

std::vector<std::string> image_remark(const facts::NodeFacts& node, const std::string& file) {
  if (!in_container(node)) return {};
  return {
      fmt::format("# the file is part of the container's image: change it there too, or hide it with "
                  "-v /dev/null:{}:ro",
                  file)};
}

}  // namespace

Evidence evidence_of(const facts::Setting& setting) { return evidence(setting.name, setting.value, setting.source); }

bool from_conf_file(const facts::Setting& setting) { return setting.source != "environment"; }

std::string as_root_here(const facts::NodeFacts& node, const std::string& command) {
  return is_root(node) ? command : "sudo " + command;
}

std::vector<std::string> remove_setting(const facts::NodeFacts& node, const facts::Setting& setting) {
  if (from_conf_file(setting)) {
    const FileLine where = file_line(setting.source);
    if (where.line.empty()) return {fmt::format("# take {} out of {}", setting.name, where.file)};
    return concat({as_root_here(node, fmt::format("sed -i '{}s/^/# /' {}", where.line, quoted(where.file)))},
                  image_remark(node, where.file));
  }
  const std::string unset = "unset " + setting.name;
  if (in_container(node)) {
    return {fmt::format("# start the container again without -e {}; until then, in its shell:", setting.name), unset};
  }
  return {unset, fmt::format("# and take {} out of the script or unit that sets it", setting.name)};
}

std::vector<std::string> change_setting(const facts::NodeFacts& node, const std::string& name,
                                        const std::string& value) {
  const facts::Setting* setting = derived::find_setting(node, name);
  if (setting != nullptr && from_conf_file(*setting)) {
    const FileLine where = file_line(setting->source);
    if (where.line.empty()) return {fmt::format("# in {}: {}={}", where.file, name, value)};
    return concat(
        {as_root_here(node, fmt::format("sed -i '{}s|.*|{}={}|' {}", where.line, name, value, quoted(where.file)))},
        image_remark(node, where.file));
  }
  const std::string assignment = fmt::format("export {}={}", name, quoted(value));
  if (in_container(node)) {
    return {fmt::format("# start the container again with -e {}={}; until then, in its shell:", name, quoted(value)),
            assignment};
  }
  return {assignment};
}

}  // namespace rocekit::checks
