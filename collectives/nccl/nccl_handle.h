// One NCCL communicator that can be let go of at any moment. NCCL's own calls wait for peers without end: the one that
// connects and, where an operation is the first to use a connection, any. So connecting runs in a thread that is left
// behind when the wait ends, and a guard looks after calls that do not return.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "collectives/nccl/nccl_abi.h"
#include "core/deadline.h"

namespace rocekit::collectives {

class NcclHandle {
 public:
  /// `make_current` makes the GPU current in the thread that calls it; threads left behind keep it.
  NcclHandle(const nccl::Functions& functions, std::function<void()> make_current);
  NcclHandle(const NcclHandle&) = delete;
  NcclHandle& operator=(const NcclHandle&) = delete;
  ~NcclHandle();

  /// ncclCommInitRankConfig. Returns NCCL's error; empty: connected, or the wait ended first (see aborted()).
  std::string connect(int ranks, int rank, const nccl::UniqueId& id, const nccl::Config& config,
                      const std::string& net_name, const Wait& wait);

  /// Any thread: ends what runs on the GPU, so that peers see it; nothing may be called after it. Returns soon.
  void abort() noexcept;
  bool aborted() const { return state_->aborted.load(std::memory_order_relaxed); }
  /// The end: in order where nothing is enqueued any more (`idle`), else as abort(). Returns soon.
  void close(bool idle) noexcept;

 private:
  /// Shared with threads that may be left behind.
  struct State {
    nccl::Functions nccl;
    std::function<void()> make_current;
    nccl::Comm comm = nullptr;
    std::atomic<bool> aborted{false};
    // Of the owner's calls into NCCL.
    std::atomic<bool> in_call{false};
    std::atomic<std::uint64_t> calls{0};
    std::atomic<Deadline::Clock::time_point> deadline{Deadline::Clock::time_point::max()};
    std::atomic<const std::atomic<bool>*> called_off{nullptr};

    std::mutex mutex;
    std::condition_variable changed;
    bool connected = false;  ///< `error` and `comm` are there
    bool ended = false;      ///< NCCL has taken the communicator back
    bool closing = false;    ///< the guard is to go
    std::string error;
  };

 public:
  /// The owner's calls into NCCL happen while one of these lives: the communicator is not taken away meanwhile.
  class Use {
   public:
    Use(const NcclHandle& handle, const Wait& wait) : state_(*handle.state_) {
      state_.deadline.store(wait.deadline.at(), std::memory_order_relaxed);
      state_.called_off.store(wait.called_off, std::memory_order_relaxed);
      enter();
    }
    explicit Use(const NcclHandle& handle) : state_(*handle.state_) { enter(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      // The guard reads `in_call` first: who sees this store, or that of a later call, sees the count before it.
      state_.calls.store(state_.calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      state_.in_call.store(false, std::memory_order_release);
    }
    /// nullptr after abort().
    nccl::Comm comm() const { return comm_; }

   private:
    void enter() {
      // abort() stores `aborted` and then looks at `in_call`: one of the two sees the other. That takes seq_cst on both
      // sides, as a store must not pass the load after it: aarch64's stlr and ldar keep that order, x86 fences the
      // store.
      state_.in_call.store(true, std::memory_order_seq_cst);
      comm_ = state_.aborted.load(std::memory_order_seq_cst) ? nullptr : state_.comm;
    }

    State& state_;
    nccl::Comm comm_ = nullptr;
  };

 private:
  enum class End { in_order, abort };
  static void end(const std::shared_ptr<State>& state, End how) noexcept;
  static void start_end(const std::shared_ptr<State>& state, End how) noexcept;
  static void guard(const std::shared_ptr<State>& state) noexcept;
  void wait_for_end(std::chrono::milliseconds patience) noexcept;

  std::shared_ptr<State> state_;
  std::thread guard_;
};

}  // namespace rocekit::collectives
