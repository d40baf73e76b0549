#include "collectives/traffic/operation.h"

#include <algorithm>

#include "collectives/traffic/bus_bandwidth.h"
#include "core/text/ascii.h"

namespace rocekit::traffic {

const char* to_string(OpKind kind) {
  switch (kind) {
    case OpKind::all_reduce:
      return "all-reduce";
    case OpKind::all_gather:
      return "all-gather";
    case OpKind::reduce_scatter:
      return "reduce-scatter";
    case OpKind::all_to_all:
      return "all-to-all";
    case OpKind::all_to_all_v:
      return "all-to-all-v";
    case OpKind::send_recv:
      return "send-recv";
    case OpKind::broadcast:
      return "broadcast";
  }
  return "?";
}

std::optional<OpKind> op_kind_named(std::string_view word) {
  const auto letters = [](std::string_view text) {
    std::string kept;
    for (const char letter : text::lower_case(text)) {
      if (letter >= 'a' && letter <= 'z') kept += letter;
    }
    return kept;
  };
  const std::string wanted = letters(word);
  for (const OpKind kind : all_op_kinds) {
    if (wanted == letters(to_string(kind))) return kind;
  }
  return std::nullopt;
}

const char* to_string(DataType type) {
  switch (type) {
    case DataType::bf16:
      return "bf16";
    case DataType::fp16:
      return "fp16";
    case DataType::fp32:
      return "fp32";
    case DataType::int32:
      return "int32";
    case DataType::bytes:
      return "bytes";
  }
  return "?";
}

std::uint64_t size_of(DataType type) {
  switch (type) {
    case DataType::bf16:
    case DataType::fp16:
      return 2;
    case DataType::fp32:
    case DataType::int32:
      return 4;
    case DataType::bytes:
      break;
  }
  return 1;
}

const char* to_string(Group group) {
  switch (group) {
    case Group::world:
      return "world";
    case Group::tensor:
      return "tensor";
    case Group::pipeline:
      return "pipeline";
    case Group::data:
      return "data";
    case Group::expert:
      return "expert";
  }
  return "?";
}

std::uint64_t PairBytes::sent_by(std::size_t from) const {
  std::uint64_t sum = 0;
  for (std::size_t to = 0; to < ranks; ++to) sum += to == from ? 0 : at(from, to);
  return sum;
}

std::uint64_t PairBytes::received_by(std::size_t to) const {
  std::uint64_t sum = 0;
  for (std::size_t from = 0; from < ranks; ++from) sum += to == from ? 0 : at(from, to);
  return sum;
}

std::uint64_t Operation::bytes_per_rank() const {
  if (pairs) {
    std::uint64_t most = 0;
    for (std::size_t rank = 0; rank < pairs->ranks; ++rank) {
      most = std::max(most, pairs->sent_by(rank) + pairs->at(rank, rank));
    }
    return most;
  }
  std::uint64_t sum = 0;
  for (const Part& part : parts) sum += part.bytes();
  return sum;
}

std::uint64_t Operation::size_bytes() const {
  return kind == OpKind::all_gather ? bytes_per_rank() * ranks : bytes_per_rank();
}

double Operation::wire_bytes_per_rank() const {
  if (pairs) {
    std::uint64_t most = 0;
    for (std::size_t rank = 0; rank < pairs->ranks; ++rank) {
      most = std::max({most, pairs->sent_by(rank), pairs->received_by(rank)});
    }
    return static_cast<double>(most);
  }
  return static_cast<double>(size_bytes()) * bus_factor(kind, ranks);
}

}  // namespace rocekit::traffic
