// Modules of this suite: shared libraries of our own that link what the tools must not (MPI), loaded when wanted.
#pragma once

#include <string>

namespace rocekit::dynlib {

/// Where modules are installed.
const char* module_folder();

/// Path of a module ("librocekit_mpi.so"): what the environment variable says, else beside the tool, in ../lib/rocekit
/// from there, or in module_folder(). Empty: it is in none of them.
std::string find_tool_module(const std::string& file, const char* environment_variable);

}  // namespace rocekit::dynlib
