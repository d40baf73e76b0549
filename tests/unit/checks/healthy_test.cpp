// Healthy nodes: no rule has anything to say against them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks {
namespace {

void expect_healthy(const facts::NodeFacts& node) {
  const std::vector<Finding> findings = sample::run_all(node);
  EXPECT_EQ(judge(findings), Verdict::ready);
  for (const Finding& finding : findings) {
    EXPECT_NE(finding.severity, Severity::warning) << sample::text_of({finding});
    EXPECT_NE(finding.severity, Severity::critical) << sample::text_of({finding});
    if (finding.essential) {
      EXPECT_NE(finding.severity, Severity::unknown) << sample::text_of({finding});
    }
  }
}

TEST(HealthyNode, Gb10IsReady) { expect_healthy(sample::gb10()); }
TEST(HealthyNode, SoftRoceIsReady) { expect_healthy(sample::soft_roce()); }

TEST(HealthyNode, Gb10IsReadyForAUserWhoMayNotReadModulesAndNetplan) {
  facts::NodeFacts node = sample::gb10();
  const facts::Missing denied{facts::Why::permission, "Permission denied"};
  for (facts::Netdev& netdev : node.netdevs) {
    netdev.module = denied;
    netdev.persistent = denied;
  }
  expect_healthy(node);
}

}  // namespace
}  // namespace rocekit::checks
