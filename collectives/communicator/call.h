// One collective operation as a communicator performs it: what each rank hands in, what it gets, and what must stand
// there afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::collectives {

/// Who sends to whom in OpKind::send_recv.
enum class SendRecvForm {
  one_way,        ///< rank `from` sends, rank `to` receives; the others take no part
  ping_pong,      ///< the same, then `to` sends what it got back to `from`: a whole round trip
  ring,           ///< every rank sends to the next and receives from the one before, at once (nccl-tests' sendrecv)
  bidirectional,  ///< `from` and `to` send to each other at once
};

struct Call {
  traffic::OpKind kind = traffic::OpKind::all_reduce;
  traffic::DataType type = traffic::DataType::bf16;
  /// traffic::Part::elements: that each rank hands in. An all-gather's own shard; the whole input of a reduce-scatter
  /// or all-to-all, a multiple of the number of ranks. Not used by all_to_all_v.
  std::uint64_t elements = 0;
  SendRecvForm form = SendRecvForm::ring;
  int from = 0;              ///< of send_recv; root of a broadcast
  int to = 1;                ///< of send_recv
  traffic::PairBytes pairs;  ///< of all_to_all_v: bytes, type is DataType::bytes
  /// Where this call's data begin in the device's send and receive buffers; multiples of 256.
  std::size_t send_offset = 0;
  std::size_t receive_offset = 0;
};

/// Reductions are sums.
inline bool reduces(traffic::OpKind kind) {
  return kind == traffic::OpKind::all_reduce || kind == traffic::OpKind::reduce_scatter;
}

/// Bytes that the rank hands in and gets, packed: an all-to-all's chunks lie one after the other by rank, those of
/// all_to_all_v too, each as long as its pair says, a rank's own among them. A ping-pong's `from` gets its own data
/// back; its `to` hands nothing in and sends back out of its receive buffer. A broadcast's root gets its own data too,
/// as ncclBroadcast has it.
std::uint64_t send_bytes(const Call& call, int rank, int ranks);
std::uint64_t receive_bytes(const Call& call, int rank, int ranks);

/// Part of a rank's receive buffer and whose data it must hold.
struct Segment {
  std::size_t offset_bytes = 0;  ///< in the receive buffer, with Call::receive_offset
  std::uint64_t elements = 0;
  int source = sum_of_ranks;  ///< the rank whose data it is, or sum_of_ranks
  /// Index in the source's input of the segment's first element (elements of Call::type from Call::send_offset on).
  std::uint64_t source_element = 0;
  static constexpr int sum_of_ranks = -1;
  friend bool operator==(const Segment&, const Segment&) = default;
};
std::vector<Segment> expected(const Call& call, int rank, int ranks);

// What ranks hand in when a call is verified: whole numbers from -8 to 8, spread by a hash of rank, element and seed,
// so that data of another rank, element or run are seen. Every type holds them exactly. DataType::bytes: the number as
// one byte (two's complement).

/// Source of the hash: the finaliser of MurmurHash3 (Austin Appleby, public domain), over
/// element * 0x9e3779b9 + rank * 0x85ebca6b + seed * 0xc2b2ae35, in 32 bits; the number is hash % 17 - 8. The GPU's
/// kernels compute the same.
inline std::int32_t input_number(std::uint32_t rank, std::uint64_t element, std::uint32_t seed) {
  std::uint32_t hash =
      static_cast<std::uint32_t>(element ^ element >> 32) * 0x9e3779b9U + rank * 0x85ebca6bU + seed * 0xc2b2ae35U;
  hash ^= hash >> 16;
  hash *= 0x85ebca6bU;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35U;
  hash ^= hash >> 16;
  return static_cast<std::int32_t>(hash % 17U) - 8;
}

/// How far a sum over `ranks` may lie from the exact one: each of the ranks - 1 additions, in whatever order and
/// rounded to the type, errs by at most half a unit in the last place of a partial sum, which is at most 8 * ranks:
/// (ranks - 1) * 8 * ranks * unit roundoff (2^-8 bf16, 2^-11 fp16, 2^-24 fp32, 0 for integers; Higham, Accuracy and
/// Stability of Numerical Algorithms, 4.2). 0 where all partial sums are exact (8 * ranks <= 1 / unit roundoff): up to
/// 32 ranks in bf16.
double sum_tolerance(traffic::DataType type, int ranks);

/// What a check found wrong.
struct Mismatch {
  std::uint64_t elements = 0;       ///< how many differ
  std::uint64_t first_element = 0;  ///< the first of them, counted over all segments
  double expected = 0;
  double found = 0;
};

}  // namespace rocekit::collectives
