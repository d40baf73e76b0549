// A side in a process of its own, made by any maker: tests give faulty ones.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "collectives/engine/side.h"

namespace rocekit::collectives {

/// Runs in the child.
using SideMaker = std::function<std::unique_ptr<Side>()>;

/// `name`: of the side, for messages. Forks now; the maker is called with the first question, and its error is the
/// answer to it.
std::unique_ptr<Side> make_child_side(const std::string& name, const SideMaker& make);

}  // namespace rocekit::collectives
