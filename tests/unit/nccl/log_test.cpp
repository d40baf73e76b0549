// The prediction against what NCCL itself wrote. The log stands outside the repository: ROCEKIT_SHARED_FIXTURES names
// the directory that holds nccl-logs/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "probes/derived/nccl_choice.h"
#include "tests/unit/nccl/node_of.h"

namespace rocekit::test {
namespace {

std::string read_log(const std::string& name) {
  const char* directory = std::getenv("ROCEKIT_SHARED_FIXTURES");
  if (directory == nullptr) return "";
  std::ifstream file(std::filesystem::path(directory) / "nccl-logs" / name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// First group of each match.
std::vector<std::string> all(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
    found.push_back((*match)[1]);
  return found;
}

TEST(NcclLog, OfTwoProcessesWithoutRdmaIsAsPredicted) {
  const std::string log = read_log("nccl-2.28.9-two-processes-2xH200-socket.log");
  if (log.empty()) GTEST_SKIP() << "ROCEKIT_SHARED_FIXTURES does not name a directory with nccl-logs/";

  // The node that the log shows: one interface beside lo, libibverbs there, no RDMA device, no plugin.
  const auto addresses = all(log, "Bootstrap: Using eth0:([0-9.]+)<0>");
  ASSERT_FALSE(addresses.empty());
  NodeFacts node;
  node.host.libibverbs = facts::Library{"libibverbs.so.1", Missing{}};
  node.host.nccl_plugins = std::vector<facts::Library>{};
  node.netdevs = {netdev("lo", 1, {inet("127.0.0.1", 8)}), netdev("eth0", 2, {inet(addresses.front())})};
  const auto choice = derived::predict_nccl(node);

  EXPECT_THAT(all(log, "Using network (\\w+)"), testing::Each(choice.net));
  EXPECT_THAT(choice.socket_ifnames, testing::ElementsAre("eth0"));
  EXPECT_THAT(all(log, "NET/Socket : Using \\[0\\](\\w+):"), testing::Each(choice.socket_ifnames.front()));
  EXPECT_THAT(all(log, "Bootstrap: Using (\\w+):"), testing::Each(choice.socket_ifnames.front()));
  EXPECT_THAT(all(log, "OOB (\\w+):"), testing::Each(choice.socket_ifnames.front()));
  EXPECT_EQ(all(log, "(NET/IB : No device found)").empty(), !choice.hcas.empty());
  EXPECT_THAT(all(log, "via NET/(\\w+)/0"), testing::Each(choice.net));
  EXPECT_TRUE(choice.falls_back_to_socket);
}

}  // namespace
}  // namespace rocekit::test
