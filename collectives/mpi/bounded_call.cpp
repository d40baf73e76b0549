#include "collectives/mpi/bounded_call.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "collectives/communicator/device.h"

namespace rocekit::collectives {

void require_time(const std::string& name, const Wait& wait, const std::atomic<bool>* aborted) {
  if (wait.is_called_off()) throw CollectiveError(name + ": the run was called off");
  if (aborted != nullptr && aborted->load(std::memory_order_relaxed)) throw CollectiveError(name + ": aborted");
  if (wait.deadline.passed()) throw CollectiveError(name + " did not end in time");
}

void bounded_call(const std::string& name, const Wait& wait, std::function<void()> call,
                  const std::atomic<bool>* aborted) {
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::exception_ptr error;
  };
  const auto state = std::make_shared<State>();
  std::thread([state, call = std::move(call)] {
    std::exception_ptr error;
    try {
      call();
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(state->mutex);
    state->error = error;
    state->done = true;
    state->changed.notify_all();
  }).detach();
  std::unique_lock lock(state->mutex);
  while (!state->changed.wait_for(lock, std::chrono::milliseconds(10), [&] { return state->done; })) {
    require_time(name, wait, aborted);
  }
  if (state->error) std::rethrow_exception(state->error);
}

}  // namespace rocekit::collectives
