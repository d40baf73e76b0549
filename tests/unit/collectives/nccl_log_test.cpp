// NCCL's log as evidence of the transport. One real log stands outside the repository: ROCEKIT_SHARED_FIXTURES names
// the directory that holds nccl-logs/.
#include "collectives/proof/nccl_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace rocekit::proof {
namespace {

using Carrier = LogVerdict::Carrier;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string info(const std::string& message) { return "spark-1:595:610 [0] NCCL INFO " + message + "\n"; }

const std::string& roce_log() {
  static const std::string log =
      info("Bootstrap: Using enP7s7:192.168.1.5<0>") + info("NCCL version 2.28.9+cuda13.0") +
      info("NET/IB : Using [0]rocep1s0f0:1/RoCE [1]roceP2p1s0f0:1/RoCE [RO]; OOB enP7s7:192.168.1.5<0>") +
      info("Initialized NET plugin IB") + info("Assigned NET plugin IB to comm") + info("Using network IB") +
      info("NCCL_IB_HCA set by environment to rocep1s0f0,roceP2p1s0f0.") + info("Channel 00/02 : 0 1") +
      info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0/GDRDMA") +
      info("Channel 00/0 : 1[0] -> 0[0] [receive] via NET/IB/0/GDRDMA") +
      info("Channel 01/0 : 0[0] -> 1[0] [send] via NET/IB/1(0)/GDRDMA(PCI)/Shared") +
      info(
          "NET/IB: NCCL Dev 0 IbDev 0 Port 1 qpn 356 mtu 5 query_ece={supported=1, vendor_id=0x15b3} GID 3 "
          "(0/A64A8C0FFFF0000) fifoRkey=0x180f00 fifoLkey=0x180f00") +
      info("NET/IB: NCCL Dev 0 IbDev 0 Port 1 qpn 357 mtu 5 GID 3 (0/A64A8C0FFFF0000) fifoRkey=0x1 fifoLkey=0x1") +
      info("AllReduce: 4096 Bytes -> Algo Ring proto LL channel{Lo..Hi}={0..1}") +
      info("AllReduce: 4096 Bytes -> Algo Ring proto LL channel{Lo..Hi}={0..1}") +
      info("AllReduce: 33554432 Bytes -> Algo RING proto SIMPLE channel{Lo..Hi}={0..15} cgaClusterSize 4");
  return log;
}

TEST(NcclLog, OfRdmaTellsDevicesChannelsGidAndMtu) {
  const TransportEvidence evidence = read_nccl_log(roce_log());
  EXPECT_FALSE(evidence.unknown_format());
  EXPECT_THAT(evidence.versions, ElementsAre("2.28.9+cuda13.0"));
  EXPECT_THAT(evidence.networks, ElementsAre("IB"));
  EXPECT_THAT(evidence.bootstrap, ElementsAre("enP7s7:192.168.1.5"));
  EXPECT_THAT(evidence.ib_devices,
              ElementsAre(NetDevice{0, "rocep1s0f0", 1, "RoCE", ""}, NetDevice{1, "roceP2p1s0f0", 1, "RoCE", ""}));
  EXPECT_THAT(evidence.channels, ElementsAre(ChannelUse{ChannelUse::Way::net, "IB", 0, 2, 2},
                                             ChannelUse{ChannelUse::Way::net, "IB", 1, 1, 1}));
  EXPECT_THAT(evidence.queue_pairs, ElementsAre(QueuePairUse{0, 1, 4096, 3, "192.168.100.10", 2}));
  EXPECT_THAT(evidence.algorithms, ElementsAre(AlgorithmUse{"AllReduce", 4096, "Ring", "LL", 2},
                                               AlgorithmUse{"AllReduce", 33554432, "RING", "SIMPLE", 1}));
  EXPECT_THAT(evidence.settings, ElementsAre(LoggedSetting{"NCCL_IB_HCA", "rocep1s0f0,roceP2p1s0f0"}));
  EXPECT_THAT(evidence.devices_used(), ElementsAre("rocep1s0f0:1", "roceP2p1s0f0:1"));
  const LogVerdict verdict = judge(evidence);
  EXPECT_EQ(verdict.carrier, Carrier::rdma);
  EXPECT_TRUE(verdict.gpu_direct);
  EXPECT_THAT(verdict.sentence, HasSubstr("3 channel lines via NET/IB over rocep1s0f0:1, roceP2p1s0f0:1"));
  EXPECT_THAT(evidence.lines, testing::Contains(HasSubstr("via NET/IB/0/GDRDMA")));
}

TEST(NcclLog, UsingWithoutADeviceIsNoSignOfInfiniBand) {
  const std::string log = info("NET/IB : No device found.") + info("NET/IB : Using [RO]; OOB eth0:192.0.2.2<0>") +
                          info("Failed to initialize NET plugin IB");
  const TransportEvidence evidence = read_nccl_log(log);
  EXPECT_TRUE(evidence.ib_found_nothing);
  EXPECT_THAT(evidence.ib_devices, IsEmpty());
  EXPECT_THAT(evidence.failed, ElementsAre("IB"));
  EXPECT_EQ(judge(evidence).carrier, Carrier::unknown);
  EXPECT_THAT(evidence.lines, testing::Not(testing::Contains(HasSubstr("Using [RO]"))));
}

TEST(NcclLog, OfSocketsNamesTheInterface) {
  const std::string log = info("NET/Socket : Using [0]eth0:192.0.2.2<0> [1]wlan0:fe80::1%wlan0<0>") +
                          info("Using network Socket") + info("Channel 00/0 : 0[0] -> 1[1] [receive] via NET/Socket/1");
  const TransportEvidence evidence = read_nccl_log(log);
  EXPECT_THAT(evidence.socket_interfaces,
              ElementsAre(NetDevice{0, "eth0", 0, "", "192.0.2.2"}, NetDevice{1, "wlan0", 0, "", "fe80::1%wlan0"}));
  EXPECT_EQ(judge(evidence).carrier, Carrier::socket);
  EXPECT_THAT(evidence.devices_used(), ElementsAre("wlan0"));
  EXPECT_FALSE(judge(evidence).gpu_direct);
}

TEST(NcclLog, ChosenAndNeverConnectedProvesNothing) {
  const LogVerdict verdict = judge(read_nccl_log(info("Using network IB")));
  EXPECT_EQ(verdict.carrier, Carrier::unknown);
  EXPECT_THAT(verdict.sentence, HasSubstr("chose network IB, but the log shows no channel"));
}

TEST(NcclLog, ChannelsWithinANode) {
  EXPECT_EQ(judge(read_nccl_log(info("Channel 00/0 : 0[0] -> 1[1] via P2P/CUMEM/read"))).carrier, Carrier::p2p);
  EXPECT_EQ(judge(read_nccl_log(info("Channel 00 : 0[1a000] -> 1[1b000] via P2P/IPC"))).carrier, Carrier::p2p);
  EXPECT_EQ(judge(read_nccl_log(info("Channel 03/0 : 7[7] -> 6[6] via P2P/direct pointer/read"))).carrier,
            Carrier::p2p);
  EXPECT_EQ(judge(read_nccl_log(info("Channel 00 : 0[0] -> 1[1] via SHM/direct/direct"))).carrier, Carrier::shm);
  EXPECT_EQ(judge(read_nccl_log(info("Ring 00 : 0[1b000] -> 7[41000] via direct shared memory"))).carrier,
            Carrier::shm);
  const std::string both = roce_log() + info("Channel 00/0 : 1[1] -> 0[0] via P2P/CUMEM");
  EXPECT_EQ(judge(read_nccl_log(both)).carrier, Carrier::rdma);
  EXPECT_THAT(judge(read_nccl_log(both)).sentence, HasSubstr("1 more stay within a node"));
}

TEST(NcclLog, OlderAndOtherNetworks) {
  EXPECT_EQ(judge(read_nccl_log(info("Ring 00 : 15[41000] -> 0[1b000] [receive] via NET/IB/0"))).carrier,
            Carrier::rdma);
  const TransportEvidence plugin =
      read_nccl_log(info("Channel 00/0 : 8[0] -> 0[0] [send] via NET/AWS Libfabric/1/GDRDMA comm 0x12 nRanks 16"));
  EXPECT_EQ(judge(plugin).carrier, Carrier::plugin);
  EXPECT_THAT(plugin.devices_used(), ElementsAre("device 1"));
  EXPECT_EQ(judge(read_nccl_log(info("Channel 00/0 : 1[0] -> 0[0] [send] via NET/IBext_v11/0"))).carrier,
            Carrier::rdma);
  EXPECT_EQ(judge(read_nccl_log(info("Channel 0/0 : 1[0] -> 0[0] [send] via NET/NCCL RDMA Plugin v11/0"))).carrier,
            Carrier::rdma);
}

TEST(NcclLog, TwoNetworksAreMixed) {
  const std::string log = roce_log() + info("Channel 00/0 : 0[0] -> 2[0] [send] via NET/Socket/0");
  const LogVerdict verdict = judge(read_nccl_log(log));
  EXPECT_EQ(verdict.carrier, Carrier::mixed);
  EXPECT_FALSE(verdict.gpu_direct);
  EXPECT_THAT(verdict.sentence, HasSubstr("GPUDirect RDMA on 3 of them"));
}

TEST(NcclLog, MergedPortsAreNamedTogether) {
  const std::string log = info("NET/IB : Using [0]mlx5_0:1/RoCE [1]mlx5_1:1/RoCE [RO]; OOB eth0:10.0.0.1<0>") +
                          info("NET/IB : Made virtual device [2] name=mlx5_0+mlx5_1 speed=400000 ndevs=2") +
                          info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/2");
  EXPECT_THAT(read_nccl_log(log).devices_used(), ElementsAre("mlx5_0+mlx5_1"));
  const TransportEvidence older =
      read_nccl_log(info("NET/IB : Using [0]={[0] mlx5_0:1/RoCE, [1] mlx5_1:1/RoCE} [RO]; OOB eth0:10.0.0.1<0>"));
  EXPECT_THAT(older.ib_devices,
              ElementsAre(NetDevice{0, "mlx5_0", 1, "RoCE", ""}, NetDevice{1, "mlx5_1", 1, "RoCE", ""}));
}

TEST(NcclLog, InAnUnknownFormatIsNeverProof) {
  EXPECT_TRUE(read_nccl_log("").unknown_format());
  EXPECT_TRUE(read_nccl_log("iperf3: [SUM] 98 Gbit/s via NET/IB/0\n").unknown_format());
  for (const std::string& line :
       {info("Channel 00/0 : 0[0] -> 1[0] [send] via NEW/IB/0"),
        info("Channel 00/0 : 0[0] => 1[0] [send] via NET/IB/0"), info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB"),
        info("Channel 00/0 : 0[0] -> 1[0] [both] via NET/IB/0"),
        info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/zero"),
        info("Channel 00/0 : 0[0] -> 1[0] via P2P/telepathy"),
        info("Channel 00/0 : 0[0] -> spark-2:1:2 [0] NCCL INFO via NET/IB/0"),
        info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0x")}) {
    const TransportEvidence evidence = read_nccl_log(roce_log() + line);
    EXPECT_TRUE(evidence.unknown_format()) << line;
    EXPECT_EQ(judge(evidence).carrier, Carrier::unknown) << line;
    EXPECT_THAT(judge(evidence).sentence, HasSubstr("proves nothing"));
  }
}

TEST(NcclLog, LinesThatContradictEachOtherProveNothing) {
  const std::string log = info("NET/IB : No device found.") + info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0");
  EXPECT_EQ(judge(read_nccl_log(log)).carrier, Carrier::unknown);
}

TEST(NcclLog, AMessageThatQuotesAChannelIsNoChannel) {
  const std::string log = info("NCCL_NOTE set by environment to Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0.") +
                          "Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0\n";
  EXPECT_THAT(read_nccl_log(log).channels, IsEmpty());
}

TEST(NcclLog, WarningsVersionsAndForeignPrefixes) {
  const std::string log =
      "NCCL version 2.21.5+cuda12.4\r\n"
      "(NCCL test pid=77) 2026-02-20 10:00:00 spark-1:595:610 [0] NCCL INFO Channel 00/0 : 0[0] -> "
      "1[0] [send] via NET/Socket/0\r\n"
      "spark-1:595:610 [0] transport.cc:1 NCCL WARN Failed to initialize any NET plugin \033[0m\n";
  const TransportEvidence evidence = read_nccl_log(log);
  EXPECT_THAT(evidence.versions, ElementsAre("2.21.5+cuda12.4"));
  EXPECT_EQ(judge(evidence).carrier, Carrier::socket);
  EXPECT_THAT(evidence.warnings, ElementsAre(HasSubstr("Failed to initialize any NET plugin \\x1b[0m")));
}

TEST(NcclLog, MtuIsReadAsTheEnumOfVerbsOrAsBytes) {
  const auto mtu_of = [](const std::string& printed) {
    const TransportEvidence evidence = read_nccl_log(info("NET/IB: Dev 0 Port 1 qpn 9 mtu " + printed + " LID 4"));
    return evidence.queue_pairs.empty() ? std::nullopt : evidence.queue_pairs.front().mtu_bytes;
  };
  EXPECT_EQ(mtu_of("3"), 1024);
  EXPECT_EQ(mtu_of("5"), 4096);
  EXPECT_EQ(mtu_of("4096"), 4096);
  EXPECT_EQ(mtu_of("0"), std::nullopt);
}

TEST(NcclLog, ConnectionsNameDeviceGidAddressAndMtu) {
  // The other rank, by a version that names functions and tells ECE in a line of its own.
  const std::string other = "spark-2:7:9 [0] NCCL INFO NET/IB: ncclIbConnect: ";
  const std::string log =
      roce_log() + other + "NCCL Dev 0 IbDev 0 Port 1 qp_num 81 mtu 5 GID 3 (0/B64A8C0FFFF0000) fifoRkey=0x1\n" +
      other + "IbDev 0 Port 1 qp_num 81 query_ece={supported=1, vendor_id=0x15b3, options=0x0, comp_mask=0x0}\n" +
      other + "NCCL Dev 1 IbDev 1 Port 1 qp_num 82 mtu 3 GID 0 (80FE/100000000000000) fifoRkey=0x1\n";
  EXPECT_THAT(read_nccl_log(log).connections(),
              ElementsAre(Connection{"rocep1s0f0:1", "RoCE", 3, {"192.168.100.10", "192.168.100.11"}, 4096, 3},
                          Connection{"roceP2p1s0f0:1", "RoCE", 0, {"fe80::1"}, 1024, 1}));
}

TEST(NcclLog, ConnectionsOfInfiniBandAndOfUnlistedDevices) {
  const std::string log = info("NET/IB : Using [0]mlx5_0:1/IB [RO]; OOB eth0:192.0.2.2<0>") +
                          info("NET/IB: NCCL Dev 0 IbDev 0 Port 1 qpn 9 mtu 5 LID 4 subnet-prefix 0  FLID 0") +
                          info("NET/IB: NCCL Dev 3 IbDev 3 Port 1 qpn 9 mtu 5 GID 3 (0/0)");
  EXPECT_THAT(read_nccl_log(log).connections(), ElementsAre(Connection{"mlx5_0:1", "IB", std::nullopt, {}, 4096, 1},
                                                            Connection{"device 3, port 1", "", 3, {}, 4096, 1}));
}

TEST(NcclLog, ConnectionsOfSocketsNameTheInterfacesThatChannelsUse) {
  const std::string log = info("NET/Socket : Using [0]eth0:192.0.2.2<0> [1]wlan0:192.0.2.77<0>") +
                          info("NET/Socket : Using [0]eth0:192.0.2.3<0>") +
                          info("Channel 00/0 : 0[0] -> 1[0] [send] via NET/Socket/0");
  EXPECT_THAT(read_nccl_log(log).connections(),
              ElementsAre(Connection{"eth0", "", std::nullopt, {"192.0.2.2", "192.0.2.3"}, std::nullopt, 0}));
}

TEST(NcclLog, DevicesThatNodesNumberDifferentlyAreAllNamed) {
  const std::string log = roce_log() + info("NET/IB : Using [0]mlx5_0:1/RoCE [RO]; OOB eth0:192.168.1.6<0>");
  EXPECT_EQ(read_nccl_log(log).connections().at(0).device, "rocep1s0f0:1 or mlx5_0:1");
  EXPECT_EQ(read_nccl_log(log).devices_used().at(0), "rocep1s0f0:1 or mlx5_0:1");
}

TEST(NcclLog, OfTwoRealProcessesShowsTheFallToSockets) {
  const char* directory = std::getenv("ROCEKIT_SHARED_FIXTURES");
  std::stringstream text;
  if (directory != nullptr) {
    text << std::ifstream(std::filesystem::path(directory) / "nccl-logs" /
                          "nccl-2.28.9-two-processes-2xH200-socket.log")
                .rdbuf();
  }
  if (text.str().empty()) GTEST_SKIP() << "ROCEKIT_SHARED_FIXTURES does not name a directory with nccl-logs/";
  const TransportEvidence evidence = read_nccl_log(text.str());
  EXPECT_FALSE(evidence.unknown_format());
  EXPECT_TRUE(evidence.ib_found_nothing);
  EXPECT_THAT(evidence.ib_devices, IsEmpty());
  EXPECT_THAT(evidence.networks, ElementsAre("Socket"));
  EXPECT_THAT(evidence.failed, ElementsAre("IB"));
  EXPECT_THAT(evidence.versions, ElementsAre("2.28.9+cuda13.0"));
  EXPECT_THAT(evidence.bootstrap, ElementsAre("eth0:192.0.2.2"));
  EXPECT_THAT(evidence.channels, ElementsAre(ChannelUse{ChannelUse::Way::net, "Socket", 0, 8, 0}));
  EXPECT_THAT(evidence.settings, testing::Contains(LoggedSetting{"NCCL_NVLS_ENABLE", "0"}));
  EXPECT_EQ(judge(evidence).carrier, Carrier::socket);
  EXPECT_THAT(evidence.connections(),
              ElementsAre(Connection{"eth0", "", std::nullopt, {"192.0.2.2"}, std::nullopt, 0}));
}

}  // namespace
}  // namespace rocekit::proof
