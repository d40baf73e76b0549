// What is kept of a run, files of such runs, and runs judged against them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tools/roce-preflight/judge/baseline_file.h"
#include "tools/roce-preflight/judge/baseline_findings.h"
#include "tools/roce-preflight/judge/findings.h"

namespace rocekit::preflight {
namespace {

using checks::Severity;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Node node(const std::string& name, const std::string& guid, const std::string& firmware = "28.45") {
  Node made;
  made.host = made.name = name;
  made.probe.node.host.kernel = std::string("6.17");
  facts::Device device;
  device.name = "rocep1s0f0";
  device.node_guid = guid;
  device.fw_version = firmware;
  made.probe.node.devices.push_back(device);
  return made;
}

/// Two nodes, one rail; `speed`: how much faster than 2 us and 100 Gb/s everything is.
Report run_with(double speed = 1, const std::string& firmware = "28.45") {
  Report report;
  report.started_at = "2026-01-02T03:04:05Z";
  report.ranks = {"rank 0 (a)", "rank 1 (b)"};
  for (const Step step : all_steps) report.steps.push_back({step, State::done, "", 1, 0});
  report.nodes = {node("a", "1111"), node("b", "2222", firmware)};
  report.rails.emplace();
  report.rails->hosts.resize(2);
  report.rails->hosts[0].name = "a";
  report.rails->hosts[1].name = "b";
  pingpong::Path path;
  path.a.device = path.b.device = "rocep1s0f0";
  path.a.port = path.b.port = 1;
  path.a.host = "a";
  path.b.host = "b";
  path.path_mtu = 4096;
  report.rails->paths = {path};
  pingpong::Result latency;
  latency.size_bytes = 8;
  latency.paths = {0};
  latency.latency_us.p50 = 2 / speed;
  latency.block_values = std::vector<double>(12, 2 / speed);
  pingpong::Result bandwidth = latency;
  bandwidth.metric = pingpong::Metric::bandwidth;
  bandwidth.size_bytes = 1 << 20;
  bandwidth.block_values = {100 * speed, 100 * speed, 100 * speed, 100 * speed};
  bandwidth.bandwidth.mean_gbit_s = 100 * speed;
  report.rails->results = {latency, bandwidth};
  pingpong::Directions directions;
  directions.there = directions.back = bandwidth;
  report.rails->directions = {directions};
  return report;
}

Baseline past_of(std::size_t runs, double speed = 1) {
  Baseline past = baseline_of(run_with(speed));
  while (past.runs.size() < runs) add_run(past, baseline_of(run_with(speed)).runs.front());
  return past;
}

BaselineFiles against(Baseline past) {
  BaselineFiles files;
  files.compare = "b.json";
  files.past = std::move(past);
  return files;
}

std::vector<checks::Finding> faults_of(Report& report, const BaselineFiles& files) {
  std::vector<checks::Finding> all;
  judge_baseline(report, files, all);
  std::vector<checks::Finding> faults;
  for (checks::Finding& finding : all) {
    if (finding.severity != Severity::ok) faults.push_back(std::move(finding));
  }
  return faults;
}

std::vector<std::string> ids_of(const std::vector<checks::Finding>& findings) {
  std::vector<std::string> ids;
  for (const checks::Finding& finding : findings) ids.push_back(finding.id);
  return ids;
}

// ---- judged

TEST(Baseline, ARunLikeItsBaselineRaisesNothingAndCountsAsPassed) {
  for (const std::size_t runs : {1u, 4u, 5u, 20u}) {
    Report report = run_with();
    conclude(report, against(past_of(runs)));
    EXPECT_EQ(report.verdict, checks::Verdict::ready) << runs;
    EXPECT_EQ(report.baseline.compared.size(), 4u);
    EXPECT_EQ(worst_of(report).at("ROCE-PERF-017"), Severity::ok);
    EXPECT_EQ(worst_of(report).at("ROCE-PERF-018"), Severity::ok);
  }
}

TEST(Baseline, WhatIsSlowerIsToldOnceARailWithWhatHasChanged) {
  Report report = run_with(0.7, "28.46");
  const auto faults = faults_of(report, against(past_of(3)));
  ASSERT_THAT(ids_of(faults), testing::ElementsAre("ROCE-PERF-017", "ROCE-PERF-018"));
  EXPECT_EQ(faults[0].severity, Severity::warning);
  EXPECT_EQ(faults[0].subject, "rocep1s0f0");
  EXPECT_EQ(faults[0].title, "RC 8 B of rocep1s0f0, a to b: 2.86 us where the baseline has 2.00 us");
  EXPECT_THAT(faults[1].title, HasSubstr("70.0 Gb/s where the baseline has 100.0 Gb/s, and 2 more"));
  EXPECT_THAT(faults[1].evidence,
              Contains(checks::Evidence{"changed", "firmware of rocep1s0f0 on b: 28.45 -> 28.46", ""}));
  EXPECT_THAT(faults[1].evidence[0].source, HasSubstr("a margin: 3 runs in the baseline"));
}

TEST(Baseline, OneDirectionAloneThatIsSlowerIsSeen) {
  Report report = run_with();
  report.rails->directions[0].back.block_values.assign(4, 60);
  const auto faults = faults_of(report, against(past_of(1)));
  ASSERT_THAT(ids_of(faults), testing::ElementsAre("ROCE-PERF-018"));
  EXPECT_THAT(faults[0].title, HasSubstr("each direction in turn of rocep1s0f0, b to a: 60.0 Gb/s"));
}

TEST(Baseline, OtherNodesAdaptersOrdersAndTrafficAreUnknown) {
  Report others = run_with();
  others.nodes[1] = node("c", "3333");
  Report adapters = run_with();
  adapters.nodes[1] = node("b", "3333");
  Report turned = run_with();
  std::swap(turned.nodes[0], turned.nodes[1]);
  Report model = run_with();
  model.settings.model = "qwen3-coder-30b-a3b";
  Report unread = run_with();
  unread.nodes.clear();
  const std::vector<std::pair<Report*, std::string>> cases{
      {&others, "it is of a, b, and this run of a, c"},
      {&adapters, "with other adapters"},
      {&turned, "in this order of ranks, and this run of b, a"},
      {&model, "its traffic is all-reduce of 2 ranks, and this run's tp2 of qwen3"},
      {&unread, "could not be read"}};
  for (const auto& [report, words] : cases) {
    const auto faults = faults_of(*report, against(past_of(2)));
    ASSERT_THAT(ids_of(faults), testing::ElementsAre("ROCE-PERF-020"));
    EXPECT_EQ(faults[0].severity, Severity::unknown);
    EXPECT_TRUE(faults[0].essential);
    EXPECT_THAT(faults[0].title, HasSubstr(words));
    EXPECT_TRUE(report->baseline.compared.empty());
  }
}

TEST(Baseline, ARenamedNodeIsKnownByItsAdapters) {
  Report report = run_with();
  report.nodes[1].host = report.nodes[1].name = "container-7f";
  EXPECT_THAT(why_other(past_of(1), baseline_of(report)), IsEmpty());
}

TEST(Baseline, WhatTheBaselineHoldsAndNobodyMeasuredIsUnknown) {
  Report report = run_with();
  report.rails->results.pop_back();
  auto faults = faults_of(report, against(past_of(2)));
  ASSERT_THAT(ids_of(faults), testing::ElementsAre("ROCE-PERF-020"));
  EXPECT_THAT(faults[0].title, HasSubstr("1 of what b.json holds was not measured in this run: RC 1 MiB"));

  report = run_with();
  report.rails->directions.clear();
  EXPECT_THAT(ids_of(faults_of(report, against(past_of(2)))), testing::ElementsAre("ROCE-PERF-020"));
  report.settings.effort = Effort::quick;
  report.baseline = {};
  EXPECT_THAT(faults_of(report, against(past_of(2))), IsEmpty());

  // A step that was not done says so itself; that nothing at all was compared is told.
  report = run_with();
  report.rails.reset();
  report.steps[3].state = State::failed;
  faults = faults_of(report, against(past_of(2)));
  ASSERT_THAT(ids_of(faults), testing::ElementsAre("ROCE-PERF-020"));
  EXPECT_THAT(faults[0].title, HasSubstr("nothing that b.json holds was measured"));
}

TEST(Baseline, SoftRoceIsJudgedByItsOwnSpreadAlone) {
  const auto soft = [](double speed) {
    Report report = run_with(speed);
    report.rails->paths[0].a.soft_roce = true;
    return report;
  };
  Baseline past = baseline_of(soft(1));
  Report report = soft(0.1);
  EXPECT_THAT(faults_of(report, against(past)), IsEmpty());
  EXPECT_THAT(report.notes, Contains(HasSubstr("4 figures were not judged")));
  while (past.runs.size() < measure::enough_runs) add_run(past, past.runs.front());
  report = soft(0.7);
  EXPECT_THAT(faults_of(report, against(past)), IsEmpty());
  report = soft(0.6);
  EXPECT_THAT(ids_of(faults_of(report, against(past))), Contains("ROCE-PERF-018"));
}

TEST(Baseline, FiguresOfAnotherTransportAreNotKept) {
  Report report = run_with();
  report.rails->results[0].proof.verdict = pingpong::Proof::Verdict::contradicted;
  EXPECT_EQ(baseline_of(report).runs.front().quantities.size(), 3u);
}

// ---- saved

TEST(Baseline, SavingAddsARunAndForgetsTheOldest) {
  BaselineFiles files;
  files.save = "b.json";
  Report report = run_with();
  conclude(report, files);
  choose_what_to_save(report, files);
  ASSERT_TRUE(report.baseline.to_save);
  EXPECT_EQ(report.baseline.to_save->runs.size(), 1u);
  files.to_extend = past_of(measure::most_runs);
  files.to_extend->runs.front().started_at = "the oldest";
  choose_what_to_save(report, files);
  EXPECT_EQ(report.baseline.to_save->runs.size(), measure::most_runs);
  EXPECT_NE(report.baseline.to_save->runs.front().started_at, "the oldest");
}

TEST(Baseline, ARunThatIsSlowerOrOfOthersIsKeptOut) {
  BaselineFiles files = against(past_of(3));
  files.save = "b.json";
  files.to_extend = files.past;
  Report slow = run_with(0.5);
  conclude(slow, files);
  choose_what_to_save(slow, files);
  EXPECT_FALSE(slow.baseline.to_save);
  EXPECT_THAT(slow.notes, Contains(HasSubstr("was not saved to b.json: ROCE-PERF-017")));
  files.to_extend->traffic = "tp2 of another model";
  Report fine = run_with();
  conclude(fine, files);
  choose_what_to_save(fine, files);
  EXPECT_FALSE(fine.baseline.to_save);
  EXPECT_THAT(fine.notes, Contains(HasSubstr("does not fit it")));
}

// ---- files

TEST(BaselineFile, HoldsWhatWasSaved) {
  const Baseline past = past_of(3);
  EXPECT_EQ(parse_baseline(render_baseline(past), "b.json"), past);
}

TEST(BaselineFile, WhatCannotBeUsedIsOneSentence) {
  const std::string good = render_baseline(past_of(1));
  const auto sentence = [](const std::string& text) {
    try {
      parse_baseline(text, "b.json");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return sentence(text.replace(at, from.size(), to));
  };
  EXPECT_THAT(sentence(""), HasSubstr("b.json: empty"));
  EXPECT_THAT(sentence(good.substr(0, good.size() / 2)), HasSubstr("b.json: not JSON"));
  EXPECT_THAT(sentence("{\"schema\": \"rocekit/preflight\"}"), HasSubstr("no baseline of roce-preflight"));
  EXPECT_THAT(sentence("[]"), HasSubstr("no baseline of roce-preflight"));
  EXPECT_THAT(changed("\"schema_version\": \"1.0.0\"", "\"schema_version\": \"2.0.0\""),
              HasSubstr("written in version 2.0.0 of the format, and this roce-preflight knows 1.0.0"));
  EXPECT_EQ(changed("\"schema_version\": \"1.0.0\"", "\"schema_version\": \"1.7.0\""), "none");
  EXPECT_THAT(changed("\"latency\"", "\"length\""), HasSubstr("runs[0].quantities[0].kind is none of"));
  EXPECT_THAT(changed("\"traffic\"", "\"traffik\""), HasSubstr("lacks \"traffic\""));
  EXPECT_THAT(changed("100.0", "-1"), HasSubstr("blocks[0] is not above 0: it is damaged"));
  EXPECT_THAT(changed("100.0", "1e999"), Not(HasSubstr("none")));
}

TEST(BaselineFile, ChangesNameWhatCameAndWent) {
  SavedRun before = baseline_of(run_with()).runs.front();
  SavedRun now = before;
  now.facts.push_back({"a", "", "NCCL_ALGO", "Ring"});
  now.facts.front().value = "6.18";
  EXPECT_THAT(changes_between(before, now),
              testing::ElementsAre("NCCL_ALGO of a: not there -> Ring", "kernel of a: 6.17 -> 6.18"));
  EXPECT_THAT(changes_between(before, before), IsEmpty());
}

}  // namespace
}  // namespace rocekit::preflight
