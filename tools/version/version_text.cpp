#include "tools/version/version_text.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "core/dynlib/library_search.h"
#include "core/dynlib/shared_library.h"
#include "core/dynlib/tool_module.h"
#include "core/version.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/readers/library_version.h"

namespace rocekit {
namespace {

std::optional<std::string> in_loaders_path(const char* library) {
  const char* path = std::getenv("LD_LIBRARY_PATH");
  return dynlib::find_library(library, path != nullptr ? path : "");
}

std::string real_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

std::string libibverbs() {
  const auto path = in_loaders_path("libibverbs.so.1");
  if (!path) return "none: the loader finds no libibverbs.so.1 (apt install libibverbs1)";
  const std::string real = real_path(*path);
  const auto version = facts::readers::rdma_core_version(real);
  return fmt::format("rdma-core {} ({})", version ? *version : "of unknown version", real);
}

std::string libnccl() {
  const auto library = facts::kernel::ask_nccl({});
  if (!library) return "none: " + library.missing().detail;
  return fmt::format("NCCL {} ({})", library->version.value_or("of unknown version"), real_path(library->path));
}

std::string libcuda() {
  const auto path = in_loaders_path("libcuda.so.1");
  if (!path) return "none: the loader finds no libcuda.so.1, which comes with NVIDIA's driver";
  const std::string real = real_path(*path);
  const std::string name = real.substr(real.rfind('/') + 1);
  const std::string stem = "libcuda.so.";
  const bool told = name.rfind(stem, 0) == 0 && name.find('.', stem.size()) != std::string::npos;
  return fmt::format("driver {} ({})", told ? name.substr(stem.size()) : "of unknown version", real);
}

/// The MPI that a module links, by MPI's own words; they may be asked before MPI_Init.
std::string mpi_of(const dynlib::SharedLibrary& module) {
  using Version = int(char*, int*);
  const auto ask = module.function<Version>("MPI_Get_library_version");
  if (ask == nullptr) return "an MPI that does not tell its version";
  char words[8192] = {};  // above MPI_MAX_LIBRARY_VERSION_STRING of Open MPI (256) and MPICH (8192 with its end)
  int length = 0;
  if (ask(words, &length) != 0) return "an MPI that does not tell its version";
  const std::string text = words;
  Dl_info where{};
  const bool found = dladdr(reinterpret_cast<const void*>(ask), &where) != 0 && where.dli_fname != nullptr;
  return fmt::format("{} ({})", text.substr(0, text.find_first_of(",\n")), found ? real_path(where.dli_fname) : "?");
}

std::string mpi_module(const char* file, const char* variable) {
  const std::string path = dynlib::find_tool_module(file, variable);
  if (path.empty()) return fmt::format("none: {} is not installed (package rocekit-mpi)", file);
  const dynlib::SharedLibrary module(path);
  if (!module) return fmt::format("{} cannot be loaded: {}", path, module.error());
  return fmt::format("{}, with {}", real_path(path), mpi_of(module));
}

}  // namespace

std::string version_text(const std::string& tool) {
  return fmt::format(
      "{} {} (commit {})\n"
      "built as        {} for {}, compiler {}, sanitizers {}\n"
      "                hwloc {}, MPI modules {}, GPU kernels {}\n"
      "libibverbs      {}\n"
      "libnccl         {}\n"
      "libcuda         {}\n"
      "MPI module      {}\n"
      "MPI collectives {}\n",
      tool, version, commit, ROCEKIT_BUILD_TYPE, ROCEKIT_ARCHITECTURE, ROCEKIT_COMPILER, ROCEKIT_SANITIZERS,
      ROCEKIT_HWLOC, ROCEKIT_MPI, ROCEKIT_GPU_KERNELS, libibverbs(), libnccl(), libcuda(),
      mpi_module("librocekit_mpi.so", "ROCEKIT_MPI_MODULE"),
      mpi_module("librocekit_mpi_collectives.so", "ROCEKIT_MPI_COLLECTIVES_MODULE"));
}

}  // namespace rocekit
