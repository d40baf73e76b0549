#include "probes/facts/readers/nccl_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>

namespace rocekit::facts::readers {
namespace {

// The buffers of setEnvFile and initEnv hold 1024 bytes.
constexpr std::size_t longest_text = 1023;

std::optional<std::string> value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

/// As fopen() of the process sees it.
std::optional<std::string> path_in(const ProcessPlace& place, std::string path) {
  path.resize(std::min(path.size(), longest_text));
  if (!path.empty() && path.front() == '/') return path;
  if (!place.folder) return std::nullopt;
  return (std::filesystem::path(*place.folder) / path).lexically_normal().string();
}

std::vector<std::string> conf_paths(const ProcessPlace& place, const std::map<std::string, std::string>& environment) {
  std::vector<std::string> paths;
  if (const auto named = value_of(environment, "NCCL_CONF_FILE")) {
    if (auto path = path_in(place, *named)) paths.push_back(std::move(*path));
  } else if (const auto home = value_of(environment, "HOME")) {
    if (auto path = path_in(place, *home + "/.nccl.conf")) paths.push_back(std::move(*path));
  }
  paths.emplace_back("/etc/nccl.conf");
  return paths;
}

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

}  // namespace

std::vector<Setting> parse_nccl_conf(std::string_view text, const std::string& file) {
  std::vector<Setting> settings;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = until_nul(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    // setenv() refuses an empty name.
    if (equals == std::string_view::npos || equals == 0) continue;
    settings.push_back({std::string(line.substr(0, std::min(equals, longest_text))),
                        std::string(line.substr(equals + 1, longest_text)), fmt::format("{}:{}", file, line_number)});
  }
  return settings;
}

NcclSettings read_nccl_settings(const FileTree& tree, const std::map<std::string, std::string>& environment) {
  ProcessPlace here;
  std::error_code error;
  // A saved machine does not tell in which directory it was saved.
  if (tree.is_live()) here.folder = std::filesystem::current_path(error).string();
  if (error) here.folder.reset();
  return read_nccl_settings(tree, environment, here);
}

NcclSettings read_nccl_settings(const FileTree& tree, const std::map<std::string, std::string>& environment,
                                const ProcessPlace& place) {
  NcclSettings result;
  std::set<std::string> names;
  for (const auto& [name, value] : environment) {
    if (!is_transport_variable(name)) continue;
    result.in_force.push_back({name, value, "environment"});
    names.insert(name);
  }
  for (const std::string& path : conf_paths(place, environment)) {
    const Fact<std::string> text = tree.read(place.root + path);
    if (!text) continue;
    result.conf_files.push_back(path);
    for (Setting& setting : parse_nccl_conf(*text, path)) {
      if (names.insert(setting.name).second) result.in_force.push_back(std::move(setting));
    }
  }
  return result;
}

}  // namespace rocekit::facts::readers
