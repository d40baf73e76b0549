// One communication operation of a forward step: what is sent, how often, and which setting of the engine causes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::traffic {

enum class OpKind { all_reduce, all_gather, reduce_scatter, all_to_all, all_to_all_v, send_recv, broadcast };
inline constexpr OpKind all_op_kinds[] = {OpKind::all_reduce, OpKind::all_gather,   OpKind::reduce_scatter,
                                          OpKind::all_to_all, OpKind::all_to_all_v, OpKind::send_recv,
                                          OpKind::broadcast};
const char* to_string(OpKind kind);  ///< "all-reduce", "all-to-all-v", "send-recv"
/// Any common spelling: "all_reduce", "AllReduce", "allreduce", "all-reduce"; "" and unknown words give nothing.
std::optional<OpKind> op_kind_named(std::string_view word);

enum class DataType { bf16, fp16, fp32, int32, bytes };
const char* to_string(DataType type);  ///< "bf16", "bytes"
std::uint64_t size_of(DataType type);

/// The ranks that take part.
enum class Group { world, tensor, pipeline, data, expert };
const char* to_string(Group group);

/// One tensor of an operation; engines group several into one launch.
struct Part {
  std::string what;
  std::uint64_t elements = 0;  ///< that each rank hands in
  DataType type = DataType::bf16;
  std::uint64_t bytes() const { return elements * size_of(type); }
  friend bool operator==(const Part&, const Part&) = default;
};

/// Bytes that rank `from` hands to rank `to`; the diagonal stays where it is.
struct PairBytes {
  std::size_t ranks = 0;
  std::vector<std::uint64_t> bytes;  ///< row by row, ranks * ranks
  std::uint64_t at(std::size_t from, std::size_t to) const { return bytes[from * ranks + to]; }
  std::uint64_t sent_by(std::size_t from) const;    ///< to the others
  std::uint64_t received_by(std::size_t to) const;  ///< from the others
  friend bool operator==(const PairBytes&, const PairBytes&) = default;
};

struct Operation {
  OpKind kind = OpKind::all_reduce;
  std::string what;       ///< "attention output, each layer"
  std::string issued_by;  ///< "--tensor-parallel-size 2"
  Group group = Group::world;
  std::uint64_t ranks = 2;
  std::uint64_t count = 1;         ///< one after the other in a step
  std::vector<Part> parts;         ///< at least one; parts after the first go in the same launch
  std::optional<PairBytes> pairs;  ///< all_to_all_v

  /// What each rank hands in: an all-gather's own shard, the whole input of a reduce-scatter or all-to-all. For
  /// all_to_all_v the largest of any rank.
  std::uint64_t bytes_per_rank() const;
  /// The size under which nccl-tests lists it: the larger of one rank's send and receive buffer, so n shards for an
  /// all-gather. all_to_all_v is listed as the all-to-all that it would be without skew, by what a rank hands in,
  /// however much more some rank receives. Latency tables are looked up by it.
  std::uint64_t size_bytes() const;
  /// Bytes that the busiest rank must send at least: size_bytes times the bus factor; for all_to_all_v by its pairs
  /// what the busiest rank sends or receives.
  double wire_bytes_per_rank() const;

  friend bool operator==(const Operation&, const Operation&) = default;
};

}  // namespace rocekit::traffic
