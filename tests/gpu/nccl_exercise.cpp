// NCCL on real GPUs, one process a rank: every operation, type and way of running verified, and every fault ended in
// time. tests/gpu/run starts it; by itself:
//
//   nccl_exercise [--ranks N] [--share] [--net NAME] [--nccl-lib PATH] SCENARIO
//
// --share: all ranks on GPU 0, each with a host identity of its own (NCCL refuses two ranks of a host on one GPU).
// Scenarios: operations, recording, delay, check, killed, deadline, absent.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "collectives/nccl/gpu_device.h"
#include "collectives/nccl/nccl_communicator.h"
#include "core/error.h"
#include "core/session/doors.h"

namespace {

using namespace rocekit;
using namespace rocekit::collectives;
using namespace std::chrono_literals;
using traffic::DataType;
using traffic::OpKind;

struct Options {
  int ranks = 2;
  bool share = false;
  std::string net;
  std::string library;
  std::vector<std::string> scenarios;
};

/// What a failed expectation throws.
struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::size_t largest_bytes = 8U << 20;

class Rank {
 public:
  Rank(session::Session& peers, const Options& options)
      : peers_(peers),
        options_(options),
        library_(NcclLibrary::load(options.library)),
        device_(make_gpu_device(options.share ? 0 : peers.rank())),
        communicator_(make_nccl_communicator(*device_, library_, membership(), NcclOptions{options.net})) {}

  int rank() const { return peers_.rank(); }
  int size() const { return peers_.size(); }
  Device& device() { return *device_; }
  Communicator& communicator() { return *communicator_; }
  session::Session& peers() { return peers_; }
  const NcclLibrary& library() const { return library_; }
  Wait wait(std::chrono::milliseconds time = 20s) const { return {Deadline::after(time), &peers_.called_off()}; }

  std::vector<std::string> addresses() { return peers_.allgather(communicator_->address(), "exchanging addresses"); }
  void connect() {
    communicator_->connect(addresses(), wait());
    device_->reserve(largest_bytes * 2, largest_bytes * 2);
  }
  void barrier() { peers_.barrier("exercising NCCL", 60s); }

  /// Fills, has `run` perform the launch, and compares.
  void verify(const std::string& what, const std::vector<Call>& launch, std::uint32_t seed,
              const std::function<void()>& run) {
    for (const Call& call : launch) {
      const std::uint64_t elements = send_bytes(call, rank(), size()) / traffic::size_of(call.type);
      device_->fill(call.send_offset, elements, call.type, rank(), seed);
    }
    device_->clear_receive();
    run();
    for (const Call& call : launch) {
      const Mismatch found = device_->check(expected(call, rank(), size()), call.type, size(), seed, wait());
      if (found.elements == 0) continue;
      throw Failed(fmt::format("rank {}, {}: {} elements are wrong, the first is {}: {} in place of {}", rank(), what,
                               found.elements, found.first_element, found.found, found.expected));
    }
  }

 private:
  Membership membership() const {
    Membership membership;
    membership.rank = peers_.rank();
    for (int i = 0; i < peers_.size(); ++i) membership.names.push_back(peers_.name_of(i));
    return membership;
  }

  session::Session& peers_;
  const Options& options_;
  NcclLibrary library_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> communicator_;
};

struct Shape {
  std::string name;
  std::vector<Call> launch;
};

Call call_of(OpKind kind, DataType type, std::uint64_t bytes, int ranks) {
  Call call;
  call.kind = kind;
  call.type = type;
  const auto n = static_cast<std::uint64_t>(ranks);
  const std::uint64_t elements = std::max<std::uint64_t>(bytes / traffic::size_of(type), 1);
  const bool split = kind == OpKind::reduce_scatter || kind == OpKind::all_to_all;
  call.elements = split ? (elements + n - 1) / n * n : elements;
  if (kind == OpKind::all_gather) call.elements = std::max<std::uint64_t>(elements / n, 1);
  return call;
}

Call uneven_exchange(std::uint64_t bytes, int ranks) {
  Call call;
  call.kind = OpKind::all_to_all_v;
  call.type = DataType::bytes;
  call.pairs.ranks = static_cast<std::size_t>(ranks);
  for (int from = 0; from < ranks; ++from) {
    for (int to = 0; to < ranks; ++to) {
      // One pair sends nothing; odd lengths.
      call.pairs.bytes.push_back(from == ranks - 1 && to == 0 ? 0
                                                              : bytes / static_cast<std::uint64_t>(1 + from + to) + 1);
    }
  }
  return call;
}

std::vector<Shape> shapes(int ranks) {
  std::vector<Shape> all;
  for (const std::uint64_t bytes : {std::uint64_t{6}, std::uint64_t{4096}, std::uint64_t{1} << 20U}) {
    for (const DataType type : {DataType::bf16, DataType::fp16, DataType::fp32, DataType::int32}) {
      for (const OpKind kind :
           {OpKind::all_reduce, OpKind::all_gather, OpKind::reduce_scatter, OpKind::all_to_all, OpKind::broadcast}) {
        all.push_back({fmt::format("{} {} {} B", traffic::to_string(kind), traffic::to_string(type), bytes),
                       {call_of(kind, type, bytes, ranks)}});
      }
    }
    for (const SendRecvForm form :
         {SendRecvForm::one_way, SendRecvForm::ping_pong, SendRecvForm::ring, SendRecvForm::bidirectional}) {
      Call call = call_of(OpKind::send_recv, DataType::bytes, bytes, ranks);
      call.form = form;
      call.from = ranks - 1;
      call.to = 0;
      all.push_back({fmt::format("send-recv form {} {} B", static_cast<int>(form), bytes), {call}});
    }
    all.push_back({fmt::format("all-to-all-v {} B", bytes), {uneven_exchange(bytes, ranks)}});
    Call first = call_of(OpKind::all_reduce, DataType::bf16, bytes, ranks);
    Call second = call_of(OpKind::all_gather, DataType::fp32, bytes, ranks);
    second.send_offset = second.receive_offset = 4U << 20;
    all.push_back({fmt::format("two in one launch, {} B", bytes), {first, second}});
  }
  return all;
}

void run_operations(Rank& rank) {
  rank.connect();
  std::uint32_t seed = 1;
  for (const Shape& shape : shapes(rank.size()))
    rank.verify(shape.name, shape.launch, ++seed, [&] { rank.communicator().enqueue(shape.launch, rank.wait()); });
}

/// Graphs of all operations, replayed with new data each time.
void run_recording(Rank& rank) {
  rank.connect();
  std::uint32_t seed = 100;
  for (const Shape& shape : shapes(rank.size())) {
    rank.communicator().enqueue(shape.launch, rank.wait());  // connects: allocating may not be recorded
    rank.device().synchronize(rank.wait());
    rank.device().begin_recording();
    for (int i = 0; i < 3; ++i) rank.communicator().enqueue(shape.launch, rank.wait());
    const std::unique_ptr<Recording> recording = rank.device().end_recording();
    for (int i = 0; i < 2; ++i)
      rank.verify("recorded " + shape.name, shape.launch, ++seed, [&] { rank.device().replay(*recording); });
  }
}

void run_delay(Rank& rank) {
  rank.connect();
  Device& device = rank.device();
  device.compute(1);  // the first launch loads the kernel
  device.synchronize(rank.wait());
  for (const double microseconds : {50.0, 5000.0}) {
    const auto begin = Deadline::Clock::now();
    device.compute(microseconds);
    device.synchronize(rank.wait());
    const double took = std::chrono::duration<double, std::micro>(Deadline::Clock::now() - begin).count();
    // Not shorter; how much longer, the machine decides.
    if (took < microseconds) throw Failed(fmt::format("a delay of {} us took {} us", microseconds, took));
  }
}

/// The check sees what is wrong, and where.
void run_check(Rank& rank) {
  rank.connect();
  const std::vector<Call> launch{call_of(OpKind::all_reduce, DataType::bf16, 4096, rank.size())};
  const auto look = [&](std::uint32_t seed) {
    return rank.device().check(expected(launch[0], rank.rank(), rank.size()), DataType::bf16, rank.size(), seed,
                               rank.wait());
  };
  rank.device().fill(0, launch[0].elements, DataType::bf16, rank.rank(), 5);
  rank.device().clear_receive();
  if (const Mismatch nothing = look(5); nothing.elements != launch[0].elements || nothing.first_element != 0)
    throw Failed(fmt::format("of a buffer that was not written {} elements were wrong", nothing.elements));
  rank.communicator().enqueue(launch, rank.wait());
  if (const Mismatch right = look(5); right.elements != 0)
    throw Failed(fmt::format("{} elements of a right result were wrong", right.elements));
  const Mismatch other = look(6);
  if (other.elements == 0 || other.expected == other.found) throw Failed("data of another seed were taken for right");
}

/// A rank dies in the middle of operations: the others end in time and say why.
void run_killed(Rank& rank) {
  rank.connect();
  rank.barrier();
  const auto begin = Deadline::Clock::now();
  const std::vector<Call> launch{call_of(OpKind::all_reduce, DataType::fp32, largest_bytes, rank.size())};
  std::string said;
  try {
    for (int i = 0; i < 100'000; ++i) {
      if (rank.rank() == rank.size() - 1 && i == 50) ::kill(::getpid(), SIGKILL);
      rank.communicator().enqueue(launch, rank.wait(10s));
      rank.device().synchronize(rank.wait(10s));
    }
  } catch (const CollectiveError& error) {
    said = error.what();
  }
  rank.communicator().abort();
  const auto took = Deadline::Clock::now() - begin;
  if (said.empty()) throw Failed("a dead peer was not noticed");
  if (took > 15s) throw Failed("a dead peer was noticed late");
  fmt::print("  rank {} after {} ms: {}\n", rank.rank(), took / 1ms, said);
}

/// A rank never issues the operation: the others' wait ends with the deadline.
void run_deadline(Rank& rank) {
  rank.connect();
  const std::vector<Call> launch{call_of(OpKind::all_reduce, DataType::fp32, 4096, rank.size())};
  rank.communicator().enqueue(launch, rank.wait());
  rank.device().synchronize(rank.wait());
  rank.barrier();
  if (rank.rank() != 0) {
    rank.barrier();
    return;
  }
  const auto begin = Deadline::Clock::now();
  std::string said;
  try {
    rank.communicator().enqueue(launch, rank.wait(1500ms));
    rank.device().synchronize(rank.wait(1500ms));
  } catch (const CollectiveError& error) {
    said = error.what();
  }
  rank.communicator().abort();
  const auto took = Deadline::Clock::now() - begin;
  rank.barrier();
  if (said.empty()) throw Failed("an operation that no peer issued was done");
  if (took > 8s) throw Failed("an operation that no peer issued ended late");
  fmt::print("  rank 0 after {} ms: {}\n", took / 1ms, said);
}

/// A rank never connects.
void run_absent(Rank& rank) {
  const std::vector<std::string> addresses = rank.addresses();
  if (rank.rank() != 0) {
    rank.barrier();
    return;
  }
  const auto begin = Deadline::Clock::now();
  std::string said;
  try {
    rank.communicator().connect(addresses, rank.wait(1500ms));
  } catch (const CollectiveError& error) {
    said = error.what();
  }
  const auto took = Deadline::Clock::now() - begin;
  rank.barrier();
  if (said.empty()) throw Failed("connected with a rank that never came");
  if (took > 8s) throw Failed("the wait for a rank that never came ended late");
  fmt::print("  rank 0 after {} ms: {}\n", took / 1ms, said);
}

const std::map<std::string, void (*)(Rank&)> scenarios{
    {"operations", run_operations}, {"recording", run_recording}, {"delay", run_delay},  {"check", run_check},
    {"killed", run_killed},         {"deadline", run_deadline},   {"absent", run_absent}};

/// One scenario with fresh processes: they fork from here, before CUDA starts.
int run(const Options& options, const std::string& name) {
  try {
    session::DoorOptions door;
    door.local = true;
    door.ranks = options.ranks;
    session::Session peers = session::open(door, {"nccl_exercise", "0", {}, {}});
    if (options.share) {
      ::setenv("NCCL_HOSTID", fmt::format("host-{}", peers.rank()).c_str(), 1);
      ::setenv("NCCL_SOCKET_IFNAME", "lo", 0);
    }
    const bool first = peers.rank() == 0;
    int failed = 0;
    const auto begin = Deadline::Clock::now();
    std::string description;
    try {
      Rank rank(peers, options);
      description = fmt::format("{}, {}", rank.library().description(), rank.device().description());
      scenarios.at(name)(rank);
      if (name != "killed") rank.barrier();
    } catch (const std::exception& error) {
      fmt::print("FAILED {}: {}\n", name, error.what());
      failed = 1;
      peers.abort(error.what());
    }
    const auto ms = (Deadline::Clock::now() - begin) / 1ms;
    if (first && failed == 0) fmt::print("ok {} ({} ms; {} ranks, {})\n", name, ms, peers.size(), description);
    std::fflush(nullptr);
    if (name != "killed" && failed == 0) peers.close();
    return failed;
  } catch (const std::exception& error) {
    fmt::print("FAILED {}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--ranks") {
      options.ranks = std::atoi(value());
    } else if (word == "--share") {
      options.share = true;
    } else if (word == "--net") {
      options.net = value();
    } else if (word == "--nccl-lib") {
      options.library = value();
    } else if (scenarios.count(word) != 0) {
      options.scenarios.push_back(word);
    } else {
      fmt::print(stderr, "nccl_exercise: what is {}?\n", word);
      return 3;
    }
  }
  if (options.scenarios.size() != 1) {
    fmt::print(stderr, "nccl_exercise: give one scenario\n");
    return 3;
  }
  return run(options, options.scenarios.front());
}
