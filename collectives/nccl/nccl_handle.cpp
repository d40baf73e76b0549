#include "collectives/nccl/nccl_handle.h"

#include <chrono>
#include <exception>
#include <utility>

#include "collectives/nccl/nccl_library.h"

namespace rocekit::collectives {
namespace {

using namespace std::chrono_literals;

/// A call that is not back after this long is looked after.
constexpr auto guard_period = 100ms;
/// An operation that only launches is back by then; one that connects may not be, and is told to stop.
constexpr auto patience_with_call = 200ms;
constexpr auto patience_with_abort = 2s;
constexpr auto patience_with_end = 5s;

}  // namespace

NcclHandle::NcclHandle(const nccl::Functions& functions, std::function<void()> make_current)
    : state_(std::make_shared<State>()) {
  state_->nccl = functions;
  state_->make_current = std::move(make_current);
}

NcclHandle::~NcclHandle() { close(false); }

std::string NcclHandle::connect(int ranks, int rank, const nccl::UniqueId& id, const nccl::Config& config,
                                const std::string& net_name, const Wait& wait) {
  std::thread([state = state_, ranks, rank, id, config = config, net_name]() mutable {
    nccl::Comm comm = nullptr;
    std::string error;
    try {
      state->make_current();
      if (config.net_name != nullptr) config.net_name = net_name.c_str();
      nccl::Result result = state->nccl.comm_init_rank_config(&comm, ranks, id, rank, &config);
      // NCCL_COMM_BLOCKING=0 in the environment overrides the configuration.
      while (result == nccl::in_progress && !state->aborted.load()) {
        std::this_thread::sleep_for(1ms);
        if (state->nccl.comm_get_async_error(comm, &result) != nccl::success) result = nccl::internal_error;
      }
      if (result != nccl::success) error = nccl::describe(state->nccl, "ncclCommInitRankConfig", result, nullptr);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    const std::lock_guard lock(state->mutex);
    if (state->aborted.load()) {
      if (error.empty()) state->nccl.comm_abort(comm);
      return;
    }
    state->comm = comm;
    state->error = error;
    state->connected = true;
    state->changed.notify_all();
  }).detach();

  std::unique_lock lock(state_->mutex);
  while (!state_->connected && !state_->aborted.load()) {
    if (wait.deadline.passed() || wait.is_called_off()) {
      state_->aborted.store(true);
      break;
    }
    state_->changed.wait_for(lock, 20ms);
  }
  if (state_->aborted.load()) return {};
  if (!state_->error.empty()) {
    // NCCL has cleaned up what it began.
    state_->connected = false;
    state_->aborted.store(true);
    return state_->error;
  }
  guard_ = std::thread([state = state_] { guard(state); });
  return {};
}

void NcclHandle::guard(const std::shared_ptr<State>& state) noexcept {
  std::uint64_t seen = UINT64_MAX;
  std::unique_lock lock(state->mutex);
  while (!state->closing) {
    state->changed.wait_for(lock, guard_period);
    const bool in_call = state->in_call.load();
    const std::uint64_t calls = state->calls.load();
    const bool stuck = in_call && calls == std::exchange(seen, in_call ? calls : UINT64_MAX);
    if (!stuck || state->aborted.load()) continue;
    // The flag lives at least as long as the call that was given it.
    const std::atomic<bool>* const called_off = state->called_off.load();
    if (Deadline::Clock::now() < state->deadline.load() && (called_off == nullptr || !called_off->load())) continue;
    state->aborted.store(true);
    start_end(state, End::abort);
  }
}

void NcclHandle::end(const std::shared_ptr<State>& state, End how) noexcept {
  try {
    state->make_current();
    const auto in_call_until = [&](std::chrono::milliseconds patience) {
      const Deadline deadline = Deadline::after(patience);
      while (state->in_call.load() && !deadline.passed()) std::this_thread::sleep_for(1ms);
      return state->in_call.load();
    };
    if (in_call_until(patience_with_call) && state->nccl.comm_revoke != nullptr) {
      // Makes the call return without taking the communicator away under it, as ncclCommAbort would.
      state->nccl.comm_revoke(state->comm, 0);
      in_call_until(patience_with_end);
    }
    if (how == End::in_order) {
      state->nccl.comm_destroy(state->comm);
    } else {
      state->nccl.comm_abort(state->comm);
    }
  } catch (...) {
    // The GPU is gone, and the communicator with it.
  }
  const std::lock_guard lock(state->mutex);
  state->ended = true;
  state->changed.notify_all();
}

void NcclHandle::start_end(const std::shared_ptr<State>& state, End how) noexcept {
  try {
    std::thread([state, how] { end(state, how); }).detach();
  } catch (...) {
    // No thread to be had: the end of the process takes the communicator.
  }
}

void NcclHandle::wait_for_end(std::chrono::milliseconds patience) noexcept {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, patience, [&] { return state_->ended; });
}

void NcclHandle::abort() noexcept {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->aborted.exchange(true)) return;
    state_->changed.notify_all();
    if (!state_->connected) return;
    start_end(state_, End::abort);
  }
  wait_for_end(patience_with_abort);
}

void NcclHandle::close(bool idle) noexcept {
  bool ending = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closing) return;
    state_->closing = true;
    state_->changed.notify_all();
    ending = state_->connected;
    if (!state_->aborted.exchange(true) && ending) start_end(state_, idle ? End::in_order : End::abort);
  }
  if (guard_.joinable()) guard_.join();
  if (ending) wait_for_end(patience_with_end);
}

}  // namespace rocekit::collectives
