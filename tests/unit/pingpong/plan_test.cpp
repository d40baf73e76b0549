// Rounds, cells, their time, and what ranks tell each other.
#include "tools/roce-pingpong/run/plan.h"
#include "core/wire/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "tools/roce-pingpong/run/fields.h"
#include "tools/roce-pingpong/run/rounds.h"

namespace rocekit::pingpong {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using verbs::Transport;

/// A node with `rails` RoCE ports; node `last` of each rail's subnet.
Node node_with(int rails, int last) {
  Node node;
  node.host = "node" + std::to_string(last);
  node.machine = node.host;
  for (int rail = 0; rail < rails; ++rail) {
    RdmaPort port;
    port.device = "mlx5_" + std::to_string(rail);
    port.netdev = "eth" + std::to_string(rail);
    port.state = "ACTIVE";
    port.active_mtu = 4096;
    port.link_gbit_s = 400;
    port.addresses = {
        {port.netdev, "10.0." + std::to_string(rail) + "." + std::to_string(last), 24, 9000, 400.0, false, {}}};
    node.addresses.push_back(port.addresses.front());
    node.ports.push_back(port);
  }
  return node;
}

std::vector<Node> nodes_with(int nodes, int rails) {
  std::vector<Node> all;
  for (int i = 0; i < nodes; ++i) all.push_back(node_with(rails, i + 1));
  return all;
}

std::vector<std::string> machines(std::initializer_list<const char*> names) { return {names.begin(), names.end()}; }

TEST(Rounds, EveryPairOnceAndNoMachineTwiceInARound) {
  for (int ranks = 2; ranks <= 17; ++ranks) {
    std::vector<std::string> machine_of;
    for (int rank = 0; rank < ranks; ++rank) machine_of.push_back("m" + std::to_string(rank));
    std::set<RankPair> seen;
    const auto rounds = tournament(machine_of);
    EXPECT_EQ(rounds.size(), static_cast<std::size_t>(ranks % 2 == 0 ? ranks - 1 : ranks)) << ranks;
    for (const auto& round : rounds) {
      std::set<int> busy;
      for (const auto& [a, b] : round) {
        EXPECT_LT(a, b);
        EXPECT_TRUE(busy.insert(a).second && busy.insert(b).second);
        EXPECT_TRUE(seen.insert({a, b}).second);
      }
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(ranks * (ranks - 1) / 2)) << ranks;
  }
}

TEST(Rounds, RanksOfOneMachineTakeTurns) {
  EXPECT_THAT(tournament(machines({"a", "a", "a"})), SizeIs(3));
  // Four ranks on two machines: a pair within each machine may go at once, others share their machines.
  const auto rounds = tournament(machines({"a", "a", "b", "b"}));
  std::size_t pairs = 0;
  for (const auto& round : rounds) pairs += round.size();
  EXPECT_EQ(pairs, 6U);
  EXPECT_THAT(rounds, SizeIs(5));
  EXPECT_THAT(rounds, Contains(ElementsAre(RankPair(0, 1), RankPair(2, 3))));
}

TEST(Plan, OneRailMeasuresFourLatenciesAndTwoBandwidthsOverBothTransports) {
  const Plan plan = make_plan(nodes_with(2, 1), {});
  ASSERT_THAT(plan.rounds, SizeIs(1));
  const PairPlan& pair = plan.rounds.front().pairs.front();
  EXPECT_THAT(pair.cells, SizeIs(6));
  for (const Cell& cell : pair.cells) EXPECT_THAT(cell.transports, ElementsAre(Transport::rc, Transport::tcp));
  EXPECT_EQ(pair.cells.back().size_bytes, 1048576U);
  EXPECT_THAT(plan.notes, IsEmpty());
}

TEST(Plan, RailsAreMeasuredEachAndForBandwidthAllAtOnce) {
  Settings settings;
  settings.latency = false;
  const Plan plan = make_plan(nodes_with(2, 2), settings);
  std::vector<std::vector<std::size_t>> paths;
  for (const Cell& cell : plan.rounds.front().pairs.front().cells) {
    if (cell.size_bytes == 65536) paths.push_back(cell.paths);
  }
  EXPECT_THAT(paths, ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(0, 1)));
}

TEST(Plan, GivenSizesAreAllMeasured) {
  Settings settings;
  settings.sizes = {8, 16};
  settings.sizes_given = true;
  const Plan plan = make_plan(nodes_with(2, 8), settings);
  EXPECT_THAT(plan.rounds.front().pairs.front().cells, SizeIs(8 * 2 + 9 * 2));
  EXPECT_THAT(plan.notes, IsEmpty());
}

TEST(Plan, ADefaultRunOfManyRailsLeavesOutEnoughToKeepItsTime) {
  for (const auto& [nodes, rails] : {std::pair{2, 8}, std::pair{4, 1}, std::pair{4, 8}}) {
    const Plan plan = make_plan(nodes_with(nodes, rails), {});
    milliseconds sum{0};
    for (const Round& round : plan.rounds) {
      milliseconds longest{0};
      for (const PairPlan& pair : round.pairs) {
        EXPECT_FALSE(pair.cells.empty());
        milliseconds time{0};
        for (const Cell& cell : pair.cells) time += least_time(cell);
        longest = std::max(longest, time);
      }
      sum += longest;
    }
    EXPECT_LE(sum, default_budget) << nodes << " nodes, " << rails << " rails";
  }
  EXPECT_THAT(make_plan(nodes_with(2, 8), {}).notes, Contains(HasSubstr("left out")));
}

TEST(Plan, UdIsOfLatencyUpToThePathMtu) {
  Settings settings;
  settings.transports = {Transport::rc, Transport::ud};
  const Plan plan = make_plan(nodes_with(2, 1), settings);
  for (const Cell& cell : plan.rounds.front().pairs.front().cells) {
    const bool ud = std::find(cell.transports.begin(), cell.transports.end(), Transport::ud) != cell.transports.end();
    EXPECT_EQ(ud, cell.metric == Metric::latency && cell.size_bytes <= 4096) << cell.size_bytes;
  }
  EXPECT_THAT(plan.notes, Contains(HasSubstr("UD was measured for latency only")));
}

TEST(Plan, OneRankAloneIsRefused) { EXPECT_THROW(make_plan(nodes_with(1, 1), {}), InputError); }

TEST(CellTime, CellsShareWhatIsLeft) {
  const Plan plan = make_plan(nodes_with(2, 1), {});
  const PairPlan& pair = plan.rounds.front().pairs.front();
  std::chrono::nanoseconds left = default_budget;
  for (std::size_t i = 0; i < pair.cells.size(); ++i) {
    std::vector<const Cell*> later;
    for (std::size_t j = i + 1; j < pair.cells.size(); ++j) later.push_back(&pair.cells[j]);
    const CellTime time = time_of({}, pair.cells[i], later, left);
    EXPECT_GT(time.total.count(), 0);
    EXPECT_GE(time.block, milliseconds(10));
    left -= time.total;
  }
  EXPECT_LT(std::abs(left.count()), 1'000'000);
}

TEST(CellTime, NothingLeftStillMeansTheLeastRounds) {
  const Cell cell{Metric::bandwidth, 65536, {0}, {Transport::rc, Transport::tcp}};
  const CellTime time = time_of({}, cell, {}, std::chrono::seconds(-3));
  EXPECT_GE(time.least_rounds, 3U);
  EXPECT_GE(time.block, milliseconds(100));
}

TEST(CellTime, DurationIsEachTransportsOwn) {
  Settings settings;
  settings.duration = std::chrono::seconds(4);
  const Cell cell{Metric::bandwidth, 65536, {0}, {Transport::rc, Transport::tcp}};
  const CellTime time = time_of(settings, cell, {}, default_budget);
  EXPECT_EQ(time.total, std::chrono::seconds(8));
  EXPECT_EQ(static_cast<double>(time.most_rounds) * std::chrono::duration<double>(time.block).count(), 4.0);
  settings.duration = milliseconds(50);
  const CellTime brief = time_of(settings, cell, {}, default_budget);
  EXPECT_EQ(brief.block, milliseconds(50));
  EXPECT_EQ(brief.most_rounds, 1U);
}

TEST(CellTime, IterationsAreSharedOutOverBlocks) {
  Settings settings;
  settings.iterations = 1000;
  const Cell cell{Metric::latency, 8, {0}, {Transport::rc}};
  const CellTime time = time_of(settings, cell, {}, default_budget);
  EXPECT_GE(time.iterations_a_block * time.most_rounds, 1000U);
  EXPECT_LT(time.iterations_a_block * time.most_rounds, 1000U + time.most_rounds);
  EXPECT_EQ(time.least_rounds, time.most_rounds);
}

TEST(Wire, APlanComesBackAsItWasSent) {
  const Plan plan = make_plan(nodes_with(3, 2), {});
  const std::string bytes = wire::encode(plan);
  const Plan back = wire::decode<Plan>(bytes);
  EXPECT_EQ(wire::encode(back), bytes);
  EXPECT_EQ(back.paths.at(1).path.a.device, "mlx5_1");
  EXPECT_EQ(back.paths.at(1).path.bound_gbit_s, plan.paths.at(1).path.bound_gbit_s);
}

TEST(Wire, SettingsComeBackAsTheyWereSent) {
  Settings settings;
  settings.duration = milliseconds(1500);
  settings.rails = {"mlx5_0", ""};
  settings.window = -1;
  const Settings back = wire::decode<Settings>(wire::encode(settings));
  EXPECT_EQ(back.duration, settings.duration);
  EXPECT_EQ(back.rails, settings.rails);
  EXPECT_EQ(back.window, -1);
  EXPECT_EQ(back.iterations, std::nullopt);
}

TEST(Wire, CutOrLongerMessagesAreRefused) {
  const std::string bytes = wire::encode(make_plan(nodes_with(2, 1), {}));
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    EXPECT_THROW(wire::decode<Plan>(bytes.substr(0, length)), std::runtime_error) << length;
  }
  EXPECT_THROW(wire::decode<Plan>(bytes + "x"), std::runtime_error);
  EXPECT_THROW(wire::decode<Plan>(std::string(64, '\xff')), std::runtime_error);
}

}  // namespace
}  // namespace rocekit::pingpong
