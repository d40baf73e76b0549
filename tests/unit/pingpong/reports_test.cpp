// Every output format against what it should say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/text/utf8.h"
#include "tests/unit/pingpong/sample_report.h"
#include "tools/roce-pingpong/judge/findings.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/report/csv_report.h"
#include "tools/roce-pingpong/report/histogram_file.h"
#include "tools/roce-pingpong/report/json_report.h"
#include "tools/roce-pingpong/report/text_report.h"

namespace rocekit::pingpong {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using verbs::Transport;

std::string text_of(Report report, const TextOptions& options = {}) {
  judge(report);
  return render_text(report, text::Style(), options);
}

std::string part(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t start = text.find(from);
  if (start == std::string::npos) return "(no " + from + " in it)";
  return text.substr(start, text.find(to, start + from.size()) - start);
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, text::columns(line));
  return longest;
}

TEST(TextReport, TwoRails) {
  EXPECT_EQ(text_of(sample::gb10()), R"(NODES  spark-1 and spark-2 (mpirun, 17.2 s)
PATH  ON spark-1    IPV4            ON spark-2    IPV4            PATH MTU  BOUND
   0  rocep1s0f0    192.168.100.10  rocep1s0f0    192.168.100.11      4096  112.0 Gb/s, PCIe
   1  roceP2p1s0f0  192.168.101.10  roceP2p1s0f0  192.168.101.11      4096  112.0 Gb/s, PCIe
       paths 0+1 together: 196.1 Gb/s, they share a link
RC     rocep1s0f0:1 GID 3 (RoCE v2, 192.168.100.10), path MTU 4096, inline 220 B
       roceP2p1s0f0:1 GID 3 (RoCE v2, 192.168.101.10), path MTU 4096, inline 220 B
LOOP   polling, the loop itself takes 31 ns a sample

LATENCY    half a round trip in us: RC send and TCP, in alternating blocks; path 0
  SIZE  RC MIN  RC P50   P99  P99.9  TCP P50   P99  P99.9    N  TCP AGAINST RC
   8 B    1.40    1.47  1.62   2.21     17.1  18.8   25.7  20k  11.6x slower (11.5-11.7)
 4 KiB    2.19    2.31  2.54   3.46     19.4  21.3   29.1  20k  8.40x slower (8.31-8.48)
64 KiB    7.50    7.90  8.69   11.9     41.2  45.3   61.8  20k  5.22x slower (5.16-5.27)
 1 MiB    77.4    81.5  89.7    122      304   334    456  20k  3.73x slower (3.69-3.77)

BANDWIDTH  payload in Gb/s, mean and slowest 100 ms: RC send and TCP, in alternating blocks
  SIZE  PATH  RC MEAN  SLOWEST       OF BOUND  TCP MEAN  SLOWEST  OF BOUND  TCP AGAINST RC
64 KiB  0       109.3    108.2  98 % of 112.0      21.4     21.2      19 %  5.11x slower (5.06-5.16)
        1       109.3    108.2  98 % of 112.0      21.4     21.2      19 %  5.11x slower (5.06-5.16)
        0+1     190.0    188.1  97 % of 196.1      34.2     33.9      17 %  5.55x slower (5.49-5.61)
 1 MiB  0       109.3    108.2  98 % of 112.0      34.8     34.5      31 %  3.14x slower (3.11-3.17)
        1       109.3    108.2  98 % of 112.0      34.8     34.5      31 %  3.14x slower (3.11-3.17)
        0+1     190.0    188.1  97 % of 196.1      55.7     55.1      28 %  3.41x slower (3.38-3.45)

PROOF  RC proven (10 series): rocep1s0f0 of spark-1 sent 1.02 GB of the 1 GB asked for
       TCP proven (10 series): enp1s0f0np0 of spark-1 sent 1.02 GB of the 1 GB asked for

MEASURED: RC p50 1.47 us at 8 B, TCP is 11.6x slower; RC over 2 paths carries 190.0 of 196.1 Gb/s
)");
}

TEST(TextReport, SoftRoceSaysWhatItProvesAndWhatItDoesNot) {
  EXPECT_EQ(text_of(sample::soft_roce()), R"(NODES  node0 and node1 (mpirun, 17.2 s)
PATH  ON node0  IPV4      ON node1  IPV4      PATH MTU  BOUND
   0  rxe0      10.0.1.1  rxe0      10.0.1.2      4096  none: software
       Soft-RoCE is RDMA in software: the figures prove that it works, and nothing about its speed.
RC     rxe0:1 GID 1 (RoCE v2, 10.0.1.1), path MTU 4096, inline 220 B
LOOP   polling, the loop itself takes 31 ns a sample

LATENCY    half a round trip in us: RC send and TCP, in alternating blocks; path 0
SIZE  RC MIN  RC P50  P99  P99.9  TCP P50  P99  P99.9        N  TCP AGAINST RC
 8 B     855     900    -      -      890    -      -  400/420  no difference (0.96-1.02)
- more than n samples can tell

BANDWIDTH  payload in Gb/s, mean and slowest 100 ms: RC send; path 0
 SIZE  RC MEAN  SLOWEST  OF BOUND
1 MiB     0.31     0.31         -

PROOF  RC unproven (2 series): no counter tells
       TCP unproven (1 series): no counter tells

MEASURED: RC p50 900 us at 8 B, no difference to TCP; RC carries 0.31 Gb/s
)");
}

TEST(TextReport, TcpAlone) {
  EXPECT_EQ(text_of(sample::tcp_only(), {false, 80}), R"(NODES  a and b (mpirun, 17.2 s)
PATH  ON a  IPV4      ON b  IPV4       MTU  BOUND
   0  eth0  10.0.0.1  eth0  10.0.0.2  9000  unknown
LOOP   polling, the loop itself takes 31 ns a sample
NOTE   no RDMA device on either rank: TCP only

LATENCY    half a round trip in us: TCP; path 0
 SIZE  TCP MIN  TCP P50   P90   P99  P99.9  MAX    N
  8 B     16.2     17.1  17.8  18.8   25.7  205  20k
4 KiB     18.4     19.4  20.2  21.3   29.1  233  20k

BANDWIDTH  payload in Gb/s, mean and slowest 100 ms: TCP; path 0
 SIZE  TCP MEAN  SLOWEST  OF BOUND
1 MiB      34.8        -         -

PROOF  TCP unproven (3 series): no counter tells

MEASURED: TCP p50 17.1 us at 8 B; TCP carries 34.8 Gb/s
)");
}

TEST(TextReport, MoreThanTwoRanksAsAMatrix) {
  EXPECT_EQ(text_of(sample::four_ranks()), R"(NODES  node1, node2, node3 and node4 (mpirun, 17.2 s)
PATHS  6 paths (RDMA, path MTU 4096, bound 112.0 Gb/s, PCIe); -v lists them
RC     mlx5_0:1 GID 3 (RoCE v2, 192.168.100.10), path MTU 4096, inline 220 B
LOOP   polling, the loop itself takes 31 ns a sample

LATENCY    RC send, 8 B: median in us, half a round trip
RANK            1     2     3
   0  node1  1.50  1.52  1.53
   1  node2        1.54  1.56
   2  node3              1.58

LATENCY    TCP, 8 B: median in us, half a round trip
RANK            1     2     3
   0  node1  16.5  16.5  16.5
   1  node2        16.5  16.5
   2  node3              16.5

Over 6 pairs, least - most (median), in us:
SIZE  RC send             TCP                 TCP AGAINST RC
 8 B  1.50 - 1.58 (1.54)  16.5 - 16.5 (16.5)  10.5x to 11.0x slower

BANDWIDTH  RC send, 1 MiB: mean in Gb/s
RANK             1      2      3
   0  node1  109.0  107.9  106.9
   1  node2         105.8  104.8
   2  node3                103.8

BANDWIDTH  TCP, 1 MiB: mean in Gb/s
RANK            1     2     3
   0  node1  35.0  35.0  35.0
   1  node2        35.0  35.0
   2  node3              35.0

Over 6 pairs, least - most (median), in Gb/s:
 SIZE  RC send                TCP                 TCP AGAINST RC
1 MiB  103.8 - 109.0 (106.3)  35.0 - 35.0 (35.0)  2.98x to 3.12x slower

PROOF  RC unproven (12 series): no counter tells
       TCP unproven (12 series): no counter tells

MEASURED: RC p50 1.50 to 1.58 us at 8 B over 6 pairs; RC carries 103.8 to 109.0 of 112.0 Gb/s
)");
}

TEST(TextReport, VerboseListsEveryPairOfAMatrix) {
  const std::string text = text_of(sample::four_ranks(), {true, 100});
  EXPECT_THAT(text, HasSubstr("node2 - node4"));
  EXPECT_THAT(text, HasSubstr("5  node3 mlx5_0"));
}

TEST(TextReport, VerboseSplitsTheMedianIntoWireAndRest) {
  const std::string text = text_of(sample::gb10(), {true, 100});
  EXPECT_THAT(part(text, "BUDGET", "\n\n"), HasSubstr("64 KiB  0     RC send  7.90   4.68 (59 %)  3.22"));
  EXPECT_THAT(part(text, "STATISTICS", "\n\n"), HasSubstr("20000      16"));
}

TEST(TextReport, VerboseSaysHowManyDatagramsWereSentAgain) {
  Report report = sample::soft_roce();
  report.results[0].lost_messages = 3;
  EXPECT_THAT(text_of(report, {true, 200}), HasSubstr("unproven, 3 datagrams sent again beside 400 samples"));
  EXPECT_THAT(text_of(report, {false, 200}), testing::Not(HasSubstr("sent again")));
}

TEST(TextReport, FitsIntoNarrowTerminals) {
  for (const Report& report : {sample::gb10(), sample::soft_roce(), sample::tcp_only(), sample::four_ranks()}) {
    EXPECT_LE(longest_line(text_of(report, {false, 80})), 80U);
    EXPECT_LE(longest_line(text_of(report, {false, 60})), 62U) << "a table that can lose no more columns may stand out";
  }
}

TEST(TextReport, MatricesThatAreTooWideStandInParts) {
  Report report = sample::four_ranks();
  const std::string text = text_of(report, {false, 24});
  EXPECT_THAT(part(text, "LATENCY", "Over"), HasSubstr("RANK            3\n"));
}

TEST(TextReport, GroupsWarningsOfSeriesAndSaysThoseOfThePlaceOnce) {
  Report report = sample::gb10();
  for (Result& result : report.results) {
    result.warnings.push_back({measure::Warning::Kind::governor, "core 5 saves power: governor powersave"});
  }
  report.results[0].warnings.push_back({measure::Warning::Kind::drift, "drifts by 8 %"});
  report.results[3].warnings.push_back({measure::Warning::Kind::drift, "drifts by 9 %"});
  EXPECT_THAT(text_of(report),
              HasSubstr("WARN   core 5 saves power: governor powersave\n"
                        "       RC send latency, 8 B, path 0: drifts by 8 % (and 1 series more, -v lists "
                        "them)\n"));
  const std::string verbose = text_of(report, {true, 200});
  EXPECT_THAT(verbose, HasSubstr("WARN   core 5 saves power: governor powersave\n"
                                 "       RC send latency, 8 B, path 0: drifts by 8 %\n"));
  EXPECT_THAT(verbose, HasSubstr(": drifts by 9 %\n"));
  EXPECT_THAT(verbose, testing::Not(HasSubstr("-v lists")));
}

TEST(TextReport, VerboseListsTheSeriesThatAWarningIsOf) {
  Report report = sample::gb10();
  report.results[0].warnings.push_back({measure::Warning::Kind::too_few_samples, "9 samples are too few"});
  report.results[3].warnings.push_back({measure::Warning::Kind::too_few_samples, "9 samples are too few"});
  report.results[3].warnings.push_back({measure::Warning::Kind::drift, "drifts by 9 %"});
  const std::string text = text_of(report, {true, 200});
  EXPECT_THAT(text, testing::ContainsRegex("RC send latency, 8 B, path 0; [^\n]+: 9 samples are too few\n"));
  EXPECT_LT(text.find("drifts by"), text.find("too few")) << "what matters most stands first";
  EXPECT_EQ(text.find("too few"), text.rfind("too few"));
}

TEST(TextReport, TellsContradictedProofsApart) {
  Report report = sample::gb10();
  report.results[1].proof = {Proof::Verdict::contradicted, "it went over enP7s7 on spark-1", {}, 100};
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("TCP contradicted in 1 of 10 series: it went over enP7s7 on spark-1\n"));
  EXPECT_THAT(text, HasSubstr("TCP proven in 9 of 10 series: enp1s0f0np0 of spark-1 sent"));
  EXPECT_THAT(text, HasSubstr("\nNOT READY (ROCE-PERF-005): RC p50 1.47 us at 8 B"));
}

TEST(TextReport, TheLastLineSaysTheVerdictAndTheChecksThatMadeIt) {
  for (const auto& [severity, words] : {std::pair{checks::Severity::critical, "NOT READY (ROCE-PERF-006): "},
                                        std::pair{checks::Severity::warning, "DEGRADED (ROCE-PERF-006): "},
                                        std::pair{checks::Severity::unknown, "UNKNOWN (ROCE-PERF-006): "}}) {
    Report report = sample::gb10();
    checks::Finding finding;
    finding.id = "ROCE-PERF-006";
    finding.severity = severity;
    finding.host = "spark-1";
    report.findings = {finding};
    const std::string text = text_of(report);
    EXPECT_EQ(text.rfind(words, text.rfind("RC p50")), text.find_last_of('\n', text.rfind("RC p50")) + 1) << text;
  }
}

TEST(TextReport, SaysWhenNothingWasMeasured) {
  Report report = sample::gb10();
  report.results.clear();
  report.comparisons.clear();
  EXPECT_THAT(text_of(report), ::testing::EndsWith("\nUNKNOWN: nothing was measured\n"));
}

TEST(TextReport, ShowsNoControlCharacterOfAName) {
  Report report = sample::tcp_only();
  report.hosts[0].name = "a\x1b[31m";
  report.paths[0].a.netdev = "et\nh0";
  EXPECT_THAT(text_of(report), Not(HasSubstr("\x1b")));
}

TEST(TextReport, NamesRanksOfOneHostApart) {
  Report report = sample::tcp_only();
  report.hosts[1].name = report.paths[0].b.host = "a";
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("NODES  a (rank 0) and a (rank 1)"));
  EXPECT_THAT(text, HasSubstr("no wire is measured"));
}

// ---- comparisons ----

std::string words(Metric metric, double ratio, double low, double high, std::size_t pairs = 16) {
  Comparison made = sample::comparison(metric, 8, {0}, ratio);
  made.ratio_p50 = {ratio, low, high, 0.99, pairs};
  return in_words(against(made));
}

TEST(Against, SaysSlowerOrFasterWhicheverTheMetric) {
  EXPECT_EQ(words(Metric::latency, 11.3, 11.1, 11.5), "11.3x slower (11.1-11.5)");
  EXPECT_EQ(words(Metric::latency, 0.8, 0.78, 0.82), "1.25x faster (1.22-1.28)");
  EXPECT_EQ(words(Metric::bandwidth, 0.2, 0.19, 0.21), "5.00x slower (4.76-5.26)");
  EXPECT_EQ(words(Metric::bandwidth, 1.5, 1.4, 1.6), "1.50x faster (1.40-1.60)");
}

TEST(Against, ClaimsNothingThatThePairsCannotSupport) {
  EXPECT_EQ(words(Metric::latency, 1.01, 0.99, 1.03), "no difference (0.99-1.03)");
  EXPECT_EQ(words(Metric::latency, 11.3, 0, std::numeric_limits<double>::infinity(), 2), "too few pairs to compare");
  EXPECT_EQ(words(Metric::latency, 1, 1, 1, 0), "too few pairs to compare");
}

TEST(Numbers, KeepThreeDigits) {
  EXPECT_EQ(microseconds(1.4231), "1.42");
  EXPECT_EQ(microseconds(17.123), "17.1");
  EXPECT_EQ(microseconds(182.6), "183");
  EXPECT_EQ(microseconds(21403.2), "21403");
  EXPECT_EQ(microseconds(std::nullopt), "-");
  EXPECT_EQ(gigabits(109.34), "109.3");
  EXPECT_EQ(gigabits(0.00314), "0.0031");
  EXPECT_EQ(gigabits(0), "0");
  EXPECT_EQ(percent(0.977), "98 %");
  EXPECT_EQ(percent(0.0321), "3.2 %");
}

// ---- documents ----

nlohmann::json json_of(Report report) {
  judge(report);
  return nlohmann::json::parse(render_json(report));
}

TEST(JsonReport, HasTheNamesThatScriptsRead) {
  const nlohmann::json document = json_of(sample::gb10());
  EXPECT_EQ(document["schema"], "rocekit/pingpong");
  EXPECT_EQ(document["tool"]["name"], "roce-pingpong");
  EXPECT_EQ(document["verdict"], "ready");
  const nlohmann::json& latency = document["results"][0];
  EXPECT_EQ(latency["op"], "send");
  EXPECT_EQ(latency["transport"], "rc");
  EXPECT_EQ(latency["size_bytes"], 8);
  EXPECT_EQ(latency["samples"], 20000);
  EXPECT_DOUBLE_EQ(latency["latency_us"]["p50"], 1.47);
  EXPECT_EQ(latency["proof"]["transport"], "rc");
  EXPECT_EQ(latency["proof"]["counters"][0]["delta"], 1020000000);
  EXPECT_FALSE(latency.contains("bandwidth_gbit_s"));
  const nlohmann::json& stream = document["results"][12];
  EXPECT_DOUBLE_EQ(stream["bandwidth_gbit_s"]["mean"], 190);
  EXPECT_DOUBLE_EQ(stream["bound_gbit_s"], 196.1);
  EXPECT_NEAR(stream["fraction_of_bound"], 0.969, 0.001);
  EXPECT_FALSE(stream.contains("latency_us"));
  EXPECT_EQ(document["comparisons"][0]["ratio_p50"]["pairs"], 16);
  EXPECT_EQ(document["comparisons"][0]["outcome"], "b-slower");
}

TEST(JsonReport, HasNullForWhatIsNotKnown) {
  Report report = sample::soft_roce();
  report.results[1].lost_messages = 2;
  report.comparisons[0].ratio_p50.high = std::numeric_limits<double>::infinity();
  report.hosts[0].name = "a\xff";
  const nlohmann::json document = json_of(report);
  EXPECT_TRUE(document["results"][0]["latency_us"]["p99"].is_null());
  EXPECT_TRUE(document["results"][0]["lost_messages"].is_null());
  EXPECT_EQ(document["results"][1]["lost_messages"], 2);
  EXPECT_TRUE(document["comparisons"][0]["ratio_p50"]["high"].is_null());
  EXPECT_TRUE(document["paths"][0]["bound_gbit_s"].is_null());
  EXPECT_TRUE(document["results"][0]["proof"]["transport"].is_null());
}

TEST(CsvReport, HasOneLineAResult) {
  Report report = sample::soft_roce();
  report.hosts[0].name = "node,\"0\"";
  report.results.resize(1);
  EXPECT_EQ(
      render_csv(report),
      "metric,op,transport,size_bytes,rank_a,host_a,rank_b,host_b,paths,devices,bidirectional,samples,"
      "latency_us_min,latency_us_p50,latency_us_p90,latency_us_p99,latency_us_p999,latency_us_max,latency_us_mean,"
      "latency_us_stddev,bandwidth_gbit_s_mean,bandwidth_gbit_s_min,bandwidth_gbit_s_max,messages_per_s,"
      "bound_gbit_s,fraction_of_bound,proof\n"
      "latency,send,rc,8,0,\"node,\"\"0\"\"\",1,node1,0,rxe0,false,400,855,900,936,,,10800,927,180,,,,,,,"
      "unproven\n");
}

TEST(CsvReport, HasAsManyFieldsInEachLineAsInItsHeader) {
  std::istringstream lines(render_csv(sample::gb10()));
  std::string header;
  std::getline(lines, header);
  int results = 0;
  for (std::string line; std::getline(lines, line); ++results) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(header.begin(), header.end(), ',')) << line;
  }
  EXPECT_EQ(results, 20);
}

TEST(Histograms, HaveOneLineABinWithSharesThatAddUp) {
  Report report = sample::tcp_only();
  EXPECT_EQ(render_histograms(report),
            "series,transport,op,size_bytes,rank_a,rank_b,paths,low_us,high_us,count,share,cumulative\n"
            "TCP 8 B,tcp,send,8,0,1,0,15.39,17.1,5000,0.25,0.25\n"
            "TCP 8 B,tcp,send,8,0,1,0,17.1,18.81,15000,0.75,1\n"
            "TCP 4 KiB,tcp,send,4096,0,1,0,17.46,19.4,5000,0.25,0.25\n"
            "TCP 4 KiB,tcp,send,4096,0,1,0,19.4,21.34,15000,0.75,1\n");
}

}  // namespace
}  // namespace rocekit::pingpong
