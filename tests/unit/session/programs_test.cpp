// Ranks that other programs start: --via, --join - and launchers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/session/doors.h"
#include "core/session/launch.h"
#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

struct Output {
  std::string text;
  int exit_code = -1;
};

/// Standard output and error of a shell's command line.
Output shell(const std::string& command) {
  const std::string whole = "timeout 30 sh -c '" + command + "' 2>&1 </dev/null";
  FILE* pipe = ::popen(whole.c_str(), "r");
  Output output;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) output.text.append(buffer, got);
  const int status = ::pclose(pipe);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

/// A program with ssh's command line that runs the command here, and whatever a test wants before.
class Launcher {
 public:
  explicit Launcher(const std::string& first = "") {
    char name[] = "/tmp/rocekit-launcher-XXXXXX";
    ::close(::mkstemp(name));
    path_ = name;
    std::ofstream(path_) << "#!/bin/sh\nhost=$1; shift\n" << first << "\nexec sh -c \"$*\"\n";
    ::chmod(name, 0755);
  }
  ~Launcher() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const std::string tool = SESSION_RANK;

TEST(Via, StartsTheOtherRanksAndTalksThroughTheirPipes) {
  const Launcher launcher;
  const Output run = shell(tool + " --via " + launcher.path() + " left,right --give here");
  EXPECT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text, HasSubstr("rank 0 of 3: [here][here][here]"));
  // What another rank prints is not the run's result.
  EXPECT_THAT(run.text, AllOf(HasSubstr("left: rank 1 of 3"), HasSubstr("right: rank 2 of 3")));
}

TEST(Via, QuotesArgumentsForTheShellOverThere) {
  const Launcher launcher;
  const Output run = shell(tool + " --via " + launcher.path() + " left --give \"a b\\$(id)*\"");
  EXPECT_THAT(run.text, HasSubstr("rank 0 of 2: [a b$(id)*][a b$(id)*]"));
}

TEST(Via, IgnoresWhatALoginShellWritesFirst) {
  const Launcher launcher("echo Welcome to $host; echo; head -c 3000 /dev/zero");
  const Output run = shell(tool + " --via " + launcher.path() + " left --give x");
  EXPECT_EQ(run.exit_code, 0) << run.text;
}

TEST(Via, SaysThatTheToolIsNotInstalled) {
  const Launcher launcher("echo \"sh: 1: session_rank: not found\" >&2; exit 127");
  const Output run = shell(tool + " --via " + launcher.path() + " spark-2");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, AllOf(HasSubstr("spark-2: sh: 1: session_rank: not found\n"),
                              HasSubstr(tool + " is not installed on spark-2 ("),
                              HasSubstr(" said: sh: 1: session_rank: not found): install it there")));
}

TEST(Via, SaysThatSshDoesNotGetThere) {
  const Launcher launcher("echo \"ssh: connect to host $host port 22: No route to host\" >&2; exit 255");
  const Output run = shell(tool + " --via " + launcher.path() + " spark-2");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, AllOf(HasSubstr("does not get to spark-2 ("), HasSubstr("port 22: No route to host)")));
}

TEST(Via, NamesALauncherThatIsMissingOrAHostThatIsAnOption) {
  EXPECT_THAT(shell(tool + " --via /nowhere/ssh spark-2").text,
              HasSubstr("--via /nowhere/ssh: cannot be started: No such file"));
  EXPECT_THAT(shell(tool + " --via ssh -oProxyCommand=id").text, HasSubstr("--via needs a program and hosts"));
}

TEST(Via, RefusesAnotherVersionOverThere) {
  const Launcher launcher("set -- \"$* --version 0.9\"");
  const Output run = shell(tool + " --via " + launcher.path() + " left");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, AllOf(HasSubstr("runs session_rank 1.0 and "),
                              HasSubstr("runs session_rank 0.9: install the same version")));
}

TEST(Via, ASignalToTheWholeTerminalIsReportedAsThatSignal) {
  const Launcher launcher;
  const Output run = shell("setsid " + tool + " --via " + launcher.path() +
                           " left --hold 10 & p=$!; sleep 0.5; kill -TERM -$p; wait $p; echo code $?");
  EXPECT_THAT(run.text, AllOf(HasSubstr("interrupted by SIGTERM"), HasSubstr("code 143")));
}

TEST(Via, LeavesNoProcessBehindWhenALauncherStaysSilent) {
  const Launcher launcher("echo my pid is $$ >&2; exec sleep 60");
  Process run([&](const Process::Say& say) {
    DoorOptions options;
    options.via = {launcher.path(), "left"};
    options.wait = milliseconds(300);
    return take_part(options, say, [](Session&) { return std::string("in"); });
  });
  const auto lines = run.lines();
  EXPECT_THAT(of_rank(lines, 0) + lines.back(), HasSubstr("0 of 1 other ranks came within 300 ms, not left: see that"));
  // Else this test's pipe would still be open.
  EXPECT_EQ(run.exit_code(), 3);
}

TEST(Join, OverStandardStreamsNeedsPipes) {
  const Output run = shell(tool + " --join - </dev/null");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, HasSubstr("--join -: standard input and output are no pipes"));
}

class Launched : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string(MPI_MODULE).empty() || shell("command -v mpirun").exit_code != 0)
      GTEST_SKIP() << "no MPI on this machine";
  }
  static Output mpirun(int ranks, const std::string& arguments, const std::string& module = MPI_MODULE) {
    return shell("ROCEKIT_MPI_MODULE=" + module +
                 " OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np " +
                 std::to_string(ranks) + " " + tool + " " + arguments);
  }
};

TEST_F(Launched, RanksFindEachOtherByMpi) {
  const Output run = mpirun(3, "--give x");
  EXPECT_EQ(run.exit_code, 0) << run.text;
  for (const char* line : {"rank 0 of 3: [x][x][x]\n", "rank 1 of 3: [x][x][x]\n", "rank 2 of 3: [x][x][x]\n"}) {
    EXPECT_THAT(run.text, HasSubstr(line));
  }
}

TEST_F(Launched, AFailureOfOneRankIsToldByAllBeforeTheLauncherEndsThem) {
  const Output run = mpirun(2, "--fail broken");
  EXPECT_EQ(run.exit_code, 3) << run.text;
  const std::size_t first = run.text.find("): broken\n");
  ASSERT_NE(first, std::string::npos) << run.text;
  EXPECT_NE(run.text.find("): broken\n", first + 1), std::string::npos) << run.text;
}

TEST_F(Launched, OneRankIsNoSession) { EXPECT_THAT(mpirun(1, "--give x").text, HasSubstr("alone\n")); }

TEST_F(Launched, AModuleThatDoesNotLoadIsOneSentence) {
  const Output run = mpirun(2, "--give x", "/dev/null");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, AllOf(HasSubstr("/dev/null"), HasSubstr("so the ranks cannot find each other: use --listen")));
}

TEST(Launch, WithoutTheModuleNamesThePackage) {
  const Output run =
      shell("env -u ROCEKIT_MPI_MODULE OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 " + tool + " --give x");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.text, HasSubstr("install the package rocekit-mpi, or use --listen and --join"));
}

struct Environment {
  const char* name;
  std::vector<std::string> variables;
  int rank, size;
};

class LaunchOf : public testing::TestWithParam<Environment> {};

TEST_P(LaunchOf, Environment) {
  std::string sets;
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK",
                               "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID"}) {
    ::unsetenv(variable);
  }
  for (const std::string& variable : GetParam().variables) {
    const std::size_t sign = variable.find('=');
    ::setenv(variable.substr(0, sign).c_str(), variable.substr(sign + 1).c_str(), 1);
  }
  const auto launch = launch_of_environment();
  const bool door = door_of({}) == Door::launched;
  for (const std::string& variable : GetParam().variables) ::unsetenv(variable.substr(0, variable.find('=')).c_str());
  EXPECT_EQ(launch ? launch->size : 0, GetParam().size);
  EXPECT_EQ(launch ? launch->rank : 0, GetParam().rank);
  EXPECT_EQ(door, GetParam().size > 1);
}

INSTANTIATE_TEST_SUITE_P(
    Of, LaunchOf,
    testing::Values(Environment{"none", {}, 0, 0},
                    Environment{"mpirun", {"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=4"}, 1, 4},
                    Environment{"mpirun_of_one", {"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}, 0, 0},
                    Environment{"pmi", {"PMI_RANK=2", "PMI_SIZE=3"}, 2, 3},
                    Environment{"srun", {"SLURM_PROCID=3", "SLURM_NTASKS=8", "SLURM_STEP_ID=0", "PMIX_RANK=3"}, 3, 8},
                    Environment{"step_of_fewer",
                                {"SLURM_PROCID=1", "SLURM_NTASKS=8", "SLURM_STEP_NUM_TASKS=2", "SLURM_STEP_ID=4"},
                                1,
                                2},
                    Environment{"batch_script", {"SLURM_PROCID=0", "SLURM_NTASKS=8"}, 0, 0},
                    Environment{"batch_step", {"SLURM_PROCID=0", "SLURM_NTASKS=8", "SLURM_STEP_ID=4294967291"}, 0, 0},
                    Environment{"garbage", {"OMPI_COMM_WORLD_RANK=one", "OMPI_COMM_WORLD_SIZE=2x"}, 0, 0}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace rocekit::session::test
