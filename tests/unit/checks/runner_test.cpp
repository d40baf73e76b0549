// The runner, the verdict, the registry, and what rules share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <stdexcept>

#include "probes/checks/evidence.h"
#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Check check_that(void (*run)(const NodeView&, Verdicts&), bool essential = true) {
  return {"ROCE-XXX-001", "a fault", "meaning", "judged", "remedy", essential, run};
}

std::vector<Finding> run_one(const Check& check, const facts::NodeFacts& node) {
  const std::vector<derived::Rail> rails;
  const derived::NcclChoice nccl;
  const Expectations expect;
  const Check* pointer = &check;
  return run_checks({&pointer, 1}, {node, rails, nccl, expect});
}

Finding finding(Severity severity, bool essential = true) {
  Finding result;
  result.severity = severity;
  result.essential = essential;
  return result;
}

TEST(RunChecks, NamesTheCheckAndTheHostInEachFinding) {
  const Check check = check_that(
      [](const NodeView&, Verdicts& verdicts) {
        verdicts.warning("eth0", "title", {{"MTU", "1500", "file"}}, "cause", {"command"});
      },
      false);
  const std::vector<Finding> findings = run_one(check, sample::gb10());
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0], (Finding{"ROCE-XXX-001",
                                  Severity::warning,
                                  "spark-1",
                                  "eth0",
                                  "title",
                                  {{"MTU", "1500", "file"}},
                                  "cause",
                                  {"command"},
                                  false}));
}

TEST(RunChecks, MakesAnUnknownFindingOfARuleThatThrows) {
  const Check check = check_that([](const NodeView&, Verdicts&) { throw std::runtime_error("index out of range"); });
  const std::vector<Finding> findings = run_one(check, sample::gb10());
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::unknown);
  EXPECT_TRUE(findings[0].essential);
  EXPECT_THAT(findings[0].title, HasSubstr("the check itself failed: index out of range"));
}

TEST(RunChecks, SaysSkippedForARuleThatSaysNothing) {
  const std::vector<Finding> findings = run_one(check_that([](const NodeView&, Verdicts&) {}), sample::gb10());
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::skipped);
}

TEST(RunChecks, LeavesOutChecksThatAnotherToolJudges) {
  EXPECT_THAT(run_one(check_that(nullptr), sample::gb10()), IsEmpty());
}

TEST(RunChecks, GivesTheReasonOfAMissingFactAsCauseOfAnUnknown) {
  const Check check = check_that([](const NodeView&, Verdicts& verdicts) {
    verdicts.unknown("eth0", "MTU could not be read", {facts::Why::permission, "open mtu: Permission denied"},
                     {"sudo x"});
  });
  const std::vector<Finding> findings = run_one(check, sample::gb10());
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].cause, "open mtu: Permission denied");
  EXPECT_THAT(findings[0].remedy, ElementsAre("sudo x"));
}

TEST(RunChecks, NamesAHostWhoseNameCouldNotBeRead) {
  facts::NodeFacts node = sample::gb10();
  node.host.hostname = facts::Missing{};
  EXPECT_EQ(run_one(check_that([](const NodeView&, Verdicts&) {}), node)[0].host, "this node");
}

TEST(Judge, TakesTheWorstAndNeverFailsOpen) {
  EXPECT_EQ(judge({}), Verdict::unknown);
  EXPECT_EQ(judge({finding(Severity::skipped)}), Verdict::unknown);
  EXPECT_EQ(judge({finding(Severity::ok), finding(Severity::skipped)}), Verdict::ready);
  EXPECT_EQ(judge({finding(Severity::ok), finding(Severity::unknown, false)}), Verdict::ready);
  EXPECT_EQ(judge({finding(Severity::ok), finding(Severity::warning)}), Verdict::degraded);
  EXPECT_EQ(judge({finding(Severity::warning), finding(Severity::unknown, true)}), Verdict::unknown);
  EXPECT_EQ(judge({finding(Severity::unknown, true), finding(Severity::critical)}), Verdict::not_ready);
}

TEST(Judge, IsSpelledAsScriptsReadIt) {
  EXPECT_STREQ(to_string(Verdict::not_ready), "not-ready");
  EXPECT_STREQ(to_string(Severity::critical), "critical");
}

TEST(Registry, HoldsEachIdOnceInOrderWithinItsArea) {
  std::set<std::string_view> ids;
  std::string_view previous;
  for (const Check& check : all_checks()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
    EXPECT_TRUE(std::regex_match(std::string(check.id), std::regex("ROCE-[A-Z]{3,4}-[0-9]{3}"))) << check.id;
    if (check.id.substr(0, 8) == previous.substr(0, 8)) {
      EXPECT_LT(previous, check.id);
    }
    previous = check.id;
  }
}

TEST(Registry, ExplainsEachCheckInSentences) {
  for (const Check& check : all_checks()) {
    EXPECT_GE(check.title.size(), 8U) << check.id;
    EXPECT_LE(check.title.size(), 70U) << check.id;
    EXPECT_NE(check.title.back(), '.') << check.id;
    for (const std::string_view text : {check.meaning, check.judged, check.remedy}) {
      EXPECT_GE(text.size(), 30U) << check.id << ": " << text;
      EXPECT_EQ(text.back(), '.') << check.id << ": " << text;
    }
  }
}

TEST(Registry, FindsAnIdInAnyCase) {
  ASSERT_NE(find_check("ROCE-DEV-001"), nullptr);
  EXPECT_EQ(find_check("roce-dev-001"), find_check("ROCE-DEV-001"));
  EXPECT_EQ(find_check("ROCE-DEV-999"), nullptr);
  EXPECT_EQ(find_check("ROCE-DEV-00"), nullptr);
  EXPECT_EQ(find_check(""), nullptr);
}

TEST(Values, AreShownAsPeopleWriteThem) {
  EXPECT_EQ(show(126.03076923), "126.03");
  EXPECT_EQ(show(200.0), "200");
  EXPECT_EQ(show(2.5), "2.5");
  EXPECT_EQ(show(true), "yes");
  EXPECT_EQ(show(std::vector<std::string>{}), "(none)");
  EXPECT_EQ(show(facts::Fact<int>(facts::Missing{facts::Why::absent, ""})), "none");
  EXPECT_THAT(show(facts::Fact<int>(facts::Missing{facts::Why::permission, "open x: Permission denied"})),
              HasSubstr("more rights (open x: Permission denied)"));
  EXPECT_EQ(show_bytes(65536), "64 KiB");
  EXPECT_EQ(show_bytes(8U << 20), "8 MiB");
  EXPECT_EQ(show_bytes(12), "12 B");
  EXPECT_EQ(join_words({"a", "b", "c"}), "a, b and c");
  EXPECT_THAT(join_words({}), IsEmpty());
}

TEST(Remedies, UseSudoUnlessTheProbeRanAsRootOutsideAContainer) {
  facts::NodeFacts node = sample::gb10();
  EXPECT_EQ(as_root(node, "ip link"), "sudo ip link");
  EXPECT_THAT(on_host(node, {"ip link"}), ElementsAre("sudo ip link"));
  node.process.euid = 0;
  EXPECT_EQ(as_root(node, "ip link"), "ip link");
  node.host.container = std::string("podman");
  EXPECT_THAT(on_host(node, {"ip link", "# remark"}),
              ElementsAre("# on the host, outside this container:", "sudo ip link", "# remark"));
  EXPECT_THAT(restart_container_with(node, {"--device /dev/infiniband"}, "elsewhere"),
              ElementsAre(HasSubstr("podman run line"), "podman run --device /dev/infiniband ..."));
  node.host.container = std::string("kubernetes");
  EXPECT_THAT(restart_container_with(node, {"--device /dev/infiniband"}, "elsewhere"), ElementsAre("# elsewhere"));
}

TEST(Ports, AreSeenWithTheirNetdevRailAndTwins) {
  const facts::NodeFacts node = sample::gb10();
  const std::vector<derived::Rail> rails = derived::find_rails(node);
  const derived::NcclChoice nccl;
  const std::vector<PortView> ports = roce_ports({node, rails, nccl, {}});
  ASSERT_THAT(ports, SizeIs(4));
  EXPECT_EQ(ports[0].name(), "rocep1s0f0");
  EXPECT_EQ(ports[0].netdev, node.find_netdev("enp1s0f0np0"));
  ASSERT_THAT(twins_of(ports[0]), SizeIs(1));
  EXPECT_EQ(twins_of(ports[0])[0]->device, "roceP2p1s0f0");
}

TEST(ExpectedMtu, FollowsFromTheUserTheNetdevAndTheHardware) {
  facts::NodeFacts node = sample::gb10();
  const auto expected = [&](const Expectations& expect) {
    const std::vector<derived::Rail> rails = derived::find_rails(node);
    const derived::NcclChoice nccl;
    const NodeView view{node, rails, nccl, expect};
    return expected_mtu(view, roce_ports(view).front());
  };
  EXPECT_EQ(expected({}).bytes, 9000);
  EXPECT_FALSE(expected({}).demanded);
  EXPECT_EQ(expected({4200, {}}).bytes, 4200);
  EXPECT_TRUE(expected({4200, {}}).demanded);
  sample::netdev(node, "enp1s0f0np0").max_mtu = 1500;
  EXPECT_EQ(expected({}).bytes, 1500);
  sample::netdev(node, "enp1s0f0np0").max_mtu = 0;  // the kernel's word for "no limit"
  EXPECT_EQ(expected({}).bytes, 9000);
}

}  // namespace
}  // namespace rocekit::checks
