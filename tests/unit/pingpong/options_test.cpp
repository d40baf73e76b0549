// The command line: what is understood, and one sentence for what is not.
#include "tools/roce-pingpong/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/cli/command_line.h"

namespace rocekit::pingpong {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using verbs::Transport;

Options parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "roce-pingpong");
  return parse(static_cast<int>(words.size()), words.data());
}

std::string sentence_of(const std::vector<const char*>& words) {
  try {
    parsed(words);
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Options, DefaultsMeasureRcAndTcpBothMetricsAtFourSizes) {
  const Options options = parsed({"--local"});
  EXPECT_TRUE(options.door.local);
  EXPECT_THAT(options.settings.transports, ElementsAre(Transport::rc, Transport::tcp));
  EXPECT_FALSE(options.settings.transports_given);
  EXPECT_TRUE(options.settings.latency && options.settings.bandwidth);
  EXPECT_THAT(options.settings.sizes, ElementsAre(8, 4096, 65536, 1048576));
  EXPECT_THAT(options.settings.rails, IsEmpty());
  EXPECT_EQ(options.settings.operation, verbs::Operation::send);
}

TEST(Options, ListenTakesAnAddressOrNone) {
  EXPECT_EQ(parsed({"--listen"}).door.listen, "");
  EXPECT_EQ(parsed({"--listen", "10.0.0.1:7000"}).door.listen, "10.0.0.1:7000");
  EXPECT_EQ(parsed({"--listen", "--sizes", "8"}).door.listen, "");
  EXPECT_THAT(parsed({"--via", "ssh", "a,b"}).door.via, ElementsAre("ssh", "a,b"));
}

TEST(Options, LocalTakesANumberOfRanksOrNone) {
  EXPECT_EQ(parsed({"--local"}).door.ranks, 2);
  EXPECT_EQ(parsed({"--local", "3"}).door.ranks, 3);
  EXPECT_TRUE(parsed({"--local", "3"}).door.local);
  EXPECT_EQ(parsed({"--local", "--ranks", "4"}).door.ranks, 4);
  EXPECT_EQ(parsed({"--local", "--sizes", "8"}).door.ranks, 2);
}

TEST(Options, SizesAreSortedAndMayBeRanges) {
  EXPECT_THAT(parsed({"--local", "--sizes", "64K,8,1K:4K"}).settings.sizes, ElementsAre(8, 1024, 2048, 4096, 65536));
  EXPECT_EQ(parsed({"--local", "--sizes", "2:8M"}).settings.sizes.size(), 23U);
}

TEST(Options, ValuesReachTheSettings) {
  const Options options = parsed({"--local",
                                  "--transport",
                                  "tcp,rc,tcp",
                                  "--op",
                                  "write-imm",
                                  "--metric",
                                  "both",
                                  "--rails",
                                  "mlx5_0,mlx5_1",
                                  "--duration",
                                  "1.5",
                                  "--qps",
                                  "4",
                                  "--streams",
                                  "3",
                                  "--window",
                                  "64",
                                  "--wait-mode",
                                  "event",
                                  "--memory",
                                  "gpu:2",
                                  "--gid-index",
                                  "3",
                                  "--inline",
                                  "0",
                                  "--verify",
                                  "--bidirectional",
                                  "--json",
                                  "--csv=/tmp/x.csv"});
  const Settings& settings = options.settings;
  EXPECT_THAT(settings.transports, ElementsAre(Transport::tcp, Transport::rc));
  EXPECT_TRUE(settings.transports_given);
  EXPECT_EQ(settings.operation, verbs::Operation::write_imm);
  EXPECT_THAT(settings.rails, ElementsAre("mlx5_0", "mlx5_1"));
  EXPECT_EQ(settings.duration, std::chrono::milliseconds(1500));
  EXPECT_EQ(settings.queue_pairs, 4);
  EXPECT_EQ(settings.streams, 3);
  EXPECT_EQ(settings.window, 64);
  EXPECT_EQ(settings.wait_mode, verbs::WaitMode::event);
  EXPECT_EQ(settings.memory, verbs::MemoryKind::gpu);
  EXPECT_EQ(settings.gpu, 2);
  EXPECT_EQ(settings.gid_index, 3);
  EXPECT_EQ(settings.inline_bytes, 0);
  EXPECT_TRUE(settings.verify && settings.bidirectional);
  EXPECT_EQ(options.json, "-");
  EXPECT_EQ(options.csv, "/tmp/x.csv");
  EXPECT_THAT(parsed({"--local", "--rails", "all"}).settings.rails, IsEmpty());
}

TEST(Options, DurationsTakeUnits) {
  const auto duration = [](const char* word) { return parsed({"--local", "--duration", word}).settings.duration; };
  EXPECT_EQ(duration("2"), std::chrono::milliseconds(2000));
  EXPECT_EQ(duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(duration("0.5m"), std::chrono::milliseconds(30000));
}

TEST(Options, TheTokenIsNotKeptWithTheArguments) {
  EXPECT_THAT(parsed({"--join", "s3cr3t@10.0.0.1:7000"}).arguments, ElementsAre("--join", "...@10.0.0.1:7000"));
  EXPECT_THAT(parsed({"--join=s3cr3t@10.0.0.1:7000"}).arguments, ElementsAre("...@10.0.0.1:7000"));
}

struct Bad {
  std::vector<const char*> words;
  const char* sentence;
};

TEST(Options, WhatCannotBeUsedIsOneSentence) {
  const Bad table[] = {
      {{"--transprt", "rc"}, "did you mean --transport?"},
      {{"frobnicate"}, "unknown word \"frobnicate\""},
      {{"--local", "--transport", "rdma"}, "--transport takes rc, tcp, ud, not \"rdma\""},
      {{"--local", "--transport", "null"}, "--transport takes rc, tcp, ud"},
      {{"--local", "--transport", ","}, "names no transport"},
      {{"--local", "--op", "reed"}, "--op takes send"},
      {{"--local", "--sizes", "0"}, "from 1 byte to 1 GiB, not 0 B"},
      {{"--local", "--sizes", "2G"}, "from 1 byte to 1 GiB, not 2 GiB"},
      {{"--local", "--sizes", "8:2"}, "runs downwards"},
      {{"--local", "--sizes", "-5"}, "\"-5\" is no size"},
      {{"--local", "--op", "atomic", "--sizes", "16"}, "8 bytes"},
      {{"--local", "--metric", "speed"}, "latency, bandwidth, both"},
      {{"--local", "--duration", "0"}, "--duration takes a time from 50 ms to 3600 s"},
      {{"--local", "--duration", "1h"}, "--duration takes"},
      {{"--local", "--duration", "1.2.3"}, "--duration takes"},
      {{"--local", "--duration", ""}, "--duration takes"},
      {{"--local", "--duration", "nan"}, "--duration takes"},
      {{"--local", "--iterations", "5"}, "--iterations takes a whole number from 10"},
      {{"--local", "--iterations", "1e3"}, "\"1e3\""},
      {{"--local", "--qps", "0"}, "--qps takes a whole number from 1 to 1024"},
      {{"--local", "--qps", "99999999999999999999"}, "--qps takes"},
      {{"--local", "--window", "0"}, "--window takes"},
      {{"--local", "--gid-index", "-1"}, "--gid-index takes"},
      {{"--local", "--memory", "cuda"}, "--memory takes host"},
      {{"--local", "--memory", "gpu:x"}, "--memory takes a whole number"},
      {{"--local", "--wait-mode", "spin"}, "poll, block, event"},
      {{"--local", "--color", "red"}, "always, auto, never"},
      {{"--local", "--fail-on", "never"}, "crit, warn"},
      {{"--local", "--listen"}, "one run takes one of them"},
      {{"--join", ""}, "TOKEN@ADDR:PORT"},
      {{"--join"}, "--join needs a value"},
      {{"--via", "ssh"}, "--via needs a value"},
      {{"--ranks", "3"}, "--ranks goes with --listen or --local"},
      {{"--local", "--ranks", "1"}, "from 2 to"},
      {{"--local", "1"}, "--local takes a whole number from 2 to"},
      {{"--local", "all"}, "--local takes a whole number"},
      {{"--local", "3", "--ranks", "3"}, "say the same"},
      {{"--local", "--wait", "5"}, "--wait goes with --listen"},
      {{"--join", "a@b:1", "--sizes", "8"}, "--sizes does not go with --join"},
      {{"--join", "a@b:1", "--json"}, "--json does not go with --join"},
      {{"--local", "--transport", "tcp", "--op", "write"}, "--op is an operation of rc"},
      {{"--local", "--transport", "tcp", "--qps", "2"}, "--qps goes with rc"},
      {{"--local", "--transport", "rc", "--streams", "2"}, "--streams goes with tcp"},
      {{"--local", "--metric", "bandwidth", "--iterations", "50"}, "--iterations is of latency"},
      {{"--local", "--metric", "latency", "--bidirectional"}, "--bidirectional is of bandwidth"},
      {{"--local", "--metric", "bandwidth", "--histogram", "f"}, "--histogram is of latency"},
      {{"--local", "--metric", "bandwidth", "--transport", "ud"}, "ud is measured for latency only"},
      {{"--local", "--json", "--csv"}, "cannot both write to standard output"},
      {{"--local", "--rails", ""}, "--rails names no device"},
      {{"--local", "--qps", "2", "--qps", "3"}, "--qps was given more than once"},
  };
  for (const Bad& bad : table) {
    EXPECT_THAT(sentence_of(bad.words), HasSubstr(bad.sentence)) << bad.words.back();
  }
}

TEST(Options, HelpNamesEveryOptionInPlainNotation) {
  const std::string help = parsed({"--help"}).help.value();
  EXPECT_THAT(help, testing::StartsWith("  roce-pingpong --listen"));
  for (const char* name :
       {"--json[=FILE]", "--via LAUNCHER HOST[,HOST...]  Start", "--rails all|DEV,...", "--gid-index"}) {
    EXPECT_THAT(help, HasSubstr(name));
  }
  EXPECT_THAT(help, testing::Not(testing::AnyOf(HasSubstr("{"), HasSubstr(" x 2"), HasSubstr("... ..."))));
}

}  // namespace
}  // namespace rocekit::pingpong
