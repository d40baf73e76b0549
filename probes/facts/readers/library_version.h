#pragma once

#include <string>

#include "probes/facts/fact.h"

namespace rocekit::facts::readers {

/// rdma-core's version from the real name of its libibverbs: "50.0" for ".../libibverbs.so.1.14.50.0", where 1 is the
/// library's major and 14 the ABI's minor number.
Fact<std::string> rdma_core_version(const std::string& real_path);

}  // namespace rocekit::facts::readers
