// What a saved machine must not hold: passwords that stand in the files that readers read.
#pragma once

#include <string>

namespace rocekit::facts {

/// The content of a file without secrets: of a process's environment only the variable that names a container; of
/// network configuration everything but pre-shared keys, passwords and private keys.
std::string without_secrets(const std::string& path, const std::string& content);

}  // namespace rocekit::facts
