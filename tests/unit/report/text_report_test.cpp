#include "probes/report/text_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "core/text/utf8.h"
#include "tests/unit/checks/sample_node.h"

namespace rocekit::report {
namespace {

using checks::Finding;
using checks::Severity;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

derived::Rail cage_0() {
  derived::Rail rail;
  rail.index = 0;
  rail.cage = "cage 0";
  rail.kind = facts::DeviceKind::roce;
  rail.members = {{"rocep1s0f0", 1, "enp1s0f0np0", true, 120.0}, {"roceP2p1s0f0", 1, "enP2p1s0f0np0", true, 120.0}};
  rail.active = rail.twins = true;
  rail.link_gbit_s = 200;
  rail.bound_gbit_s = 196.125;
  rail.limited_by = "link";
  rail.bound_why = "200 x 0.98";
  return rail;
}

derived::Rail cage_1() {
  derived::Rail rail;
  rail.index = 1;
  rail.cage = "cage 1";
  rail.kind = facts::DeviceKind::roce;
  rail.members = {{"rocep1s0f1", 1, "enp1s0f1np1", false, std::nullopt},
                  {"roceP2p1s0f1", 1, "enP2p1s0f1np1", false, std::nullopt}};
  return rail;
}

Finding finding(const char* id, Severity severity, const char* subject, const char* title) {
  Finding made;
  made.id = id;
  made.severity = severity;
  made.subject = subject;
  made.title = title;
  return made;
}

/// A healthy GB10 with rails and NCCL's choice set here, so that the text depends on nothing but the reporter.
ProbeReport healthy() {
  ProbeReport report;
  report.node = checks::sample::gb10();
  report.rails = {cage_0(), cage_1()};
  report.nccl = checks::sample::gb10_choice();
  report.findings = {finding("ROCE-DEV-001", Severity::ok, "node", "4 RDMA devices"),
                     finding("ROCE-MTU-001", Severity::ok, "enp1s0f0np0", "MTU is 9000"),
                     finding("ROCE-ACC-007", Severity::skipped, "node", "no discrete GPU")};
  report.verdict = checks::judge(report.findings);
  return report;
}

Finding mtu_fault(const char* netdev) {
  Finding made = finding("ROCE-MTU-001", Severity::warning, netdev, "");
  made.title = std::string("MTU of ") + netdev + " is 1500, not 9000";
  made.evidence = {{"MTU", "1500", std::string("/sys/class/net/") + netdev + "/mtu"}};
  made.cause =
      "The official setup leaves 1500. Packets then carry 1024 bytes, and each byte costs four times the headers.";
  made.remedy = {
      std::string("sudo ip link set dev ") + netdev + " mtu 9000",
      "# lost at the next boot unless /etc/netplan/40-cx7.yaml says mtu: 9000 for it as well, on both nodes"};
  return made;
}

std::string text_of(const ProbeReport& report, const TextOptions& options = {}) {
  return render_text(report, text::Style(), options);
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, text::columns(line));
  return longest;
}

TEST(TextReport, HealthyNode) {
  EXPECT_EQ(text_of(healthy()),
            R"(HOST  spark-1: NVIDIA_DGX_Spark, aarch64, Ubuntu 24.04.3 LTS, kernel 6.17.0-1014-nvidia
      NVIDIA driver 580.95.05, NCCL 2.28.9, rdma-core 50.0
      read as: user 1000, memlock unlimited, no container
GPU   NVIDIA GB10, integrated: no GPUDirect RDMA by design, NCCL sends from host memory
NCCL  will use IB (RDMA) over rocep1s0f0, roceP2p1s0f0
      bootstrap over enp1s0f0np0: NCCL_SOCKET_IFNAME

RAIL / DEVICE    NETDEV         STATE   PCIE     MTU   PATH MTU  GID   IPV4
0  cage 0: 200 Gb/s link shared by 2 devices, at most 196.1 Gb/s of payload
   rocep1s0f0    enp1s0f0np0    ACTIVE  Gen5 x4  9000  4096      3 v2  192.168.100.10/24
   roceP2p1s0f0  enP2p1s0f0np0  ACTIVE  Gen5 x4  9000  4096      3 v2  192.168.101.10/24
1  cage 1: down, no cable (rocep1s0f1 on enp1s0f1np1, roceP2p1s0f1 on enP2p1s0f1np1)

2 checks passed, 1 not applicable here
spark-1: READY
)");
}

TEST(TextReport, FaultsInOrderOfWeightWithRemediesToPaste) {
  ProbeReport report = healthy();
  report.findings.push_back(mtu_fault("enp1s0f0np0"));
  report.findings.push_back(mtu_fault("enP2p1s0f0np0"));
  Finding unknown = finding("ROCE-LNK-004", Severity::unknown, "enp1s0f0np0", "class of the cable is not known");
  unknown.cause = "ETHTOOL_MSG_MODULE_EEPROM_GET enp1s0f0np0: Operation not permitted";
  unknown.remedy = {"sudo roce-probe"};
  unknown.essential = false;
  report.findings.push_back(unknown);
  unknown.subject = "enP2p1s0f0np0";
  report.findings.push_back(unknown);
  Finding access = finding("ROCE-ACC-001", Severity::critical, "node", "no device node in /dev/infiniband");
  access.cause = "The container was started without them.";
  access.remedy = {"cat <<'END' | sudo tee /etc/x", "line", "END"};
  report.findings.push_back(access);
  report.verdict = checks::judge(report.findings);
  const std::string text = text_of(report);
  EXPECT_EQ(text.substr(text.find("\nCRITICAL")), R"(
CRITICAL  ROCE-ACC-001  no device node in /dev/infiniband
  why     The container was started without them.
  do
cat <<'END' | sudo tee /etc/x
line
END

WARNING   ROCE-MTU-001  MTU of enp1s0f0np0 is 1500, not 9000
                        MTU of enP2p1s0f0np0 is 1500, not 9000
  read    MTU: 1500  (/sys/class/net/enp1s0f0np0/mtu)
          MTU: 1500  (/sys/class/net/enP2p1s0f0np0/mtu)
  why     The official setup leaves 1500. Packets then carry 1024 bytes, and each byte costs four
          times the headers.
  do
      sudo ip link set dev enp1s0f0np0 mtu 9000
      # lost at the next boot unless /etc/netplan/40-cx7.yaml says mtu: 9000 for it as well, on both
      # nodes
      sudo ip link set dev enP2p1s0f0np0 mtu 9000
      # lost at the next boot unless /etc/netplan/40-cx7.yaml says mtu: 9000 for it as well, on both
      # nodes

UNKNOWN   ROCE-LNK-004  class of the cable is not known
  also    enP2p1s0f0np0
  why     ETHTOOL_MSG_MODULE_EEPROM_GET enp1s0f0np0: Operation not permitted
  do
      sudo roce-probe

1 check passed, 1 critical, 1 warning, 1 not applicable here, 1 could not run: needs root
spark-1: NOT READY (ROCE-ACC-001)
)");
}

TEST(TextReport, VerboseListsEveryCheckAndWhyNcclChooses) {
  TextOptions options;
  options.verbose = true;
  const std::string text = text_of(healthy(), options);
  EXPECT_THAT(text, HasSubstr("skipped   ROCE-ACC-007  no discrete GPU\n"));
  EXPECT_THAT(text, HasSubstr("ok        ROCE-MTU-001  enp1s0f0np0: MTU is 9000\n"));
  EXPECT_THAT(text, HasSubstr("not rocep1s0f1: port is DOWN\n"));
  EXPECT_THAT(text, HasSubstr("200 x 0.98\n"));
  EXPECT_LE(longest_line(text), 100U) << text;
}

TEST(TextReport, NarrowTerminalLosesColumnsNotNames) {
  TextOptions options;
  options.width = 80;
  const std::string text = text_of(healthy(), options);
  EXPECT_THAT(text, HasSubstr("RAIL / DEVICE    NETDEV         STATE   PCIE     MTU   GID   IPV4\n"));
  EXPECT_LE(longest_line(text), 80U) << text;
}

TEST(TextReport, NoColourMeansNoEscapeSequence) {
  ProbeReport report = healthy();
  report.findings.push_back(mtu_fault("enp1s0f0np0"));
  EXPECT_THAT(text_of(report), Not(HasSubstr("\033")));
  const std::string colored = render_text(report, text::Style::detect(text::ColorMode::always, 1));
  EXPECT_THAT(colored, HasSubstr("\033["));
}

TEST(TextReport, ColourChangesNothingElse) {
  ProbeReport report = healthy();
  report.findings.push_back(mtu_fault("enp1s0f0np0"));
  std::string colored = render_text(report, text::Style::detect(text::ColorMode::always, 1));
  for (std::size_t at; (at = colored.find("\033[")) != std::string::npos;) {
    colored.erase(at, colored.find('m', at) - at + 1);
  }
  EXPECT_EQ(colored, text_of(report));
}

TEST(TextReport, NamesFromAMachineCannotMoveTheCursor) {
  ProbeReport report = healthy();
  report.node.host.hostname = std::string("evil\033[2J\nhost");
  report.findings.push_back(mtu_fault("enp\033[31m"));
  const std::string text = text_of(report);
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  EXPECT_THAT(text, HasSubstr("evil\\x1b[2J\\nhost"));
}

TEST(TextReport, ValuesThatCouldNotBeReadAreMarkedAndExplained) {
  ProbeReport report = healthy();
  checks::sample::port(report.node, "rocep1s0f0").active_mtu = facts::Missing{facts::Why::permission, "uverbs0"};
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("Gen5 x4  9000  ?         3 v2"));
  EXPECT_THAT(text, HasSubstr("? could not be read"));
  EXPECT_THAT(text_of(healthy()), Not(HasSubstr("? could not be read")));
}

TEST(TextReport, NarrowedPcieSaysWhatTheFunctionCan) {
  ProbeReport report = healthy();
  checks::sample::device(report.node, "roceP2p1s0f0").pci.value().width = 2;
  EXPECT_THAT(text_of(report), HasSubstr("Gen5 x2 of x4  9000"));
  checks::sample::device(report.node, "roceP2p1s0f0").pci.value().speed_gt_s = 2.5;
  EXPECT_THAT(text_of(report), HasSubstr("Gen1 x2 of Gen5 x4  9000"));
  checks::sample::device(report.node, "roceP2p1s0f0").pci.value().width = 4;
  EXPECT_THAT(text_of(report), HasSubstr("Gen1 of Gen5 x4  9000"));
}

TEST(TextReport, DevicesThatAreNoRoceAdapterAreNamed) {
  ProbeReport report = healthy();
  report.rails[0].kind = facts::DeviceKind::infiniband;
  report.rails[1].cage = "soft-roce on eth0";
  report.rails[1].kind = facts::DeviceKind::soft_roce;
  EXPECT_THAT(text_of(report), HasSubstr("0  cage 0 [InfiniBand]: 200 Gb/s"));
  EXPECT_THAT(text_of(report), HasSubstr("1  soft-roce on eth0: down"));
}

TEST(TextReport, PinnedWrongGidAndMissingAddressShow) {
  ProbeReport report = healthy();
  report.nccl.gids["rocep1s0f0:1"] = {0, "fe80::1", "RoCE v1", true, false, ""};
  checks::sample::remove_ipv4(report.node, "roceP2p1s0f0");
  EXPECT_THAT(text_of(report), HasSubstr("0 v1 pinned"));
  EXPECT_THAT(text_of(report), HasSubstr("none\n"));
}

TEST(TextReport, SocketsAndFailureToStartAreSaid) {
  ProbeReport report = healthy();
  report.nccl.net = "Socket";
  report.nccl.why = "NCCL_IB_DISABLE=1";
  EXPECT_THAT(text_of(report), HasSubstr("NCCL  will use TCP sockets over enp1s0f0np0, not RDMA: NCCL_IB_DISABLE=1\n"));
  report.nccl.net = "none";
  report.nccl.why = "no network named FOO";
  EXPECT_THAT(text_of(report), HasSubstr("NCCL  will not start: no network named FOO\n"));
}

TEST(TextReport, NodeOfWhichNothingWasReadStillEndsInAVerdict) {
  ProbeReport report;
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("RAILS none: no RDMA device on this node"));
  EXPECT_THAT(text, EndsWith("this node: UNKNOWN (nothing was judged)\n"));
}

TEST(TextReport, EveryVerdictHasItsWord) {
  ProbeReport report = healthy();
  report.findings.push_back(mtu_fault("enp1s0f0np0"));
  report.verdict = checks::Verdict::degraded;
  EXPECT_THAT(text_of(report), EndsWith("spark-1: DEGRADED (it works, but not as it should: ROCE-MTU-001)\n"));
  report.findings.back().severity = Severity::unknown;
  report.verdict = checks::Verdict::unknown;
  EXPECT_THAT(text_of(report), EndsWith("spark-1: UNKNOWN (could not be judged: ROCE-MTU-001)\n"));
}

ProbeReport eight_rails() {
  ProbeReport report = healthy();
  report.rails.clear();
  report.nccl.hcas.clear();
  report.nccl.gids.clear();
  const facts::Device device = report.node.devices.front();
  const facts::Netdev netdev = report.node.netdevs.front();
  report.node.devices.clear();
  report.node.netdevs.clear();
  report.node.gpus.assign(8, report.node.gpus.front());
  for (int i = 0; i < 8; ++i) {
    facts::Device adapter = device;
    adapter.name = "mlx5_" + std::to_string(i);
    adapter.ports[0].netdev = "ens" + std::to_string(i) + "f0np0";
    facts::Netdev link = netdev;
    link.name = *adapter.ports[0].netdev;
    report.node.devices.push_back(adapter);
    report.node.netdevs.push_back(link);
    derived::Rail rail = cage_0();
    rail.index = i;
    rail.twins = false;
    rail.cage = "port 1 of 0000:18:00.0";
    rail.members = {{adapter.name, 1, link.name, true, 500.0}};
    report.rails.push_back(rail);
    report.nccl.hcas.push_back(adapter.name + ":1");
  }
  return report;
}

TEST(TextReport, EightHealthyRailsFitOneScreen) {
  const std::string text = text_of(eight_rails());
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 50) << text;
  EXPECT_LE(longest_line(text), 100U) << text;
  EXPECT_THAT(text, HasSubstr("8 x NVIDIA GB10"));
}

}  // namespace
}  // namespace rocekit::report
