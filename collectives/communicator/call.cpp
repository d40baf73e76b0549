#include "collectives/communicator/call.h"

#include "collectives/communicator/device.h"

namespace rocekit::collectives {
namespace {

using traffic::OpKind;

struct Flow {
  bool sends = false;
  bool receives = false;
};

/// Of send_recv.
Flow flow_of(const Call& call, int rank) {
  const bool from = rank == call.from;
  const bool to = rank == call.to;
  switch (call.form) {
    case SendRecvForm::one_way:
      return {from, to};
    case SendRecvForm::ping_pong:
      return {from, from || to};
    case SendRecvForm::ring:
      return {true, true};
    case SendRecvForm::bidirectional:
      return {from || to, from || to};
  }
  return {};
}

/// Of send_recv: whose data the rank gets.
int source_of(const Call& call, int rank, int ranks) {
  switch (call.form) {
    case SendRecvForm::ring:
      return (rank + ranks - 1) % ranks;
    case SendRecvForm::bidirectional:
      return rank == call.from ? call.to : call.from;
    case SendRecvForm::one_way:
    case SendRecvForm::ping_pong:
      break;
  }
  return call.from;
}

std::uint64_t pair_bytes(const Call& call, int from, int to) {
  return call.pairs.at(static_cast<std::size_t>(from), static_cast<std::size_t>(to));
}

}  // namespace

std::uint64_t send_bytes(const Call& call, int rank, int ranks) {
  const std::uint64_t bytes = call.elements * traffic::size_of(call.type);
  switch (call.kind) {
    case OpKind::all_to_all_v: {
      std::uint64_t sum = 0;
      for (int to = 0; to < ranks; ++to) sum += pair_bytes(call, rank, to);
      return sum;
    }
    case OpKind::send_recv:
      return flow_of(call, rank).sends ? bytes : 0;
    case OpKind::broadcast:
      return rank == call.from ? bytes : 0;
    case OpKind::all_reduce:
    case OpKind::all_gather:
    case OpKind::reduce_scatter:
    case OpKind::all_to_all:
      break;
  }
  return bytes;
}

std::uint64_t receive_bytes(const Call& call, int rank, int ranks) {
  const std::uint64_t size = traffic::size_of(call.type);
  const std::uint64_t bytes = call.elements * size;
  const auto n = static_cast<std::uint64_t>(ranks);
  switch (call.kind) {
    case OpKind::all_gather:
      return bytes * n;
    case OpKind::reduce_scatter:
      return call.elements / n * size;
    case OpKind::all_to_all:
      return call.elements / n * n * size;
    case OpKind::all_to_all_v: {
      std::uint64_t sum = 0;
      for (int from = 0; from < ranks; ++from) sum += pair_bytes(call, from, rank);
      return sum;
    }
    case OpKind::send_recv:
      return flow_of(call, rank).receives ? bytes : 0;
    case OpKind::all_reduce:
    case OpKind::broadcast:
      break;
  }
  return bytes;
}

std::vector<Segment> expected(const Call& call, int rank, int ranks) {
  const std::uint64_t size = traffic::size_of(call.type);
  const auto own = static_cast<std::uint64_t>(rank);
  const std::uint64_t share = call.elements / static_cast<std::uint64_t>(ranks);
  std::vector<Segment> segments;
  std::size_t offset = call.receive_offset;
  const auto add = [&](std::uint64_t elements, int source, std::uint64_t source_element) {
    if (elements != 0) segments.push_back({offset, elements, source, source_element});
    offset += elements * size;
  };
  switch (call.kind) {
    case OpKind::all_reduce:
      add(call.elements, Segment::sum_of_ranks, 0);
      break;
    case OpKind::reduce_scatter:
      add(share, Segment::sum_of_ranks, own * share);
      break;
    case OpKind::all_gather:
      for (int source = 0; source < ranks; ++source) add(call.elements, source, 0);
      break;
    case OpKind::all_to_all:
      for (int source = 0; source < ranks; ++source) add(share, source, own * share);
      break;
    case OpKind::all_to_all_v:
      for (int source = 0; source < ranks; ++source) {
        std::uint64_t before = 0;
        for (int to = 0; to < rank; ++to) before += pair_bytes(call, source, to);
        add(pair_bytes(call, source, rank), source, before);
      }
      break;
    case OpKind::send_recv:
      if (flow_of(call, rank).receives) add(call.elements, source_of(call, rank, ranks), 0);
      break;
    case OpKind::broadcast:
      add(call.elements, call.from, 0);
      break;
  }
  return segments;
}

double sum_tolerance(traffic::DataType type, int ranks) {
  double roundoff = 0;
  switch (type) {
    case traffic::DataType::bf16:
      roundoff = 0x1p-8;
      break;
    case traffic::DataType::fp16:
      roundoff = 0x1p-11;
      break;
    case traffic::DataType::fp32:
      roundoff = 0x1p-24;
      break;
    case traffic::DataType::int32:
    case traffic::DataType::bytes:
      return 0;
  }
  const double largest = 8.0 * ranks;
  return largest * roundoff <= 1 ? 0 : (ranks - 1) * largest * roundoff;
}

double expected_number(const Segment& segment, std::uint64_t element, int ranks, std::uint32_t seed) {
  const std::uint64_t at = segment.source_element + element;
  if (segment.source != Segment::sum_of_ranks)
    return input_number(static_cast<std::uint32_t>(segment.source), at, seed);
  std::int64_t sum = 0;
  for (int rank = 0; rank < ranks; ++rank) sum += input_number(static_cast<std::uint32_t>(rank), at, seed);
  return static_cast<double>(sum);
}

}  // namespace rocekit::collectives
