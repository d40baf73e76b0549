// How ranks come into a session, and who does not.
#include "core/session/doors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string exchange(Session& session) {
  std::string all;
  for (const std::string& one : session.allgather(std::to_string(session.rank()), "exchanging ranks")) all += one;
  return all;
}

Process listener(int ranks, const std::string& at = "127.0.0.1") {
  DoorOptions options;
  options.listen = at;
  options.ranks = ranks;
  options.wait = milliseconds(10'000);
  return Process([=](const Process::Say& say) { return take_part(options, say, exchange); });
}

Process joiner(const std::string& target, const std::string& version = "1.0") {
  DoorOptions options;
  options.join = target;
  return Process([=](const Process::Say& say) { return take_part(options, say, exchange, quick_limits(), version); });
}

/// TOKEN@ADDR:PORT of the line that a listener printed.
std::string target_of(Process& listener) {
  const std::string line = listener.line_with("--join ");
  const std::size_t at = line.find("--join ");
  return at == std::string::npos ? "" : line.substr(at + 7);
}

TEST(Listen, PrintsTheLineThatLetsTheOthersJoin) {
  Process rank0 = listener(3);
  EXPECT_THAT(rank0.line_with("--join "), HasSubstr("  session-test --join "));
  const std::string target = target_of(rank0);
  Process a = joiner(target);
  Process b = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "012");
  EXPECT_EQ(a.exit_code(), 0);
  EXPECT_EQ(b.exit_code(), 0);
}

}  // namespace
}  // namespace rocekit::session::test
