// The session's protocol, among real processes of one host.
#include "core/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/emulated.h"
#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Session, GathersMegabytesOfAllRanksInTheirOrder) {
  ROCEKIT_SKIP_WHERE_EMULATED("an emulated rank may be silent for longer than this test allows");
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

// Faults: whoever is lost, silent, late, gives up or is interrupted is named by all others.

/// Parts of a run that the test reaches into: says its process number, then does `body`.
std::string pid_line(int rank, pid_t pid) {
  return "pid of " + std::to_string(rank) + " is " + std::to_string(pid) + ".";
}

/// Three ranks that meet and then wait for each other in steps of 10 ms for a long time, as a measurement would look at
/// called_off(); the test does something to one of them meanwhile.
class Fault : public testing::Test {
 protected:
  static std::string measure(Session& session, const Process::Say& say) {
    session.barrier("getting ready");
    say(pid_line(session.rank(), ::getpid()));
    for (int i = 0; i < 500 && !session.called_off(); ++i) std::this_thread::sleep_for(milliseconds(10));
    session.throw_if_called_off();
    return "nothing happened";
  }

  Fault()
      : run_([](const Process::Say& say) {
          DoorOptions options;
          options.local = true;
          options.ranks = 3;
          return take_part(options, say, [&](Session& session) { return measure(session, say); });
        }) {
    for (int rank = 0; rank < 3; ++rank) {
      const std::string start = "pid of " + std::to_string(rank) + " is ";
      pids_.push_back(std::stoi(run_.line_with(start).substr(start.size())));
    }
  }

  /// After `signal` to a rank, what each rank says.
  std::vector<std::string> after(int signal, int rank) {
    ::kill(pids_.at(static_cast<std::size_t>(rank)), signal);
    return run_.lines();
  }

  Process run_;
  std::vector<pid_t> pids_;
};

TEST_F(Fault, AKilledRankIsNamedByAllOthers) {
  const auto lines = after(SIGKILL, 2);
  for (const int rank : {0, 1}) {
    EXPECT_THAT(of_rank(lines, rank),
                AllOf(StartsWith("error: rank 2 ("),
                      EndsWith(") was lost after getting ready: its process was killed by SIGKILL")));
  }
  EXPECT_EQ(run_.exit_code(), 3);
}

TEST_F(Fault, RanksEndWithRank0) {
  const auto lines = after(SIGKILL, 0);
  // lines() returned: no rank holds the pipe any more.
  EXPECT_EQ(of_rank(lines, 0), "(rank 0 said nothing)");
  EXPECT_EQ(run_.exit_code(), 128 + SIGKILL);
}

TEST_F(Fault, AStoppedRankDoesNotOutliveRank0) {
  ::kill(pids_[1], SIGSTOP);
  const auto lines = after(SIGKILL, 0);
  EXPECT_EQ(of_rank(lines, 1), "(rank 1 said nothing)");
}

TEST_F(Fault, RanksThatWereStoppedTogetherGoOn) {
  for (const pid_t pid : pids_) ::kill(pid, SIGSTOP);
  std::this_thread::sleep_for(milliseconds(700));  // more than the limit of silence
  for (const pid_t pid : pids_) ::kill(pid, SIGCONT);
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(of_rank(after(SIGTERM, 0), 0), "interrupted 15: interrupted by SIGTERM after getting ready");
}

TEST_F(Fault, AStoppedRankIsNamedAndEnded) {
  const auto lines = after(SIGSTOP, 1);
  for (const int rank : {0, 2}) {
    EXPECT_THAT(of_rank(lines, rank), AllOf(StartsWith("error: rank 1 ("),
                                            EndsWith(") was lost after getting ready: no sign of life for 500 ms")));
  }
}

TEST_F(Fault, AnInterruptedRankIsNamedByAllOthers) {
  const auto lines = after(SIGINT, 1);
  EXPECT_EQ(of_rank(lines, 1), "interrupted 2: interrupted by SIGINT after getting ready");
  EXPECT_THAT(of_rank(lines, 0), AllOf(StartsWith("error: rank 1 ("), EndsWith(") was interrupted by SIGINT")));
  EXPECT_THAT(of_rank(lines, 2), AllOf(StartsWith("error: rank 1 ("), EndsWith(") was interrupted by SIGINT")));
  EXPECT_EQ(run_.exit_code(), 3);
}

TEST_F(Fault, Rank0InterruptedEndsAllByItsSignal) {
  const auto lines = after(SIGTERM, 0);
  EXPECT_EQ(of_rank(lines, 0), "interrupted 15: interrupted by SIGTERM after getting ready");
  EXPECT_THAT(of_rank(lines, 2), EndsWith(") was interrupted by SIGTERM"));
  EXPECT_EQ(run_.exit_code(), 128 + SIGTERM);
}

TEST_F(Fault, CtrlCReachesAllRanksAndEachReportsItsOwn) {
  for (const pid_t pid : pids_) ::kill(pid, SIGINT);
  const auto lines = run_.lines();
  for (int rank = 0; rank < 3; ++rank) EXPECT_THAT(of_rank(lines, rank), StartsWith("interrupted 2: "));
}

TEST(Session, AbortGivesItsReasonToAllRanks) {
  Process run = local_ranks(3, [](Session& session) {
    session.barrier("meeting");
    if (session.rank() == 2) {
      session.abort("no memory\nis left");
      session.abort("a second reason");
    }
    session.barrier("connecting queue pairs");
    return std::string("on");
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_THAT(of_rank(lines, rank), AllOf(StartsWith("error: rank 2 ("), EndsWith("): no memory\\nis left")));
}

TEST(Session, ARankThatLeavesWithoutCloseEndsTheRun) {
  Process run = local_ranks(2, [](Session& session) {
    if (session.rank() == 1) throw SessionError("own trouble");
    session.barrier("meeting");
    return std::string("on");
  });
  const auto lines = run.lines();
  EXPECT_EQ(of_rank(lines, 1), "error: own trouble");
  EXPECT_THAT(of_rank(lines, 0), EndsWith("): ended early"));
}

TEST(Session, WhoDoesNotAnswerIsNamedWithTheStep) {
  Process run = local_ranks(4, [](Session& session) {
    if (session.rank() == 2) {
      for (int i = 0; i < 500 && !session.called_off(); ++i) std::this_thread::sleep_for(milliseconds(10));
      session.throw_if_called_off();
    }
    // Rank 1's time is up first, and it cannot know by itself who is missing.
    session.barrier("connecting queue pairs", milliseconds(session.rank() == 1 ? 200 : 5'000));
    return std::string("on");
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_THAT(of_rank(lines, rank), AllOf(StartsWith("error: rank 2 ("),
                                            EndsWith(") did not answer within 200 ms while connecting queue pairs")));
  }
}

TEST(Session, ALateRank0IsNamedByTheRankWhoseTimeIsUp) {
  Process run = local_ranks(3, [](Session& session) {
    if (session.rank() == 0) {
      for (int i = 0; i < 500 && !session.called_off(); ++i) std::this_thread::sleep_for(milliseconds(10));
      session.throw_if_called_off();
    }
    // Rank 2 waits too, and is not to be blamed.
    session.barrier("gathering facts", session.rank() == 1 ? milliseconds(200) : milliseconds(5'000));
    return std::string("on");
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_THAT(of_rank(lines, rank),
                AllOf(StartsWith("error: rank 0 ("), EndsWith(") did not answer within 200 ms while gathering facts")));
  }
}

TEST(Session, RanksAtDifferentStepsAreTold) {
  Process run = local_ranks(2, [](Session& session) {
    if (session.rank() == 0) session.barrier("meeting");
    if (session.rank() == 1) session.allgather("x", "gathering");
    return std::string("on");
  });
  EXPECT_THAT(of_rank(run.lines(), 1), HasSubstr(") is at another step than rank 0 ("));
}

/// What an attempt came to on this rank.
std::string attempt(Session& session, const std::function<void()>& work, milliseconds limit = milliseconds(10'000)) {
  session.begin_attempt("the part", limit);
  std::string error;
  try {
    work();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  return session.end_attempt(error, milliseconds(5'000));
}

TEST(Session, AnAttemptThatOneRankFailsEndsTheWaitsOfAllAndTheRunGoesOn) {
  Process run = local_ranks(3, [](Session& session) {
    std::string told;
    for (const int failing : {2, 0}) {
      told += attempt(session, [&] {
        session.barrier("beginning");
        if (session.rank() == failing) throw SessionError("no path\nleads there");
        // One is in a step of the session, another among data.
        if (session.rank() == 1) session.allgather(std::string(3'000'000, 'x'), "gathering");
        while (!session.called_off()) std::this_thread::sleep_for(milliseconds(5));
        session.throw_if_called_off();
      });
      session.throw_if_called_off();
    }
    told += attempt(session, [&] { session.barrier("again"); });
    return session.allgather(told, "going on").at(0);
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_THAT(of_rank(lines, rank), AllOf(StartsWith("rank 2 ("), HasSubstr("): no path\\nleads thererank 0 ("),
                                            EndsWith("): no path\\nleads there")));
  }
  EXPECT_EQ(run.exit_code(), 0);
}

TEST(Session, AnAttemptEndsAtItsLimitOrWhenARankDoesNotAnswer) {
  Process run = local_ranks(2, [](Session& session) {
    const auto wait = [&] {
      while (!session.called_off()) std::this_thread::sleep_for(milliseconds(5));
    };
    const std::string limit = attempt(session, wait, milliseconds(150));
    const std::string silence = attempt(session, [&] {
      if (session.rank() == 1) return wait();
      session.barrier("meeting", milliseconds(100));
    });
    session.barrier("going on");
    return limit + "; " + silence;
  });
  const auto lines = run.lines();
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_THAT(of_rank(lines, rank), AllOf(StartsWith("the part did not end within 150 ms; rank 1 ("),
                                            EndsWith(") did not answer within 100 ms while meeting")));
  }
}

TEST(Session, ARankThatIsLostInAnAttemptEndsTheRun) {
  Process run = local_ranks(3, [](Session& session) {
    return attempt(session, [&] {
      session.barrier("meeting");
      if (session.rank() == 1) ::raise(SIGKILL);
      if (session.rank() == 2) throw SessionError("own trouble");
      session.barrier("waiting");
    });
  });
  EXPECT_THAT(of_rank(run.lines(), 0), AllOf(StartsWith("error: rank 1 ("), EndsWith("killed by SIGKILL")));
  EXPECT_EQ(run.exit_code(), 3);
}

TEST(Session, CloseWaitsForAllRanks) {
  Process run([](const Process::Say& say) {
    DoorOptions options;
    options.local = true;
    return take_part(options, say, [&](Session& session) {
      if (session.rank() == 0) {
        std::this_thread::sleep_for(milliseconds(150));
        say("report");
      }
      return std::string("on");
    });
  });
  const auto lines = run.lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "report");
}

TEST(Session, SignalsDoAgainWhatTheyDidOnceItIsClosed) {
  Process run([](const Process::Say& say) {
    DoorOptions options;
    options.local = true;
    const int code = take_part(options, say, [](Session&) { return std::string("on"); });
    ::raise(SIGTERM);
    return code;
  });
  EXPECT_EQ(run.exit_code(), 128 + SIGTERM);
}

TEST(Session, ManyRanksMeet) {
  Process run = local_ranks(
      40,
      [](Session& session) {
        std::size_t sum = 0;
        for (const std::string& one :
             session.allgather(std::string(static_cast<std::size_t>(session.rank()), 'x'), "counting"))
          sum += one.size();
        return std::to_string(sum);
      },
      Limits{});
  const auto lines = run.lines();
  for (int rank = 0; rank < 40; ++rank) EXPECT_EQ(of_rank(lines, rank), "780");
}

}  // namespace
}  // namespace rocekit::session::test
