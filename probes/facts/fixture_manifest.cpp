#include "probes/facts/fixture_manifest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "probes/facts/disk_file.h"

namespace rocekit::facts {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_manifest_bytes = 8U << 20;

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw InputError(fmt::format("{}: {}", file, what));
}

std::string path_in(const Json& value, const std::string& file, const char* key) {
  if (!value.is_string() || value.get_ref<const std::string&>().substr(0, 1) != "/") {
    fail(file, fmt::format("\"{}\" must hold absolute paths of the saved machine, such as \"/sys/class/net\"", key));
  }
  return value.get<std::string>();
}

std::vector<std::string> paths_at(const Json& json, const std::string& file, const char* key) {
  std::vector<std::string> paths;
  const auto found = json.find(key);
  if (found == json.end()) return paths;
  if (!found->is_array()) fail(file, fmt::format("\"{}\" must be a list of paths", key));
  for (const Json& value : *found) paths.push_back(path_in(value, file, key));
  return paths;
}

Missing missing_from(const Json& value, const std::string& file) {
  const auto why = value.is_object() ? value.find("why") : value.end();
  if (!value.is_object() || why == value.end() || !why->is_string() || !why_from_string(why->get<std::string>())) {
    fail(file, "each entry of \"errors\" must be {\"why\": \"permission\", \"detail\": \"...\"} with a known reason");
  }
  const auto detail = value.find("detail");
  return {*why_from_string(why->get<std::string>()),
          detail != value.end() && detail->is_string() ? detail->get<std::string>() : std::string()};
}

}  // namespace

FixtureManifest load_manifest(const std::filesystem::path& directory) {
  const std::string file = (directory / "fixture.json").string();
  const Fact<std::string> text = read_disk_file(file, max_manifest_bytes, FollowLinks::yes);
  if (!text) {
    if (text.missing().why == Why::absent) return {};
    fail(file, fmt::format("cannot be read: {}", text.missing().detail));
  }
  const Json json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) fail(file, "not JSON");
  if (!json.is_object()) fail(file, "must be a JSON object such as {\"base\": \"../other-machine\"}");

  FixtureManifest manifest;
  if (const auto base = json.find("base"); base != json.end()) {
    if (!base->is_string() || base->get_ref<const std::string&>().empty()) {
      fail(file, "\"base\" must be the directory of another saved machine");
    }
    manifest.base = base->get<std::string>();
  }
  manifest.removed = paths_at(json, file, "removed");
  manifest.directories = paths_at(json, file, "directories");
  if (const auto errors = json.find("errors"); errors != json.end()) {
    if (!errors->is_object()) fail(file, "\"errors\" must be an object of paths");
    for (const auto& [path, value] : errors->items()) {
      manifest.errors.emplace(path_in(path, file, "errors"), missing_from(value, file));
    }
  }
  return manifest;
}

std::string manifest_text(const FixtureManifest& manifest) {
  Json json = Json::object();
  if (manifest.base) json["base"] = *manifest.base;
  if (!manifest.removed.empty()) json["removed"] = manifest.removed;
  if (!manifest.directories.empty()) json["directories"] = manifest.directories;
  for (const auto& [path, missing] : manifest.errors) {
    json["errors"][path] = {{"why", to_string(missing.why)}, {"detail", missing.detail}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rocekit::facts
