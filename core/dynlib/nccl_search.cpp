#include "core/dynlib/nccl_search.h"

#include <glob.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/dynlib/library_search.h"

namespace rocekit::dynlib {
namespace {

using Environment = std::map<std::string, std::string>;

std::string value_of(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  if (found != environment.end()) return found->second;
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_there(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// Prefix of the `python3` that PATH gives: a virtual environment's where one is active or comes first.
std::string python_prefix(const Environment& environment) {
  const std::string path = value_of(environment, "PATH");
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t colon = rest.find(':');
    const std::string directory(rest.substr(0, colon));
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    if (directory.starts_with("/") && is_there(directory + "/python3")) return parent_of(directory);
  }
  return "";
}

std::vector<std::string> paths_like(const std::string& pattern) {
  glob_t matches{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  globfree(&matches);
  return paths;
}

/// The package nvidia-nccl of one prefix ("/opt/venv").
std::optional<std::string> find_in_prefix(const std::string& prefix) {
  if (prefix.empty()) return std::nullopt;
  const std::vector<std::string> pythons = paths_like(prefix + "/lib/python3*");
  for (const char* packages : {"site-packages", "dist-packages"}) {
    for (const std::string& python : pythons) {
      std::string path = python + "/" + packages + "/nvidia/nccl/lib/libnccl.so.2";
      if (is_there(path)) return path;
    }
  }
  return std::nullopt;
}

bool has_torch_beside(const std::string& library) {
  // .../site-packages/nvidia/nccl/lib/libnccl.so.2
  std::string packages = library;
  for (int level = 0; level < 4; ++level) packages = parent_of(packages);
  return is_there(packages + "/torch");
}

/// The run path of PyTorch's wheel leads to the wheel's own libnccl before the loader looks anywhere else, and whatever
/// loads libnccl.so.2 later in that process (vLLM) gets the same one.
std::optional<std::string> find_of_active_python(const Environment& environment) {
  for (const std::string& prefix :
       {value_of(environment, "VIRTUAL_ENV"), value_of(environment, "CONDA_PREFIX"), python_prefix(environment)}) {
    const auto path = find_in_prefix(prefix);
    if (path && has_torch_beside(*path)) return path;
  }
  return std::nullopt;
}

/// Where other Python environments usually stand.
std::optional<std::string> find_in_usual_prefixes(const Environment& environment) {
  const std::string home = value_of(environment, "HOME");
  for (const std::string& prefix : {home.empty() ? std::string() : home + "/.local", std::string("/usr/local"),
                                    std::string("/usr"), std::string("/opt/venv"), std::string("/opt/*/.venv"),
                                    std::string("/opt/conda"), std::string("/opt/conda/envs/*")}) {
    if (auto path = find_in_prefix(prefix)) return path;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_nccl(const Environment& environment) {
  const std::string named = value_of(environment, "VLLM_NCCL_SO_PATH");
  if (!named.empty()) return find_library(named, value_of(environment, "LD_LIBRARY_PATH"));
  auto path = find_of_active_python(environment);
  if (!path) path = find_library("libnccl.so.2", value_of(environment, "LD_LIBRARY_PATH"));
  if (!path) path = find_in_usual_prefixes(environment);
  return path;
}

}  // namespace rocekit::dynlib
