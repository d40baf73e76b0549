// MPI's collectives under a real mpirun: results, and how a run ends that goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "collectives/mpi/mpi_communicator.h"
#include "collectives/mpi/mpi_process.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Output {
  int exit_code = -1;
  std::string text;
};

Output shell(const std::string& command) {
  Output output;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.text.append(buffer, got);
  const int status = ::pclose(pipe);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

class Mpi : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string(MODULE).empty() || shell("command -v mpirun").exit_code != 0) GTEST_SKIP() << "no MPI here";
    ::setenv("ROCEKIT_MPI_COLLECTIVES_MODULE", MODULE, 1);
  }
  static Output mpirun(int ranks, const std::string& what) {
    return shell("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 30 mpirun --oversubscribe -np " +
                 std::to_string(ranks) + " " + MPI_RANK + " " + what);
  }
};

/// A device that only says where memory is.
struct NoDevice : Device {
  std::string description() const override { return {}; }
  std::uint64_t default_memory_cap() const override { return 0; }
  void reserve(std::size_t /*send*/, std::size_t /*receive*/) override {}
  std::byte* send_buffer() const override { return nullptr; }
  std::byte* receive_buffer() const override { return nullptr; }
  void fill(std::size_t /*offset*/, std::uint64_t /*elements*/, traffic::DataType /*type*/, int /*rank*/,
            std::uint32_t /*seed*/) override {}
  void clear_receive() override {}
  Mismatch check(std::span<const Segment> /*segments*/, traffic::DataType /*type*/, int /*ranks*/,
                 std::uint32_t /*seed*/, const Wait& /*wait*/) override {
    return {};
  }
  void compute(double /*microseconds*/) override {}
  void synchronize(const Wait& /*wait*/) override {}
  void add_watch(std::function<void()> /*watch*/) override {}
};

std::string refusal() {
  NoDevice device;
  try {
    make_mpi_communicator(device, {0, {"rank 0", "rank 1"}}, {0, 1});
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_F(Mpi, EveryOperationGivesWhatItMustInTheWorldAndInAGroupOfSomeRanks) {
  const Output run = mpirun(3, "verify");
  // Exit code 1 is what rank 0 says.
  EXPECT_EQ(run.exit_code, 1) << run.text;
  EXPECT_THAT(run.text, AllOf(HasSubstr("rank 0: 166 verified\n"), HasSubstr("rank 1: 83 verified\n"),
                              HasSubstr("rank 2: 166 verified\n"), HasSubstr("non-blocking collectives of MPI\n")));
}

TEST_F(Mpi, ARankThatDoesNotComeIsASentenceAndTheRunEnds) {
  const Output run = mpirun(2, "absent");
  EXPECT_EQ(run.exit_code, 3) << run.text;
  EXPECT_THAT(run.text, testing::ContainsRegex("mpi_rank: all-reduce of MPI with rank 1 .* did not end in time"));
}

TEST_F(Mpi, AKilledRankEndsTheRun) {
  const Output run = mpirun(2, "killed");
  EXPECT_THAT(run.exit_code, testing::AnyOf(3, 137)) << run.text;
}

TEST_F(Mpi, WithoutALauncherOrAModuleItIsOneSentence) {
  EXPECT_THAT(refusal(), HasSubstr("the MPI backend runs under mpirun or srun"));
  end_mpi();
  ::setenv("ROCEKIT_MPI_COLLECTIVES_MODULE", "/dev/null", 1);
  EXPECT_THAT(refusal(), HasSubstr("the MPI backend cannot load its module: /dev/null"));
  ::unsetenv("ROCEKIT_MPI_COLLECTIVES_MODULE");
  EXPECT_THAT(refusal(), HasSubstr("install the package rocekit-mpi"));
}

}  // namespace
}  // namespace rocekit::collectives
