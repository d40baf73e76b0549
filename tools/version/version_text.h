// The text of --version: one for all tools.
#pragma once

#include <string>

namespace rocekit {

/// Version and commit, how it was built, and for each library that is loaded at run time its version and path here, or
/// why there is none. Starts no device and no GPU; never fails.
std::string version_text(const std::string& tool);

}  // namespace rocekit
