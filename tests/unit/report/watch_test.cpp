// Rates between two readings, and what they say of the transport.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/watch/render.h"
#include "probes/watch/traffic.h"
#include "probes/watch/verdict.h"

namespace rocekit::watch {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// One ConnectX port over enp1, and a LAN interface.
Layout hardware() {
  Layout layout;
  layout.ports.push_back({"rocep1s0f0", 1, "enp1", 0, false, 4096});
  layout.netdevs.push_back({"enp1", true, false});
  layout.netdevs.push_back({"lan0", false, false});
  return layout;
}

Layout software() {
  Layout layout = hardware();
  layout.ports.at(0).software = true;
  return layout;
}

Reading reading(double seconds, facts::Counters port, facts::Counters fabric, facts::Counters lan = {}) {
  return {seconds, {{"rocep1s0f0:1", std::move(port)}}, {{"enp1", std::move(fabric)}, {"lan0", std::move(lan)}}, {}};
}

/// Bytes that make `gbit_s` in two seconds.
std::uint64_t bytes_of(double gbit_s) { return static_cast<std::uint64_t>(gbit_s * 2e9 / 8); }

/// Rates of what moved in two seconds from zero.
Rates rates_of(const Layout& layout, double rdma_gbit_s, double fabric_gbit_s, double lan_gbit_s = 0) {
  return rates_between(
      layout,
      reading(10, {{"port_xmit_data", 0}, {"port_rcv_data", 0}}, {{"tx_bytes", 0}, {"rx_bytes", 0}},
              {{"tx_bytes", 0}, {"rx_bytes", 0}}),
      reading(12, {{"port_xmit_data", bytes_of(rdma_gbit_s) / 4}, {"port_rcv_data", bytes_of(rdma_gbit_s) / 8}},
              {{"tx_bytes", bytes_of(fabric_gbit_s)}, {"rx_bytes", 0}},
              {{"tx_bytes", bytes_of(lan_gbit_s)}, {"rx_bytes", 0}}));
}

TEST(WatchRates, PortDataCountsWordsOfFourBytesAndInterfacesBytes) {
  const Rates rates = rates_of(hardware(), 92.1, 0.1);
  EXPECT_DOUBLE_EQ(rates.seconds, 2);
  ASSERT_EQ(rates.flows.size(), 3U);
  EXPECT_NEAR(rates.flows[0].out_gbit_s, 92.1, 0.001);
  EXPECT_NEAR(rates.flows[0].in_gbit_s, 46.05, 0.001);
  EXPECT_NEAR(rates.flows[1].out_gbit_s, 0.1, 0.001);
}

TEST(WatchRates, ResetMissingAndNewCountersAddNothing) {
  const Rates rates = rates_between(
      hardware(), reading(0, {{"port_xmit_data", 1000}, {"out_of_sequence", 9}}, {}),
      reading(1, {{"port_xmit_data", 10}, {"port_rcv_data", 500}, {"out_of_sequence", 2}}, {{"tx_bytes", 5}}));
  for (const Flow& flow : rates.flows) EXPECT_EQ(flow.gbit_s(), 0) << flow.name;
  EXPECT_THAT(rates.events, IsEmpty());
}

TEST(WatchRates, NoTimeGivesNoFlow) {
  const Reading same = reading(1, {{"port_xmit_data", 1}}, {});
  EXPECT_THAT(rates_between(hardware(), same, same).flows, IsEmpty());
}

TEST(WatchRates, LossesAndCongestionThatGrewAreToldApart) {
  const Rates rates = rates_between(
      hardware(), reading(0, {{"out_of_sequence", 5}, {"np_cnp_sent", 1}, {"packet_seq_err", 3}}, {{"tx_dropped", 0}}),
      reading(1, {{"out_of_sequence", 17}, {"np_cnp_sent", 8}, {"packet_seq_err", 3}}, {{"tx_dropped", 2}}));
  EXPECT_EQ(events_in_words(rates.events),
            "lost or sent again: out_of_sequence 12 on rocep1s0f0, tx_dropped 2 on enp1; congestion: np_cnp_sent 7 on "
            "rocep1s0f0");
}

TEST(WatchRates, SoftRoceIsTakenOutOfItsInterfacesBytes) {
  const facts::Counters none{{"tx_bytes", 0}, {"rx_bytes", 0}, {"tx_packets", 0}, {"rx_packets", 0}};
  // All packets are Soft-RoCE's.
  Rates rates =
      rates_between(software(), reading(0, {{"sent_pkts", 0}, {"rcvd_pkts", 0}}, none),
                    reading(1, {{"sent_pkts", 1000}, {"rcvd_pkts", 10}},
                            {{"tx_bytes", 4'000'000}, {"rx_bytes", 700}, {"tx_packets", 1000}, {"rx_packets", 10}}));
  EXPECT_TRUE(rates.flows[0].estimated);
  EXPECT_NEAR(rates.flows[0].out_gbit_s, 0.032, 1e-6);
  EXPECT_NEAR(rates.flows[1].out_gbit_s, 0, 1e-6);
  EXPECT_EQ(carrier_of(rates), Carrier::rdma);
  // A few packets among large ones of TCP: no more than such packets can hold.
  rates = rates_between(software(), reading(0, {{"sent_pkts", 0}}, none),
                        reading(1, {{"sent_pkts", 10}},
                                {{"tx_bytes", 60'000'000}, {"tx_packets", 1000}, {"rx_bytes", 0}, {"rx_packets", 0}}));
  EXPECT_LT(rates.flows[0].out_gbit_s, 10 * 4200 * 8 / 1e9);
  EXPECT_EQ(carrier_of(rates), Carrier::sockets);
}

TEST(WatchVerdict, NamesTheTransportThatCarriesTheTraffic) {
  struct Case {
    double rdma, fabric, lan;
    Carrier carrier;
    ExitCode exit_code;
    const char* end;
  };
  for (const Case& item : {Case{92.1, 0.1, 0, Carrier::rdma, ExitCode::ready, "serving traffic takes RDMA"},
                           Case{0.002, 0.0005, 0, Carrier::rdma, ExitCode::ready, "serving traffic takes RDMA"},
                           Case{0, 3.2, 0, Carrier::sockets, ExitCode::warning, "takes sockets, not RDMA"},
                           Case{0.01, 3.2, 0, Carrier::sockets, ExitCode::warning, "takes sockets, not RDMA"},
                           Case{1.0, 3.2, 0, Carrier::both, ExitCode::ready, "takes RDMA and sockets of the fabric"},
                           Case{0, 0.002, 0, Carrier::idle, ExitCode::unknown, "idle"},
                           Case{0, 0, 5, Carrier::idle, ExitCode::unknown, "traffic is on another interface"}}) {
    const Rates rates = rates_of(hardware(), item.rdma, item.fabric, item.lan);
    EXPECT_EQ(carrier_of(rates), item.carrier) << sentence_of(rates);
    EXPECT_EQ(exit_code_of(carrier_of(rates)), item.exit_code);
    EXPECT_THAT(sentence_of(rates), EndsWith(item.end));
  }
}

TEST(WatchVerdict, SentenceNamesRatesAndDevices) {
  EXPECT_EQ(sentence_of(rates_of(hardware(), 92.1, 0.1)),
            "RDMA: 92.1 Gb/s on rocep1s0f0; sockets: 0.10 Gb/s on enp1 \u2014 serving traffic takes RDMA");
  EXPECT_EQ(sentence_of(rates_of(hardware(), 0, 0)), "RDMA: idle; sockets: idle \u2014 idle");
}

TEST(WatchVerdict, RdmaOfDevicesThatTheProcessDoesNotHoldIsOfOthers) {
  Layout layout = hardware();
  layout.pid = 42;
  layout.held = std::set<std::string>{};
  const Rates rates = rates_of(layout, 50, 2);
  EXPECT_EQ(carrier_of(rates), Carrier::sockets);
  EXPECT_THAT(sentence_of(rates), HasSubstr("RDMA of other processes: 50.0 Gb/s on rocep1s0f0"));
  layout.held = std::set<std::string>{"rocep1s0f0"};
  EXPECT_EQ(carrier_of(rates_of(layout, 50, 2)), Carrier::rdma);
}

TEST(WatchVerdict, SocketsOfTheProcessesOwnNamespaceCount) {
  Layout layout = hardware();
  layout.pid = 42;
  layout.netdevs.push_back({"eth0", false, true});
  Reading before = reading(0, {}, {});
  Reading after = reading(1, {}, {});
  before.process_netdevs["eth0"] = {{"tx_bytes", 0}, {"rx_bytes", 0}};
  after.process_netdevs["eth0"] = {{"tx_bytes", 500'000'000}, {"rx_bytes", 0}};
  const Rates rates = rates_between(layout, before, after);
  EXPECT_EQ(carrier_of(rates), Carrier::sockets);
  EXPECT_THAT(sentence_of(rates), HasSubstr("4.00 Gb/s on eth0 (of the process)"));
}

TEST(WatchRender, TableLeavesOutIdleInterfacesOutsideTheFabric) {
  const std::string table = render_table(rates_of(hardware(), 92.1, 0.1), {}, 100);
  EXPECT_THAT(table, HasSubstr("OUT Gb/s"));
  EXPECT_THAT(table, HasSubstr("92.100"));
  EXPECT_THAT(table, Not(HasSubstr("lan0")));
  EXPECT_THAT(render_table(rates_of(hardware(), 1, 1, 1), {}, 100), HasSubstr("lan0"));
}

TEST(WatchRender, JsonIsOneLine) {
  const std::string line = render_json_line(rates_of(hardware(), 92.1, 0.1), "2026-01-02T03:04:05Z", true);
  EXPECT_THAT(line, StartsWith(R"({"schema":"rocekit/watch")"));
  EXPECT_THAT(line, HasSubstr(R"("summary":true)"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(WatchLayout, SavedCountersAreReadByTheirFiles) {
  facts::FileRecord record;
  record.files["/sys/class/infiniband/rocep1s0f0/ports/1/counters/port_xmit_data"] = "12";
  record.files["/sys/class/infiniband/rocep1s0f0/ports/1/hw_counters/out_of_sequence"] = "3";
  record.files["/sys/class/net/enp1/statistics/tx_bytes"] = "99";
  record.files["/sys/class/net/lan0/statistics/tx_bytes"] = "no number";
  const Reading read = read_counters(facts::FileTree::from_record(record), hardware(), 5);
  EXPECT_EQ(read.ports.at("rocep1s0f0:1"), (facts::Counters{{"out_of_sequence", 3}, {"port_xmit_data", 12}}));
  EXPECT_EQ(read.netdevs.at("enp1"), (facts::Counters{{"tx_bytes", 99}}));
  EXPECT_THAT(read.netdevs.at("lan0"), IsEmpty());
}

}  // namespace
}  // namespace rocekit::watch
