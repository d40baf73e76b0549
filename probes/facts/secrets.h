// What a saved machine must not hold: passwords that stand in the files that readers read.
#pragma once

#include <string>

namespace rocekit::facts {

/// The content of a file without secrets: of an environment only the variable that names a container and those that
/// is_asked_variable() lets pass; of network configuration everything but pre-shared keys, passwords and private keys.
std::string without_secrets(const std::string& path, const std::string& content);

}  // namespace rocekit::facts
