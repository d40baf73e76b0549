// Every output format of nccl-pattern against what it should say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "collectives/predict/latency_file.h"
#include "core/text/utf8.h"
#include "tests/unit/pattern/sample_report.h"
#include "tools/nccl-pattern/judge/findings.h"
#include "tools/nccl-pattern/report/csv_report.h"
#include "tools/nccl-pattern/report/json_report.h"
#include "tools/nccl-pattern/report/text_report.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;
using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(Report report, const TextOptions& options = {}) {
  judge(report);
  return render_text(report, text::Style(), options);
}

std::string document_of(Report report) {
  judge(report);
  return render_json(report);
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, text::columns(line));
  return longest;
}

TEST(TextReport, TwoSidesOfAStepAnswerFirst) {
  EXPECT_EQ(text_of(sample::gb10()), R"(tp2 of Qwen3-Coder-30B-A3B, decode, 1 request
  each step (CUDA graph): rdma 1.95 ms, socket 13.3 ms: socket is 6.84x slower (6.64-7.05)
  45.3 tok/s on socket would be 91.0 tok/s (87.2-94.8) on rdma, if only communication changes
  communication alone would allow 511.0 tok/s on rdma and 74.9 on socket
  transport: both proven by counters and NCCL's log

RANKS   spark-1 and spark-2, each GPU 0, NVIDIA GB10 (mpirun, 34.1 s)
SIDES   rdma: NCCL 2.28.9 (/usr/lib/libnccl.so.2), network IB
        socket: NCCL 2.28.9 (/usr/lib/libnccl.so.2), network Socket

STEP  us; p50 and p99 of single runs; b2b: back to back; graph: replayed from a CUDA graph
  issued by --tensor-parallel-size 2
COUNT  OPERATION      SIZE  OVER      P50    P99    B2B  GRAPH  OF STEP  AGAINST rdma
   97  all-reduce    4 KiB  rdma     30.1   37.6   21.4   19.7     98 %
                            socket    152    190    139    134     97 %  6.80x slower (6.60-7.01)
    1  all-gather  297 KiB  rdma     61.0   76.2   49.0   47.0    2.4 %
                            socket    410    512    377    371    2.8 %  7.89x slower (7.66-8.13)
       whole step           rdma     2105   2631   2020   1950
                            socket  13610  17012  13500  13340           6.84x slower (6.64-7.05)

PROOF   rdma proven: rocep1s0f0:1 received 11.8 MiB of at least 11.4 MiB; without GPUDirect RDMA
          rocep1s0f0:1 (RoCE): GID 3, 192.168.100.10 and 192.168.100.11, MTU 4096, 16 queue pairs
        socket proven: enp1s0f0np0 received 11.8 MiB of at least 11.4 MiB
          enp1s0f0np0: 192.168.100.10 and 192.168.100.11
VERIFY  every element is right: 98 calls over rdma and 98 calls over socket (sums exactly)
TOK/S   rests on 1 assumption (-v lists them)

MEASURED: tp2 step: rdma 1.95 ms, socket 13.3 ms: socket is 6.84x slower (6.64-7.05)
)");
}

TEST(TextReport, APatternBySizes) {
  EXPECT_EQ(text_of(sample::pattern()), R"(all-reduce on 2 ranks, bf16
  4 KiB (back to back): rdma 21.4 us, socket 139 us: socket is 6.50x slower (6.30-6.69)
  64 MiB (back to back): rdma 23.8 GB/s (97 % of the bound), socket 4.22 GB/s (17 % of the bound):
    socket is 5.64x slower (5.47-5.81)
  transport: both proven by counters and NCCL's log

RANKS   spark-1 and spark-2, each GPU 0, NVIDIA GB10 (mpirun, 34.1 s)
SIDES   rdma: NCCL 2.28.9 (/usr/lib/libnccl.so.2), network IB
        socket: NCCL 2.28.9 (/usr/lib/libnccl.so.2), network Socket

SIZES  us; p50 and p99 of single runs; b2b: back to back; bandwidths in GB/s
  SIZE  OVER      P50    P99    B2B  ALGBW  BUSBW  OF BOUND  AGAINST rdma
 4 KiB  rdma     30.1   37.6   21.4   0.19   0.19     0.8 %
        socket    152    190    139  0.029  0.029     0.1 %  6.50x slower (6.30-6.69)
64 MiB  rdma     2900   3625   2820   23.8   23.8      97 %
        socket  16100  20125  15900   4.22   4.22      17 %  5.64x slower (5.47-5.81)

PROOF   rdma proven: rocep1s0f0:1 received 11.8 MiB of at least 11.4 MiB
          rocep1s0f0:1 (RoCE): GID 3, 192.168.100.10 and 192.168.100.11, MTU 4096, 16 queue pairs
        socket proven: enp1s0f0np0 received 11.8 MiB of at least 11.4 MiB
          enp1s0f0np0: 192.168.100.10 and 192.168.100.11
VERIFY  results were not verified

MEASURED: all-reduce 4 KiB: rdma 21.4 us, socket 139 us: socket is 6.50x slower (6.30-6.69)
)");
}

TEST(TextReport, OneSideOnOneHostProvesFunctionAlone) {
  EXPECT_EQ(text_of(sample::one_side()), R"(FUNCTION all ranks are on one host: no wire is measured
all-reduce on 2 ranks, bf16
  8 B (back to back): socket 22.7 us
  64 KiB (back to back): socket 61.0 us
  transport: unproven

RANKS   box (rank 0) and box (rank 1), each host memory (--local, 34.1 s)
SIDES   socket: rocekit host collectives
NOTE    no RDMA device: socket alone

SIZES  us; p50 and p99 of single runs; b2b: back to back; bandwidths in GB/s
  SIZE   P50   P99   B2B    ALGBW    BUSBW
   8 B  24.1  30.1  22.7  0.00035  0.00035
64 KiB  66.0     -  61.0     1.07     1.07

PROOF   socket unproven: lo received 2.1 MiB of at least 2 MiB
VERIFY  results were not verified

MEASURED: all-reduce 8 B: socket 22.7 us
)");
}

TEST(TextReport, AFloorPartsTheLatencyAndIsNoSide) {
  const std::string text = text_of(sample::with_floor());
  EXPECT_THAT(text, HasSubstr("all-reduce 4 KiB  rdma    30.1               0.33  5.87  23.9    79 %\n"));
  EXPECT_THAT(text, HasSubstr("rdma 1.95 ms, socket 13.3 ms: socket is"));
  EXPECT_THAT(text, Not(HasSubstr("wire-rdma")));
  const std::string verbose = text_of(sample::with_floor(), {true, 120});
  EXPECT_THAT(verbose, HasSubstr("wire-rdma     6.20   7.75      -      -\n"));
  EXPECT_THAT(verbose, HasSubstr("what the wire allows without NCCL"));
}

TEST(TextReport, FiguresOfAnotherTransportAreCalledSo) {
  const std::string text = text_of(sample::fallen_to_sockets());
  EXPECT_THAT(text, HasSubstr("rdma (in truth socket) 1.95 ms"));
  EXPECT_THAT(text, HasSubstr("transport: rdma contradicted, socket proven by counters and NCCL's log"));
  EXPECT_THAT(text, HasSubstr("CRITICAL  ROCE-PERF-009"));
  EXPECT_THAT(text, HasSubstr("\nNOT READY (ROCE-PERF-009): tp2 step: "));
  EXPECT_LT(text.find("CRITICAL"), text.find("RANKS"));
}

TEST(TextReport, VerboseHasEveryPercentileCounterLogLineAndAssumption) {
  const std::string text = text_of(sample::gb10(), {true, 140});
  EXPECT_THAT(text, HasSubstr("attention output, each layer"));
  EXPECT_THAT(text, HasSubstr("STATISTICS"));
  EXPECT_THAT(text, HasSubstr("5.05x slower (4.90-5.20)"));  // isolated, beside the graph's 6.80x
  EXPECT_THAT(text, HasSubstr("port_rcv_data of rocep1s0f0:1 on spark-1: +12400000 bytes"));
  EXPECT_THAT(text, HasSubstr("via NET/Socket/0"));
  EXPECT_THAT(text, HasSubstr("connected in 210 ms, first call 34.0 ms"));
  EXPECT_THAT(text, HasSubstr("- everything but communication takes the same time"));
}

TEST(TextReport, FitsIntoItsWidth) {
  for (const int width : {80, 100, 140}) {
    for (const Report& report :
         {sample::gb10(), sample::with_floor(), sample::fallen_to_sockets(), sample::one_side(), sample::pattern()}) {
      for (const bool verbose : {false, true}) {
        EXPECT_LE(longest_line(text_of(report, {verbose, width})), static_cast<std::size_t>(width))
            << text_of(report, {verbose, width});
      }
    }
  }
}

TEST(TextReport, ThreeSidesAreEachComparedWithTheFirst) {
  Report report = sample::gb10();
  report.sides.push_back(report.sides[1]);
  report.sides[2].name = report.sides[2].transport = "p2p";
  for (const Timing timing : {Timing::isolated, Timing::graph}) {
    report.results.push_back(sample::result(2, 2, timing, 900));
    report.comparisons.push_back(sample::comparison(2, timing, 0, 2, 0.46));
  }
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("rdma 1.95 ms, socket 13.3 ms, p2p 900 us: socket is 6.84x slower than rdma\n"));
  EXPECT_THAT(text, HasSubstr("p2p is 2.17x faster than rdma"));
  EXPECT_THAT(text, HasSubstr("2.17x faster (2.11-2.24)\n"));
}

TEST(TextReport, APipelineTellsItsBubble) {
  Report report = sample::gb10();
  report.subjects[2].ideal_pipeline_ms = 1.56;
  EXPECT_THAT(text_of(report), HasSubstr("would take 1.56 ms: bubble and sends are 20 % of the step on rdma\n"));
}

TEST(TextReport, WrongResultsAndIdleRailsAreTold) {
  Report report = sample::pattern();
  report.verifications = {{0, 98, 3, "element 17 is 4, not 5", 0}};
  report.sides[0].proof.idle_rails = {"roceP2p1s0f0:1"};
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("3 of 98 calls on rdma gave wrong results; element 17 is 4, not 5"));
  EXPECT_THAT(text, HasSubstr("idle: roceP2p1s0f0:1"));
}

TEST(TextReport, AStepNamesTheSettingsOfTheEngineThatIssueIt) {
  Report report = sample::gb10();
  report.plan.steps[0].operations[0].issued_by = "--pipeline-parallel-size 2";
  const std::string text = text_of(report, {false, 200});
  EXPECT_THAT(text, HasSubstr("  all-reduce issued by --pipeline-parallel-size 2\n"));
  EXPECT_THAT(text, HasSubstr("  all-reduce and all-gather issued by --tensor-parallel-size 2\n"));
  const nlohmann::json issued = nlohmann::json::parse(document_of(report))["steps"][0]["issued_by"];
  EXPECT_EQ(issued[0]["setting"], "--pipeline-parallel-size 2");
  EXPECT_EQ(issued[1]["operations"], nlohmann::json({"all-reduce", "all-gather"}));
}

TEST(TextReport, OfManyConnectionsTheFirstAreTold) {
  Report report = sample::gb10();
  std::vector<proof::Connection>& list = report.sides[0].proof.connections;
  for (int rank = 12; rank < 30; ++rank) list[0].addresses.push_back("192.168.100." + std::to_string(rank));
  list.resize(11, list[0]);
  const std::string text = text_of(report, {false, 300});
  EXPECT_THAT(text, HasSubstr("192.168.100.17 and 12 more, MTU 4096"));
  EXPECT_THAT(text, HasSubstr("          3 more\n"));
  EXPECT_THAT(text_of(report, {true, 500}), HasSubstr("192.168.100.28 and 192.168.100.29, MTU 4096"));
}

TEST(TextReport, AMeanIsNeverShownAsAMedian) {
  EXPECT_THAT(text_of(sample::with_floor()), Not(HasSubstr("~")));
  Report report = sample::with_floor();
  for (Result& result : report.results) {
    if (result.timing != Timing::isolated || result.side == 1) continue;  // rdma and its floor ran few times
    result.latency_us.p50.reset();
    result.latency_us.p99.reset();
  }
  const std::string text = text_of(report, {false, 140});
  EXPECT_THAT(text, HasSubstr("us; p50 and p99 of single runs (~: mean, of too few for a median); b2b"));
  EXPECT_THAT(text, HasSubstr("whole step           rdma    ~2147      -"));
  EXPECT_THAT(text, HasSubstr("all-reduce 4 KiB  rdma    ~30.7               0.33  ~5.87  23.9"));
  EXPECT_THAT(text, HasSubstr("us of one operation's median (~: mean, of too few runs for a median): bits"));
}

TEST(TextReport, AWarningIsSaidOnceWithAllSeriesThatHaveIt) {
  Report report = sample::one_side();
  for (Result& result : report.results) {
    result.warnings.push_back({measure::Warning::Kind::slow_core, "a core was slow"});
    result.warnings.push_back({measure::Warning::Kind::drift, "drifts"});
  }
  EXPECT_THAT(text_of(report), HasSubstr("WARN    all-reduce 8 B, isolated: drifts (and 3 series more, -v lists them)\n"
                                         "        all-reduce 8 B, isolated: a core was slow (and 3 series more, -v "
                                         "lists them)\n"));
  EXPECT_THAT(text_of(report, {true, 160}),
              HasSubstr("WARN    all-reduce 8 B, isolated; all-reduce 64 KiB, isolated; all-reduce 8 B, back-to-back; "
                        "all-reduce 64 KiB, back-to-back: drifts\n"));
  EXPECT_THAT(text_of(report, {true, 160}), Not(HasSubstr("-v lists")));
}

// ---- documents ----

TEST(JsonReport, HasTheNamesThatScriptsRead) {
  const nlohmann::json document = nlohmann::json::parse(document_of(sample::with_floor()));
  EXPECT_EQ(document["schema"], "rocekit/pattern");
  EXPECT_EQ(document["verdict"], "ready");
  EXPECT_EQ(document["hosts"][1]["name"], "spark-2");
  const nlohmann::json& first = document["results"][0];
  EXPECT_EQ(first["op"], "all-reduce");
  EXPECT_EQ(first["transport"], "rdma");
  EXPECT_EQ(first["timing"], "isolated");
  EXPECT_EQ(first["size_bytes"], 4096);
  EXPECT_EQ(first["count_in_step"], 97);
  EXPECT_DOUBLE_EQ(first["latency_us"]["p50"], 30.1);
  EXPECT_EQ(first["proof"]["transport"], "rdma");
  EXPECT_EQ(first["proof"]["counters"].size(), 1U);  // those that grew
  EXPECT_THAT(first["proof"]["log_lines"][0], HasSubstr("NET/IB"));
  EXPECT_EQ(document["sides"][0]["proof"]["counters"].size(), 2U);
  const nlohmann::json& connection = document["sides"][0]["proof"]["connections"][0];
  EXPECT_EQ(connection["gid_index"], 3);
  EXPECT_EQ(connection["addresses"][1], "192.168.100.11");
  EXPECT_TRUE(document["sides"][1]["proof"]["connections"][0]["gid_index"].is_null());
  EXPECT_EQ(document["steps"][0]["results"].size(), 6U);
  EXPECT_EQ(document["comparisons"][8]["op"], "step");
  EXPECT_EQ(document["comparisons"][8]["outcome"], "b-slower");
  EXPECT_DOUBLE_EQ(document["budgets"][0]["rest_us"], 23.9);
  EXPECT_DOUBLE_EQ(document["predictions"][0]["predicted_tok_s"], 91);
  EXPECT_EQ(document["predicted_from"], "graph");
}

TEST(JsonReport, HasNullForWhatIsNotKnown) {
  Report report = sample::one_side();
  report.hosts[0].name = "a\xff";
  const nlohmann::json document = nlohmann::json::parse(document_of(report));
  EXPECT_TRUE(document["results"][0]["proof"]["transport"].is_null());
  EXPECT_TRUE(document["results"][0]["bound_gbit_s"].is_null());
  EXPECT_TRUE(document["results"][1]["latency_us"]["p99"].is_null());
  EXPECT_TRUE(document["predicted_from"].is_null());
}

TEST(JsonReport, FollowsItsSchema) {
  Report infinite = sample::gb10();
  infinite.comparisons[0].ratio = {1.2, 0, std::numeric_limits<double>::infinity(), 0.99, 3};
  infinite.sides[0].proof.algorithms = {{"AllReduce", 4096, "Ring", "LL", 97}};
  Report wrong = sample::pattern();
  wrong.verifications = {{0, 98, 3, "element 17 is 4, not 5", 0}};
  std::string files;
  int number = 0;
  for (const Report& report : {sample::gb10(), sample::with_floor(), sample::fallen_to_sockets(), sample::one_side(),
                               sample::pattern(), infinite, wrong}) {
    const std::string name = ::testing::TempDir() + "rocekit-pattern-" + std::to_string(number++) + ".json";
    std::ofstream(name) << document_of(report);
    files += " '" + name + "'";
  }
  const std::string validate = std::string("python3 '") + ROCEKIT_SOURCE_DIR + "/tests/schema/validate.py' --strict";
  const int status = std::system((validate + files).c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 127) GTEST_SKIP() << "python3-jsonschema is not installed";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(MeasuredDocuments, AreTablesOfLatenciesForPredict) {
  for (const std::string& document : {document_of(sample::with_floor()), render_csv(sample::with_floor())}) {
    const predict::LatencyTable table = predict::read_latencies(document, "file");
    EXPECT_EQ(table.timing(), "graph");
    EXPECT_DOUBLE_EQ(table.at(traffic::OpKind::all_reduce, "rdma", 4096)->latency.p50_us, 19.7);
    EXPECT_DOUBLE_EQ(table.at(traffic::OpKind::all_gather, "socket", 303872)->latency.p50_us, 371);
  }
}

TEST(CsvReport, HasOneLineAResult) {
  Report report = sample::one_side();
  report.sides[0].name = "socket, \"one\"";
  report.results.resize(1);
  EXPECT_EQ(
      render_csv(report),
      "op,form,step,count_in_step,ranks,side,transport,backend,timing,size_bytes,samples,iterations,min_us,p50_us,"
      "p90_us,p99_us,p999_us,max_us,mean_us,stddev_us,algbw_gb_s,busbw_gb_s,bound_gbit_s,fraction_of_bound,"
      "proof\n"
      R"(all-reduce,,,,2,"socket, ""one""",socket,host,isolated,8,12000,12000,21.69,24.1,26.510000000000005,30.125,,96.4,24.582,2.41,0.0003319502074688797,0.0003319502074688797,,,unproven
)");
}

}  // namespace
}  // namespace rocekit::pattern
