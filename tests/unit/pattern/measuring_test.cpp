// What is decided around a measurement: sides, cells, what must cross between places, and what proves it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tools/nccl-pattern/judge/crossing.h"
#include "tools/nccl-pattern/judge/proof.h"
#include "tools/nccl-pattern/plan/cells.h"
#include "tools/nccl-pattern/plan/sides.h"
#include "tools/nccl-pattern/run/assemble.h"
#include "tools/nccl-pattern/run/expectation.h"

namespace rocekit::pattern {
namespace {

using collectives::Backend;
using collectives::Timing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<RankView> gpu_ranks(const char* machine_1 = "b", const char* bus_1 = "0000:02:00.0") {
  std::vector<RankView> ranks{{"rank 0 (a)", "a", {}, 0}, {"rank 1 (b)", machine_1, {}, 0}};
  for (RankView& rank : ranks) {
    rank.gpus.gpus = {{"NVIDIA H200", "0000:01:00.0"}};
    rank.gpus.nccl_version = "2.28.9";
  }
  ranks[1].gpus.gpus.front().bus_id = bus_1;
  return ranks;
}

Ways with_rdma() {
  Ways ways;
  ways.rdma = true;
  return ways;
}

std::vector<std::string> names(const SideChoice& choice) {
  std::vector<std::string> list;
  for (const SidePlan& side : choice.sides) list.push_back(side.name);
  return list;
}

template <class Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Sides, across_nodes_nccl_takes_its_two_networks_in_one_process_and_the_host_as_floor) {
  const SideChoice choice = choose_sides({}, gpu_ranks(), with_rdma());
  EXPECT_THAT(names(choice), ElementsAre("rdma", "socket", "wire-rdma", "wire-socket"));
  EXPECT_EQ(choice.sides[0].net_name, "IB");
  EXPECT_EQ(choice.sides[1].net_name, "Socket");
  EXPECT_FALSE(choice.sides[0].child || choice.sides[1].child);
  EXPECT_TRUE(choice.sides[2].floor && choice.sides[2].backend == Backend::host);
}

TEST(Sides, on_one_machine_sockets_are_a_process_without_nvlink_and_shared_memory) {
  const SideChoice choice = choose_sides({}, gpu_ranks("a"), {});
  ASSERT_THAT(names(choice), ElementsAre("default", "socket", "wire-socket"));
  EXPECT_FALSE(choice.sides[0].child);
  EXPECT_TRUE(choice.sides[1].child);
  EXPECT_EQ(name_of(choice.sides[1].settings), "NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1");
}

TEST(Sides, ranks_that_share_a_gpu_prove_function_alone) {
  const SideChoice choice = choose_sides({}, gpu_ranks("a", "0000:01:00.0"), {});
  EXPECT_THAT(names(choice), ElementsAre("socket"));
  EXPECT_TRUE(choice.sides[0].host_ids && choice.sides[0].child);
  EXPECT_THAT(choice.function_only, ElementsAre(HasSubstr("share GPU 0000:01:00.0")));
}

TEST(Sides, a_rank_without_gpu_or_library_leaves_the_host_backend_and_says_so) {
  std::vector<RankView> ranks = gpu_ranks();
  ranks[1].gpus.no_nccl = "libnccl.so.2 is nowhere";
  const SideChoice choice = choose_sides({}, ranks, with_rdma());
  EXPECT_EQ(choice.sides[0].backend, Backend::host);
  EXPECT_THAT(choice.notes.front(), HasSubstr("rank 1 (b) has no NCCL (libnccl.so.2 is nowhere)"));
  Settings nccl;
  nccl.backend = BackendChoice::nccl;
  EXPECT_THAT(refusal([&] { choose_sides(nccl, ranks, with_rdma()); }), HasSubstr("--backend host"));
}

TEST(Sides, libraries_of_different_versions_are_refused_by_rank) {
  std::vector<RankView> ranks = gpu_ranks();
  ranks[1].gpus.nccl_version = "2.27.3";
  EXPECT_THAT(refusal([&] { choose_sides({}, ranks, {}); }),
              ::testing::AllOf(HasSubstr("2.27.3 on rank 1 (b); 2.28.9 on rank 0 (a)"), HasSubstr("ROCE-PAIR-005")));
}

TEST(Sides, one_version_in_different_places_is_told_by_rank) {
  std::vector<RankView> ranks = gpu_ranks();
  ranks[0].gpus.nccl_path = "/venv/libnccl.so.2";
  ranks[1].gpus.nccl_path = "/usr/lib/libnccl.so.2";
  EXPECT_THAT(choose_sides({}, ranks, with_rdma()).notes,
              ElementsAre("NCCL 2.28.9 comes from different places: /usr/lib/libnccl.so.2 on rank 1 (b); "
                          "/venv/libnccl.so.2 on rank 0 (a)"));
  ranks[1].gpus.nccl_path = ranks[0].gpus.nccl_path;
  EXPECT_THAT(choose_sides({}, ranks, with_rdma()).notes, ElementsAre());
}

TEST(Sides, a_library_that_was_named_and_cannot_be_loaded_ends_the_run) {
  std::vector<RankView> ranks = gpu_ranks();
  ranks[0].gpus.gpus.clear();
  ranks[1].gpus.no_nccl = "--nccl-lib /x: no library there";
  ranks[1].nccl_library = "/x";
  EXPECT_EQ(refusal([&] { choose_sides({}, ranks, with_rdma()); }), "rank 1 (b): --nccl-lib /x: no library there");
  Settings host;
  host.backend = BackendChoice::host;
  EXPECT_THAT(choose_sides(host, ranks, with_rdma()).notes,
              ElementsAre("--nccl-lib /x was not used: --backend host measures without NCCL"));
}

TEST(Sides, what_is_required_and_no_side_can_have_is_refused) {
  std::vector<RankView> without_gpu = gpu_ranks();
  for (RankView& rank : without_gpu) rank.gpus.gpus.clear();
  const auto require = [](const char* name, const std::vector<RankView>& ranks,
                          const std::vector<std::string>& compare = {}) {
    Settings settings;
    settings.required = name;
    settings.compare = compare;
    return refusal([&] { choose_sides(settings, ranks, with_rdma()); });
  };
  const std::string met = "nothing was refused";
  EXPECT_EQ(require("rdma", without_gpu), met);
  EXPECT_EQ(require("foo", without_gpu), "--require foo: host memory has rdma and socket");
  EXPECT_THAT(require("shm", without_gpu), HasSubstr("p2p and shm are ways between GPUs"));
  EXPECT_EQ(require("socket", without_gpu, {"mpi", "rdma"}), met) << "MPI may take sockets";
  EXPECT_EQ(require("p2p", gpu_ranks("a")), met) << "NCCL's own choice";
  EXPECT_EQ(require("p2p", gpu_ranks()),
            "--require p2p: this run measures only rdma and socket; name it in --compare too");
  EXPECT_THAT(require("foo", gpu_ranks("a")), HasSubstr("only default and socket"));
  EXPECT_EQ(require("foo", gpu_ranks(), {"foo", "rdma"}), met);
  EXPECT_THAT(require("rdma", gpu_ranks(), {"socket"}), HasSubstr("only socket"));
}

TEST(Sides, rdma_that_is_required_and_not_there_leaves_nothing_to_measure) {
  Settings settings;
  settings.required = "rdma";
  Ways ways;
  ways.no_rdma = "rank 1 (b) has no RDMA device";
  for (const std::vector<std::string>& compare : {std::vector<std::string>{}, {"rdma", "socket"}}) {
    settings.compare = compare;
    EXPECT_EQ(rdma_wish(settings), RdmaWish::if_there);
    const SideChoice choice = choose_sides(settings, gpu_ranks(), ways);
    EXPECT_THAT(names(choice), ElementsAre());
    EXPECT_THAT(choice.notes, ElementsAre(HasSubstr("rank 1 (b) has no RDMA device: nothing was measured")));
  }
}

TEST(Sides, settings_are_compared_in_processes_of_their_own_over_the_transport_that_was_named) {
  Settings settings;
  settings.environments = true;
  settings.a = parse_environment("NCCL_IB_HCA=mlx5_0,mlx5_1,NCCL_IB_QPS_PER_CONNECTION=4");
  settings.compare = {"rdma"};
  settings.floor = false;
  const SideChoice choice = choose_sides(settings, gpu_ranks(), with_rdma());
  EXPECT_THAT(names(choice), ElementsAre("NCCL_IB_HCA=mlx5_0,mlx5_1 NCCL_IB_QPS_PER_CONNECTION=4", "no settings"));
  EXPECT_TRUE(choice.sides[0].child && choice.sides[1].child);
  EXPECT_EQ(choice.sides[1].net_name, "IB");
}

TEST(Sides, nvlink_between_machines_is_refused) {
  Settings settings;
  settings.compare = {"p2p", "socket"};
  EXPECT_THAT(refusal([&] { choose_sides(settings, gpu_ranks(), {}); }), HasSubstr("of one machine"));
}

Measured subject(bool whole_step, std::size_t bytes = 64) {
  Measured measured;
  measured.subject.whole_step = whole_step;
  measured.subject.name = whole_step ? "step" : "all-reduce";
  measured.program.send_bytes = bytes;
  return measured;
}

TEST(Cells, floors_take_part_in_isolated_operations_and_graphs_need_a_gpu) {
  std::vector<SidePlan> sides(2);
  sides[1].floor = true;
  const auto cells = plan_cells({}, {subject(false), subject(true)}, sides, {true, false});
  ASSERT_EQ(cells.size(), 6U);
  EXPECT_THAT(cells[0].sides, ElementsAre(0, 1));
  EXPECT_THAT(cells[2].sides, ElementsAre(0));
  EXPECT_EQ(cells[2].timing, Timing::graph);
  EXPECT_THAT(cells[3].sides, ElementsAre(0));
  Settings graphs;
  graphs.timings = {Timing::graph};
  EXPECT_THAT(refusal([&] {
                plan_cells(graphs, {subject(false)}, sides, {false, false});
              }),
              HasSubstr("--timing graph"));
}

TEST(Cells, the_budget_is_shared_by_the_sides_that_are_left) {
  const std::vector<Cell> cells{{0, Timing::isolated, {0, 1}}, {0, Timing::back_to_back, {0, 1}}};
  const CellTime first = time_of({}, cells, 0, std::chrono::seconds(4));
  EXPECT_EQ(first.total, std::chrono::seconds(2));
  EXPECT_EQ(time_of({}, cells, 1, std::chrono::seconds(2)).total, std::chrono::seconds(2));
  Settings counted;
  counted.iterations = 100;
  const CellTime time = time_of(counted, cells, 0, std::chrono::seconds(4));
  EXPECT_GE(time.most_rounds * iterations_for(time, 1e9), 100U);
}

TEST(Cells, of_one_side_alone_many_iterations_are_shared_by_more_blocks_that_each_hold_a_thousand) {
  const std::vector<Cell> cells{{0, Timing::back_to_back, {0}}};
  const auto rounds = [&](std::uint64_t iterations) {
    Settings settings;
    settings.iterations = iterations;
    const CellTime time = time_of(settings, cells, 0, std::chrono::seconds(4));
    EXPECT_GE(time.most_rounds * time.iterations_a_block, iterations);
    return time.most_rounds;
  };
  EXPECT_EQ(rounds(5), 5U);
  EXPECT_EQ(rounds(12'000), 12U);
  EXPECT_EQ(rounds(20'000), 20U);
  EXPECT_EQ(rounds(1'000'000), 48U);
}

TEST(Expectation, of_a_step_is_what_its_operations_took_and_its_compute) {
  std::vector<Measured> subjects{subject(false), subject(false), subject(true)};
  subjects[0].subject.count_in_step = 97;
  subjects[1].subject.count_in_step = 2;
  subjects[1].same_as = 0;
  Report report;
  report.plan.steps.resize(1);
  report.plan.steps[0].request.microbatches = 4;
  EXPECT_EQ(expected_time(subjects, 2, 0, report, 500).count(), 0);
  report.results.resize(1);
  report.results[0].mean_us = 10;
  EXPECT_EQ(expected_time(subjects, 2, 0, report, 500), std::chrono::microseconds(99 * 10 + 4 * 500));
  EXPECT_EQ(expected_time(subjects, 0, 0, report, 500), std::chrono::microseconds(10));
  EXPECT_EQ(expected_time(subjects, 2, 1, report, 500).count(), 0);
}

TEST(Expectation, of_what_was_never_run_grows_with_its_bytes) {
  using std::chrono::seconds;
  EXPECT_LT(first_patience(subject(false, 4096).program, 2), seconds(31));
  EXPECT_GT(first_patience(subject(false, 1'000'000'000).program, 2), seconds(30 + 2 * 100 - 1));
}

TEST(Memory, what_was_asked_for_and_does_not_fit_is_refused_and_defaults_are_left_out) {
  Traffic traffic;
  traffic.operations.resize(2);
  std::vector<Measured> subjects{subject(false), subject(false, 1U << 20U)};
  EXPECT_THAT(leave_out_what_does_not_fit(subjects, traffic, 4096), HasSubstr("above the cap of 4 KiB"));
  EXPECT_EQ(subjects.size(), 1U);
  subjects.push_back(subject(false, 1U << 20U));
  traffic.sizes_given = true;
  EXPECT_THAT(refusal([&] { leave_out_what_does_not_fit(subjects, traffic, 4096); }), HasSubstr("--max-memory"));
}

Crossing crossing(traffic::OpKind kind, std::vector<int> places, collectives::SendRecvForm form = {}) {
  collectives::Call call;
  call.kind = kind;
  call.type = traffic::DataType::fp32;
  call.elements = 1024;
  call.form = form;
  collectives::Program program;
  program.actions.push_back({traffic::Group::world, {call}, 0, {}, 0});
  std::vector<int> all(places.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return crossing_of(program, {{traffic::Group::world, {all}}}, places, 1024);
}

TEST(WhatCrosses, is_the_least_that_any_algorithm_sends_between_places) {
  using traffic::OpKind;
  EXPECT_EQ(crossing(OpKind::all_reduce, {0, 1}).bytes, 2U * 4096);
  EXPECT_EQ(crossing(OpKind::all_reduce, {0, 1}).packets, 8U);
  EXPECT_EQ(crossing(OpKind::all_reduce, {0, 0}).bytes, 0U);
  EXPECT_EQ(crossing(OpKind::all_gather, {0, 0, 1}).bytes, 4096U + 2 * 4096);
  EXPECT_EQ(crossing(OpKind::all_to_all, {0, 1}).bytes, 4096U);
  EXPECT_EQ(crossing(OpKind::reduce_scatter, {0, 1}).bytes, 4096U);
  EXPECT_EQ(crossing(OpKind::broadcast, {0, 1, 1}).bytes, 4096U);
  EXPECT_EQ(crossing(OpKind::send_recv, {0, 1}, collectives::SendRecvForm::ping_pong).bytes, 2U * 4096);
  EXPECT_EQ(crossing(OpKind::send_recv, {0, 1}, collectives::SendRecvForm::one_way).bytes, 4096U);
}

Evidence evidence(const char* transport, std::uint64_t port_bytes, std::uint64_t netdev_bytes) {
  Evidence evidence;
  evidence.transport = transport;
  evidence.expected = {10U << 20U, 2560};
  evidence.counters = {{"a", "rocep1s0f0:1", "port_rcv_data", "bytes", port_bytes},
                       {"a", "enp1s0f0np0", "rx_bytes", "bytes", netdev_bytes},
                       {"a", "lo", "rx_bytes", "bytes", 1U << 30U}};
  evidence.active_ports = {"rocep1s0f0:1", "rocep1s0f1:1"};
  return evidence;
}

constexpr std::uint64_t all = 10U << 20U;
constexpr const char* over_sockets = "a:1:1 [0] NCCL INFO Channel 00/0 : 0[0] -> 1[0] [send] via NET/Socket/0\n";

TEST(ProofByCounters, devices_that_saw_it_all_prove_their_transport_and_idle_ones_are_named) {
  const Proof proof = prove(evidence("rdma", all, 1000));
  EXPECT_EQ(proof.verdict, Proof::Verdict::proven) << proof.sentence;
  EXPECT_TRUE(proof.by_counters);
  EXPECT_THAT(proof.rails, ElementsAre("rocep1s0f0:1"));
  EXPECT_THAT(proof.idle_rails, ElementsAre("rocep1s0f1:1"));
  EXPECT_EQ(prove(evidence("socket", 0, all)).verdict, Proof::Verdict::proven);
}

TEST(ProofByCounters, another_transport_contradicts_and_little_proves_nothing) {
  const Proof fallen = prove(evidence("rdma", 0, all));
  EXPECT_EQ(fallen.verdict, Proof::Verdict::contradicted);
  EXPECT_EQ(fallen.transport, "socket");
  EXPECT_EQ(prove(evidence("socket", all, all)).verdict, Proof::Verdict::contradicted);
  EXPECT_EQ(prove(evidence("rdma", all / 2, 0)).verdict, Proof::Verdict::unproven);
  EXPECT_EQ(prove(evidence("p2p", 0, all)).verdict, Proof::Verdict::contradicted);
}

TEST(ProofByLog, channels_over_another_network_contradict_and_unknown_lines_prove_nothing) {
  Evidence fallen = evidence("rdma", all / 2, all / 2);
  fallen.log = over_sockets;
  EXPECT_EQ(prove(fallen).verdict, Proof::Verdict::contradicted);
  Evidence fits = evidence("socket", 0, all / 2);
  fits.log = over_sockets;
  EXPECT_EQ(prove(fits).verdict, Proof::Verdict::proven);
  EXPECT_TRUE(prove(fits).by_log);
  fits.log = "a:1:1 [0] NCCL INFO something new\n";
  EXPECT_EQ(prove(fits).verdict, Proof::Verdict::unproven);
}

TEST(Results, of_isolated_runs_the_slowest_rank_counts_and_the_first_side_is_compared_with_each_other) {
  EXPECT_THAT(slowest({{1000, 5000}, {3000, 2000, 9000}}), ElementsAre(3, 5));
  Report report;
  report.subjects.push_back({});
  report.subjects.back().kind = traffic::OpKind::all_reduce;
  report.subjects.back().size_bytes = 4096;
  std::vector<Series> series(2);
  for (std::size_t side = 0; side < 2; ++side) {
    for (int block = 0; block < 20; ++block) series[side].block_us.push_back(side == 0 ? 10 : 30);
    series[side].iterations = 20;
    series[side].total_us = side == 0 ? 200 : 600;
  }
  add_results({0, Timing::back_to_back, {0, 1}}, std::vector<SidePlan>(2), series, {std::nullopt, 8.0}, report);
  ASSERT_EQ(report.comparisons.size(), 1U);
  EXPECT_NEAR(report.comparisons[0].ratio.ratio, 3, 1e-9);
  EXPECT_NEAR(report.results[0].algbw_gb_s, 4096 / 10e-6 / 1e9, 1e-9);
  EXPECT_NEAR(*report.results[1].fraction_of_bound, 4096 / 30e-6 / 1e9, 1e-6);
}

TEST(Results, tell_that_launches_are_the_time_and_what_slowed_cores_did_once_all_are_there) {
  Report report;
  report.subjects.push_back({});
  Series launches;
  launches.block_us = {6.5, 6.5, 6.5, 9.8, 9.8, 9.8};
  launches.iterations = 6000;
  launches.total_us = 48'900;
  launches.enqueue_us = 48'000;
  launches.core_work = {{0, std::vector<double>(6, 3000)}, {1, {3000, 3000, 3000, 4500, 4500, 4500}}};
  Series large;
  large.block_us = {500, 500};
  large.iterations = 20;
  large.total_us = 10'000;
  large.enqueue_us = 100;
  large.core_work = {{0, {2000, 3000}}, {1, {4500, 4500}}};
  for (const Series& series : {launches, large})
    add_results({0, Timing::back_to_back, {0}}, std::vector<SidePlan>(1), {series}, {std::nullopt}, report);
  add_core_warnings({"rank 0 (a)", "rank 1 (b)"}, report);
  EXPECT_NEAR(*report.results[0].enqueue_share, 0.98, 0.01);
  // Rank 0 was faster in the series that came later.
  EXPECT_THAT(report.results[0].block_core_slowdowns, testing::Each(1.5));
  std::vector<std::string> told;
  for (const measure::Warning& warning : report.results[0].warnings) told.push_back(measure::to_string(warning.kind));
  EXPECT_THAT(told, ElementsAre("launch-bound", "slow-core"));
  EXPECT_THAT(report.results[1].warnings, testing::IsEmpty());
}

}  // namespace
}  // namespace rocekit::pattern
