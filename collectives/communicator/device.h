// Where a rank's operations run and their data lie: this process with host memory, or a stream of a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "collectives/communicator/call.h"
#include "core/deadline.h"
#include "core/error.h"

namespace rocekit::collectives {

/// A GPU, a function of CUDA or NCCL, or a backend that failed: one sentence; exit code 3. Ends with
/// "; roce-probe explain ID" where a check explains it.
class CollectiveError : public MeasureError {
 public:
  using MeasureError::MeasureError;
};

/// Operations recorded once and replayed as a whole (a CUDA graph).
class Recording {
 public:
  virtual ~Recording() = default;
};

/// Belongs to one thread. Work that is enqueued runs in order; on the host it is done when the enqueueing call returns.
class Device {
 public:
  virtual ~Device() = default;
  /// "GPU 0, NVIDIA H200 (0000:19:00.0)", "host memory"
  virtual std::string description() const = 0;
  /// Memory that one run may take by default: a quarter of what is free; at most 1 GiB where GPU and CPU share it and
  /// on the host.
  virtual std::uint64_t default_memory_cap() const = 0;

  /// Replaces both buffers. Throws InputError when that much memory is not there.
  virtual void reserve(std::size_t send_bytes, std::size_t receive_bytes) = 0;
  virtual std::byte* send_buffer() const = 0;
  virtual std::byte* receive_buffer() const = 0;

  // ---- verification

  /// Writes input_number() of `rank`, elements from 0, into the send buffer from `offset` on; enqueued.
  virtual void fill(std::size_t offset, std::uint64_t elements, traffic::DataType type, int rank,
                    std::uint32_t seed) = 0;
  /// Bytes of the receive buffer that no number gives (0xFF), so that what was not written is seen; enqueued.
  virtual void clear_receive() = 0;
  /// Waits for what was enqueued, then compares.
  virtual Mismatch check(std::span<const Segment> segments, traffic::DataType type, int ranks, std::uint32_t seed,
                         const Wait& wait) = 0;

  // ---- running

  /// Stands for a layer's compute: keeps the stream (the host: this thread) busy; enqueued.
  virtual void compute(double microseconds) = 0;
  /// Returns when all that was enqueued is done; throws CollectiveError past the deadline, when the run was called off
  /// (the session's error is then the one to report), or when a watch throws.
  virtual void synchronize(const Wait& wait) = 0;
  /// Called now and then by synchronize() while it waits, some times a millisecond: a communicator looks for errors of
  /// its own.
  virtual void add_watch(std::function<void()> watch) = 0;

  /// Whether begin_recording() works: only GPUs record.
  virtual bool records() const { return false; }
  /// What is enqueued until end_recording() is kept, not run.
  virtual void begin_recording() {}
  virtual std::unique_ptr<Recording> end_recording() { return nullptr; }
  /// Enqueues it once.
  virtual void replay(const Recording&) {}
};

/// Seed-independent reference in this process, shared by devices: number of a segment's element as the exact sum or the
/// source's own.
double expected_number(const Segment& segment, std::uint64_t element, int ranks, std::uint32_t seed);

}  // namespace rocekit::collectives
