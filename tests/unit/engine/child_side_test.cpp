#include "collectives/engine/child_side.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "core/error.h"

namespace rocekit::collectives {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Wait within(milliseconds time, const std::atomic<bool>* called_off = nullptr) {
  return {Deadline::after(time), called_off};
}

/// Says back what it was told, and does what a block's seed names.
class FakeSide : public Side {
 public:
  enum Deed : std::uint32_t { echo = 1, input_error, other_error, die, exit_3, hang, hang_on, probe };

  std::string address() override { return std::to_string(::getpid()); }
  SideDetails connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    SideDetails details;
    details.device = addresses.at(1);
    details.notes = {wait.deadline.left() < milliseconds(5000) ? "in time" : "late", "two"};
    details.records = true;
    details.memory_cap = 1ull << 40;
    return details;
  }
  void load(const std::vector<Program>& programs, const Wait&) override { programs_ = programs; }
  BlockRecord run(const BlockRequest& block, const Wait&) override {
    BlockRecord record;
    switch (static_cast<Deed>(block.seed)) {
      case echo:
        record.samples_ns = {1, block.iterations};
        record.iterations = programs_.at(block.program).actions.at(0).launch.at(0).elements;
        record.total_ns = static_cast<std::uint64_t>(programs_[block.program].actions[1].compute_us * 1000);
        record.calls = programs_[block.program].actions[0].launch[0].pairs.bytes.at(3);
        record.mismatch = {1, 2, -0.5, 0.25};
        record.mismatch_where = to_string(block.timing);
        return record;
      case input_error:
        throw InputError("too large");
      case other_error:
        throw CollectiveError("NCCL broke; roce-probe explain ROCE-NET-001");
      case die:
        ::raise(SIGKILL);
        break;
      case exit_3:
        ::_exit(3);
      case hang_on:
        ::signal(SIGTERM, SIG_IGN);
        [[fallthrough]];
      case hang:
        for (;;) ::pause();
      case probe: {
        struct stat out {};
        struct stat errors {};
        ::fstat(STDOUT_FILENO, &out);
        ::fstat(STDERR_FILENO, &errors);
        record.iterations = out.st_ino == errors.st_ino ? 1 : 0;
        record.calls = ::fcntl(static_cast<int>(block.iterations), F_GETFD) < 0 ? 1 : 0;
        break;
      }
    }
    return record;
  }
  std::string log() override { return std::string("a\0b\n", 4); }
  void abort() noexcept override {}

 private:
  std::vector<Program> programs_;
};

std::unique_ptr<Side> fake_child() {
  return make_child_side("socket", [] { return std::make_unique<FakeSide>(); });
}

BlockRequest block_that(FakeSide::Deed deed) {
  BlockRequest block;
  block.seed = deed;
  return block;
}

template <class Error>
std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

void expect_no_child_left() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ChildSide, AnswersAsTheSideInsideIt) {
  const auto side = fake_child();
  EXPECT_NE(side->address(), std::to_string(::getpid()));
  const SideDetails details = side->connect({"zero", "one"}, within(milliseconds(4000)));
  EXPECT_EQ(details.device, "one");
  EXPECT_TRUE(details.records);
  EXPECT_EQ(details.memory_cap, 1ull << 40);
  EXPECT_THAT(details.notes, ElementsAre("in time", "two"));
  Program program;
  program.actions.resize(2);
  program.actions[0].launch.resize(1);
  program.actions[0].launch[0].elements = 77;
  program.actions[0].launch[0].pairs = {2, {1, 2, 3, 4}};
  program.actions[1].compute_us = 1.5;
  side->load({program}, within(milliseconds(4000)));
  BlockRequest block = block_that(FakeSide::echo);
  block.iterations = 1ull << 33;
  block.timing = Timing::graph;
  const BlockRecord record = side->run(block, within(milliseconds(4000)));
  EXPECT_THAT(record.samples_ns, ElementsAre(1, 1ull << 33));
  EXPECT_EQ(record.iterations, 77u);
  EXPECT_EQ(record.total_ns, 1500u);
  EXPECT_EQ(record.calls, 4u);
  EXPECT_EQ(record.mismatch.found, 0.25);
  EXPECT_EQ(record.mismatch.expected, -0.5);
  EXPECT_EQ(record.mismatch_where, "graph");
  EXPECT_EQ(side->log(), std::string("a\0b\n", 4));
}

TEST(ChildSide, ErrorsComeOverWithTypeAndText) {
  const auto side = fake_child();
  EXPECT_EQ(error_of<InputError>([&] { side->run(block_that(FakeSide::input_error), within(milliseconds(4000))); }),
            "too large");
  EXPECT_EQ(
      error_of<CollectiveError>([&] { side->run(block_that(FakeSide::other_error), within(milliseconds(4000))); }),
      "NCCL broke; roce-probe explain ROCE-NET-001");
}

TEST(ChildSide, ErrorOfMakingItIsTheFirstAnswer) {
  const auto side = make_child_side("ib", []() -> std::unique_ptr<Side> { throw InputError("no libnccl"); });
  EXPECT_EQ(error_of<InputError>([&] { side->address(); }), "no libnccl");
}

TEST(ChildSide, OneThatWasKilledIsReportedWithTheSignal) {
  {
    const auto side = fake_child();
    EXPECT_EQ(error_of<CollectiveError>([&] { side->run(block_that(FakeSide::die), within(milliseconds(4000))); }),
              "the process that measures \"socket\" was killed by SIGKILL while measuring");
    EXPECT_EQ(error_of<CollectiveError>([&] { side->log(); }), "the process that measures \"socket\" was given up");
  }
  expect_no_child_left();
  const auto side = fake_child();
  EXPECT_EQ(error_of<CollectiveError>([&] { side->run(block_that(FakeSide::exit_3), within(milliseconds(4000))); }),
            "the process that measures \"socket\" ended with exit code 3 while measuring");
}

TEST(ChildSide, OneThatHangsIsLeftAtTheDeadlineAndEnded) {
  {
    const auto side = fake_child();
    EXPECT_EQ(error_of<CollectiveError>([&] { side->run(block_that(FakeSide::hang), within(milliseconds(10))); }),
              "the process that measures \"socket\" did not answer in time while measuring");
  }
  expect_no_child_left();
}

TEST(ChildSide, OneThatIgnoresItsEndIsKilled) {
  {
    const auto side = fake_child();
    EXPECT_THAT(error_of<CollectiveError>([&] { side->run(block_that(FakeSide::hang_on), within(milliseconds(10))); }),
                HasSubstr("did not answer in time"));
  }
  expect_no_child_left();
}

TEST(ChildSide, RunThatIsCalledOffEndsTheWait) {
  {
    const auto side = fake_child();
    std::atomic<bool> called_off{false};
    std::thread session([&] {
      std::this_thread::sleep_for(milliseconds(20));
      called_off = true;
    });
    EXPECT_THAT(error_of<CollectiveError>(
                    [&] { side->run(block_that(FakeSide::hang), within(milliseconds(60'000), &called_off)); }),
                HasSubstr("was called off"));
    session.join();
  }
  expect_no_child_left();
}

TEST(ChildSide, AbortEndsAHangingOne) {
  {
    const auto side = fake_child();
    std::thread session([&] {
      std::this_thread::sleep_for(milliseconds(20));
      side->abort();
    });
    EXPECT_THAT(error_of<CollectiveError>([&] { side->run(block_that(FakeSide::hang), within(milliseconds(60'000))); }),
                HasSubstr("was killed by SIGTERM"));
    session.join();
  }
  expect_no_child_left();
}

TEST(ChildSide, InterruptOfTheTerminalIsTheParentsToTake) {
  const auto side = fake_child();
  const int pid = std::stoi(side->address());
  ::kill(pid, SIGINT);
  ::kill(pid, SIGHUP);
  EXPECT_EQ(side->address(), std::to_string(pid));
}

TEST(ChildSide, HoldsNoFileOfTheParentAndPrintsNoResults) {
  const int file = ::open("/dev/null", O_RDONLY);
  const auto side = fake_child();
  BlockRequest block = block_that(FakeSide::probe);
  block.iterations = static_cast<std::uint64_t>(file);
  const BlockRecord record = side->run(block, within(milliseconds(4000)));
  EXPECT_EQ(record.iterations, 1u);
  EXPECT_EQ(record.calls, 1u);
  ::close(file);
}

TEST(ChildSide, EndsWithItsParentWhateverItDoes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto side = fake_child();
    const int pid = std::stoi(side->address());
    [[maybe_unused]] const ssize_t written = ::write(ends[1], &pid, sizeof pid);
    std::thread([] {
      std::this_thread::sleep_for(milliseconds(20));
      ::kill(::getpid(), SIGKILL);
    }).detach();
    side->run(block_that(FakeSide::hang), within(milliseconds(60'000)));
  }
  int pid = 0;
  ASSERT_EQ(::read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::waitpid(parent, nullptr, 0);
  std::string state;
  for (int i = 0; i < 200; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string skipped;
    if (!(stat >> skipped >> skipped >> state)) state = "gone";
    if (state == "gone" || state == "Z") break;  // whoever adopts it reaps it
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_THAT(state, testing::AnyOf("gone", "Z"));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace rocekit::collectives
