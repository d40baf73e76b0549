// What the figures of a run are taken for.
#include "tools/roce-pingpong/judge/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "probes/checks/check.h"
#include "tests/unit/pingpong/sample_report.h"
#include "tools/roce-pingpong/judge/judging.h"

namespace rocekit::pingpong {
namespace {

using checks::Finding;
using checks::Severity;
using checks::Verdict;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using verbs::Transport;

std::set<std::string> ids(const Report& report) {
  std::set<std::string> found;
  for (const Finding& finding : report.findings) found.insert(finding.id);
  return found;
}

Report judged(Report report) {
  judge(report);
  for (const Finding& finding : report.findings) {
    EXPECT_NE(checks::find_check(finding.id), nullptr) << finding.id;
    EXPECT_FALSE(finding.host.empty()) << finding.id;
    EXPECT_FALSE(finding.subject.empty()) << finding.id;
    EXPECT_FALSE(finding.evidence.empty()) << finding.id;
    EXPECT_FALSE(finding.cause.empty()) << finding.id;
    EXPECT_FALSE(finding.remedy.empty()) << finding.id;
    for (const std::string& line : finding.remedy) EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
  return report;
}

/// All RC streams that include one of `paths` carry `share` of what they carried.
void slow_down(Report& report, const std::vector<std::size_t>& paths, double share) {
  for (Result& result : report.results) {
    if (result.metric != Metric::bandwidth || result.transport != Transport::rc || result.paths != paths) continue;
    result.bandwidth.mean_gbit_s *= share;
    *result.bandwidth.min_gbit_s *= share;
    if (result.fraction_of_bound) *result.fraction_of_bound *= share;
  }
}

Result& first(Report& report, Metric metric, Transport transport = Transport::rc) {
  for (Result& result : report.results) {
    if (result.metric == metric && result.transport == transport) return result;
  }
  throw std::logic_error("the sample has no such result");
}

void count(Result& result, const char* source, const char* counter, std::uint64_t delta) {
  result.proof.counters.push_back({"spark-2", source, counter, "events", delta});
}

TEST(Judge, FindsNothingOnAHealthyPair) {
  const Report report = judged(sample::gb10());
  EXPECT_THAT(ids(report), IsEmpty());
  EXPECT_EQ(report.verdict, Verdict::ready);
}

TEST(Judge, FindsNothingWhereSpeedHasNoMeaning) {
  EXPECT_THAT(ids(judged(sample::soft_roce())), IsEmpty());
  EXPECT_THAT(ids(judged(sample::tcp_only())), IsEmpty());
  Report one_host = sample::gb10();
  for (Path& path : one_host.paths) path.b.host = path.a.host;
  slow_down(one_host, {0}, 0.1);
  first(one_host, Metric::latency).latency_us.p50 = 90;
  EXPECT_THAT(ids(judged(one_host)), IsEmpty());
}

TEST(Judge, IsUnknownWhenNothingWasMeasured) {
  Report report = sample::gb10();
  report.results.clear();
  EXPECT_EQ(judged(report).verdict, Verdict::unknown);
}

TEST(Judge, CountsFindingsThatWereThereBefore) {
  Report report = sample::gb10();
  Finding before;
  before.id = "ROCE-MTU-001";
  before.severity = Severity::warning;
  report.findings = {before};
  judge(report);
  EXPECT_EQ(report.verdict, Verdict::degraded);
}

TEST(Perf001, NamesARailFarBelowItsBoundWithCleanCounters) {
  Report report = sample::gb10();
  slow_down(report, {0}, 0.12);
  slow_down(report, {0, 1}, 0.6);
  report = judged(report);
  ASSERT_THAT(report.findings, SizeIs(1)) << "both rails at once are slow because one is";
  EXPECT_EQ(report.findings[0].id, "ROCE-PERF-001");
  EXPECT_EQ(report.findings[0].severity, Severity::critical);
  EXPECT_EQ(report.findings[0].subject, "rocep1s0f0");
  EXPECT_THAT(report.findings[0].title, HasSubstr("13.1 of 112.0 Gb/s"));
  EXPECT_THAT(report.findings[0].remedy, Contains("sudo reboot"));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
}

TEST(Perf001, IsJudgedOnAllRailsWhenNoSingleOneWasMeasured) {
  Report report = sample::gb10();
  slow_down(report, {0, 1}, 0.12);
  std::erase_if(report.results, [](const Result& r) { return r.metric == Metric::bandwidth && r.paths.size() == 1; });
  EXPECT_THAT(ids(judged(report)), Contains("ROCE-PERF-001"));
}

TEST(Perf001, LeavesLossyRailsToTheChecksOfLosses) {
  Report report = sample::gb10();
  slow_down(report, {0}, 0.12);
  for (Result& result : report.results) count(result, "rocep1s0f0:1", "out_of_sequence", 500);
  EXPECT_EQ(ids(judged(report)), (std::set<std::string>{"ROCE-PERF-002", "ROCE-PERF-003"}));
}

TEST(Perf002, WarnsBelowNineTenthsOfTheBound) {
  Report report = sample::gb10();
  slow_down(report, {1}, 0.85);
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PERF-002"}));
  EXPECT_EQ(report.findings[0].subject, "roceP2p1s0f0");
  EXPECT_EQ(report.verdict, Verdict::degraded);
}

TEST(Perf002, LeavesStreamsThatCannotFillThePathAlone) {
  Report report = sample::gb10();
  slow_down(report, {0}, 0.85);
  report.window = 1;
  for (Result& result : report.results) {
    if (result.metric == Metric::bandwidth && result.size_bytes == 1048576) result.size_bytes = 131072;
  }
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Perf002, AllowsMoreLossWithBothDirectionsAtOnce) {
  Report report = sample::gb10();
  slow_down(report, {0}, 0.85);
  for (Result& result : report.results) result.bidirectional = result.metric == Metric::bandwidth;
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Perf003, CountsTimeoutsFromTheFirstAndOtherLossesFromTheTenth) {
  Report report = sample::gb10();
  count(first(report, Metric::latency), "rocep1s0f0:1", "packet_seq_err", 9);
  EXPECT_THAT(ids(judged(report)), IsEmpty());
  count(first(report, Metric::bandwidth), "rocep1s0f0:1", "packet_seq_err", 1);
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PERF-003"}));
  EXPECT_THAT(report.findings[0].title, HasSubstr("rocep1s0f0 of spark-2 counted 10 packet_seq_err"));
  Report timeout = sample::gb10();
  count(first(timeout, Metric::latency), "rocep1s0f0:1", "local_ack_timeout_err", 1);
  EXPECT_THAT(ids(judged(timeout)), Contains("ROCE-PERF-003"));
}

TEST(Perf003, ForgivesCongestionMarksAndFewLossesOfSoftRoce) {
  Report marked = sample::gb10();
  count(first(marked, Metric::bandwidth), "rocep1s0f0:1", "np_cnp_sent", 100'000);
  EXPECT_THAT(ids(judged(marked)), IsEmpty());
  Report soft = sample::soft_roce();
  Result& result = soft.results.front();
  result.proof.counters = {{"node1", "rxe0:1", "rcvd_pkts", "packets", 1'000'000},
                           {"node1", "rxe0:1", "out_of_seq_request", "events", 900}};
  EXPECT_THAT(ids(judged(soft)), IsEmpty());
  result.proof.counters[1].delta = 50'000;
  EXPECT_THAT(ids(judged(soft)), Contains("ROCE-PERF-003"));
}

TEST(Perf003, TellsPacketsThatAreMissingFromTimersOfABusySoftRoce) {
  Report soft = sample::soft_roce();
  Result& result = soft.results.front();
  result.proof.counters = {{"node1", "rxe0:1", "rcvd_pkts", "packets", 2'500},
                           {"node1", "rxe0:1", "duplicate_request", "events", 129},
                           {"node1", "rxe0:1", "completer_retry_err", "events", 2}};
  EXPECT_THAT(ids(judged(soft)), IsEmpty());
  result.proof.counters[1].delta = 17;
  result.proof.counters[1].counter = "out_of_seq_request";
  EXPECT_THAT(ids(judged(soft)), Contains("ROCE-PERF-003"));
  result.proof.counters[1].delta = 9;
  EXPECT_THAT(ids(judged(soft)), IsEmpty());
}

TEST(Perf004, WarnsOfSlowSmallMessages) {
  Report report = sample::gb10();
  first(report, Metric::latency).latency_us.p50 = 3.4;
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PERF-004"}));
  EXPECT_THAT(report.findings[0].title, HasSubstr("3.40 us for 8 B"));
}

TEST(Perf004, GivesReadsTheWholeWayAndEventsNoMark) {
  Report report = sample::gb10();
  first(report, Metric::latency).operation = verbs::Operation::read;
  first(report, Metric::latency).latency_us.p50 = 4.4;
  EXPECT_THAT(ids(judged(report)), IsEmpty());
  first(report, Metric::latency).latency_us.p50 = 4.6;
  EXPECT_THAT(ids(judged(report)), Contains("ROCE-PERF-004"));
  report.wait_mode = verbs::WaitMode::event;
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Perf003, WarnsOfDatagramsThatWereSentAgain) {
  for (const bool soft : {false, true}) {
    Report report = soft ? sample::soft_roce() : sample::gb10();
    Result ud = sample::latency(Transport::ud, 8, 3.0, 2000);
    ud.paths = {0};
    ud.lost_messages = soft ? 20 : 9;
    report.results.push_back(ud);
    EXPECT_THAT(ids(judged(report)), IsEmpty()) << soft;
    report.results.back().lost_messages = soft ? 21 : 10;
    report = judged(report);
    ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PERF-003"})) << soft;
    EXPECT_THAT(report.findings[0].title, HasSubstr("datagrams of UD were lost"));
  }
}

TEST(Perf005, IsCriticalOnAnyTransport) {
  Report report = sample::tcp_only();
  for (Result& result : report.results) {
    result.proof.verdict = Proof::Verdict::contradicted;
    result.proof.sentence = "it went over eth1 on a";
  }
  report = judged(report);
  ASSERT_THAT(report.findings, SizeIs(1)) << "sizes of one series are one fault";
  EXPECT_EQ(report.findings[0].id, "ROCE-PERF-005");
  EXPECT_THAT(report.findings[0].title, HasSubstr("TCP (3 series): it went over eth1 on a"));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
}

TEST(Perf006, IsCriticalFromOneDamagedMessage) {
  Report report = sample::soft_roce();
  for (Result& result : report.results) result.corrupt_messages = 0;
  EXPECT_THAT(ids(judged(report)), IsEmpty());
  report.results[0].corrupt_messages = 1;
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PERF-006"}));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
}

TEST(Perf007, WarnsWhenAWindowCarriesLessThanHalf) {
  Report report = sample::gb10();
  first(report, Metric::bandwidth).bandwidth.min_gbit_s = 109.3 * 0.51;
  EXPECT_THAT(ids(judged(report)), IsEmpty());
  first(report, Metric::bandwidth).bandwidth.min_gbit_s = 109.3 * 0.4;
  EXPECT_THAT(ids(judged(report)), (std::set<std::string>{"ROCE-PERF-007"}));
}

TEST(Perf008, NamesTheNodeThatAllSlowPairsHaveInCommon) {
  Report report = sample::four_ranks();
  EXPECT_THAT(ids(judged(report)), IsEmpty());
  Report bandwidth = sample::four_ranks();
  int slowed = 0;
  for (Result& result : bandwidth.results) {
    const bool of_node3 = result.rank_a == 2 || result.rank_b == 2;
    if (of_node3 && slowed < 2 && result.transport == Transport::rc && result.metric == Metric::bandwidth) {
      result.bandwidth.mean_gbit_s = 80;
      ++slowed;
    }
  }
  bandwidth = judged(bandwidth);
  ASSERT_THAT(ids(bandwidth), (std::set<std::string>{"ROCE-PERF-008"}));
  EXPECT_EQ(bandwidth.findings[0].subject, "node3");
}

TEST(Pair001, IsCriticalWhenNothingElseReachesThePeer) {
  Report report = sample::gb10();
  Unpaired item;
  item.end = report.paths[1].a;
  item.peer_rank = 1;
  item.why = "no RDMA port of rank 1 (spark-2) is in 192.168.101.0/24";
  report.paths.pop_back();
  std::erase_if(report.results, [](const Result& r) { return r.paths != std::vector<std::size_t>{0}; });
  report.unpaired = {item};
  Report one_left = judged(report);
  ASSERT_THAT(ids(one_left), (std::set<std::string>{"ROCE-PAIR-001"}));
  EXPECT_EQ(one_left.verdict, Verdict::degraded);
  Report none = sample::tcp_only();
  none.unpaired = {item};
  EXPECT_EQ(judged(none).verdict, Verdict::not_ready);
}

TEST(Pair002, NamesTheEndWithTheSmallerMtu) {
  Report report = sample::gb10();
  report.paths[0].b.active_mtu = 1024;
  report.paths[0].b.netdev_mtu = 1500;
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PAIR-002"}));
  EXPECT_EQ(report.findings[0].host, "spark-2");
  EXPECT_THAT(report.findings[0].remedy, Contains("sudo ip link set dev enp1s0f0np0 mtu 9000"));
}

TEST(Pair004, NamesTheEndWithTheSlowerLink) {
  Report report = sample::gb10();
  report.paths[1].a.link_gbit_s = 100;
  report = judged(report);
  ASSERT_THAT(ids(report), (std::set<std::string>{"ROCE-PAIR-004"}));
  EXPECT_EQ(report.findings[0].host, "spark-1");
}

// ---- ROCE-PAIR-022

/// Path `index` streamed in both directions: `ratio` back over there, known to `width`.
void measure_directions(Report& report, std::size_t index, double ratio, double width = 0.01) {
  Directions directions;
  directions.path = index;
  directions.there = sample::bandwidth(Transport::rc, 65536, {index}, 100, 112);
  directions.back = sample::bandwidth(Transport::rc, 65536, {index}, 100 * ratio, 112);
  directions.there.rank_a = directions.back.rank_a = report.paths[index].a.rank;
  directions.there.rank_b = directions.back.rank_b = report.paths[index].b.rank;
  directions.back_over_there = {ratio, ratio * (1 - width), ratio * (1 + width), 0.99, 10};
  report.directions.push_back(directions);
}

std::vector<Finding> slow_directions(const Report& report) {
  std::vector<Finding> found;
  judge_directions(report, found);
  found.erase(std::remove_if(found.begin(), found.end(), [](const Finding& f) { return f.severity == Severity::ok; }),
              found.end());
  return found;
}

TEST(Pair022, NamesTheSlowDirectionAndThatTwoNodesCannotTellWhoseFaultItIs) {
  Report report = sample::gb10();
  measure_directions(report, 0, 0.4);
  measure_directions(report, 1, 1 / 0.5);
  count(report.directions[0].back, "rocep1s0f0:1", "rx_prio3_pause", 7);
  const auto found = slow_directions(report);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].title,
            "rocep1s0f0 carries 0.40 from spark-2 to spark-1 of what it carries the other way "
            "(0.40-0.40)");
  EXPECT_THAT(found[0].cause, HasSubstr("Congestion or pauses"));
  EXPECT_THAT(found[0].cause, HasSubstr("cannot be pinned on one of them: spark-2 sends slowly or spark-1 receives"));
  EXPECT_THAT(found[1].title, HasSubstr("carries 0.50 from spark-1 to spark-2"));
  EXPECT_THAT(found[1].cause, HasSubstr("No counter tells"));
  for (const Finding& finding : found) EXPECT_FALSE(finding.remedy.empty() || finding.evidence.size() < 3);
}

TEST(Pair022, IsQuietWhereTheIntervalLeavesDoubt) {
  for (const auto& [ratio, width] : {std::pair{0.97, 0.01}, std::pair{0.8, 0.1}, std::pair{1.1, 0.01}}) {
    Report report = sample::gb10();
    measure_directions(report, 0, ratio, width);
    EXPECT_THAT(slow_directions(report), IsEmpty()) << ratio;
  }
  Report few = sample::gb10();
  measure_directions(few, 0, 0.2);
  few.directions[0].back_over_there = measure::ratio_of_pairs(std::vector<double>(4, 10), std::vector<double>(4, 2));
  EXPECT_THAT(slow_directions(few), IsEmpty());
}

TEST(Pair022, GivesSoftRoceMoreRoomAndOneHostNoVerdict) {
  Report report = sample::soft_roce();
  measure_directions(report, 0, 0.6);
  EXPECT_THAT(slow_directions(report), IsEmpty());
  report.directions.clear();
  measure_directions(report, 0, 0.3);
  EXPECT_THAT(slow_directions(report), SizeIs(1));
  report.paths[0].b.host = report.paths[0].a.host;
  EXPECT_THAT(slow_directions(report), IsEmpty());
}

TEST(Pair022, WithMoreNodesNamesTheOneThatIsSlowWithAll) {
  Report sends = sample::four_ranks();
  Report receives = sample::four_ranks();
  Report between = sample::four_ranks();
  for (std::size_t i = 0; i < sends.paths.size(); ++i) {
    const bool a = sends.paths[i].a.rank == 2;
    const bool b = sends.paths[i].b.rank == 2;
    measure_directions(sends, i, a ? 2 : b ? 0.5 : 1);
    measure_directions(receives, i, a ? 0.5 : b ? 2 : 1);
    measure_directions(between, i, i == 0 ? 0.5 : 1);
  }
  EXPECT_THAT(slow_directions(sends).at(0).cause, HasSubstr("node3 sends slowly to all others"));
  EXPECT_THAT(slow_directions(receives).at(0).cause, HasSubstr("node3 receives slowly from all others"));
  EXPECT_THAT(slow_directions(between).at(0).cause, HasSubstr("look at the way from node2 to node1"));
}

TEST(Counters, OfTrafficAreNoTrouble) {
  for (const char* counter : {"port_xmit_data", "sent_pkts", "tx_bytes", "rx_dropped", ""}) {
    EXPECT_EQ(trouble_of(counter), Trouble::none) << counter;
  }
  EXPECT_EQ(trouble_of("out_of_buffer"), Trouble::not_ready);
  EXPECT_EQ(trouble_of("rx_prio3_pause"), Trouble::congestion);
}

}  // namespace
}  // namespace rocekit::pingpong
