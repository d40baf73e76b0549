// A call that may never return, with an end to the wait for it.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "core/deadline.h"

namespace rocekit::collectives {

/// Runs `call` in a thread of its own and waits for it; rethrows what it throws. Throws CollectiveError, and leaves the
/// thread behind, when `wait` ends first or `aborted` becomes true: what `call` holds must live as long as the thread
/// may.
void bounded_call(const std::string& name, const Wait& wait, std::function<void()> call,
                  const std::atomic<bool>* aborted = nullptr);

/// Throws CollectiveError when the wait for `name` is over: its deadline, the session, or `aborted`.
void require_time(const std::string& name, const Wait& wait, const std::atomic<bool>* aborted);

}  // namespace rocekit::collectives
