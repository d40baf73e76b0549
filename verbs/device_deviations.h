// Where drivers differ from each other and from the specification: the only place that knows drivers by name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rocekit::verbs {

struct DeviceDeviations {
  const char* driver;  ///< "Soft-RoCE", "mlx5", ...

  /// The bytes of a message that an RDMA write brings become visible in ascending order, its last byte last. The
  /// specification does not promise it; adapters do it (perftest, UCX and NCCL's LL protocol live by it), with memory
  /// registered without relaxed ordering. Soft-RoCE copies with the kernel's memcpy, which may store the end of a
  /// message first: what was waited for by its last byte may be incomplete for a moment.
  bool writes_last_byte_last;

  /// Bytes of inline data asked for when the user names none. mlx5 rounds a work request up to 64 B units, and up to
  /// 220 B fit into five of them beside the headers of a write; more makes every request of the queue larger.
  int default_inline_bytes;

  /// Local ACK timeout: 4.096 us * 2^n (InfiniBand 1.4, 9.7.6.1.3), and retries. Adapters wait one to four times as
  /// long. 14 and 7 show a dead peer in 0.5 to 2 s. Soft-RoCE waits exactly once, and a virtual machine that is not
  /// scheduled for half a second is not dead; of 7 retries it makes endless ones (rxe_comp.c counts down from any other
  /// number only), so that a dead peer would never show.
  std::uint8_t ack_timeout;
  std::uint8_t retry_count;

  /// Shortest wait before a message is sent again to a receiver that had no buffer: an index into table 45 of the
  /// specification (6: 0.08 ms).
  std::uint8_t min_rnr_timer;

  /// What a stream has outstanding at most, over all queue pairs (but two messages each): more than any network holds,
  /// and little enough that it drains at the end of a block in a time like the block's own. Soft-RoCE's packets are
  /// made by the processor that runs the programs too, and what is outstanding keeps them from running.
  std::size_t stream_window_bytes;

  /// Registered memory may be written out of order by the PCIe fabric (IBV_ACCESS_RELAXED_ORDERING) and is faster so on
  /// some hosts. Of no use where no PCIe is.
  bool relaxed_ordering_helps;
};

/// By the identity that ibv_query_device gives.
const DeviceDeviations& deviations_of(std::uint32_t vendor_id, std::uint32_t vendor_part_id);

}  // namespace rocekit::verbs
