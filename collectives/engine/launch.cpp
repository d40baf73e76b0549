#include "collectives/engine/launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace rocekit::collectives {
namespace {

/// Of Call::send_offset and receive_offset.
constexpr std::size_t alignment = 256;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

traffic::Operation divisible(traffic::Operation operation, int ranks) {
  if (operation.pairs && operation.pairs->ranks != static_cast<std::size_t>(ranks)) {
    throw InputError(fmt::format("{} is planned for {} ranks and cannot be run by {}", operation.what,
                                 operation.pairs->ranks, ranks));
  }
  if (operation.kind == traffic::OpKind::reduce_scatter || operation.kind == traffic::OpKind::all_to_all) {
    const auto n = static_cast<std::uint64_t>(ranks);
    for (traffic::Part& part : operation.parts) part.elements = (part.elements + n - 1) / n * n;
  }
  return operation;
}

Launch launch_of(const traffic::Operation& planned, int ranks, const Ends& ends) {
  const traffic::Operation operation = divisible(planned, ranks);
  Launch launch;
  const auto add = [&](Call call) {
    call.send_offset = aligned(launch.send_bytes);
    call.receive_offset = aligned(launch.receive_bytes);
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      sent = std::max(sent, send_bytes(call, rank, ranks));
      received = std::max(received, receive_bytes(call, rank, ranks));
    }
    launch.send_bytes = call.send_offset + sent;
    launch.receive_bytes = call.receive_offset + received;
    launch.calls.push_back(std::move(call));
  };
  Call call;
  call.kind = operation.kind;
  call.form = ends.form;
  call.from = ends.from;
  call.to = ends.to;
  if (operation.pairs) {
    call.type = traffic::DataType::bytes;
    call.pairs = *operation.pairs;
    add(std::move(call));
    return launch;
  }
  for (const traffic::Part& part : operation.parts) {
    call.type = part.type;
    call.elements = part.elements;
    add(call);
  }
  return launch;
}

}  // namespace rocekit::collectives
