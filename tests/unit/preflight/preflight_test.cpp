// Time shared out, findings merged and ordered, the verdict, and the outputs for machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tools/roce-preflight/judge/findings.h"
#include "tools/roce-preflight/report/json_report.h"
#include "tools/roce-preflight/report/metrics.h"
#include "tools/roce-preflight/report/text_report.h"
#include "tools/roce-preflight/run/budget.h"

namespace rocekit::preflight {
namespace {

using checks::Finding;
using checks::Severity;
using checks::Verdict;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Finding finding(const std::string& id, Severity severity, const std::string& host = "a",
                const std::string& title = "title", const std::string& subject = "rail") {
  Finding made;
  made.id = id;
  made.severity = severity;
  made.host = host;
  made.subject = subject;
  made.title = title;
  made.evidence = {{"value", host + "'s", "file"}};
  made.remedy = {"fix it"};
  return made;
}

std::vector<std::string> ids_of(const std::vector<Found>& findings) {
  std::vector<std::string> ids;
  for (const Found& found : findings) ids.push_back(found.finding.id);
  return ids;
}

/// Two nodes, every step done, one rail measured.
Report healthy() {
  Report report;
  report.ranks = {"rank 0 (a)", "rank 1 (b)"};
  for (const Step step : all_steps) report.steps.push_back({step, State::done, "", 1, 0});
  report.all = {finding("ROCE-LNK-001", Severity::ok, "a"), finding("ROCE-LNK-001", Severity::ok, "b"),
                finding("ROCE-PCI-001", Severity::skipped, "a")};
  report.rails.emplace();
  report.rails->hosts.resize(2);
  pingpong::Path path;
  path.a.device = path.b.device = "rocep1s0f0";
  path.a.port = path.b.port = 1;
  path.path_mtu = 4096;
  report.rails->paths = {path};
  pingpong::Result latency;
  latency.size_bytes = 8;
  latency.paths = {0};
  latency.latency_us.p50 = 2.5;
  latency.proof.verdict = pingpong::Proof::Verdict::proven;
  pingpong::Result bandwidth = latency;
  bandwidth.metric = pingpong::Metric::bandwidth;
  bandwidth.size_bytes = 1 << 20;
  bandwidth.bandwidth.mean_gbit_s = 80;
  bandwidth.bound_gbit_s = 100;
  bandwidth.fraction_of_bound = 0.8;
  report.rails->results = {latency, bandwidth};
  return report;
}

Report concluded(Report report) {
  conclude(report);
  return report;
}

// ---- time -----------------------------------------------------------------------------------------------------------

TEST(Budget, EachStepLeavesTimeForThoseAfterIt) {
  Settings settings;
  settings.budget_ms = 10'000;
  const Times times = times_of(settings);
  milliseconds elapsed{0};
  for (const Step step : all_steps) {
    const Share share = share_of(step, elapsed, times);
    EXPECT_TRUE(share.fits) << to_string(step);
    EXPECT_LE(share.measuring, share.limit) << to_string(step);
    // The worst: each takes all that it may.
    elapsed += share.limit;
    EXPECT_LT(elapsed, times.limit) << to_string(step);
  }
}

TEST(Budget, WhatNoLongerFitsIsNotBegun) {
  Settings settings;
  settings.budget_ms = 3'000;
  const Times times = times_of(settings);
  EXPECT_TRUE(share_of(Step::rails, milliseconds(500), times).fits);
  EXPECT_FALSE(share_of(Step::rails, milliseconds(1'500), times).fits);
  EXPECT_FALSE(share_of(Step::collectives, milliseconds(3'000), times).fits);
  EXPECT_EQ(share_of(Step::collectives, milliseconds(9'000), times).limit, milliseconds(0));
}

TEST(Budget, AQuickRunMeasuresBrieflyWithinAnyBudget) {
  Settings settings;
  settings.effort = Effort::quick;
  const milliseconds briefly = times_of(settings).target;
  settings.budget_ms = 120'000;
  EXPECT_EQ(times_of(settings).target, briefly);
  EXPECT_EQ(times_of(settings).limit, milliseconds(120'000));
  settings.budget_ms = 3'000;
  EXPECT_LT(times_of(settings).target, milliseconds(3'000));
}

// ---- findings -------------------------------------------------------------------------------------------------------

TEST(Findings, TheSameFaultOnTwoNodesIsToldOnceAndNamesBoth) {
  const auto merged =
      merge({finding("ROCE-MTU-001", Severity::warning, "a"), finding("ROCE-MTU-001", Severity::warning, "b"),
             finding("ROCE-MTU-001", Severity::warning, "b", "another title")});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_THAT(merged[0].hosts, ElementsAre("a", "b"));
  ASSERT_EQ(merged[0].finding.evidence.size(), 2u);
  EXPECT_EQ(merged[0].finding.evidence[1].what, "value (b)");
  EXPECT_THAT(merged[0].finding.remedy, ElementsAre("fix it"));
  EXPECT_THAT(merged[1].hosts, ElementsAre("b"));
}

TEST(Findings, CausesStandBeforeWhatFollowsFromThem) {
  std::vector<Found> findings =
      merge({finding("ROCE-PERF-016", Severity::unknown), finding("ROCE-LNK-006", Severity::unknown),
             finding("ROCE-CFG-001", Severity::warning), finding("ROCE-PERF-009", Severity::critical),
             finding("ROCE-PAIR-002", Severity::warning), finding("ROCE-MTU-001", Severity::warning),
             finding("ROCE-PAIR-003", Severity::critical), finding("ROCE-PAIR-007", Severity::warning),
             finding("ROCE-ENV-001", Severity::critical), finding("ROCE-LNK-001", Severity::critical)});
  order(findings);
  EXPECT_THAT(ids_of(findings),
              ElementsAre("ROCE-LNK-001", "ROCE-ENV-001", "ROCE-MTU-001", "ROCE-PAIR-002", "ROCE-PAIR-003",
                          "ROCE-PERF-009", "ROCE-PAIR-007", "ROCE-CFG-001", "ROCE-PERF-016", "ROCE-LNK-006"));
}

TEST(Findings, LossesStandBeforeTheDirectionThatTheySlowDown) {
  auto found = merge({finding("ROCE-PERF-002", Severity::warning), finding("ROCE-PAIR-022", Severity::warning),
                      finding("ROCE-PERF-003", Severity::warning)});
  order(found);
  EXPECT_THAT(ids_of(found), ElementsAre("ROCE-PERF-003", "ROCE-PAIR-022", "ROCE-PERF-002"));
}

TEST(Findings, WhatANodeIsSetToStandsBeforeWhatComesOfItBetweenNodes) {
  auto found = merge({finding("ROCE-PAIR-010", Severity::critical), finding("ROCE-ENV-001", Severity::critical),
                      finding("ROCE-PAIR-014", Severity::critical)});
  order(found);
  EXPECT_THAT(ids_of(found), ElementsAre("ROCE-PAIR-014", "ROCE-ENV-001", "ROCE-PAIR-010"));
}

TEST(Verdict, AHealthyRunIsReady) {
  const Report report = concluded(healthy());
  EXPECT_EQ(report.verdict, Verdict::ready);
  EXPECT_TRUE(report.findings.empty());
  const std::string text = render_text(report, {});
  EXPECT_THAT(text, HasSubstr("READY: rocep1s0f0 80.0 Gb/s over RDMA (80 % of the bound)"));
  EXPECT_THAT(text, Not(HasSubstr("ROCE-")));
}

TEST(Verdict, AStepThatIsNotDoneIsNeverReady) {
  for (const State state : {State::failed, State::not_run}) {
    Report report = healthy();
    report.steps.back().state = state;
    report.steps.back().why = "the time is up";
    report = concluded(std::move(report));
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_THAT(ids_of(report.findings), ElementsAre("ROCE-PERF-016"));
    EXPECT_THAT(render_text(report, {}), HasSubstr("UNKNOWN: ROCE-PERF-016"));
  }
}

TEST(Verdict, AFailedStepIsToldByTheCheckThatItsSentenceNames) {
  Report report = healthy();
  report.steps[3].state = State::failed;
  report.steps[3].why = "rank 1 (b): rocep1s0f0:1 is DOWN (roce-probe explain ROCE-LNK-001)";
  report = concluded(std::move(report));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
  EXPECT_THAT(ids_of(report.findings), ElementsAre("ROCE-LNK-001", "ROCE-PERF-016"));
}

TEST(Verdict, RdmaThatIsSilentWhereIpCrossesIsFiltered) {
  Report report = healthy();
  report.rails.reset();
  report.crossings.resize(2);
  for (Crossing& crossing : report.crossings) crossing.small_arrived = crossing.full_arrived = true;
  report.steps[3].state = State::failed;
  report.steps[3].why = "retry counter exceeded (IBV_WC_RETRY_EXC_ERR); roce-probe explain ROCE-CTR-001";
  EXPECT_EQ(ids_of(concluded(report).findings).front(), "ROCE-PAIR-003");
  report.crossings[1].tcp = "connect: no answer";
  EXPECT_EQ(ids_of(concluded(report).findings).front(), "ROCE-CTR-001");
}

TEST(Verdict, RdmaThatCrossesInOneStepAndGivesUpInAnotherLosesPackets) {
  Report report = healthy();
  report.crossings.resize(2);
  for (Crossing& crossing : report.crossings) crossing.small_arrived = crossing.full_arrived = true;
  // A loss that was counted before is no reason to take what ends a connection for a warning.
  report.all.push_back(finding("ROCE-PERF-003", Severity::warning));
  report.steps[4].state = State::failed;
  report.steps[4].why = "retry counter exceeded (IBV_WC_RETRY_EXC_ERR); roce-probe explain ROCE-CTR-001";
  report = concluded(std::move(report));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
  EXPECT_THAT(ids_of(report.findings), ElementsAre("ROCE-PERF-003", "ROCE-PERF-003", "ROCE-PERF-016"));
  EXPECT_EQ(report.findings.front().finding.severity, Severity::critical);
}

TEST(Verdict, WhatMadeAStepFailStandsBeforeWhatTheStepSays) {
  Report report = healthy();
  report.all.push_back(finding("ROCE-PAIR-014", Severity::critical));
  report.steps[3].state = State::failed;
  report.steps[3].why = "connect: Connection refused; roce-probe explain ROCE-NET-003";
  EXPECT_THAT(ids_of(concluded(report).findings), ElementsAre("ROCE-PAIR-014", "ROCE-NET-003", "ROCE-PERF-016"));
}

TEST(Verdict, AStepThatGotNoAnswerIsExplainedByWhatDoesNotGetThrough) {
  for (const char* id : {"ROCE-PAIR-003", "ROCE-PAIR-019", "ROCE-PAIR-020"}) {
    Report report = healthy();
    report.all.push_back(finding(id, Severity::critical));
    report.steps[3].state = State::failed;
    report.steps[3].why = "connect: Connection timed out (ETIMEDOUT); roce-probe explain ROCE-NET-003";
    EXPECT_THAT(ids_of(concluded(report).findings), ElementsAre(id, "ROCE-PERF-016"));
  }
}

TEST(Verdict, ALatencyOfTooFewMessagesIsNoPass) {
  Report report = healthy();
  report.settings.max_latency_us = 10;
  pingpong::Result& latency = report.rails->results.front();
  latency.latency_us.p50 = std::nullopt;
  latency.samples = 3;
  latency.latency_us.min = 8;
  EXPECT_EQ(concluded(report).verdict, Verdict::unknown);
  latency.latency_us.min = 14;
  report = concluded(std::move(report));
  EXPECT_EQ(report.verdict, Verdict::not_ready);
  EXPECT_THAT(report.findings.front().finding.title, HasSubstr("at least 14.0 us"));
}

TEST(Verdict, AFractionOfABoundThatNobodyKnowsIsNoPass) {
  Report report = healthy();
  report.settings.min_fraction = 0.7;
  pingpong::Result& bandwidth = report.rails->results.back();
  bandwidth.bound_gbit_s.reset();
  bandwidth.fraction_of_bound.reset();
  report = concluded(std::move(report));
  EXPECT_EQ(report.verdict, Verdict::unknown);
  ASSERT_THAT(ids_of(report.findings), ElementsAre("ROCE-PERF-015"));
  EXPECT_THAT(report.findings.front().finding.title, HasSubstr("rocep1s0f0: whether it carries --min-fraction 0.7"));
}

TEST(Verdict, RequirementsThatAreNotMetAreCritical) {
  const auto verdict_with = [](auto&& demand) {
    Report report = healthy();
    demand(report.settings);
    report = concluded(std::move(report));
    const bool told = !report.findings.empty() && report.findings.front().finding.id == "ROCE-PERF-015";
    EXPECT_EQ(told, report.verdict == Verdict::not_ready);
    return report.verdict;
  };
  EXPECT_EQ(verdict_with([](Settings& s) { s.min_fraction = 0.9; }), Verdict::not_ready);
  EXPECT_EQ(verdict_with([](Settings& s) { s.min_fraction = 0.7; }), Verdict::ready);
  EXPECT_EQ(verdict_with([](Settings& s) { s.max_latency_us = 2; }), Verdict::not_ready);
  EXPECT_EQ(verdict_with([](Settings& s) { s.max_latency_us = 3; }), Verdict::ready);
  EXPECT_EQ(verdict_with([](Settings& s) { s.require_rdma = true; }), Verdict::ready);
  EXPECT_EQ(verdict_with([](Settings& s) { s.require_both_rails = true; }), Verdict::not_ready);
}

// ---- the other end of a rail ----------------------------------------------------------------------------------------

Crossing crossing() {
  Crossing made;
  made.from.host = "a";
  made.to.host = "b";
  made.from.netdev = made.to.netdev = "enp1s0f0np0";
  made.from.ip = made.source = "192.168.100.11";
  made.to.ip = "192.168.100.12";
  made.full_bytes = 9000;
  made.small_arrived = made.full_arrived = true;
  return made;
}

std::vector<std::string> faults_of(const Crossing& crossing) {
  std::vector<Finding> all;
  judge(std::vector{crossing}, all);
  std::vector<std::string> ids;
  for (const Finding& found : all) {
    if (found.severity != Severity::ok) ids.push_back(found.id + ' ' + checks::to_string(found.severity));
  }
  return ids;
}

TEST(Reach, EachFaultHasItsCheck) {
  EXPECT_THAT(faults_of(crossing()), ElementsAre());
  Crossing narrow = crossing();
  narrow.full_arrived = false;
  EXPECT_THAT(faults_of(narrow), ElementsAre("ROCE-PAIR-019 critical"));
  Crossing filtered = crossing();
  filtered.tcp = "connect: no answer";
  EXPECT_THAT(faults_of(filtered), ElementsAre("ROCE-PAIR-020 critical"));
  Crossing silent = filtered;
  silent.small_arrived = silent.full_arrived = false;
  EXPECT_THAT(faults_of(silent), ElementsAre("ROCE-PAIR-003 critical"));
  Crossing elsewhere = crossing();
  elsewhere.source = "10.0.0.1";
  EXPECT_THAT(faults_of(elsewhere), ElementsAre("ROCE-PAIR-021 warning"));
  Crossing datagrams = crossing();
  datagrams.small_arrived = datagrams.full_arrived = false;
  EXPECT_THAT(faults_of(datagrams), ElementsAre("ROCE-PAIR-019 unknown"));
}

TEST(Reach, OneRailThatConnectsIsAWay) {
  Crossing filtered = crossing();
  filtered.tcp = "connect: no answer";
  EXPECT_EQ(why_blocked({filtered, crossing()}), "");
  EXPECT_EQ(why_blocked({}), "");
  EXPECT_THAT(why_blocked({filtered, filtered}), HasSubstr("no TCP connection"));
}

// ---- outputs --------------------------------------------------------------------------------------------------------

TEST(Outputs, PrometheusHasOneSeriesACheckAndHostAndARail) {
  Report report = healthy();
  report.all.push_back(finding("ROCE-MTU-001", Severity::warning, "a \"b\"\\c\nd"));
  report.all.push_back(finding("ROCE-MTU-001", Severity::ok, "a \"b\"\\c\nd", "title", "other rail"));
  const std::string text = render_prometheus(concluded(std::move(report)), 1'700'000'000);
  EXPECT_THAT(text, HasSubstr("roce_preflight_last_run_timestamp_seconds 1700000000\n"));
  EXPECT_THAT(text, HasSubstr("roce_preflight_verdict{verdict=\"degraded\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("roce_preflight_check{check=\"ROCE-LNK-001\",host=\"a\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("roce_preflight_check{check=\"ROCE-MTU-001\",host=\"a \\\"b\\\"\\\\c\\nd\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("ROCE-PCI-001")));
  EXPECT_THAT(text,
              HasSubstr("rail_latency_seconds{transport=\"rdma\",rail=\"rocep1s0f0\",size_bytes=\"8\"} 2.5e-06\n"));
  std::set<std::string> series;
  for (std::size_t at = 0; at < text.size();) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    if (line[0] == '#') continue;
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

TEST(Outputs, JUnitFailsWhatWarnsAndCountsIt) {
  Report report = healthy();
  report.all.push_back(finding("ROCE-MTU-001", Severity::critical, "a", "MTU < \"9000\" & \x01"));
  const std::string text = render_junit(concluded(std::move(report)));
  EXPECT_THAT(text, HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
  EXPECT_THAT(text, HasSubstr("<failure type=\"critical\" message=\"MTU &lt; &quot;9000&quot; &amp; \\x01\">"));
}

TEST(Outputs, JsonNamesTheWorstOfEachCheck) {
  Report report = healthy();
  report.all.push_back(finding("ROCE-LNK-001", Severity::critical, "b"));
  const std::string text = render_json(concluded(std::move(report)));
  EXPECT_THAT(text, HasSubstr("\"ROCE-LNK-001\": \"critical\""));
  EXPECT_THAT(text, HasSubstr("\"ROCE-PCI-001\": \"skipped\""));
  EXPECT_THAT(text, HasSubstr("\"verdict\": \"not-ready\""));
}

}  // namespace
}  // namespace rocekit::preflight
