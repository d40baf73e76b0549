#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "core/dynlib/library_search.h"
#include "core/dynlib/nccl_search.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/readers/nccl_settings.h"
#include "probes/facts/tree/source.h"

namespace rocekit::facts::kernel {
namespace {

using Environment = std::map<std::string, std::string>;

constexpr std::size_t most_plugins = 14;          // NCCL_NET_MAX_PLUGINS less NCCL's own two
constexpr std::size_t longest_plugin_name = 254;  // MAX_STR_LEN

/// The variable in the answers' environment, else in this process's.
std::string value_of(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  if (found != environment.end()) return found->second;
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// "2.28.9" at the start of "2.28.9+cuda13.0"; empty when it is no version.
std::string leading_version(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) return "";
  const auto end = std::find_if_not(text.begin(), text.end(),
                                    [](unsigned char letter) { return std::isdigit(letter) != 0 || letter == '.'; });
  const std::string_view version = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  return version.find('.') == std::string_view::npos ? "" : std::string(version);
}

}  // namespace

Fact<std::string> nccl_version_of(const std::string& path) {
  constexpr std::string_view prefix = "libnccl.so.";
  const std::string name = tree::name_of(FileTree::live().canonical(path).value_or(""));
  if (name.starts_with(prefix)) {
    std::string version = leading_version(std::string_view(name).substr(prefix.size()));
    if (!version.empty()) return version;
  }
  // Mostly the first is the banner, and the rest need not be read. Other sentences begin alike: "Mismatched NCCL
  // version detected".
  for (const std::size_t most : {std::size_t{1}, std::size_t{64}}) {
    for (const std::string& text : dynlib::texts_after(path, "NCCL version ", most)) {
      std::string version = leading_version(text);
      if (!version.empty()) return version;
    }
  }
  return Missing{Why::malformed, path + ": holds no text \"NCCL version ...\""};
}

namespace {

/// ncclOpenNetPluginLib() of src/plugin/plugin_open.cc: the name itself, then libnccl-net-NAME.so.
std::optional<std::string> find_plugin(const std::string& name, std::string_view ld_library_path) {
  if (auto path = dynlib::find_library(name, ld_library_path)) return path;
  const bool is_path = name.find('/') != std::string::npos;
  const bool is_file = name.starts_with("lib") && name.ends_with(".so");
  if (is_path || is_file) return std::nullopt;
  return dynlib::find_library("libnccl-net-" + name + ".so", ld_library_path);
}

/// NCCL_NET_PLUGIN of the environment or a conf file; set and empty stands for none.
std::vector<std::string> plugin_names(const Environment& environment) {
  const auto settings = readers::read_nccl_settings(FileTree::live(), environment).in_force;
  const auto named = std::find_if(settings.begin(), settings.end(),
                                  [](const Setting& setting) { return setting.name == "NCCL_NET_PLUGIN"; });
  if (named == settings.end()) return {"libnccl-net.so"};
  const std::string& text = named->value;
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::vector<std::string> names;
  if (lower == "none") return names;
  for (std::string_view rest = text; !rest.empty() && names.size() < most_plugins;) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    if (!name.empty() && name.size() <= longest_plugin_name) names.emplace_back(name);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return names;
}

}  // namespace

Fact<Library> ask_nccl(const std::map<std::string, std::string>& environment) {
  const auto path = dynlib::find_nccl(environment);
  const std::string named = value_of(environment, "VLLM_NCCL_SO_PATH");
  if (!path && !named.empty())
    return Missing{Why::absent, fmt::format("VLLM_NCCL_SO_PATH={}: no library of this architecture there", named)};
  if (!path)
    return Missing{Why::absent, "libnccl.so.2: neither where the loader looks nor in a Python package nvidia-nccl"};
  return Library{*path, nccl_version_of(*path)};
}

Fact<std::vector<Library>> ask_nccl_plugins(const std::map<std::string, std::string>& environment) {
  std::vector<Library> plugins;
  for (const std::string& name : plugin_names(environment)) {
    const auto path = find_plugin(name, value_of(environment, "LD_LIBRARY_PATH"));
    if (path)
      plugins.push_back({*path, Missing{Why::not_supported, "a plugin tells its version only when it is loaded"}});
  }
  return plugins;
}

}  // namespace rocekit::facts::kernel
