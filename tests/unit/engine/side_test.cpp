// Sides over the host backend: every rank a thread, TCP over loopback.
#include "collectives/engine/side.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "collectives/engine/equipment.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;
using traffic::Group;

Wait wait() { return {Deadline::after(std::chrono::seconds(20))}; }

/// What a session is to the ranks of a run.
class Meeting {
 public:
  explicit Meeting(int ranks) : texts_(static_cast<std::size_t>(ranks)) {}
  std::vector<std::string> gather(int rank, const std::string& text) {
    std::unique_lock lock(mutex_);
    texts_[static_cast<std::size_t>(rank)] = text;
    const int round = round_;
    if (++here_ == static_cast<int>(texts_.size())) {
      here_ = 0;
      ++round_;
      all_ = texts_;
      changed_.notify_all();
    } else {
      changed_.wait_for(lock, std::chrono::seconds(20), [&] { return round_ != round; });
    }
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> texts_;
  std::vector<std::string> all_;
  int here_ = 0;
  int round_ = 0;
};

SideRequest request_of(int rank, int world, const traffic::Parallelism* mode = nullptr) {
  SideRequest request;
  request.name = "tcp";
  request.rank = rank;
  verbs::EndpointOptions rail;
  rail.ip = "127.0.0.1";
  for (int i = 0; i < world; ++i) {
    request.names.push_back("rank " + std::to_string(i));
    if (i != rank) request.links.push_back({i, {rail}});
  }
  std::vector<Group> groups{Group::world};
  if (mode != nullptr) groups = {Group::tensor, Group::pipeline, Group::data, Group::expert};
  for (const Group group : groups) {
    const auto all = mode != nullptr ? groups_of(*mode, group, world) : groups_of(traffic::Parallelism{}, group, world);
    for (const std::vector<int>& members : all) {
      if (members.size() > 1 && std::find(members.begin(), members.end(), rank) != members.end()) {
        request.groups.push_back({group, members});
      }
    }
  }
  return request;
}

struct RankResult {
  SideDetails details;
  std::vector<BlockRecord> records;
  std::string error;
};

using MakeSide = std::function<std::unique_ptr<Side>(const SideRequest&)>;

/// Runs the blocks on all ranks; sides are made in the calling thread when `made` is given.
std::vector<RankResult> run_ranks(
    const std::vector<SideRequest>& requests, const std::vector<Program>& programs,
    const std::vector<BlockRequest>& blocks, std::vector<std::unique_ptr<Side>> made = {},
    const MakeSide& make = [](const SideRequest& r) { return make_side(r); }) {
  const int world = static_cast<int>(requests.size());
  std::vector<RankResult> results(requests.size());
  Meeting meeting(world);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      RankResult& result = results[static_cast<std::size_t>(rank)];
      std::unique_ptr<Side> side;
      try {
        side = made.empty() ? make(requests[static_cast<std::size_t>(rank)])
                            : std::move(made[static_cast<std::size_t>(rank)]);
        result.details = side->connect(meeting.gather(rank, side->address()), wait());
        side->load(programs, wait());
        for (const BlockRequest& block : blocks) {
          meeting.gather(rank, {});
          result.records.push_back(side->run(block, wait()));
        }
        meeting.gather(rank, {});
      } catch (const std::exception& error) {
        result.error = error.what();
        if (side != nullptr) side->abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

std::vector<SideRequest> requests_of(int world, const traffic::Parallelism* mode = nullptr) {
  std::vector<SideRequest> requests;
  for (int rank = 0; rank < world; ++rank) requests.push_back(request_of(rank, world, mode));
  return requests;
}

Program pattern_program(traffic::Pattern pattern, int ranks, std::uint64_t size_bytes) {
  traffic::PatternRequest request;
  request.pattern = pattern;
  request.ranks = static_cast<std::uint64_t>(ranks);
  request.size_bytes = size_bytes;
  return program_of(traffic::plan_pattern(request), pattern, ranks);
}

BlockRequest block_of(std::uint32_t program, Timing timing, std::uint64_t iterations, bool verify = false) {
  BlockRequest block;
  block.program = program;
  block.timing = timing;
  block.iterations = iterations;
  block.verify = verify;
  return block;
}

TEST(HostSide, EveryPatternIsTimedAndRightAmongThreeRanks) {
  std::vector<Program> programs;
  std::vector<BlockRequest> blocks;
  using traffic::Pattern;
  for (const Pattern pattern :
       {Pattern::all_reduce, Pattern::all_gather, Pattern::reduce_scatter, Pattern::all_to_all, Pattern::all_to_all_v,
        Pattern::ping_pong, Pattern::ring, Pattern::bidirectional, Pattern::broadcast}) {
    for (const std::uint64_t size : {24, 40'000}) {
      const auto index = static_cast<std::uint32_t>(programs.size());
      programs.push_back(pattern_program(pattern, 3, size));
      blocks.push_back(block_of(index, Timing::isolated, 1, true));
      blocks.push_back(block_of(index, Timing::isolated, 3));
      blocks.push_back(block_of(index, Timing::back_to_back, 4));
    }
  }
  const auto results = run_ranks(requests_of(3), programs, blocks);
  std::uint64_t calls = 0;
  for (const RankResult& result : results) {
    ASSERT_EQ(result.error, "");
    EXPECT_EQ(result.details.library, "rocekit host collectives");
    EXPECT_FALSE(result.details.records);
    EXPECT_GT(result.details.memory_cap, 0u);
    ASSERT_EQ(result.records.size(), blocks.size());
    for (std::size_t i = 0; i < blocks.size(); i += 3) {
      EXPECT_EQ(result.records[i].wrong_calls, 0u) << result.records[i].mismatch_where;
      calls += result.records[i].calls;
      EXPECT_THAT(result.records[i + 1].samples_ns, SizeIs(3));
      EXPECT_EQ(result.records[i + 2].iterations, 4u);
    }
  }
  // Ping-pong and bidirectional are between two of the three; a broadcast is answered by another.
  EXPECT_EQ(calls, 2u * (6 * 3 + 2 * 3 + 2 * 2));
  EXPECT_THAT(results[0].records[1].samples_ns, Each(Gt(100u)));
}

TEST(HostSide, GraphsAreForGpus) {
  const auto results =
      run_ranks(requests_of(2), {pattern_program(traffic::Pattern::all_reduce, 2, 8)}, {block_of(0, Timing::graph, 1)});
  EXPECT_EQ(results[0].error, "host memory records no graphs: only GPUs do");
}

void expect_step_runs(traffic::StepRequest request) {
  const int world = static_cast<int>(request.mode.ranks());
  const Program program = program_of(traffic::plan_step(request), world, 100);
  const auto results = run_ranks(requests_of(world, &request.mode), {program},
                                 {block_of(0, Timing::isolated, 1, true), block_of(0, Timing::back_to_back, 2)});
  for (const RankResult& result : results) {
    ASSERT_EQ(result.error, "") << program.name;
    EXPECT_GT(result.records[0].calls, 0u);
    EXPECT_EQ(result.records[0].wrong_calls, 0u) << result.records[0].mismatch_where;
    // At least the compute of its own stage.
    EXPECT_GT(result.records[1].total_ns, 2 * 100'000 / request.mode.pipeline * 9 / 10) << program.name;
  }
}

TEST(HostSide, StepsOfEveryModeRunAndAreRight) {
  traffic::StepRequest request;
  request.model = traffic::model_named("qwen3-coder-30b-a3b");
  request.model.layers = 5;
  request.batch = 4;
  request.draft_tokens = 2;
  request.mode = traffic::parse_parallelism("tp2pp2");
  request.microbatches = 3;
  expect_step_runs(request);
  request.mode = traffic::parse_parallelism("pp3");
  expect_step_runs(request);
  request.microbatches = 1;
  request.mode = traffic::parse_parallelism("ep2");
  for (const traffic::ExpertForm form : traffic::forms_of(request.mode)) {
    request.form = form;
    expect_step_runs(request);
  }
}

/// Performs what it is told, then changes a byte of what arrived.
class Corrupting : public Communicator {
 public:
  Corrupting(std::unique_ptr<Communicator> real, Device& device) : real_(std::move(real)), device_(device) {}
  std::string address() override { return real_->address(); }
  void connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    real_->connect(addresses, wait);
  }
  std::string description() const override { return real_->description(); }
  void enqueue(std::span<const Call> launch, const Wait& wait) override {
    real_->enqueue(launch, wait);
    device_.receive_buffer()[launch.front().receive_offset + 21] ^= std::byte{0x40};
  }
  void abort() noexcept override { real_->abort(); }

 private:
  std::unique_ptr<Communicator> real_;
  Device& device_;
};

TEST(HostSide, VerificationFindsOneWrongByte) {
  const auto results = run_ranks(requests_of(2), {pattern_program(traffic::Pattern::all_reduce, 2, 4096)},
                                 {block_of(0, Timing::isolated, 2, true)}, {}, [](const SideRequest& request) {
                                   Equipment equipment = make_equipment(request);
                                   if (request.rank == 1) {
                                     Seat& seat = equipment.seats.front();
                                     seat.communicator =
                                         std::make_unique<Corrupting>(std::move(seat.communicator), *equipment.device);
                                   }
                                   return make_side(request, std::move(equipment));
                                 });
  ASSERT_EQ(results[1].error, "");
  EXPECT_EQ(results[0].records.at(0).wrong_calls, 0u);
  const BlockRecord& wrong = results[1].records.at(0);
  EXPECT_EQ(wrong.calls, 2u);
  EXPECT_EQ(wrong.wrong_calls, 2u);
  EXPECT_EQ(wrong.mismatch.elements, 1u);
  EXPECT_EQ(wrong.mismatch.first_element, 10u);  // byte 21 of 16-bit numbers
  EXPECT_NE(wrong.mismatch.found, wrong.mismatch.expected);
  EXPECT_THAT(wrong.mismatch_where, HasSubstr("all-reduce of bf16 4 KiB"));
}

TEST(HostSide, RequestsThatDoNotFitAreRefused) {
  SideRequest request = request_of(0, 2);
  request.links.clear();
  EXPECT_THROW(make_side(request), InputError);
  const auto side = make_side(request_of(0, 2));
  EXPECT_THROW(side->connect({}, wait()), InputError);
}

// ---- in children

std::vector<std::unique_ptr<Side>> children_of(const std::vector<SideRequest>& requests) {
  std::vector<std::unique_ptr<Side>> sides;
  for (const SideRequest& request : requests) sides.push_back(make_child_side(request));
  return sides;
}

TEST(HostSideInChild, MeasuresAsInThisProcess) {
  const auto requests = requests_of(2);
  const std::vector<Program> programs{pattern_program(traffic::Pattern::all_reduce, 2, 4096),
                                      pattern_program(traffic::Pattern::all_to_all_v, 2, 4096)};
  const std::vector<BlockRequest> blocks{block_of(0, Timing::isolated, 5), block_of(1, Timing::isolated, 1, true)};
  const auto here = run_ranks(requests, programs, blocks);
  const auto there = run_ranks(requests, programs, blocks, children_of(requests));
  for (std::size_t rank = 0; rank < 2; ++rank) {
    ASSERT_EQ(there[rank].error, here[rank].error);
    EXPECT_EQ(there[rank].details.device, here[rank].details.device);
    EXPECT_EQ(there[rank].details.library_version, here[rank].details.library_version);
    EXPECT_THAT(there[rank].records[0].samples_ns, AllOf(SizeIs(5), Each(Gt(100u))));
    EXPECT_EQ(there[rank].records[1].calls, here[rank].records[1].calls);
    EXPECT_EQ(there[rank].records[1].wrong_calls, 0u);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(HostSideInChild, ErrorOfItsBackendComesOver) {
  SideRequest request = request_of(0, 2);
  request.links.front().rails.front().ip = "203.0.113.7";
  std::string here;
  std::string there;
  for (std::string* error : {&here, &there}) {
    try {
      (error == &here ? make_side(request) : make_child_side(request))->address();
    } catch (const std::exception& thrown) {
      *error = thrown.what();
    }
  }
  EXPECT_THAT(here, HasSubstr("203.0.113.7"));
  EXPECT_EQ(there, here);
}

}  // namespace
}  // namespace rocekit::collectives
