// What nccl-pattern says of figures and of their proof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/unit/pattern/sample_report.h"
#include "tools/nccl-pattern/judge/findings.h"
#include "tools/nccl-pattern/judge/proof.h"

namespace rocekit::pattern {
namespace {

using checks::Finding;
using checks::Severity;
using checks::Verdict;
using collectives::Timing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Report judged(Report report) {
  judge(report);
  return report;
}

std::vector<std::string> ids(const Report& report) {
  std::vector<std::string> list;
  for (const Finding& finding : report.findings) list.push_back(finding.id);
  return list;
}

TEST(Findings, AHealthyRunHasNone) {
  for (const Report& report : {sample::gb10(), sample::with_floor(), sample::pattern(), sample::one_side()}) {
    const Report seen = judged(report);
    EXPECT_THAT(ids(seen), IsEmpty()) << report.plan.options.mode;
    EXPECT_EQ(seen.verdict, Verdict::ready);
  }
}

TEST(Findings, AnotherTransportThanAskedForIsCritical) {
  const Report seen = judged(sample::fallen_to_sockets());
  ASSERT_THAT(ids(seen), ElementsAre("ROCE-PERF-009"));
  EXPECT_EQ(seen.findings[0].severity, Severity::critical);
  EXPECT_THAT(seen.findings[0].title, HasSubstr("8 channels via NET/Socket"));
  EXPECT_EQ(seen.findings[0].evidence[0].what, "NCCL's log");
  EXPECT_EQ(seen.verdict, Verdict::not_ready);
}

TEST(Findings, WhatIsRequiredMustBeProven) {
  Report report = sample::gb10();
  report.required = "rdma";
  EXPECT_THAT(ids(judged(report)), IsEmpty());

  Report contradicted = sample::fallen_to_sockets();
  contradicted.required = "rdma";
  const Report told = judged(contradicted);
  ASSERT_THAT(ids(told), ElementsAre("ROCE-PERF-010"));  // once, not under two names
  EXPECT_EQ(told.verdict, Verdict::not_ready);
  EXPECT_THAT(told.findings[0].title, HasSubstr("--require rdma"));

  report.sides[0].proof.verdict = Proof::Verdict::unproven;
  report.sides[0].proof.sentence = "a log in an unknown format";
  const Report unproven = judged(report);
  EXPECT_EQ(unproven.verdict, Verdict::not_ready);
  EXPECT_THAT(unproven.findings[0].title, HasSubstr("unknown format"));

  Report missing = sample::one_side();
  missing.required = "rdma";
  const Report without = judged(missing);
  ASSERT_THAT(ids(without), ElementsAre("ROCE-PERF-010"));
  EXPECT_THAT(without.findings[0].title, HasSubstr("nothing was measured over it"));
  EXPECT_EQ(without.findings[0].evidence[0].value, "no RDMA device: socket alone");
}

TEST(Findings, APluginThatIsProvenMeetsTheRequirementOfIt) {
  Report report = sample::gb10();
  report.sides[0].transport = "AWS Libfabric";
  report.sides[0].proof.transport = "plugin";
  report.required = "AWS Libfabric";
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Findings, AFloorMeetsNoRequirement) {
  Report report = sample::with_floor();
  report.sides[0].transport = "p2p";  // NCCL's own side is another
  report.sides[0].proof.transport = "p2p";
  report.required = "rdma";
  EXPECT_THAT(ids(judged(report)), ElementsAre("ROCE-PERF-010"));
}

TEST(Findings, UnprovenBetweenHostsIsUnknownAndOnOneHostNothing) {
  Report report = sample::gb10();
  report.sides[1].proof.verdict = Proof::Verdict::unproven;
  const Report seen = judged(report);
  ASSERT_THAT(ids(seen), ElementsAre("ROCE-PERF-010"));
  EXPECT_EQ(seen.findings[0].severity, Severity::unknown);
  EXPECT_EQ(seen.verdict, Verdict::ready);  // figures stand, and the report says what is not shown
  EXPECT_THAT(ids(judged(sample::one_side())), IsEmpty());
}

TEST(Findings, RdmaThatIsNoFasterThanSocketsIsAWarning) {
  Report report = sample::gb10();
  for (Comparison& comparison : report.comparisons) {
    if (comparison.subject == 2) comparison.ratio = {1.01, 0.98, 1.04, 0.99, 24};
  }
  const Report seen = judged(report);
  ASSERT_THAT(ids(seen), ElementsAre("ROCE-PERF-011"));
  EXPECT_THAT(seen.findings[0].title, HasSubstr("no difference (0.98-1.04)"));
  EXPECT_EQ(seen.verdict, Verdict::degraded);

  report.function_only = {"Soft-RoCE"};
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Findings, TooFewPairsSayNothingOfAGain) {
  Report report = sample::gb10();
  for (Comparison& comparison : report.comparisons) {
    comparison.ratio = {1.0, 0, std::numeric_limits<double>::infinity(), 0.99, 2};
  }
  EXPECT_THAT(ids(judged(report)), IsEmpty());
}

TEST(Findings, AnIdleRailCountsWhereOperationsAreLargeEnoughToBeSpread) {
  Report report = sample::pattern();
  report.sides[0].proof.idle_rails = {"roceP2p1s0f0:1"};
  const Report seen = judged(report);
  ASSERT_THAT(ids(seen), ElementsAre("ROCE-PERF-012"));
  EXPECT_THAT(seen.findings[0].title, HasSubstr("1 rail of 2 carried data, roceP2p1s0f0:1 nothing"));

  Report small = sample::gb10();  // the largest operation has 297 KiB
  small.sides[0].proof.idle_rails = {"roceP2p1s0f0:1"};
  small.sides[0].backend = collectives::Backend::host;
  EXPECT_THAT(ids(judged(small)), IsEmpty());
}

TEST(Findings, WrongResultsAreCritical) {
  Report report = sample::gb10();
  report.verifications[0].wrong_calls = 3;
  report.verifications[0].first_wrong = "element 17 is 4, not 5";
  const Report seen = judged(report);
  ASSERT_THAT(ids(seen), ElementsAre("ROCE-PERF-013"));
  EXPECT_THAT(seen.findings[0].title, HasSubstr("3 of 98 calls over rdma"));
  EXPECT_EQ(seen.verdict, Verdict::not_ready);
}

TEST(Findings, StepsThatSpreadOrDriftAreAWarning) {
  Report report = sample::gb10();
  for (Result& result : report.results) {
    if (result.subject == 2 && result.side == 0 && result.timing == Timing::isolated) {
      result.latency_us.p99 = 4 * *result.latency_us.p50;
    }
  }
  const Report spread = judged(report);
  ASSERT_THAT(ids(spread), ElementsAre("ROCE-PERF-014"));
  EXPECT_THAT(spread.findings[0].title, HasSubstr("p99 8.42 ms"));

  Report drifting = sample::gb10();
  for (Result& result : drifting.results) {
    if (result.subject == 2 && result.side == 1 && result.timing == Timing::graph) {
      result.warnings = {{measure::Warning::Kind::drift, "blocks rise by 20 %"}};
    }
  }
  EXPECT_THAT(ids(judged(drifting)), ElementsAre("ROCE-PERF-014"));
}

TEST(Findings, LossesOfAdaptersAreSeenInTheCountersOfASide) {
  Report report = sample::gb10();
  report.sides[0].proof.counters.push_back({"spark-1", "rocep1s0f0:1", "local_ack_timeout_err", "events", 2});
  EXPECT_THAT(ids(judged(report)), ElementsAre("ROCE-PERF-003"));
}

TEST(Findings, NothingMeasuredIsUnknown) {
  Report report;
  EXPECT_EQ(judged(report).verdict, Verdict::unknown);
}

TEST(Proof, HasWhatTheLogSaysOfTheDevicesThatWereConnected) {
  Evidence evidence;
  evidence.transport = "rdma";
  evidence.log =
      "spark-1:5:6 [0] NCCL INFO NET/IB : Using [0]rocep1s0f0:1/RoCE [RO]; OOB eth0:192.0.2.2<0>\n"
      "spark-1:5:6 [0] NCCL INFO NET/IB: NCCL Dev 0 IbDev 0 Port 1 qpn 356 mtu 5 GID 3 (0/A64A8C0FFFF0000)\n"
      "spark-1:5:6 [0] NCCL INFO Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0\n";
  EXPECT_THAT(prove(evidence).connections,
              ElementsAre(proof::Connection{"rocep1s0f0:1", "RoCE", 3, {"192.168.100.10"}, 4096, 1}));
  evidence.log += "spark-1:5:6 [0] NCCL INFO Channel 01/0 : 0[0] => 1[0] via something new\n";
  EXPECT_THAT(prove(evidence).connections, IsEmpty()) << "a log that is not understood tells nothing";
}

}  // namespace
}  // namespace rocekit::pattern
