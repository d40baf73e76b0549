#include "core/io/command.h"
#include "tests/unit/emulated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rocekit::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RunCommand, GivesBothStreamsAndTheExitCode) {
  const CommandResult result = run_command({"sh", "-c", "echo out; echo err >&2; cat; exit 7"}, seconds(20));
  EXPECT_TRUE(result.found);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(result.exit_code, 7);
}

TEST(RunCommand, TakesArgumentsAsTheyAre) {
  EXPECT_EQ(run_command({"printf", "%s", "$(id); 'x y'"}, seconds(20)).output, "$(id); 'x y'");
}

TEST(RunCommand, MissingProgramIsNotFound) {
  ROCEKIT_SKIP_WHERE_EMULATED("posix_spawn does not tell that there is no such program");
  EXPECT_FALSE(run_command({"rocekit-no-such-program"}, seconds(20)).found);
}

TEST(RunCommand, ProgramThatHangsIsKilledAtTheDeadline) {
  const CommandResult result = run_command({"sleep", "600"}, milliseconds(50));
  EXPECT_TRUE(result.timed_out);
}

TEST(RunCommand, ProgramThatClosesItsStreamsAndHangsIsKilledAsWell) {
  EXPECT_TRUE(run_command({"sh", "-c", "exec >/dev/null 2>&1; exec sleep 600"}, milliseconds(50)).timed_out);
}

TEST(RunCommand, EndlessOutputIsCutAndDeathBySignalTold) {
  const CommandResult result = run_command({"sh", "-c", "head -c 3000000 /dev/zero; kill -9 $$"}, seconds(20));
  EXPECT_EQ(result.output.size(), most_output_bytes);
  EXPECT_EQ(result.exit_code, 128 + 9);
}

}  // namespace
}  // namespace rocekit::io
