#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::Why;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* counter_ids[] = {"ROCE-CTR-001", "ROCE-CTR-002", "ROCE-CTR-003"};

/// hw_counters and packets of an mlx5 device after months of work, as a real machine showed them.
facts::NodeFacts long_running() {
  facts::NodeFacts node = sample::gb10();
  facts::Port& port = sample::port(node, "rocep1s0f0");
  port.counters.value()["port_xmit_packets"] = 10907922116;
  port.counters.value()["port_rcv_packets"] = 541889824;
  for (const auto& [name, value] : facts::Counters{{"duplicate_request", 41},
                                                   {"local_ack_timeout_err", 131},
                                                   {"out_of_sequence", 1},
                                                   {"packet_seq_err", 1},
                                                   {"roce_adp_retrans", 99},
                                                   {"roce_adp_retrans_to", 4},
                                                   {"resp_cqe_error", 8109},
                                                   {"resp_cqe_flush_error", 4708},
                                                   {"req_cqe_error", 3481}}) {
    port.hw_counters.value()[name] = value;
  }
  return node;
}

void set_hw(facts::NodeFacts& node, const char* device, const char* name, std::uint64_t value) {
  sample::port(node, device).hw_counters.value()[name] = value;
}

TEST(CounterChecks, AreQuietOnHealthyNodes) {
  for (const char* id : counter_ids) {
    EXPECT_EQ(sample::worst(sample::run(id, sample::gb10())), Severity::ok) << id;
    EXPECT_EQ(sample::worst(sample::run(id, long_running())), Severity::ok) << id;
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", sample::soft_roce())), Severity::ok);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", sample::soft_roce())), Severity::skipped);
}

TEST(CounterChecks, AreSkippedWhereDriversKeepNoSuchCounters) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) {
    device.kind = facts::DeviceKind::omni_path;
    device.ports.at(0).hw_counters = Missing{Why::absent, "hw_counters: No such file or directory"};
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::skipped);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-003", node)), Severity::skipped);
  node.devices.clear();
  for (const char* id : counter_ids) EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::skipped) << id;
}

TEST(CounterChecks, AreUnknownWhenCountersCannotBeRead) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Device& device : node.devices) {
    device.ports.at(0).hw_counters = device.ports.at(0).counters = Missing{Why::permission, "counters: denied"};
  }
  for (facts::Netdev& netdev : node.netdevs) netdev.statistics = Missing{Why::not_supported, "ETHTOOL_GSTATS"};
  for (const char* id : counter_ids) EXPECT_EQ(sample::worst(sample::run(id, node)), Severity::unknown) << id;
}

TEST(Ctr001, WarnsBeyondTheRateOfItsOwnDirection) {
  for (const char* name :
       {"out_of_sequence", "packet_seq_err", "implied_nak_seq_err", "local_ack_timeout_err", "roce_adp_retrans",
        "roce_adp_retrans_to", "duplicate_request", "req_transport_retries_exceeded"}) {
    facts::NodeFacts node = sample::gb10();
    set_hw(node, "roceP2p1s0f0", name, 400);  // of 40,000,000 packets: just at the rate
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::ok) << name;
    set_hw(node, "roceP2p1s0f0", name, 401);
    const auto findings = sample::run("ROCE-CTR-001", node);
    EXPECT_THAT(sample::subjects(findings, Severity::warning), ElementsAre("roceP2p1s0f0")) << name;
    EXPECT_THAT(sample::text_of(findings), HasSubstr(std::string(name) + " 401 (1.0e-05 of 40000000 packets)"));
  }
}

TEST(Ctr001, ComparesReceivedWithReceivedAndSentWithSent) {
  facts::NodeFacts node = sample::gb10();
  facts::Counters& counters = sample::port(node, "rocep1s0f0").counters.value();
  counters["port_rcv_packets"] = 1000000;
  counters["port_xmit_packets"] = 1000000000;
  set_hw(node, "rocep1s0f0", "packet_seq_err", 1000);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::ok);
  set_hw(node, "rocep1s0f0", "out_of_sequence", 1000);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::warning);
}

TEST(Ctr001, NeedsAHundredEvents) {
  facts::NodeFacts node = sample::gb10();
  facts::Counters& counters = sample::port(node, "rocep1s0f0").counters.value();
  counters["port_xmit_packets"] = counters["port_rcv_packets"] = 1000;
  set_hw(node, "rocep1s0f0", "out_of_sequence", 99);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::ok);
  set_hw(node, "rocep1s0f0", "out_of_sequence", 100);
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::warning);
}

TEST(Ctr001, KnowsSoftRoceNamesAndItsLooserRate) {
  for (const char* name : {"out_of_seq_request", "duplicate_request", "rcvd_seq_err", "retry_exceeded_err"}) {
    facts::NodeFacts node = sample::soft_roce();
    set_hw(node, "rocep1s0f0", name, 100);  // of 100,000 packets: just at the rate
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::ok) << name;
    set_hw(node, "rocep1s0f0", name, 101);
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-001", node)), Severity::warning) << name;
  }
}

TEST(Ctr002, GivesOneFindingForTwins) {
  facts::NodeFacts node = sample::gb10();
  for (const char* name : {"enp1s0f0np0", "enP2p1s0f0np0"}) {
    sample::netdev(node, name).statistics.value()["rx_crc_errors_phy"] = 5000;
  }
  const auto findings = sample::run("ROCE-CTR-002", node);
  EXPECT_THAT(sample::subjects(findings, Severity::warning), ElementsAre("rocep1s0f0, roceP2p1s0f0"));
  EXPECT_THAT(sample::text_of(findings), HasSubstr("ethtool -S enP2p1s0f0np0"));
}

TEST(Ctr002, SeesDamageAndLostLinks) {
  for (const char* name : {"rx_crc_errors_phy", "rx_symbol_err_phy", "rx_pcs_symbol_err_phy", "link_down_events_phy"}) {
    facts::NodeFacts node = sample::gb10();
    sample::netdev(node, "enp1s0f0np0").statistics.value()[name] = 100;
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", node)), Severity::warning) << name;
  }
  for (const char* name : {"symbol_error", "link_downed"}) {
    facts::NodeFacts node = sample::gb10();
    sample::port(node, "rocep1s0f0").counters.value()[name] = 100;
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", node)), Severity::warning) << name;
  }
}

TEST(Ctr002, LeavesFlapsThatTheNetdevCountsToLnk005) {
  facts::NodeFacts node = sample::gb10();
  sample::netdev(node, "enp1s0f0np0").statistics.value()["link_down_events_phy"] = 100;
  sample::netdev(node, "enp1s0f0np0").carrier_changes = 200;
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", node)), Severity::ok);
}

TEST(Ctr002, CountsReceiveErrorsOnInfiniBand) {
  facts::NodeFacts node = sample::gb10();
  node.devices.resize(1);
  node.devices.at(0).kind = facts::DeviceKind::infiniband;
  node.devices.at(0).ports.at(0).link_layer = std::string("InfiniBand");
  for (const char* name : {"port_rcv_errors", "link_error_recovery", "local_link_integrity_errors", "symbol_error"}) {
    facts::NodeFacts broken = node;
    broken.devices.at(0).ports.at(0).counters.value()[name] = 100;
    EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", broken)), Severity::warning) << name;
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-CTR-002", node)), Severity::ok);
}

TEST(Ctr003, WarnsOfReceiversThatAreNotReadyAndOfDiscards) {
  for (const char* name : {"rnr_nak_retry_err", "out_of_buffer"}) {
    facts::NodeFacts node = sample::gb10();
    set_hw(node, "rocep1s0f0", name, 401);
    EXPECT_THAT(sample::subjects(sample::run("ROCE-CTR-003", node), Severity::warning), ElementsAre("rocep1s0f0"));
  }
  facts::NodeFacts discards = sample::gb10();
  sample::netdev(discards, "enp1s0f0np0").statistics.value()["rx_discards_phy"] = 401;
  const auto findings = sample::run("ROCE-CTR-003", discards);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("ROCE-PCI-001"));
}

}  // namespace
}  // namespace rocekit::checks
