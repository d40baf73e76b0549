#include "collectives/mpi/mpi_library.h"

#include <fmt/format.h>

#include "collectives/communicator/device.h"
#include "core/dynlib/tool_module.h"
#include "core/error.h"
#include "core/text/utf8.h"

namespace rocekit::collectives {
namespace {

constexpr const char* module_name = "librocekit_mpi_collectives.so";

}  // namespace

MpiLibrary::MpiLibrary() {
  const std::string path = dynlib::find_tool_module(module_name, "ROCEKIT_MPI_COLLECTIVES_MODULE");
  if (path.empty()) {
    throw InputError(
        fmt::format("the MPI backend needs {}, which is neither beside the tool nor in {}: install the "
                    "package rocekit-mpi",
                    module_name, dynlib::module_folder()));
  }
  library_ = dynlib::SharedLibrary(path);
  if (!library_) throw InputError(fmt::format("the MPI backend cannot load its module: {}", library_.error()));
  const auto give = library_.function<decltype(rocekit_mpi_collectives)>(mpi_collectives_table_symbol);
  table_ = give == nullptr ? nullptr : give();
  if (table_ == nullptr || table_->version != mpi_collectives_table_version)
    throw InputError(path + " is of another version: install rocekit-mpi of this version");
}

std::string MpiLibrary::name() const {
  char text[512] = {};
  table_->library(text, sizeof text);
  std::string name = text;
  // Open MPI: "Open MPI v4.1.4, package: ..."; MPICH: "MPICH Version:\t4.0.2\nMPICH Release date: ..."
  name.erase(std::min(name.size(), name.find_first_of(",\n")));
  for (const std::string& word : {std::string(" v"), std::string(" Version:\t")}) {
    if (const std::size_t at = name.find(word); at != std::string::npos) name.replace(at, word.size(), " ");
  }
  return text::printable(name);
}

std::string MpiLibrary::version() const {
  const std::string text = name();
  const std::size_t digit = text.find_first_of("0123456789");
  return digit == std::string::npos ? "" : text.substr(digit);
}

void MpiLibrary::fail(const std::string& error) { throw CollectiveError(text::printable(error)); }

}  // namespace rocekit::collectives
