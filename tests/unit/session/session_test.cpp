// The session's protocol, among real processes of one host.
#include "core/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Session, GathersMegabytesOfAllRanksInTheirOrder) {
  Process run = local_ranks(3, [](Session& session) {
    const auto letter = static_cast<char>('a' + session.rank());
    const std::string mine(3'000'000 + static_cast<std::size_t>(session.rank()), letter);
    const auto all = session.allgather(mine, "gathering");
    for (int rank = 0; rank < 3; ++rank) {
      const std::string expected(3'000'000 + static_cast<std::size_t>(rank), static_cast<char>('a' + rank));
      if (all.at(static_cast<std::size_t>(rank)) != expected) return std::string("wrong bytes");
    }
    return std::string("right");
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(of_rank(lines, rank), "right");
  EXPECT_EQ(run.exit_code(), 0);
}

TEST(Session, BroadcastsWhatTheRootGave) {
  Process run = local_ranks(3, [](Session& session) {
    std::string got = session.broadcast(std::to_string(session.rank()), 2, "telling");
    got += session.broadcast(session.rank() == 0 ? "zero" : "", 0, "telling again");
    session.barrier("waiting");
    return got + session.broadcast("", 1, "telling nothing");
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(of_rank(lines, rank), "2zero");
}

TEST(Session, KnowsTheHostAndProcessOfEachRank) {
  Process run = local_ranks(2, [](Session& session) {
    const auto pids = session.allgather(std::to_string(::getpid()), "telling");
    for (const Peer& peer : session.peers()) {
      if (pids.at(static_cast<std::size_t>(peer.rank)) != std::to_string(peer.pid)) return std::string("wrong process");
    }
    char host[256] = {};
    ::gethostname(host, sizeof host);
    return std::to_string(session.name_of(1) == "rank 1 (" + std::string(host) + ")");
  });
  const auto lines = run.lines();
  EXPECT_EQ(of_rank(lines, 0), "1");
  EXPECT_EQ(of_rank(lines, 1), "1");
}

}  // namespace
}  // namespace rocekit::session::test
