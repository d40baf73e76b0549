// One end of a connection between two ranks; RC, UD, TCP and nothing at all behind one interface, so that one loop
// measures them all.
//
// Way of use, on both ends: make -> address() -> (exchange) -> connect() -> any number of blocks.
// A block: begin_latency() or begin_stream() -> (barrier of the session) -> ping()/pong() or progress() -> end_block().
// An endpoint belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/deadline.h"

namespace rocekit::verbs {

enum class Transport { rc, ud, tcp, null };
const char* to_string(Transport transport);  ///< "rc", "ud", "tcp", "null"
std::optional<Transport> transport_from_string(std::string_view word);

/// RDMA operations; TCP and UD know send only.
enum class Operation { send, write, write_imm, read, atomic };
const char* to_string(Operation operation);  ///< "send", "write", "write-imm", "read", "atomic"
std::optional<Operation> operation_from_string(std::string_view word);
/// Read and atomic (fetch-add of 8 bytes): the other end's CPU takes no part, and the sample is a whole operation, not
/// half a round trip.
bool is_one_sided_latency(Operation operation);
/// Write, read and atomic streams complete at the sender alone; the receiver's progress() sees nothing.
bool is_one_sided_stream(Operation operation);

/// How an end waits. RC and UD: poll the completion queue (or, for write, the memory), or sleep on the completion
/// channel (`event`; `block` is the same). TCP: non-blocking recv in a loop, a blocking recv, or epoll_wait before it.
enum class WaitMode { poll, block, event };
const char* to_string(WaitMode mode);  ///< "poll", "block", "event"
std::optional<WaitMode> wait_mode_from_string(std::string_view word);

/// Where message buffers lie: pages of this process, huge pages, memory of a GPU (registered through dma-buf, else
/// through nvidia-peermem), or host memory pinned by the GPU driver (cuMemHostAlloc: the way of integrated GPUs).
enum class MemoryKind { host, hugepages, gpu, gpu_host };
const char* to_string(MemoryKind kind);  ///< "host", "hugepages", "gpu", "gpu-host"
std::optional<MemoryKind> memory_kind_from_string(std::string_view word);

struct EndpointOptions {
  std::string device;  ///< rc, ud: "rocep1s0f0"
  int port = 1;        ///< rc, ud
  std::string ip;      ///< this end's IPv4 address: names the GID (RoCE v2, by address), and what TCP binds to
  std::string netdev;  ///< tcp: bound to it where the kernel allows (SO_BINDTODEVICE); empty: not
  std::optional<int> gid_index;  ///< overrides the choice by type and address
  std::size_t max_size_bytes = 1u << 20;
  int max_window = 128;  ///< outstanding messages of a stream, per queue pair
  int queue_pairs = 1;   ///< rc: a stream spreads its messages over them in turn
  std::optional<int>
      inline_bytes;  ///< messages up to this size are sent inline; unset: what the device grants, up to 220
  WaitMode wait_mode = WaitMode::poll;
  MemoryKind memory = MemoryKind::host;
  int gpu = 0;  ///< CUDA ordinal of MemoryKind::gpu and gpu_host
};

/// What one block moves; equal on both ends.
struct Shape {
  Operation operation = Operation::send;
  std::size_t size_bytes = 8;
  int window = 1;  ///< streams: outstanding messages a queue pair (rc: 8 MiB in all at most, Soft-RoCE 1 MiB, but two
                   ///< messages each)
  bool verify = false;  ///< every message carries a pattern of its sequence number, checked on arrival
};

/// Messages finished since the block began.
struct Progress {
  std::uint64_t sent = 0;      ///< completed: acknowledged by the peer (TCP: taken by the kernel)
  std::uint64_t received = 0;  ///< arrived whole; always 0 where is_one_sided_stream()
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual Transport transport() const = 0;
  /// One line for people: "rocep1s0f0:1 GID 1 (RoCE v2, 192.168.100.1), path MTU 4096, inline 220 B". Complete once
  /// connected.
  virtual std::string description() const = 0;
  /// Path MTU in bytes that both ends agreed on (rc, ud); 0 for others.
  virtual int path_mtu() const { return 0; }
  virtual std::optional<int> gid_index() const { return std::nullopt; }
  /// Messages up to this size leave inline; 0: none.
  virtual int inline_bytes() const { return 0; }

  /// What the peer needs to connect; opaque bytes. TCP listens from here on.
  virtual std::string address() = 0;
  /// `peer_name` is for messages: "rank 1 (spark-2)". `active`: of the two ends exactly one is; TCP's connects, the
  /// other accepts. Throws TransportError.
  virtual void connect(const std::string& peer_address, const std::string& peer_name, bool active,
                       const Wait& wait) = 0;

  /// Throws InputError for a shape that this transport or device cannot do, with its limit: both ends ask before a run.
  virtual void require(const Shape& shape, bool stream) const = 0;

  // ---- latency: one message in flight. All throw TransportError when the connection breaks, the deadline passes, or
  // the run is called off (then the session's error is the one to report).

  /// `wait` must outlive the block. The receiving side is ready when this returns.
  virtual void begin_latency(const Shape& shape, bool initiator, const Wait& wait) = 0;
  /// Initiator: one message there and one back (is_one_sided_latency: one operation).
  virtual void ping() = 0;
  /// The other end: waits for a message and answers it. Not called where is_one_sided_latency().
  virtual void pong() = 0;

  // ---- streams

  virtual void begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) = 0;
  /// Never blocks for long (TCP, and WaitMode other than poll: up to 10 ms): takes finished messages, and posts new
  /// ones while the window has room if `may_post`.
  virtual Progress progress(bool may_post) = 0;
  /// Messages posted and not yet complete.
  virtual std::uint64_t outstanding() const = 0;

  /// Ends a block of either kind: nothing is in flight afterwards. Messages must have been drained by the engines.
  virtual void end_block() = 0;
  /// Messages of this block whose content was wrong (Shape::verify), and the first such in words.
  virtual std::uint64_t corrupt_messages() const { return 0; }
  virtual std::string first_corruption() const { return {}; }
  /// ud: datagrams of this block that were lost and sent again, as far as this end knows.
  virtual std::uint64_t lost_messages() const { return 0; }
};

/// Each throws InputError (unknown device, sizes beyond the device's limit) or TransportError.
std::unique_ptr<Endpoint> make_rc_endpoint(const EndpointOptions& options);
std::unique_ptr<Endpoint> make_ud_endpoint(const EndpointOptions& options);
std::unique_ptr<Endpoint> make_tcp_endpoint(const EndpointOptions& options);
/// Moves nothing: what it measures is the loop itself.
std::unique_ptr<Endpoint> make_null_endpoint();
std::unique_ptr<Endpoint> make_endpoint(Transport transport, const EndpointOptions& options);

}  // namespace rocekit::verbs
