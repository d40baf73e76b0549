#include "verbs/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>
#include <thread>

#include "tests/unit/verbs/two_ends.h"
#include "verbs/error.h"

namespace rocekit::verbs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::connected;
using test::loopback;
using test::TwoEnds;
using test::within;
using testing::HasSubstr;

struct EndResult {
  std::vector<std::uint64_t> sent;
  std::vector<LaneResult> lanes;
};

// One end of a block as a tool runs it; `tell` hands this end's counts over, `hear` gives the other's.
EndResult run_end(const std::vector<Lane>& lanes, const Shape& shape, const Wait& wait, milliseconds duration,
                  std::promise<std::vector<std::uint64_t>>& tell, std::future<std::vector<std::uint64_t>> hear) {
  for (const Lane& lane : lanes) lane.endpoint->begin_stream(shape, lane.sends, lane.receives, wait);
  StreamBlock block(lanes, shape, wait);
  block.start(duration);
  EndResult result;
  result.sent = block.finish_sending();
  tell.set_value(result.sent);
  result.lanes = block.finish_receiving(hear.get());
  for (const Lane& lane : lanes) lane.endpoint->end_block();
  return result;
}

struct BothResults {
  EndResult active;
  EndResult passive;
};

BothResults run_block(std::vector<TwoEnds>& pairs, const Shape& shape, milliseconds duration, bool bidirectional) {
  std::vector<Lane> active;
  std::vector<Lane> passive;
  for (TwoEnds& ends : pairs) {
    active.push_back({ends.active.get(), true, bidirectional, -1});
    passive.push_back({ends.passive.get(), bidirectional, true, -1});
  }
  const Wait wait = within(seconds(30));
  std::promise<std::vector<std::uint64_t>> active_sent;
  std::promise<std::vector<std::uint64_t>> passive_sent;
  auto other = std::async(std::launch::async, [&] {
    return run_end(passive, shape, wait, duration, passive_sent, active_sent.get_future());
  });
  BothResults results;
  results.active = run_end(active, shape, wait, duration, active_sent, passive_sent.get_future());
  results.passive = other.get();
  return results;
}

class StreamInEveryWaitMode : public testing::TestWithParam<WaitMode> {};
INSTANTIATE_TEST_SUITE_P(, StreamInEveryWaitMode, testing::Values(WaitMode::poll, WaitMode::block, WaitMode::event),
                         [](const auto& mode) { return to_string(mode.param); });

TEST_P(StreamInEveryWaitMode, WhatOneEndSentTheOtherReceived) {
  std::vector<TwoEnds> pairs;
  pairs.push_back(connected(loopback(GetParam(), 4u << 20)));
  for (const auto& [size, window] :
       {std::pair{1u, 1}, {1u, 128}, {8u, 128}, {4097u, 16}, {65'536u, 128}, {4u << 20, 2}}) {
    Shape shape;
    shape.size_bytes = size;
    shape.window = window;
    shape.verify = true;
    const BothResults results = run_block(pairs, shape, milliseconds(15), false);
    EXPECT_GT(results.active.sent.at(0), 0u) << size;
    EXPECT_EQ(results.active.sent.at(0), results.active.lanes.at(0).messages_sent);
    EXPECT_EQ(results.passive.lanes.at(0).messages_received, results.active.sent.at(0)) << size;
    EXPECT_EQ(results.passive.sent.at(0), 0u);
    EXPECT_EQ(pairs[0].passive->corrupt_messages(), 0u) << size << ": " << pairs[0].passive->first_corruption();
    EXPECT_EQ(pairs[0].active->outstanding(), 0u);
  }
}

TEST_P(StreamInEveryWaitMode, SeveralLanesMoveMessagesBothWaysAtOnce) {
  std::vector<TwoEnds> pairs;
  for (int i = 0; i < 3; ++i) pairs.push_back(connected(loopback(GetParam())));
  Shape shape;
  shape.size_bytes = 10'000;
  shape.window = 32;
  shape.verify = true;
  for (int block = 0; block < 2; ++block) {
    const BothResults results = run_block(pairs, shape, milliseconds(30), true);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_GT(results.active.sent.at(i), 0u);
      EXPECT_GT(results.passive.sent.at(i), 0u);
      EXPECT_EQ(results.passive.lanes.at(i).messages_received, results.active.sent.at(i)) << i;
      EXPECT_EQ(results.active.lanes.at(i).messages_received, results.passive.sent.at(i)) << i;
      EXPECT_EQ(pairs[i].active->corrupt_messages(), 0u);
      EXPECT_EQ(pairs[i].passive->corrupt_messages(), 0u);
    }
  }
}

TEST_P(StreamInEveryWaitMode, APeerThatVanishesEndsTheBlockWithItsName) {
  TwoEnds gone = connected(loopback(GetParam()));
  TwoEnds alive = connected(loopback(GetParam()));
  const Wait wait = within(seconds(30));
  const Shape shape;
  gone.passive->begin_stream(shape, false, true, wait);
  alive.passive->begin_stream(shape, false, true, wait);
  StreamBlock block({{gone.passive.get(), false, true, -1}, {alive.passive.get(), false, true, -1}}, shape, wait);
  block.start(seconds(20));
  EXPECT_EQ(block.finish_sending().size(), 2u);
  gone.active.reset();
  try {
    block.finish_receiving({1, 1});
    FAIL() << "no error";
  } catch (const TransportError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 0 (here)"));
  }
}

TEST_P(StreamInEveryWaitMode, ASenderWhosePeerStopsReadingEndsAtItsDeadline) {
  TwoEnds ends = connected(loopback(GetParam()));
  const Wait wait = within(milliseconds(60));
  Shape shape;
  shape.size_bytes = 1u << 20;
  ends.active->begin_stream(shape, true, false, wait);
  StreamBlock block({{ends.active.get(), true, false, -1}}, shape, wait);
  block.start(seconds(20));
  try {
    block.finish_sending();
    FAIL() << "no error";
  } catch (const TransportError& error) {
    EXPECT_EQ(error.error(), ETIMEDOUT) << error.what();
  }
}

TEST_P(StreamInEveryWaitMode, AReceiverWithNothingToReceiveEndsWhenTheRunIsCalledOff) {
  TwoEnds ends = connected(loopback(GetParam()));
  std::atomic<bool> called_off{false};
  const Wait wait = within(seconds(30), &called_off);
  ends.passive->begin_stream({}, false, true, wait);
  StreamBlock block({{ends.passive.get(), false, true, -1}}, {}, wait);
  block.start(seconds(20));
  block.finish_sending();
  called_off = true;
  EXPECT_THROW(block.finish_receiving({5}), TransportError);
}

TEST_P(StreamInEveryWaitMode, LeavingABlockEndsItsThreads) {
  TwoEnds ends = connected(loopback(GetParam()));
  const Wait wait = within(seconds(30));
  ends.passive->begin_stream({}, false, true, wait);
  {
    StreamBlock block({{ends.passive.get(), false, true, -1}}, {}, wait);
    block.start(seconds(20));
  }
  ends.passive->end_block();
}

TEST(TcpStream, WithoutPostingOnlyTheMessageThatWasBegunIsFinished) {
  TwoEnds ends = connected(loopback(WaitMode::poll));
  const Wait wait = within(seconds(30));
  Shape shape;
  shape.size_bytes = 30'001;  // 8 of them are sent at once
  shape.window = 8;
  ends.active->begin_stream(shape, true, false, wait);
  ends.passive->begin_stream(shape, false, true, wait);
  std::uint64_t sent = 0;
  do {
    sent = ends.active->progress(true).sent;
  } while (ends.active->outstanding() == 0);
  std::thread reading([&] {
    while (ends.passive->progress(false).received <= sent) {
    }
  });
  while (ends.active->outstanding() > 0) ends.active->progress(false);
  EXPECT_EQ(ends.active->progress(false).sent, sent + 1);
  reading.join();
}

// Completes a message a call, and takes in one a call until `arrivals` are there.
class CountingEndpoint : public Endpoint {
 public:
  Transport transport() const override { return Transport::null; }
  std::string description() const override { return ""; }
  std::string address() override { return ""; }
  void connect(const std::string&, const std::string&, bool, const Wait&) override {}
  void require(const Shape&, bool) const override {}
  void begin_latency(const Shape&, bool, const Wait&) override {}
  void ping() override {}
  void pong() override {}
  void begin_stream(const Shape&, bool sends, bool receives, const Wait&) override {
    sends_ = sends;
    receives_ = receives;
  }
  Progress progress(bool may_post) override {
    std::this_thread::sleep_for(pause);
    if (in_flight_ > 0) {
      --in_flight_;
      ++total_.sent;
    }
    if (sends_ && may_post) in_flight_ = 4;
    if (receives_ && total_.received < arrivals) ++total_.received;
    return total_;
  }
  std::uint64_t outstanding() const override { return in_flight_; }
  void end_block() override {}
  std::uint64_t arrivals = ~0ull;
  std::chrono::microseconds pause{100};

 private:
  bool sends_ = false;
  bool receives_ = false;
  std::uint64_t in_flight_ = 0;
  Progress total_;
};

TEST(StreamBlock, WaitsUntilEveryMessagePostedIsComplete) {
  CountingEndpoint endpoint;
  const Wait wait = within(seconds(30));
  endpoint.begin_stream({}, true, false, wait);
  StreamBlock block({{&endpoint, true, false, -1}}, {}, wait);
  block.start(milliseconds(5));
  const std::uint64_t sent = block.finish_sending().at(0);
  EXPECT_EQ(endpoint.outstanding(), 0u);
  EXPECT_EQ(block.finish_receiving({0}).at(0).messages_sent, sent);
  EXPECT_GE(sent, 4u);
}

TEST(StreamBlock, GivesWholeWindowsButTheFirstAndTheLastOfMoreThanTwo) {
  for (const auto& [duration, windows] : {std::pair{milliseconds(90), 0u}, {milliseconds(310), 1u}}) {
    CountingEndpoint endpoint;
    const Wait wait = within(seconds(30));
    endpoint.begin_stream({}, true, false, wait);
    StreamBlock block({{&endpoint, true, false, -1}}, {}, wait);
    block.start(duration);
    block.finish_sending();
    const LaneResult result = block.finish_receiving({0}).at(0);
    EXPECT_EQ(result.window_messages.size(), windows) << duration.count();
    EXPECT_LT(std::accumulate(result.window_messages.begin(), result.window_messages.end(), std::uint64_t{0}),
              result.messages_sent);
    EXPECT_GE(result.send_seconds, std::chrono::duration<double>(duration).count());
  }
}

TEST(StreamBlock, CountsArrivalsWhereALaneReceivesAndEachOnce) {
  CountingEndpoint endpoint;
  endpoint.arrivals = 50;
  endpoint.pause = std::chrono::microseconds(0);
  const Wait wait = within(seconds(30));
  endpoint.begin_stream({}, true, true, wait);
  StreamBlock block({{&endpoint, true, true, -1}}, {}, wait);
  block.start(milliseconds(210));
  block.finish_sending();
  const LaneResult result = block.finish_receiving({50}).at(0);
  EXPECT_EQ(result.messages_received, 50u);
  ASSERT_EQ(result.window_messages.size(), 2u);
  EXPECT_EQ(result.window_messages[0] + result.window_messages[1], 50u);
  EXPECT_GT(result.messages_sent, 50u);
  EXPECT_GT(result.receive_seconds, 0);
  EXPECT_LT(result.receive_seconds, result.send_seconds);
}

TEST(StreamBlock, MoreArrivalsThanWereSentAreAnError) {
  CountingEndpoint endpoint;
  endpoint.arrivals = 5;
  const Wait wait = within(seconds(30));
  endpoint.begin_stream({}, false, true, wait);
  StreamBlock block({{&endpoint, false, true, -1}}, {}, wait);
  block.start(milliseconds(1));
  block.finish_sending();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_THROW(block.finish_receiving({3}), TransportError);
}

TEST(StreamBlock, ReceiversOfOneSidedOperationsDoNothing) {
  CountingEndpoint endpoint;
  const Wait wait = within(seconds(30));
  Shape shape;
  shape.operation = Operation::write;
  endpoint.begin_stream(shape, false, true, wait);
  StreamBlock block({{&endpoint, false, true, -1}}, shape, wait);
  block.start(seconds(20));
  EXPECT_EQ(block.finish_sending().at(0), 0u);
  EXPECT_EQ(block.finish_receiving({1000}).at(0).messages_received, 0u);
}

TEST(StreamBlock, ALaneIsPinnedAndACpuThatIsNotThereIsAnError) {
  CountingEndpoint endpoint;
  const Wait wait = within(seconds(30));
  StreamBlock block({{&endpoint, true, false, 100'000}}, {}, wait);
  block.start(milliseconds(1));
  try {
    block.finish_sending();
    FAIL() << "no error";
  } catch (const TransportError& error) {
    EXPECT_THAT(error.what(), HasSubstr("CPU 100000"));
  }
}

}  // namespace
}  // namespace rocekit::verbs
