// What counters prove, and how they are read.
#include "tools/roce-pingpong/nodes/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tools/roce-pingpong/nodes/counters.h"
#include "tools/roce-pingpong/run/assemble.h"

namespace rocekit::pingpong {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using verbs::Transport;
using Verdict = Proof::Verdict;

constexpr std::uint64_t megabytes = 1'000'000;

PathPlan path(bool rdma = true) {
  PathPlan plan;
  plan.rdma = rdma;
  plan.tcp = true;
  plan.path.a = {0, "spark-1", "rocep1s0f0", 1, "enp1s0f0np0", "10.0.0.1", {}, {}, {}, false, 4096, 9000};
  plan.path.b = {1, "spark-2", "rocep1s0f0", 1, "enp1s0f0np0", "10.0.0.2", {}, {}, {}, false, 4096, 9000};
  plan.path.path_mtu = 4096;
  return plan;
}

/// Counters of one end: what its RDMA port and its netdevs sent and received.
struct Seen {
  std::uint64_t rdma_out = 0, rdma_in = 0, netdev_out = 0, netdev_in = 0, lan_out = 0, lan_in = 0;
  std::vector<CounterDelta> deltas() const {
    return {{"h", "rocep1s0f0:1", "port_xmit_data", "bytes", rdma_out},
            {"h", "rocep1s0f0:1", "port_rcv_data", "bytes", rdma_in},
            {"h", "enp1s0f0np0", "tx_bytes", "bytes", netdev_out},
            {"h", "enp1s0f0np0", "rx_bytes", "bytes", netdev_in},
            {"h", "enP7s7", "tx_bytes", "bytes", lan_out},
            {"h", "enP7s7", "rx_bytes", "bytes", lan_in}};
  }
};

/// 100 MB from a to b in messages of 1 MB.
Traffic one_way() { return {100 * megabytes, 0, 100, 0}; }

Proof proof_of(Transport transport, const Seen& a, const Seen& b, const PathPlan& plan = path()) {
  return prove(transport, one_way(), {&plan}, a.deltas(), b.deltas());
}

TEST(Proof, RdmaBytesOnBothDevicesProveRc) {
  const Proof proof = proof_of(Transport::rc, {102 * megabytes, megabytes}, {megabytes, 102 * megabytes});
  EXPECT_EQ(proof.verdict, Verdict::proven);
  EXPECT_EQ(proof.expected_bytes, 100 * megabytes);
  EXPECT_THAT(proof.counters, SizeIs(12));
  EXPECT_THAT(proof.sentence, HasSubstr("rocep1s0f0:1 on spark-1 sent 102.0 MB of 100.0 MB"));
}

TEST(Proof, RdmaDevicesThatStoodStillContradictRc) {
  const Seen still{0, 0, 100 * megabytes, 0};
  EXPECT_EQ(proof_of(Transport::rc, still, {}).verdict, Verdict::contradicted);
}

TEST(Proof, HalfOfTheBytesProveNothing) {
  EXPECT_EQ(proof_of(Transport::rc, {50 * megabytes, 0}, {0, 50 * megabytes}).verdict, Verdict::unproven);
}

TEST(Proof, OneEndAloneIsNotEnough) {
  EXPECT_EQ(proof_of(Transport::rc, {102 * megabytes, 0}, {0, 3 * megabytes}).verdict, Verdict::unproven);
}

TEST(Proof, InsideOneAdapterSilentCountersContradictNothing) {
  PathPlan plan = path();
  plan.loopback = true;
  EXPECT_EQ(proof_of(Transport::rc, {}, {}, plan).verdict, Verdict::unproven);
}

TEST(Proof, NetdevBytesProveTcp) {
  EXPECT_EQ(proof_of(Transport::tcp, {0, 0, 101 * megabytes, 0}, {0, 0, 0, 101 * megabytes}).verdict, Verdict::proven);
}

TEST(Proof, TcpOverAnotherNetdevIsContradictedAndNamesIt) {
  const Proof proof = proof_of(Transport::tcp, {0, 0, 0, 0, 101 * megabytes, 0}, {0, 0, 0, 0, 0, 101 * megabytes});
  EXPECT_EQ(proof.verdict, Verdict::contradicted);
  EXPECT_THAT(proof.sentence, HasSubstr("it went over enP7s7 on spark-1"));
}

TEST(Proof, TcpCarriedByRdmaIsContradicted) {
  const Proof proof = proof_of(Transport::tcp, {101 * megabytes, 0, 0, 0}, {0, 101 * megabytes, 0, 0});
  EXPECT_EQ(proof.verdict, Verdict::contradicted);
  EXPECT_THAT(proof.sentence, HasSubstr("SMC-R"));
}

TEST(Proof, AQuietNetdevWithoutAnyOtherWayIsUnproven) {
  EXPECT_EQ(proof_of(Transport::tcp, {}, {}).verdict, Verdict::unproven);
}

TEST(Proof, NoCountersProveNothing) {
  const PathPlan plan = path();
  for (const Transport transport : {Transport::rc, Transport::tcp}) {
    const Proof proof = prove(transport, one_way(), {&plan}, {}, {});
    EXPECT_EQ(proof.verdict, Verdict::unproven);
    EXPECT_THAT(proof.sentence, HasSubstr("nothing to prove it by"));
  }
}

TEST(Proof, SoftRocePacketsAreCountedByThePathMtu) {
  const PathPlan plan = path();
  const auto packets = [](std::uint64_t sent, std::uint64_t received) {
    return std::vector<CounterDelta>{{"h", "rocep1s0f0:1", "sent_pkts", "packets", sent},
                                     {"h", "rocep1s0f0:1", "rcvd_pkts", "packets", received}};
  };
  const Traffic traffic{10 * 65536, 0, 10, 0};  // 16 packets a message
  EXPECT_EQ(prove(Transport::rc, traffic, {&plan}, packets(160, 40), packets(40, 160)).verdict, Verdict::proven);
  EXPECT_EQ(prove(Transport::rc, traffic, {&plan}, packets(100, 40), packets(40, 100)).verdict, Verdict::unproven);
  // Its packets pass the netdev: TCP is not proven by the netdev while the device sends as much.
  const Traffic large{100 * megabytes, 0, 100, 0};
  EXPECT_EQ(prove(Transport::tcp, large, {&plan}, packets(24500, 0), packets(0, 24500)).verdict, Verdict::contradicted);
}

TEST(Proof, FewBytesAccuseNobody) {
  const PathPlan plan = path();
  EXPECT_EQ(prove(Transport::rc, {80'000, 80'000, 10'000, 10'000}, {&plan}, Seen{}.deltas(), Seen{}.deltas()).verdict,
            Verdict::unproven);
}

class CountersInAFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "rocekit-counters-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::filesystem::path root_;
};

TEST_F(CountersInAFolder, WordsAreBytesAndWhatDidNotHappenIsLeftOut) {
  const std::string port = "class/infiniband/mlx5_0/ports/1/";
  write(port + "counters/port_xmit_data", "1000\n");
  write(port + "hw_counters/out_of_sequence", "5\n");
  write(port + "hw_counters/local_ack_timeout_err", "7\n");
  write("class/net/eth0/statistics/tx_bytes", "18446744073709551000\n");
  Counters counters;
  counters.add_port("mlx5_0", 1, root_);
  counters.add_port("mlx5_0", 1, root_);
  counters.add_netdev("eth0", root_);
  counters.add_netdev("eth9", root_);
  EXPECT_EQ(counters.size(), 4U);
  Counters::Values before, after, growth;
  counters.read(before);
  write(port + "counters/port_xmit_data", "3500\n");
  write(port + "hw_counters/local_ack_timeout_err", "9\n");
  write("class/net/eth0/statistics/tx_bytes", "12\n");  // started again
  counters.read(after);
  add_growth(before, after, growth);
  const std::vector<CounterDelta> deltas = counters.deltas(growth, "node1");
  ASSERT_THAT(deltas, SizeIs(3));
  EXPECT_EQ(deltas[0].counter, "port_xmit_data");
  EXPECT_EQ(deltas[0].delta, 10000U);
  EXPECT_EQ(deltas[0].unit, "bytes");
  EXPECT_EQ(deltas[1].counter, "local_ack_timeout_err");
  EXPECT_EQ(deltas[1].delta, 2U);
  EXPECT_EQ(deltas[2].delta, 0U);
}

Plan plan_of_one_path() {
  Plan plan;
  plan.paths = {path()};
  plan.paths[0].path.a.link_gbit_s = plan.paths[0].path.b.link_gbit_s = 200;
  plan.paths[0].path.bound_gbit_s = 196;
  return plan;
}

TEST(Results, BothDirectionsOfAStreamAreSummed) {
  const Plan plan = plan_of_one_path();
  Settings settings;
  settings.bidirectional = true;
  const PairPlan pair{0, 1, {0}, {}};
  const Cell cell{Metric::bandwidth, 1'000'000, {0}, {Transport::rc, Transport::tcp}};
  SeriesRecord fast;
  fast.stream = {{100, 110}, {90, 100, 105}, 25 * 1000 * megabytes, 2, 25000};
  fast.messages_sent = 25000;
  SeriesRecord slow = fast;
  slow.stream = {{10, 11}, {9, 10, 10}, 2500 * megabytes, 2, 2500};
  CellRecord end;
  end.series = {fast, slow};
  Report report;
  add_results(plan, pair, cell, settings, end, end, report);
  ASSERT_THAT(report.results, SizeIs(2));
  const Result& result = report.results.front();
  EXPECT_DOUBLE_EQ(result.bandwidth.mean_gbit_s, 200);
  EXPECT_DOUBLE_EQ(result.bandwidth.min_gbit_s.value(), 180);
  EXPECT_THAT(result.block_values, testing::ElementsAre(200, 220));
  EXPECT_NEAR(result.fraction_of_bound.value(), 200 / (2 * 200 * 4096.0 / 4178), 1e-9);
  EXPECT_EQ(result.proof.expected_bytes, 50000 * megabytes);
  ASSERT_THAT(report.comparisons, SizeIs(1));
  EXPECT_EQ(report.comparisons.front().ratio_p50.pairs, 2U);
  EXPECT_NEAR(report.comparisons.front().ratio_p50.ratio, 0.1, 1e-9);
}

TEST(Results, OfLatencyTellWhatASlowedCoreDid) {
  const Plan plan = plan_of_one_path();
  const PairPlan pair{0, 1, {0}, {}};
  const Cell cell{Metric::latency, 8, {0}, {Transport::rc}};
  SeriesRecord series;
  series.block_medians_us = {2, 2, 2, 3, 3, 3};
  series.core_work_ns = std::vector<double>(6, 3000);
  CellRecord end;
  end.series = {series};
  CellRecord other = end;
  other.series[0].core_work_ns = {3000, 3000, 3000, 4500, 4500, 4500};
  Report report;
  report.hosts.resize(2);
  report.hosts[1].name = "spark-2";
  add_results(plan, pair, cell, {}, end, other, report);
  add_core_warnings(report);
  const Result& result = report.results.front();
  EXPECT_THAT(result.block_core_slowdowns, testing::ElementsAre(1, 1, 1, 1.5, 1.5, 1.5));
  ASSERT_THAT(result.warnings, SizeIs(1));
  EXPECT_EQ(result.warnings.front().kind, measure::Warning::Kind::slow_core);
  EXPECT_THAT(result.warnings.front().text, testing::HasSubstr("(spark-2)"));
}

TEST(Results, ReadsMoveTheirBytesTowardsWhoAsks) {
  const Plan plan = plan_of_one_path();
  const PairPlan pair{0, 1, {0}, {}};
  const Cell cell{Metric::latency, 4096, {0}, {Transport::rc}};
  SeriesRecord series;
  series.operation = verbs::Operation::read;
  series.iterations = 1000;
  series.block_medians_us = {5};
  CellRecord end;
  end.series = {series};
  end.series[0].counters = Seen{100'000, 4'200'000}.deltas();
  CellRecord other = end;
  other.series[0].counters = Seen{4'200'000, 100'000}.deltas();
  Report report;
  add_results(plan, pair, cell, {}, end, other, report);
  EXPECT_EQ(report.results.front().proof.verdict, Verdict::proven);
  EXPECT_EQ(report.results.front().proof.expected_bytes, 4'096'000U);
  EXPECT_THAT(report.comparisons, IsEmpty());
}

}  // namespace
}  // namespace rocekit::pingpong
