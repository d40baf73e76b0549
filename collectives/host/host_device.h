// This process as the place where operations run, and its memory as where their data lie.
#pragma once

#include <memory>

#include "collectives/communicator/device.h"

namespace rocekit::collectives {

std::unique_ptr<Device> make_host_device();

}  // namespace rocekit::collectives
