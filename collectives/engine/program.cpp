#include "collectives/engine/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectives/engine/launch.h"
#include "core/error.h"
#include "core/text/sizes.h"

namespace rocekit::collectives {
namespace {

Ends ends_of(traffic::Pattern pattern) {
  switch (pattern) {
    case traffic::Pattern::ping_pong:
      return {SendRecvForm::ping_pong};
    case traffic::Pattern::bidirectional:
      return {SendRecvForm::bidirectional};
    default:
      return {};
  }
}

}  // namespace

std::vector<std::vector<int>> groups_of(const traffic::Parallelism& mode, traffic::Group group, int world) {
  const int ranks = static_cast<int>(mode.ranks());
  if (world < 1 || world % ranks != 0) {
    throw InputError(
        fmt::format("mode {} takes {} ranks, or a multiple of them; the run has {}", mode.name(), ranks, world));
  }
  const int tensor = static_cast<int>(mode.tensor);
  const int pipeline = static_cast<int>(mode.pipeline);
  // Ranks of a group are `stride` apart; `size` of them.
  int size = 1;
  int stride = 1;
  switch (group) {
    case traffic::Group::world:
      size = world;
      break;
    case traffic::Group::tensor:
      size = mode.expert > 1 ? ranks : tensor;
      break;
    case traffic::Group::pipeline:
      size = pipeline;
      stride = tensor;
      break;
    case traffic::Group::data:
    case traffic::Group::expert:
      size = mode.expert > 1 ? ranks : 1;
      break;
  }
  std::vector<std::vector<int>> groups;
  for (int first = 0; first < world; ++first) {
    if (first / stride % size != 0) continue;  // a member of a group that has begun
    std::vector<int>& members = groups.emplace_back();
    for (int i = 0; i < size; ++i) members.push_back(first + i * stride);
  }
  return groups;
}

bool takes_part(const Action& action, int world_rank, int group_rank) {
  if (!action.ranks.empty() && !std::binary_search(action.ranks.begin(), action.ranks.end(), world_rank)) return false;
  if (action.launch.empty()) return true;
  const Call& call = action.launch.front();
  return call.kind != traffic::OpKind::send_recv || call.form == SendRecvForm::ring || group_rank == call.from ||
         group_rank == call.to;
}

Program program_of(const traffic::Operation& planned, std::optional<traffic::Pattern> pattern, int group_ranks) {
  const traffic::Operation operation = divisible(planned, group_ranks);
  const bool send_recv = operation.kind == traffic::OpKind::send_recv;
  const traffic::Pattern measured_as = pattern.value_or(traffic::Pattern::ping_pong);
  Launch launch = launch_of(operation, group_ranks, send_recv ? ends_of(measured_as) : Ends{});
  Program program;
  program.size_bytes = operation.size_bytes();
  program.name = fmt::format("{} {}", send_recv ? traffic::to_string(measured_as) : traffic::to_string(operation.kind),
                             text::exact_size(program.size_bytes));
  program.divisor = send_recv && measured_as == traffic::Pattern::ping_pong ? 2 : 1;
  program.send_bytes = launch.send_bytes;
  program.receive_bytes = launch.receive_bytes;
  Action& action = program.actions.emplace_back();
  action.group = operation.group;
  action.launch = std::move(launch.calls);
  if (operation.kind == traffic::OpKind::broadcast && group_ranks > 1) {
    // A root waits for nobody and would run ahead: the last rank answers with a broadcast of its own.
    Action answer = action;
    for (Call& call : answer.launch) call.from = call.from == group_ranks - 1 ? 0 : group_ranks - 1;
    program.actions.push_back(std::move(answer));
    program.divisor = 2;
  }
  return program;
}

}  // namespace rocekit::collectives
