// Latencies by operation, transport and size: reading and interpolation.
#include "collectives/predict/latency_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "collectives/predict/latency_file.h"
#include "core/error.h"

namespace rocekit::predict {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using traffic::OpKind;

std::string sentence_of(const std::string& text) {
  try {
    read_latencies(text, "file");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(LatencyTable, IsReadFromCsvInAnyOrderOfColumns) {
  const LatencyTable table = read_latencies(
      "# measured at night\r\nsize,transport,p50_us,op,note,p90_us\r\n4K,TCP,128.5,AllReduce,\"a, b\",160\r\n\r\n"
      "8,roce,7,all_reduce,,\n",
      "file");
  EXPECT_THAT(table.transports(), ElementsAre("rdma", "socket"));
  const auto socket = table.at(OpKind::all_reduce, "socket", 4096);
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->latency, (Latency{128.5, std::nullopt, 160}));
  EXPECT_FALSE(socket->extrapolated);
  EXPECT_EQ(table.at(OpKind::all_reduce, "rdma", 8)->latency, (Latency{7, std::nullopt, std::nullopt}));
}

TEST(LatencyTable, IsReadFromResultsOfADocument) {
  const std::string results =
      R"([{"op": "all-reduce", "transport": "NET/Socket", "size_bytes": 4096, "samples": 9,
           "latency_us": {"min": 90, "p50": 100, "p90": 120}},
          {"op": "all-reduce", "transport": "NET/IB", "size_bytes": 4096, "latency_us": {"p10": 9, "min": 8, "p50": 10}},
          {"op": "all-reduce", "transport": "rdma", "size_bytes": 1, "bandwidth_gbit_s": {}}])";
  for (const std::string& text : {results, R"({"schema": "rocekit/pattern", "results": )" + results + "}"}) {
    const LatencyTable table = read_latencies(text, "file");
    EXPECT_EQ(table.at(OpKind::all_reduce, "socket", 4096)->latency, (Latency{100, std::nullopt, 120}));
    EXPECT_EQ(table.at(OpKind::all_reduce, "rdma", 4096)->latency, (Latency{10, 9, std::nullopt}));
  }
}

TEST(LatencyTable, InterpolatesOnLogarithms) {
  const LatencyTable table = read_latencies(
      "op,transport,size,p50_us,p10_us,p90_us\nall-reduce,x,1K,10,8,20\nall-reduce,x,64K,80,64,\n", "file");
  const auto middle = table.at(OpKind::all_reduce, "x", 8192);
  ASSERT_TRUE(middle);
  EXPECT_FALSE(middle->extrapolated);
  EXPECT_NEAR(middle->latency.p50_us, 28.284, 0.001);  // half of the way from 10 to 80 in logarithms
  EXPECT_NEAR(*middle->latency.p10_us, 22.627, 0.001);
  EXPECT_FALSE(middle->latency.p90_us);  // one neighbour has none
}

TEST(LatencyTable, BeyondItsSizesItKeepsTheLatencyBelowAndTheSlopeAbove) {
  const LatencyTable table = read_latencies(
      "op,transport,size,p50_us\nall-reduce,x,1K,10\nall-reduce,x,4K,20\nall-gather,x,1K,10\nall-gather,x,2K,100\n"
      "send-recv,x,1K,10\nsend-recv,x,2K,5\n",
      "file");
  const auto at = [&](OpKind kind, std::uint64_t size) {
    const auto found = table.at(kind, "x", size);
    EXPECT_TRUE(found->extrapolated);
    return found->latency.p50_us;
  };
  EXPECT_EQ(at(OpKind::all_reduce, 8), 10);
  EXPECT_EQ(at(OpKind::all_reduce, 0), 10);
  EXPECT_NEAR(at(OpKind::all_reduce, 16384), 40, 1e-9);  // the square root of the size
  EXPECT_NEAR(at(OpKind::all_gather, 4096), 200, 1e-9);  // no steeper than in proportion
  EXPECT_NEAR(at(OpKind::send_recv, 4096), 5, 1e-9);     // no faster than the largest
}

TEST(LatencyTable, OneSizeAloneSaysNothingOfMuchLargerOnes) {
  const LatencyTable table = read_latencies("op,transport,size,p50_us\nall-reduce,x,4K,7.5\n", "file");
  for (const std::uint64_t near : {0U, 1024U, 16384U}) {
    const auto found = table.at(OpKind::all_reduce, "x", near);
    EXPECT_TRUE(found->extrapolated);
    EXPECT_EQ(found->latency.p50_us, 7.5);
  }
  for (const auto& [kind, size, words] : {std::tuple(OpKind::all_reduce, 16385U, "all-reduce of 16385 B on x"),
                                          std::tuple(OpKind::all_reduce, 32U << 20U, "all-reduce of 32 MiB on x"),
                                          std::tuple(OpKind::all_gather, 32U << 10U, "all-gather of 32 KiB on x")}) {
    try {
      table.at(kind, "x", size);
      ADD_FAILURE() << words;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(words), HasSubstr("the table has all-reduce of 4 KiB alone")));
    }
  }
  const LatencyTable two = read_latencies("op,transport,size,p50_us\nall-reduce,x,4K,8\nall-reduce,x,8K,16\n", "file");
  EXPECT_NEAR(two.at(OpKind::all_reduce, "x", 32U << 20U)->latency.p50_us, 65536, 1e-6);
}

TEST(LatencyTable, IsReadFromCsvAsSpreadsheetsWriteIt) {
  const LatencyTable table = read_latencies(
      "\xEF\xBB\xBFop;transport;size_bytes;p50_us;note\r\nall-reduce;rdma;4096;7,5;\"a; "
      "b\"\r\nall-reduce;socket;4K;121;\r\n",
      "file");
  EXPECT_EQ(table.at(OpKind::all_reduce, "rdma", 4096)->latency.p50_us, 7.5);
  EXPECT_EQ(table.at(OpKind::all_reduce, "socket", 4096)->latency.p50_us, 121);
  EXPECT_THAT(read_latencies("\xEF\xBB\xBFop,transport,size,p50_us\r\nall-reduce,x,8,1\r\n", "file").transports(),
              ElementsAre("x"));
  EXPECT_THAT(sentence_of("op;transport;size;p50_us\nall-reduce;x;8;1.234,5\n"),
              HasSubstr("line 2: \"1.234,5\" is no number"));
  EXPECT_THAT(sentence_of("op,transport,size,p50_us\nall-reduce,x,8,\"7,5\"\n"), HasSubstr("\"7,5\" is no number"));
  EXPECT_THAT(sentence_of("op\ttransport\tsize\tp50_us\n"), HasSubstr("parted by commas or semicolons"));
}

TEST(LatencyTable, AlikeOperationsStandInAndSendRecvNever) {
  const LatencyTable table = read_latencies("op,transport,size,p50_us\nall-reduce,x,1K,10\n", "file");
  EXPECT_EQ(table.at(OpKind::all_gather, "x", 1024)->stands_in, OpKind::all_reduce);
  EXPECT_EQ(table.at(OpKind::all_to_all_v, "x", 1024)->stands_in, OpKind::all_reduce);
  EXPECT_EQ(table.at(OpKind::all_reduce, "x", 1024)->stands_in, std::nullopt);
  EXPECT_FALSE(table.at(OpKind::send_recv, "x", 1024));
  EXPECT_FALSE(table.at(OpKind::all_reduce, "y", 1024));
}

// ---- what nccl-pattern measured ----

std::string result(const std::string& transport, const std::string& timing, double p50, const std::string& more = "") {
  return R"({"op": "all-reduce", "transport": ")" + transport + R"(", "timing": ")" + timing +
         R"(", "size_bytes": 4096, "latency_us": {"p50": )" + std::to_string(p50) + "}" + more + "}";
}

std::optional<double> median(const LatencyTable& table, const std::string& transport) {
  const auto found = table.at(OpKind::all_reduce, transport, 4096);
  return found ? std::optional(found->latency.p50_us) : std::nullopt;
}

TEST(MeasuredLatencies, OneWayOfTimingIsTakenForAllTheOneNearestToServing) {
  const std::string isolated = result("rdma", "isolated", 30) + "," + result("socket", "isolated", 90);
  const std::string back = "," + result("rdma", "back-to-back", 20) + "," + result("socket", "back-to-back", 80);
  const std::string graph = "," + result("rdma", "graph", 10) + "," + result("socket", "graph", 70);
  const LatencyTable all = read_latencies("[" + isolated + back + graph + "]", "file");
  EXPECT_EQ(all.timing(), "graph");
  EXPECT_EQ(median(all, "rdma"), 10);
  EXPECT_EQ(median(all, "socket"), 70);
  EXPECT_EQ(read_latencies("[" + isolated + back + "]", "file").timing(), "back-to-back");
  EXPECT_EQ(median(read_latencies("[" + isolated + "]", "file"), "socket"), 90);
}

TEST(MeasuredLatencies, AGraphOfOneTransportIsNotComparedWithIsolatedRunsOfAnother) {
  const std::string both = result("rdma", "isolated", 30) + "," + result("socket", "isolated", 90);
  const LatencyTable table = read_latencies("[" + both + "," + result("rdma", "graph", 10) + "]", "file");
  EXPECT_EQ(table.timing(), "isolated");
  EXPECT_EQ(median(table, "rdma"), 30);
}

TEST(MeasuredLatencies, AWayOfTimingThatLacksAnOperationOfBothIsNotTaken) {
  const auto gather = [](const std::string& transport, const std::string& timing) {
    return R"(,{"op": "all-gather", "transport": ")" + transport + R"(", "timing": ")" + timing +
           R"(", "size_bytes": 4096, "latency_us": {"p50": 40}})";
  };
  LatencyTable table = read_latencies("[" + result("rdma", "graph", 10) + "," + result("socket", "graph", 70) + "," +
                                          result("rdma", "isolated", 30) + "," + result("socket", "isolated", 90) +
                                          gather("rdma", "graph") + gather("rdma", "isolated") +
                                          gather("socket", "isolated") + "," + result("mpi", "back-to-back", 20) + "]",
                                      "file");
  ASSERT_TRUE(table.choose_timing({"rdma", "socket"}));
  EXPECT_EQ(table.timing(), "isolated");
  EXPECT_EQ(median(table, "rdma"), 30);
  EXPECT_FALSE(table.choose_timing({"rdma", "mpi"}));
  EXPECT_THAT(table.transports(), ElementsAre("mpi", "rdma", "socket"));
}

TEST(MeasuredLatencies, PercentilesAreThoseOfTenBlocksOrMore) {
  const auto read = [](const std::string& blocks) {
    const LatencyTable table =
        read_latencies("[" + result("rdma", "graph", 10, R"(, "block_values_us": [)" + blocks + "]") + "]", "file");
    return table.at(OpKind::all_reduce, "rdma", 4096)->latency;
  };
  EXPECT_EQ(read("9,11,10"), (Latency{10, std::nullopt, std::nullopt}));
  EXPECT_EQ(read("1,2,3,4,5,6,7,8,9"), (Latency{10, std::nullopt, std::nullopt}));
  EXPECT_EQ(read("15,5,6,7,8,9,10,11,12,13,14"), (Latency{10, 6, 14}));
  EXPECT_EQ(read("11,11,11,11,11,11,11,11,11,11"), (Latency{10, 10, 11}));  // the median of single runs lies below all
  EXPECT_THAT(sentence_of("[" + result("rdma", "graph", 10, R"(, "block_values_us": ["9"])") + "]"),
              HasSubstr("results[0]: \"block_values_us\" is no list of numbers"));
}

TEST(MeasuredLatencies, TheHostBackendBesideNcclIsPassedOver) {
  const LatencyTable table = read_latencies("[" + result("rdma", "isolated", 10, R"(, "side": "rdma")") + "," +
                                                result("rdma", "isolated", 6, R"(, "side": "wire-rdma")") + "]",
                                            "file");
  EXPECT_THAT(table.transports(), ElementsAre("rdma"));
  EXPECT_EQ(median(table, "rdma"), 10);
}

TEST(MeasuredLatencies, SidesOfOneTransportGoByTheirNames) {
  const LatencyTable table = read_latencies("[" + result("rdma", "graph", 10, R"(, "side": "rdma")") + "," +
                                                result("rdma", "graph", 12, R"(, "side": "NCCL_ALGO=Ring")") + "]",
                                            "file");
  EXPECT_EQ(median(table, "rdma"), 10);
  EXPECT_EQ(median(table, "nccl_algo=ring"), 12);
}

TEST(MeasuredLatencies, ASizeOfSeveralStepsCountsWithItsMean) {
  const LatencyTable table =
      read_latencies("[" + result("rdma", "graph", 10) + "," + result("rdma", "graph", 14) + "]", "file");
  EXPECT_EQ(median(table, "rdma"), 12);
}

TEST(MeasuredLatencies, TooFewSamplesForAMedianGiveTheMean) {
  EXPECT_EQ(median(read_latencies(R"([{"op": "all-reduce", "transport": "rdma", "timing": "graph", "size_bytes": 4096,
                                       "latency_us": {"p50": null, "mean": 11, "min": 9}}])",
                                  "file"),
                   "rdma"),
            11);
}

TEST(MeasuredLatencies, FiguresWhoseProofContradictsTheirTransportAreRefused) {
  EXPECT_THAT(sentence_of("[" + result("rdma", "graph", 10, R"(, "proof": {"verdict": "contradicted"})") + "]"),
              AllOf(HasSubstr("results[0]"), HasSubstr("contradicts rdma")));
  EXPECT_THAT(sentence_of("[" + result("rdma", "warm", 10) + "]"), HasSubstr("\"warm\" is no way of timing"));
}

TEST(MeasuredLatencies, CsvPassesOverWholeSteps) {
  const LatencyTable table = read_latencies(
      "op,transport,side,timing,size_bytes,min_us,p50_us,p90_us,mean_us,proof\n"
      "all-reduce,rdma,rdma,isolated,4096,9,10,12,10,proven\n"
      "all-reduce,rdma,rdma,graph,4096,,,,7.5,proven\n"
      "step,rdma,rdma,graph,,700,720,800,730,proven\n",
      "file");
  EXPECT_EQ(table.timing(), "graph");
  EXPECT_EQ(median(table, "rdma"), 7.5);
}

TEST(LatencyTable, WhatCannotBeReadIsOneSentenceThatNamesThePlace) {
  const std::string titles = "op,transport,size_bytes,p50_us,p10_us,p90_us\n";
  EXPECT_THAT(sentence_of(""), HasSubstr("file: empty"));
  EXPECT_THAT(sentence_of("op,transport,p50_us\n"), AllOf(HasSubstr("file line 1"), HasSubstr("no column size")));
  EXPECT_THAT(sentence_of(titles), HasSubstr("no latencies"));
  EXPECT_THAT(sentence_of(titles + "\nreduce-all,x,8,1"), AllOf(HasSubstr("file line 3"), HasSubstr("\"reduce-all\"")));
  EXPECT_THAT(sentence_of(titles + "all-reduce,,8,1"), HasSubstr("names no transport"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,big,1"), AllOf(HasSubstr("line 2"), HasSubstr("\"big\" is no size")));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8"), HasSubstr("has no p50_us"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,fast"), HasSubstr("\"fast\" is no number"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,nan"), HasSubstr("\"nan\" is no number"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,-1"), HasSubstr("above 0"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,0"), HasSubstr("above 0"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,5,6"), HasSubstr("out of order"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,5,4,3"), HasSubstr("out of order"));
  EXPECT_THAT(sentence_of(titles + "all-reduce,x,8,5\nallreduce,X,8,6"),
              HasSubstr("line 3: all-reduce of 8 B on x: there are two"));
  EXPECT_THAT(sentence_of("{}"), HasSubstr("no list \"results\""));
  EXPECT_THAT(sentence_of("[1]"), HasSubstr("file results[0]"));
  EXPECT_THAT(sentence_of(R"([{"latency_us": {"p50": "1"}}])"), HasSubstr("\"p50\" is \"1\""));
  EXPECT_THAT(sentence_of(R"([{"latency_us": {"p50": 1}}])"), HasSubstr("\"op\" is missing"));
  EXPECT_THAT(sentence_of(R"([{"latency_us": {"p50": 1}, "op": "allreduce", "transport": "x", "size_bytes": 1.5}])"),
              HasSubstr("\"size_bytes\""));
  EXPECT_THAT(sentence_of("[{]"), HasSubstr("not JSON"));
}

}  // namespace
}  // namespace rocekit::predict
