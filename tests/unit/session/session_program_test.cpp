// Who of several ranks under one terminal says what went wrong.
#include "core/cli/session_program.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

/// Exit code of rank 0, and what all ranks of --local wrote to standard error.
struct Ended {
  int code = -1;
  std::string said;
};

Ended run_local(const std::function<ExitCode(Session&)>& work) {
  char name[] = "/tmp/rocekit-said-XXXXXX";
  ::close(::mkstemp(name));
  Process run([&](const Process::Say&) {
    ::dup2(::open(name, O_WRONLY | O_APPEND | O_CLOEXEC), STDERR_FILENO);
    cli::SessionProgram program;
    program.tool = "tool";
    program.work = work;
    DoorOptions options;
    options.local = true;
    return cli::run_session(program, options);
  });
  Ended ended;
  run.lines();
  ended.code = run.exit_code();
  std::ostringstream said;
  said << std::ifstream(name).rdbuf();
  ended.said = said.str();
  std::filesystem::remove(name);
  return ended;
}

TEST(SessionProgram, WhatAllRanksFindIsSaidOnceWhoeverFindsItFirst) {
  for (const int last : {0, 1}) {
    const Ended ended = run_local([&](Session& session) -> ExitCode {
      if (session.rank() == last) std::this_thread::sleep_for(milliseconds(200));
      throw InputError(session.name_of(0) + " was started with --a, and " + session.name_of(1) + " without");
    });
    EXPECT_EQ(ended.code, 3);
    EXPECT_THAT(ended.said, testing::MatchesRegex("tool: [^\n]*was started with --a, and [^\n]*\n"))
        << "last: " << last;
  }
}

TEST(SessionProgram, AnErrorOfAnotherRankIsSaidByRankZero) {
  const Ended ended = run_local([](Session& session) {
    if (session.rank() == 1) throw InputError("no such device");
    session.barrier("waiting");
    return ExitCode::ready;
  });
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.said, testing::MatchesRegex("tool: rank 1 [^\n]*: no such device\n"));
}

}  // namespace
}  // namespace rocekit::session::test
