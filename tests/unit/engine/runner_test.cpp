// What a side has its device and communicators do, seen by fake ones that write it down.
#include "collectives/engine/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace rocekit::collectives {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using traffic::DataType;
using traffic::Group;
using traffic::OpKind;

using Events = std::vector<std::string>;

class FakeDevice : public Device {
 public:
  explicit FakeDevice(Events& events) : events_(events) {}
  std::string description() const override { return "a fake"; }
  std::uint64_t default_memory_cap() const override { return 1; }
  void reserve(std::size_t send, std::size_t receive) override {
    if (send > 1 << 20) throw InputError("that much memory is not there");
    events_.push_back("reserve " + std::to_string(send) + " " + std::to_string(receive));
  }
  std::byte* send_buffer() const override { return nullptr; }
  std::byte* receive_buffer() const override { return nullptr; }
  void fill(std::size_t offset, std::uint64_t elements, DataType, int rank, std::uint32_t seed) override {
    events_.push_back("fill " + std::to_string(offset) + " " + std::to_string(elements) + " of " +
                      std::to_string(rank));
    seeds.push_back(seed);
  }
  void clear_receive() override { events_.emplace_back("clear"); }
  Mismatch check(std::span<const Segment> segments, DataType, int, std::uint32_t seed, const Wait&) override {
    events_.push_back("check " + std::to_string(segments.size()));
    EXPECT_EQ(seed, seeds.back());
    return mismatch;
  }
  void compute(double microseconds) override { events_.push_back("compute " + std::to_string(int(microseconds))); }
  void synchronize(const Wait&) override { events_.emplace_back("sync"); }
  void add_watch(std::function<void()>) override {}
  bool records() const override { return can_record; }
  void begin_recording() override { events_.emplace_back("begin"); }
  std::unique_ptr<Recording> end_recording() override {
    events_.emplace_back("end");
    return std::make_unique<Recording>();
  }
  void replay(const Recording&) override { events_.emplace_back("replay"); }

  Mismatch mismatch;
  bool can_record = true;
  std::vector<std::uint32_t> seeds;

 private:
  Events& events_;
};

class FakeCommunicator : public Communicator {
 public:
  FakeCommunicator(Events& events, std::string name) : events_(events), name_(std::move(name)) {}
  std::string address() override { return name_; }
  void connect(const std::vector<std::string>&, const Wait&) override {}
  std::string description() const override { return name_; }
  void enqueue(std::span<const Call> launch, const Wait&) override {
    events_.push_back(name_ + (launch.size() > 1 ? " x" + std::to_string(launch.size()) : ""));
  }
  void abort() noexcept override {}

 private:
  Events& events_;
  std::string name_;
};

const Wait soon{Deadline::after(std::chrono::seconds(10))};

/// Rank 1 of four: tensor group {0, 1}, pipeline group {1, 3}.
struct Bench {
  Events events;
  FakeDevice device{events};
  std::vector<Seat> seats;
  std::unique_ptr<Runner> runner;

  Bench() {
    add({Group::tensor}, {0, 1}, 1, "tensor");
    add({Group::pipeline, Group::data}, {1, 3}, 0, "pipeline");
    runner = std::make_unique<Runner>(device, seats, 1);
  }
  void add(std::vector<Group> groups, std::vector<int> members, int rank, const char* name) {
    Seat& seat = seats.emplace_back();
    seat.groups = std::move(groups);
    seat.members = std::move(members);
    seat.rank = rank;
    seat.communicator = std::make_unique<FakeCommunicator>(events, name);
  }
  BlockRecord run(const Program& program, Timing timing, std::uint64_t iterations, bool verify = false) {
    runner->load({program});
    return again(timing, iterations, verify);
  }
  BlockRecord again(Timing timing, std::uint64_t iterations, bool verify = false) {
    events.clear();
    BlockRequest block;
    block.timing = timing;
    block.iterations = iterations;
    block.verify = verify;
    return runner->run(block, soon);
  }
};

Action launch_on(Group group, Call call = {}) {
  Action action;
  action.group = group;
  action.launch = {std::move(call)};
  return action;
}

Action compute_on(std::vector<int> ranks, double microseconds) {
  Action action;
  action.compute_us = microseconds;
  action.ranks = std::move(ranks);
  return action;
}

Program program(std::vector<Action> actions) {
  Program program;
  program.name = "a program";
  program.actions = std::move(actions);
  return program;
}

TEST(Runner, IsolatedWaitsAfterEachRunAndSamplesEach) {
  Bench bench;
  const BlockRecord record =
      bench.run(program({compute_on({}, 5), launch_on(Group::tensor), launch_on(Group::data)}), Timing::isolated, 2);
  EXPECT_THAT(bench.events,
              ElementsAre("compute 5", "tensor", "pipeline", "sync", "compute 5", "tensor", "pipeline", "sync"));
  EXPECT_EQ(record.samples_ns.size(), 2u);
  EXPECT_EQ(record.iterations, 2u);
  EXPECT_NEAR(static_cast<double>(record.total_ns), static_cast<double>(record.samples_ns[0] + record.samples_ns[1]),
              2);
}

TEST(Runner, BackToBackWaitsOnceAtTheEnd) {
  Bench bench;
  const BlockRecord record = bench.run(program({launch_on(Group::tensor)}), Timing::back_to_back, 3);
  EXPECT_THAT(bench.events, ElementsAre("tensor", "sync", "tensor", "tensor", "tensor", "sync"));
  EXPECT_TRUE(record.samples_ns.empty());
  EXPECT_EQ(record.iterations, 3u);
  EXPECT_GT(record.total_ns, 0u);
  EXPECT_GT(record.core_work_ns, 0);
}

TEST(Runner, OnlyWhereWorkIsEnqueuedTheTimeOfEnqueueingIsTold) {
  Bench bench;
  const BlockRecord enqueued = bench.run(program({launch_on(Group::tensor)}), Timing::back_to_back, 1000);
  EXPECT_GT(enqueued.enqueue_ns, 0u);
  EXPECT_LE(enqueued.enqueue_ns, enqueued.total_ns);
  EXPECT_EQ(bench.again(Timing::isolated, 10).enqueue_ns, 0u);
  bench.device.can_record = false;
  EXPECT_EQ(bench.again(Timing::back_to_back, 1000).enqueue_ns, 0u);
}

TEST(Runner, GraphIsRecordedOnceWarmedAndReplayedWhole) {
  Bench bench;
  const Program step = program(std::vector<Action>(16, launch_on(Group::tensor)));
  EXPECT_EQ(bench.run(step, Timing::graph, 3).iterations, 4u);  // two copies a graph
  // Ranks are aligned by one run that is not replayed.
  ASSERT_EQ(bench.events.size(), 2 + 32 + 2 + 17 + 3u);
  EXPECT_EQ(bench.events.front(), "begin");
  EXPECT_THAT(Events(bench.events.begin() + 33, bench.events.begin() + 37),
              ElementsAre("end", "replay", "sync", "tensor"));
  EXPECT_THAT(Events(bench.events.end() - 4, bench.events.end()), ElementsAre("sync", "replay", "replay", "sync"));
  EXPECT_EQ(bench.again(Timing::graph, 2).iterations, 2u);
  EXPECT_THAT(Events(bench.events.end() - 3, bench.events.end()), ElementsAre("sync", "replay", "sync"));
}

TEST(Runner, LongStepIsOneGraph) {
  Bench bench;
  EXPECT_EQ(bench.run(program(std::vector<Action>(97, launch_on(Group::tensor))), Timing::graph, 2).iterations, 2u);
}

TEST(Runner, DeviceThatRecordsNothingRefusesGraphs) {
  Bench bench;
  bench.device.can_record = false;
  EXPECT_THROW(bench.run(program({launch_on(Group::tensor)}), Timing::graph, 1), InputError);
}

TEST(Runner, LeavesOutWhatOtherRanksDo) {
  Bench bench;
  Call to_rank_1;
  to_rank_1.kind = OpKind::send_recv;
  to_rank_1.form = SendRecvForm::one_way;
  to_rank_1.from = 2;
  to_rank_1.to = 3;
  Action of_stage_1 = launch_on(Group::tensor);
  of_stage_1.ranks = {2, 3};
  bench.run(program({compute_on({0, 2}, 7), launch_on(Group::pipeline, to_rank_1), of_stage_1, compute_on({1}, 3)}),
            Timing::back_to_back, 1);
  EXPECT_THAT(bench.events, ElementsAre("compute 3", "sync", "compute 3", "sync"));
}

TEST(Runner, PingPongCountsTwice) {
  Bench bench;
  Program twice = program({launch_on(Group::tensor)});
  twice.divisor = 1'000'000'000;
  EXPECT_LT(bench.run(twice, Timing::isolated, 1).samples_ns.at(0), 50u);
  EXPECT_LT(bench.run(twice, Timing::back_to_back, 1).total_ns, 50u);
}

TEST(Runner, VerifyFillsRunsAndChecksEachCallWithDataOfItsOwn) {
  Bench bench;
  Call call;
  call.elements = 100;
  Action action = launch_on(Group::tensor, call);
  call.send_offset = 256;
  action.launch.push_back(call);
  const BlockRecord record = bench.run(program({compute_on({}, 5), action}), Timing::isolated, 2, true);
  EXPECT_THAT(bench.events,
              ElementsAre("fill 0 100 of 1", "fill 256 100 of 1", "clear", "tensor x2", "check 1", "check 1",
                          "fill 0 100 of 1", "fill 256 100 of 1", "clear", "tensor x2", "check 1", "check 1"));
  EXPECT_EQ(bench.device.seeds[0], bench.device.seeds[1]);
  EXPECT_NE(bench.device.seeds[0], bench.device.seeds[2]);
  EXPECT_EQ(record.calls, 4u);
  EXPECT_EQ(record.wrong_calls, 0u);
  EXPECT_EQ(record.mismatch.elements, 0u);
  EXPECT_EQ(record.total_ns, 0u);
}

TEST(Runner, VerifyTakesTheFirstOfLaunchesThatAreAlike) {
  Bench bench;
  Call call;
  call.elements = 1;
  Action other = launch_on(Group::tensor, call);
  other.operation = 1;
  const Action one = launch_on(Group::tensor, call);
  EXPECT_EQ(bench.run(program({one, other, one, other, one}), Timing::isolated, 1, true).calls, 2u);
}

TEST(Runner, FirstWrongCallIsNamed) {
  Bench bench;
  Call call;
  call.elements = 2048;
  Action other = launch_on(Group::tensor, call);
  other.operation = 1;
  bench.device.mismatch = {3, 17, 1.0, 2.0};
  const BlockRecord record = bench.run(program({launch_on(Group::tensor, call), other}), Timing::isolated, 1, true);
  EXPECT_EQ(record.calls, 2u);
  EXPECT_EQ(record.wrong_calls, 2u);
  EXPECT_EQ(record.mismatch.first_element, 17u);
  EXPECT_EQ(record.mismatch_where, "all-reduce of bf16 4 KiB, call 1 of launch 1 of 2 in a program");
}

TEST(Runner, ReservesForTheLargestAndSaysWhatDoesNotFit) {
  Bench bench;
  Program small = program({});
  small.send_bytes = 10;
  small.receive_bytes = 30;
  Program other = small;
  other.send_bytes = 20;
  bench.runner->load({small, other});
  EXPECT_THAT(bench.events, ElementsAre("reserve 20 30"));
  other.send_bytes = 2u << 20;
  other.name = "the large one";
  try {
    bench.runner->load({small, other});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not there (2 MiB to send, 30 B to receive; the large one is the largest)"));
  }
}

TEST(Runner, GroupWithoutASeatIsRefused) {
  Bench bench;
  EXPECT_THROW(bench.runner->load({program({launch_on(Group::expert)})}), InputError);
  BlockRequest block;
  block.program = 7;
  EXPECT_THROW(bench.runner->run(block, soon), InputError);
}

TEST(Seats, GroupsOfTheSameMembersShareACommunicatorAndOrderIsThatOfGroups) {
  SideRequest request;
  request.rank = 2;
  request.names = {"a", "b", "c", "d"};
  request.groups = {{Group::expert, {0, 2}}, {Group::pipeline, {2, 3}}, {Group::tensor, {0, 2}}};
  const std::vector<Seat> seats = seats_of(request);
  ASSERT_EQ(seats.size(), 2u);
  EXPECT_THAT(seats[0].groups, ElementsAre(Group::tensor, Group::expert));
  EXPECT_EQ(seats[0].rank, 1);
  EXPECT_THAT(seats[1].groups, ElementsAre(Group::pipeline));
  EXPECT_EQ(seats[1].rank, 0);
  request.groups = {{Group::tensor, {0, 1}}};
  EXPECT_THROW(seats_of(request), InputError);
  request.groups = {{Group::tensor, {2, 4}}};
  EXPECT_THROW(seats_of(request), InputError);
}

}  // namespace
}  // namespace rocekit::collectives
