// One rank of an MPI run, for tests that mpirun starts.
//   mpi_rank verify          every operation, type and size; prints how many were verified
//   mpi_rank killed|absent   rank 1 dies, or never comes, while the others are in an operation
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "collectives/host/host_device.h"
#include "collectives/mpi/mpi_communicator.h"
#include "collectives/mpi/mpi_process.h"
#include "core/cli/main_program.h"
#include "core/cli/session_program.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using traffic::DataType;
using traffic::OpKind;

constexpr std::size_t buffer_bytes = 4U << 20;

Membership membership_of(const session::Session& session, const std::vector<int>& world_ranks) {
  Membership membership;
  for (std::size_t i = 0; i < world_ranks.size(); ++i) {
    membership.names.push_back(session.name_of(world_ranks[i]));
    if (world_ranks[i] == session.rank()) membership.rank = static_cast<int>(i);
  }
  return membership;
}

Call call_of(OpKind kind, DataType type, std::uint64_t elements) {
  Call call;
  call.kind = kind;
  call.type = type;
  call.elements = elements;
  return call;
}

/// Lengths that differ from pair to pair, some of them none.
traffic::PairBytes skewed(int ranks, std::uint64_t most) {
  traffic::PairBytes pairs{static_cast<std::size_t>(ranks), {}};
  for (int from = 0; from < ranks; ++from) {
    for (int to = 0; to < ranks; ++to) {
      pairs.bytes.push_back(from == ranks - 1 && to == 0 ? 0 : most / static_cast<std::uint64_t>(1 + from + 2 * to));
    }
  }
  return pairs;
}

std::vector<Call> calls(int ranks) {
  std::vector<Call> all;
  for (const DataType type : {DataType::bf16, DataType::fp16, DataType::fp32, DataType::int32}) {
    for (const std::uint64_t elements : {6U, 6U * 30'000U}) {
      for (const OpKind kind : {OpKind::all_reduce, OpKind::all_gather, OpKind::reduce_scatter, OpKind::all_to_all}) {
        all.push_back(call_of(kind, type, elements));
      }
      for (const SendRecvForm form :
           {SendRecvForm::one_way, SendRecvForm::ping_pong, SendRecvForm::ring, SendRecvForm::bidirectional}) {
        Call call = call_of(OpKind::send_recv, type, elements);
        call.form = form;
        call.from = ranks - 1;
        call.to = 0;
        all.push_back(call);
      }
      Call broadcast = call_of(OpKind::broadcast, type, elements);
      broadcast.from = ranks - 1;
      all.push_back(broadcast);
    }
  }
  for (const std::uint64_t most : {100U, 200'000U}) {
    Call call = call_of(OpKind::all_to_all_v, DataType::bytes, 0);
    call.pairs = skewed(ranks, most);
    all.push_back(call);
  }
  return all;
}

void verify(Device& device, Communicator& communicator, const std::vector<Call>& launch, const Membership& membership,
            std::uint32_t seed, const Wait& wait) {
  for (const Call& call : launch) {
    device.fill(call.send_offset, send_bytes(call, membership.rank, membership.size()) / traffic::size_of(call.type),
                call.type, membership.rank, seed);
  }
  device.clear_receive();
  communicator.enqueue(launch, wait);
  for (const Call& call : launch) {
    const auto segments = expected(call, membership.rank, membership.size());
    const Mismatch wrong = device.check(segments, call.type, membership.size(), seed, wait);
    if (wrong.elements == 0) continue;
    throw MeasureError(std::string(traffic::to_string(call.kind)) + " of " + traffic::to_string(call.type) + ": " +
                       std::to_string(wrong.elements) + " elements differ, the first " +
                       std::to_string(wrong.first_element) + " is " + std::to_string(wrong.found) + ", not " +
                       std::to_string(wrong.expected));
  }
}

/// Returns how many calls were verified.
int verify_all(session::Session& session, const std::vector<int>& world_ranks, const Wait& wait) {
  const Membership membership = membership_of(session, world_ranks);
  const auto device = make_host_device();
  device->reserve(buffer_bytes, buffer_bytes);
  const auto communicator = make_mpi_communicator(*device, membership, world_ranks);
  communicator->connect({}, wait);
  std::printf("rank %d: %s\n", session.rank(), communicator->description().c_str());
  int done = 0;
  std::uint32_t seed = 1;
  std::vector<Call> together;
  for (const Call& call : calls(membership.size())) {
    verify(*device, *communicator, {call}, membership, seed++, wait);
    ++done;
    if (call.elements != 6 || call.type != DataType::bf16) continue;
    together.push_back(call);
    together.back().send_offset = together.back().receive_offset = together.size() * 1024;
  }
  verify(*device, *communicator, together, membership, seed, wait);
  return done + static_cast<int>(together.size());
}

ExitCode work(session::Session& session, const std::string& what) {
  const Wait wait{Deadline::after(std::chrono::milliseconds(what == "absent" ? 300 : 20'000)), &session.called_off()};
  std::vector<int> world;
  for (int rank = 0; rank < session.size(); ++rank) world.push_back(rank);
  if (what == "verify") {
    int done = verify_all(session, world, wait);
    // A group that leaves a rank out, with ranks of its own.
    if (session.size() > 2 && session.rank() != 1) done += verify_all(session, {2, 0}, wait);
    std::printf("rank %d: %d verified\n", session.rank(), done);
    std::fflush(stdout);
    return ExitCode::warning;
  }
  const auto device = make_host_device();
  device->reserve(4096, 4096);
  const auto communicator = make_mpi_communicator(*device, membership_of(session, world), world);
  communicator->connect({}, wait);
  const std::vector<Call> launch{call_of(OpKind::all_reduce, DataType::fp32, 100)};
  if (session.rank() == 1) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (what == "killed") ::kill(::getpid(), SIGKILL);
  } else {
    try {
      communicator->enqueue(launch, wait);
    } catch (const CollectiveError&) {
      session.throw_if_called_off();
      throw;
    }
  }
  session.barrier("ending");
  return ExitCode::ready;
}

int run(int /*argc*/, const char* const* argv) {
  cli::SessionProgram program;
  program.tool = "mpi_rank";
  program.work = [what = std::string(argv[1])](session::Session& session) { return work(session, what); };
  program.courier = start_mpi;
  program.after = [] { end_mpi(); };
  return cli::run_session(program, {});
}

}  // namespace
}  // namespace rocekit::collectives

#ifdef __SANITIZE_THREAD__
// Open MPI takes locks of its TCP module in two orders.
extern "C" const char* __tsan_default_suppressions() { return "deadlock:mca_btl_tcp.so\n"; }
#endif

int main(int argc, char** argv) {
  return rocekit::cli::main_program("mpi_rank", argc, argv, rocekit::collectives::run);
}
