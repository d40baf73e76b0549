// librocekit_mpi_collectives.so in this process.
#pragma once

#include <string>

#include "collectives/mpi/module/table.h"
#include "core/dynlib/shared_library.h"

namespace rocekit::collectives {

class MpiLibrary {
 public:
  /// Loads the module, and with it MPI, which does not start by that. Throws InputError when it is not installed,
  /// cannot be loaded or is of another version.
  MpiLibrary();

  const rocekit_mpi_collectives_table& table() const { return *table_; }
  /// "Open MPI 4.1.4"
  std::string name() const;
  /// "4.1.4"; empty where the name holds no number
  std::string version() const;

  /// Throws CollectiveError with MPI's sentence unless `call(error, size)` returns 0.
  template <class Call>
  static void require(Call call) {
    char error[1024] = {};
    if (call(error, sizeof error) != 0) fail(error);
  }

 private:
  [[noreturn]] static void fail(const std::string& error);
  dynlib::SharedLibrary library_;
  const rocekit_mpi_collectives_table* table_ = nullptr;
};

}  // namespace rocekit::collectives
