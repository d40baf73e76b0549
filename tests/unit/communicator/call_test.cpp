#include "collectives/communicator/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/communicator/device.h"

namespace rocekit::collectives {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using traffic::DataType;
using traffic::OpKind;

Call call_of(OpKind kind, std::uint64_t elements, DataType type = DataType::bf16) {
  Call call;
  call.kind = kind;
  call.type = type;
  call.elements = elements;
  call.receive_offset = 256;
  return call;
}

Call send_recv(SendRecvForm form, int from, int to) {
  Call call = call_of(OpKind::send_recv, 5, DataType::fp32);
  call.form = form;
  call.from = from;
  call.to = to;
  return call;
}

constexpr int sum_of_ranks = Segment::sum_of_ranks;

TEST(Call, AReductionsSegmentIsTheSumOfTheElementsThatTheRankGets) {
  EXPECT_THAT(expected(call_of(OpKind::all_reduce, 7), 1, 3), ElementsAre(Segment{256, 7, sum_of_ranks, 0}));
  EXPECT_THAT(expected(call_of(OpKind::reduce_scatter, 12), 2, 3), ElementsAre(Segment{256, 4, sum_of_ranks, 8}));
}

TEST(Call, GatheredAndExchangedChunksLieByTheRankTheyComeFrom) {
  EXPECT_THAT(expected(call_of(OpKind::all_gather, 4), 1, 3),
              ElementsAre(Segment{256, 4, 0, 0}, Segment{264, 4, 1, 0}, Segment{272, 4, 2, 0}));
  EXPECT_THAT(expected(call_of(OpKind::all_to_all, 6), 2, 3),
              ElementsAre(Segment{256, 2, 0, 4}, Segment{260, 2, 1, 4}, Segment{264, 2, 2, 4}));
}

TEST(Call, UnevenChunksArePackedOnBothSidesAndEmptyOnesLeftOut) {
  Call call = call_of(OpKind::all_to_all_v, 0, DataType::bytes);
  call.pairs = {3, {1, 2, 3, 0, 5, 6, 7, 0, 9}};
  EXPECT_THAT(expected(call, 0, 3), ElementsAre(Segment{256, 1, 0, 0}, Segment{257, 7, 2, 0}));
  EXPECT_THAT(expected(call, 1, 3), ElementsAre(Segment{256, 2, 0, 1}, Segment{258, 5, 1, 0}));
  EXPECT_THAT(expected(call, 2, 3), ElementsAre(Segment{256, 3, 0, 3}, Segment{259, 6, 1, 5}, Segment{265, 9, 2, 7}));
  EXPECT_EQ(send_bytes(call, 0, 3), 6u);
  EXPECT_EQ(send_bytes(call, 1, 3), 11u);
  EXPECT_EQ(receive_bytes(call, 1, 3), 7u);
}

TEST(Call, WhoSendsAndWhoGetsWhoseDataIsTheFormsOfSendRecv) {
  const Call one_way = send_recv(SendRecvForm::one_way, 2, 0);
  EXPECT_THAT(expected(one_way, 0, 3), ElementsAre(Segment{256, 5, 2, 0}));
  EXPECT_THAT(expected(one_way, 1, 3), IsEmpty());
  EXPECT_THAT(expected(one_way, 2, 3), IsEmpty());
  EXPECT_EQ(send_bytes(one_way, 2, 3), 20u);
  EXPECT_EQ(send_bytes(one_way, 0, 3), 0u);
  EXPECT_EQ(receive_bytes(one_way, 0, 3), 20u);

  const Call ping_pong = send_recv(SendRecvForm::ping_pong, 0, 1);
  EXPECT_THAT(expected(ping_pong, 0, 3), ElementsAre(Segment{256, 5, 0, 0}));
  EXPECT_THAT(expected(ping_pong, 1, 3), ElementsAre(Segment{256, 5, 0, 0}));
  EXPECT_THAT(expected(ping_pong, 2, 3), IsEmpty());
  EXPECT_EQ(send_bytes(ping_pong, 1, 3), 0u);

  const Call ring = send_recv(SendRecvForm::ring, 0, 1);
  EXPECT_THAT(expected(ring, 0, 3), ElementsAre(Segment{256, 5, 2, 0}));
  EXPECT_THAT(expected(ring, 2, 3), ElementsAre(Segment{256, 5, 1, 0}));

  const Call both = send_recv(SendRecvForm::bidirectional, 0, 2);
  EXPECT_THAT(expected(both, 0, 3), ElementsAre(Segment{256, 5, 2, 0}));
  EXPECT_THAT(expected(both, 2, 3), ElementsAre(Segment{256, 5, 0, 0}));
  EXPECT_EQ(send_bytes(both, 1, 3) + receive_bytes(both, 1, 3), 0u);
}

TEST(Call, ABroadcastReachesItsRootToo) {
  Call call = call_of(OpKind::broadcast, 3);
  call.from = 1;
  for (const int rank : {0, 1, 2}) {
    EXPECT_THAT(expected(call, rank, 3), ElementsAre(Segment{256, 3, 1, 0}));
    EXPECT_EQ(receive_bytes(call, rank, 3), 6u);
    EXPECT_EQ(send_bytes(call, rank, 3), rank == 1 ? 6u : 0u);
  }
}

TEST(Call, BytesReceivedAreThoseOfTheSegments) {
  for (const OpKind kind : {OpKind::all_reduce, OpKind::all_gather, OpKind::reduce_scatter, OpKind::all_to_all,
                            OpKind::send_recv, OpKind::broadcast}) {
    for (int rank = 0; rank < 4; ++rank) {
      const Call call = call_of(kind, 8, DataType::int32);
      std::uint64_t bytes = 0;
      for (const Segment& segment : expected(call, rank, 4)) bytes += segment.elements * 4;
      EXPECT_EQ(receive_bytes(call, rank, 4), bytes) << traffic::to_string(kind);
    }
  }
}

TEST(SumTolerance, IsZeroAsLongAsEveryPartialSumIsExact) {
  EXPECT_EQ(sum_tolerance(DataType::bf16, 32), 0);
  EXPECT_DOUBLE_EQ(sum_tolerance(DataType::bf16, 33), 32 * 8 * 33 / 256.0);
  EXPECT_EQ(sum_tolerance(DataType::fp16, 256), 0);
  EXPECT_GT(sum_tolerance(DataType::fp16, 257), 0);
  EXPECT_EQ(sum_tolerance(DataType::fp32, 1024), 0);
  EXPECT_EQ(sum_tolerance(DataType::int32, 1024), 0);
}

TEST(ExpectedNumber, IsTheSourcesOwnOrTheSumOfAll) {
  const Segment own{0, 10, 2, 100};
  EXPECT_EQ(expected_number(own, 3, 4, 9), input_number(2, 103, 9));
  const Segment sum{0, 10, sum_of_ranks, 100};
  EXPECT_EQ(expected_number(sum, 3, 3, 9), input_number(0, 103, 9) + input_number(1, 103, 9) + input_number(2, 103, 9));
}

TEST(InputNumber, DependsOnRankElementAndSeedAndStaysWhereEveryTypeIsExact) {
  int same_rank = 0;
  int same_element = 0;
  int same_seed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::int32_t number = input_number(1, i, 1);
    EXPECT_LE(std::abs(number), 8);
    same_rank += number == input_number(2, i, 1) ? 1 : 0;
    same_element += number == input_number(1, i + 1, 1) ? 1 : 0;
    same_seed += number == input_number(1, i, 2) ? 1 : 0;
  }
  // One of 17 by chance.
  for (const int same : {same_rank, same_element, same_seed}) EXPECT_LT(same, 120);
}

}  // namespace
}  // namespace rocekit::collectives
