// fixture.json of a saved machine.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probes/facts/fact.h"

namespace rocekit::facts {

struct FixtureManifest {
  std::optional<std::string> base;        ///< directory of the machine beneath, relative to this one's
  std::vector<std::string> removed;       ///< paths of the base that this machine does not have
  std::map<std::string, Missing> errors;  ///< path -> why it could not be read there; the detail holds no path
  std::vector<std::string> directories;   ///< directories that exist though nothing stands in them
};

/// Of DIRECTORY/fixture.json; a default one when there is none. Throws InputError naming the file when it is malformed.
FixtureManifest load_manifest(const std::filesystem::path& directory);
/// As JSON text.
std::string manifest_text(const FixtureManifest& manifest);

}  // namespace rocekit::facts
