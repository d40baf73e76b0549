#include "collectives/nccl/nccl_library.h"

#include "core/error.h"

namespace rocekit::collectives {

std::string NcclLibrary::find(const std::string&) { throw InputError("NCCL is not measured yet"); }

NcclLibrary NcclLibrary::load(const std::string& path) {
  find(path);
  return NcclLibrary();
}

std::string NcclLibrary::version() const { return std::to_string(version_code_); }
std::string NcclLibrary::description() const { return "NCCL " + version() + " (" + path_ + ")"; }
std::string NcclLibrary::describe(const char* function, nccl::Result, nccl::Comm) const { return function; }

}  // namespace rocekit::collectives
