#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "core/error.h"
#include "tests/unit/host/ranks.h"
#include "verbs/error.h"

namespace rocekit::collectives {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Ranks;
using test::within;
using testing::AllOf;
using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using traffic::DataType;
using traffic::OpKind;

Call call_of(OpKind kind, std::uint64_t elements, DataType type = DataType::bf16) {
  Call call;
  call.kind = kind;
  call.type = type;
  call.elements = elements;
  call.send_offset = 256;
  call.receive_offset = 512;
  return call;
}

/// Each rank its own row and column, some pairs without a byte, one pair of 100,000.
Call uneven(int ranks) {
  Call call = call_of(OpKind::all_to_all_v, 0, DataType::bytes);
  call.pairs.ranks = static_cast<std::size_t>(ranks);
  for (int from = 0; from < ranks; ++from) {
    for (int to = 0; to < ranks; ++to) {
      const bool is_none = (from + 2 * to) % 3 == 1;
      call.pairs.bytes.push_back(from == 0 && to == 1 ? 100'000u
                                 : is_none            ? 0u
                                                      : 17u * static_cast<unsigned>(from + 1));
    }
  }
  return call;
}

/// What the ranks together found wrong after the calls; each call with other numbers.
std::string wrong_after(Ranks& ranks, const std::vector<Call>& calls) {
  const int n = ranks.count();
  std::vector<std::string> wrong(static_cast<std::size_t>(n));
  ranks.each([&](int rank) {
    Device& device = ranks.device(rank);
    const Wait wait = within(seconds(20));
    std::size_t send = 1;
    std::size_t receive = 1;
    for (const Call& call : calls) {
      send = std::max<std::size_t>(send, call.send_offset + send_bytes(call, rank, n));
      receive = std::max<std::size_t>(receive, call.receive_offset + receive_bytes(call, rank, n));
    }
    device.reserve(send, receive);
    std::uint32_t seed = 0;
    for (const Call& call : calls) {
      device.fill(call.send_offset, send_bytes(call, rank, n) / size_of(call.type), call.type, rank, ++seed);
      device.clear_receive();
      ranks.communicator(rank).enqueue({&call, 1}, wait);
      const Mismatch mismatch = device.check(expected(call, rank, n), call.type, n, seed, wait);
      if (mismatch.elements == 0) continue;
      wrong[static_cast<std::size_t>(rank)] +=
          fmt::format("{} of {} {} on rank {}: {} elements differ, element {} is {} and should be {}\n",
                      to_string(call.kind), call.elements, to_string(call.type), rank, mismatch.elements,
                      mismatch.first_element, mismatch.found, mismatch.expected);
    }
  });
  std::string all;
  for (const std::string& text : wrong) all += text;
  return all;
}

std::vector<Call> every_operation(int ranks) {
  const auto n = static_cast<std::uint64_t>(ranks);
  std::vector<Call> calls;
  for (const DataType type : {DataType::bf16, DataType::fp16, DataType::fp32, DataType::int32, DataType::bytes}) {
    // One element, odd ones, and more than goes in one step.
    for (const std::uint64_t elements : {1u, 3u, 1023u, 300'001u}) {
      calls.push_back(call_of(OpKind::all_reduce, elements, type));
      if (elements > 2000 && type != DataType::bf16) continue;
      calls.push_back(call_of(OpKind::all_gather, elements, type));
      calls.push_back(call_of(OpKind::reduce_scatter, elements * n, type));
      calls.push_back(call_of(OpKind::all_to_all, elements * n, type));
      calls.push_back(call_of(OpKind::broadcast, elements, type));
      calls.back().from = ranks - 1;
    }
  }
  for (const SendRecvForm form :
       {SendRecvForm::one_way, SendRecvForm::ping_pong, SendRecvForm::ring, SendRecvForm::bidirectional}) {
    for (const std::uint64_t elements : {1u, 70'001u}) {
      calls.push_back(call_of(OpKind::send_recv, elements));
      calls.back().form = form;
      calls.back().from = ranks - 1;
      calls.back().to = 0;
    }
  }
  calls.push_back(uneven(ranks));
  return calls;
}

class HostCollectives : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, HostCollectives, testing::Values(2, 3, 4),
                         [](const auto& ranks) { return std::to_string(ranks.param); });

TEST_P(HostCollectives, EveryOperationTypeAndSizeBringsWhatItShould) {
  Ranks ranks(GetParam());
  EXPECT_EQ(wrong_after(ranks, every_operation(GetParam())), "");
}

TEST(HostCollectivesOverTwoRails, LongMessagesAreSpreadAndWhole) {
  Ranks ranks(3, 2);
  std::vector<Call> calls;
  for (const std::uint64_t elements : {5u, 32'767u, 32'768u, 33'333u, 500'001u}) {
    calls.push_back(call_of(OpKind::all_reduce, elements));
    calls.push_back(call_of(OpKind::all_gather, elements));
  }
  EXPECT_EQ(wrong_after(ranks, calls), "");
  EXPECT_THAT(ranks.communicator(0).description(), HasSubstr("; TCP 127.0.0.1"));
}

TEST(HostCollectives, ReplacedBuffersAreUsedFromTheNextLaunchOn) {
  Ranks ranks(2);
  EXPECT_EQ(wrong_after(ranks, {call_of(OpKind::all_reduce, 100)}), "");
  EXPECT_EQ(wrong_after(ranks, {call_of(OpKind::all_reduce, 100'000)}), "");
}

TEST(HostCollectives, ALaunchPerformsAllItsCalls) {
  Ranks ranks(2);
  std::vector<Mismatch> found(2);
  ranks.each([&](int rank) {
    const Wait wait = within(seconds(20));
    std::vector<Call> launch{call_of(OpKind::all_reduce, 50), call_of(OpKind::all_gather, 100)};
    launch[1].send_offset = launch[1].receive_offset = 1024;
    Device& device = ranks.device(rank);
    device.reserve(2048, 2048);
    std::vector<Segment> segments;
    for (const Call& call : launch) {
      device.fill(call.send_offset, call.elements, call.type, rank, 1);
      for (const Segment& segment : expected(call, rank, 2)) segments.push_back(segment);
    }
    device.clear_receive();
    ranks.communicator(rank).enqueue(launch, wait);
    found[static_cast<std::size_t>(rank)] = device.check(segments, DataType::bf16, 2, 1, wait);
  });
  for (const Mismatch& mismatch : found) EXPECT_EQ(mismatch.elements, 0u);
}

void reserve(Ranks& ranks, std::size_t bytes) {
  for (int rank = 0; rank < ranks.count(); ++rank) ranks.device(rank).reserve(bytes, bytes);
}

TEST(HostCollectives, APeerThatDisappearsInTheMiddleIsNamed) {
  Ranks ranks(3);
  reserve(ranks, 8u << 20);
  const Call call = call_of(OpKind::all_reduce, 2u << 20);
  // Both neighbours wait for data of rank 1, which sends none.
  const std::vector<std::string> errors = ranks.errors_of_each([&](int rank) {
    if (rank == 1) {
      std::this_thread::sleep_for(milliseconds(20));
      return ranks.end(rank);
    }
    try {
      ranks.communicator(rank).enqueue({&call, 1}, within(seconds(20)));
    } catch (const verbs::TransportError&) {
      ranks.communicator(rank).abort();  // as the end of the run does
      throw;
    }
  });
  EXPECT_THAT(errors[0] + errors[2],
              AllOf(HasSubstr("rank 1 (here)"), AnyOf(HasSubstr("closed the connection"), HasSubstr("has ended"))));
}

TEST(HostCollectives, ADeadlineEndsAWaitAndNamesWhoDidNotCome) {
  Ranks ranks(2);
  reserve(ranks, 4096);
  const Call call = call_of(OpKind::all_reduce, 100);
  const Wait wait = within(milliseconds(30));
  try {
    ranks.communicator(0).enqueue({&call, 1}, wait);
    FAIL() << "nobody answered";
  } catch (const verbs::TransportError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("rank 1 (here)"), HasSubstr("ETIMEDOUT"), HasSubstr("0 of 200 B")));
  }
}

TEST(HostCollectives, AWaitEndsWhenTheRunIsCalledOff) {
  Ranks ranks(2);
  reserve(ranks, 4096);
  const Call call = call_of(OpKind::all_gather, 100);
  std::atomic<bool> called_off{true};
  EXPECT_THAT(
      [&] {
        ranks.communicator(0).enqueue({&call, 1}, within(seconds(20), &called_off));
      },
      testing::ThrowsMessage<verbs::TransportError>(HasSubstr("called off")));
}

TEST(HostCollectives, AbortEndsAWaitFromAnotherThread) {
  Ranks ranks(2);
  reserve(ranks, 4096);
  const Call call = call_of(OpKind::all_gather, 100);
  const auto aborting = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(milliseconds(20));
    ranks.communicator(1).abort();
  });
  EXPECT_THAT(
      [&] {
        ranks.communicator(1).enqueue({&call, 1}, within(seconds(20)));
      },
      testing::ThrowsMessage<CollectiveError>(HasSubstr("broken off")));
}

TEST(HostCollectives, MessagesOfUnlikeSizesAreAnErrorWithBoth) {
  Ranks ranks(2);
  reserve(ranks, 4096);
  const std::vector<std::string> errors = ranks.errors_of_each([&](int rank) {
    const Call call = call_of(OpKind::all_reduce, rank == 0 ? 100 : 150);
    ranks.communicator(rank).enqueue({&call, 1}, within(seconds(20)));
  });
  EXPECT_THAT(errors[0], AllOf(HasSubstr("rank 1 (here)"), HasSubstr("sends 300 B where 200 B")));
}

TEST(HostCollectives, WaysAndCallsThatCannotBeAreRefusedInASentence) {
  const std::unique_ptr<Device> device = make_host_device();
  verbs::EndpointOptions loopback;
  loopback.ip = "127.0.0.1";
  const Membership two{0, {"rank 0", "rank 1"}};
  const auto make = [&](verbs::Transport transport, const std::vector<HostPeer>& peers) {
    return [&device, &two, transport, peers] { make_host_communicator(*device, transport, two, peers); };
  };
  using testing::ThrowsMessage;
  EXPECT_THAT(make(verbs::Transport::ud, {{1, {loopback}}}), ThrowsMessage<InputError>(HasSubstr("not over ud")));
  EXPECT_THAT(make(verbs::Transport::tcp, {}), ThrowsMessage<InputError>(HasSubstr("ways to 1 others, not 0")));
  EXPECT_THAT(make(verbs::Transport::tcp, {{2, {loopback}}}), ThrowsMessage<InputError>(HasSubstr("rank 2")));
  EXPECT_THAT(make(verbs::Transport::tcp, {{1, {}}}), ThrowsMessage<InputError>(HasSubstr("0 rails to rank 1")));

  Ranks ranks(2);
  reserve(ranks, 4096);
  Call call = call_of(OpKind::broadcast, 8);
  call.from = 2;
  EXPECT_THAT(
      [&] {
        ranks.communicator(0).enqueue({&call, 1}, within(seconds(1)));
      },
      ThrowsMessage<InputError>(HasSubstr("rank 2")));
  call = call_of(OpKind::all_reduce, 4096);
  EXPECT_THAT(
      [&] {
        ranks.communicator(0).enqueue({&call, 1}, within(seconds(1)));
      },
      testing::Throws<std::logic_error>());
}

TEST(HostCollectives, EndsWithUnlikeNumbersOfRailsAreToldApart) {
  const std::unique_ptr<Device> device = make_host_device();
  verbs::EndpointOptions loopback;
  loopback.ip = "127.0.0.1";
  const std::vector<std::string> names{"rank 0", "rank 1 (there)"};
  const auto one = make_host_communicator(*device, verbs::Transport::tcp, {0, names}, {{1, {loopback}}});
  const auto two = make_host_communicator(*device, verbs::Transport::tcp, {1, names}, {{0, {loopback, loopback}}});
  EXPECT_THAT(
      [&] {
        one->connect({one->address(), two->address()}, within(seconds(1)));
      },
      testing::ThrowsMessage<CollectiveError>(HasSubstr("1 rails to rank 1 (there), which has 2")));
  EXPECT_THAT(
      [&] {
        one->connect({one->address(), "nonsense"}, within(seconds(1)));
      },
      testing::ThrowsMessage<CollectiveError>(HasSubstr("rank 1 (there)")));
}

}  // namespace
}  // namespace rocekit::collectives
