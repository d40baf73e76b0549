#include "core/dynlib/tool_module.h"

#include <cstdlib>
#include <filesystem>

namespace rocekit::dynlib {

const char* module_folder() { return ROCEKIT_MODULE_DIR; }

std::string find_tool_module(const std::string& file, const char* environment_variable) {
  if (const char* path = std::getenv(environment_variable)) return path;
  std::error_code error;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const std::filesystem::path& path :
       {here / file, here.parent_path() / "lib" / "rocekit" / file, std::filesystem::path(module_folder()) / file}) {
    if (std::filesystem::exists(path, error)) return path;
  }
  return {};
}

}  // namespace rocekit::dynlib
