// A work completion that is an error, as the sentence that ends a run.
#pragma once

#include <string>

#include "verbs/device_context.h"
#include "verbs/error.h"

namespace rocekit::verbs {

/// `completion`: the first that failed, not one that it flushed. The device is asked whether its port is to blame.
TransportError failed_completion(const ibv_wc& completion, const DeviceContext& device, const std::string& peer,
                                 bool gpu_memory);

}  // namespace rocekit::verbs
