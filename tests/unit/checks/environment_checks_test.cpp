#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checks/faults.h"

namespace rocekit::checks {
namespace {

using facts::Missing;
using facts::Why;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* environment_ids[] = {"ROCE-ENV-001", "ROCE-ENV-002", "ROCE-ENV-003", "ROCE-ENV-004",
                                           "ROCE-ENV-005", "ROCE-ENV-006", "ROCE-ENV-007", "ROCE-ENV-008",
                                           "ROCE-ENV-009", "ROCE-ENV-010"};

facts::NodeFacts with_env(const std::string& name, const std::string& value) {
  facts::NodeFacts node = sample::gb10();
  sample::set_env(node, name, value);
  return node;
}

/// Eight or more rails of one server, one device each; the last one may be a slower card of the LAN.
facts::NodeFacts server(int rails, bool lan_card = false) {
  const facts::NodeFacts gb10 = sample::gb10();
  facts::NodeFacts node = gb10;
  node.devices.clear();
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.rdma_device.has_value(); });
  node.gpus.clear();
  node.host.machine = std::string("Server");
  sample::unset_env(node, "NCCL_SOCKET_IFNAME");
  for (int i = 0; i < rails; ++i) {
    facts::Device device = gb10.devices.at(0);
    facts::Netdev netdev = *gb10.find_netdev("enp1s0f0np0");
    const std::string number = std::to_string(i);
    device.name = "mlx5_" + number;
    device.board_id = std::string("MT_0000000838");
    device.sys_image_guid = "0000:0000:0000:00" + std::to_string(10 + i);
    netdev.name = "rdma" + number;
    netdev.rdma_device = device.name;
    device.pci.value().address = "00" + std::to_string(10 + i) + ":01:00.0";
    netdev.pci_address = device.pci->address;
    facts::Port& port = device.ports.at(0);
    port.netdev = netdev.name;
    port.rate_gbit_s = lan_card && i + 1 == rails ? 25.0 : 400.0;
    const std::string ip = "172.16." + number + ".1";
    for (facts::Gid& gid : port.gids) {
      gid.netdev = netdev.name;
      if (gid.ipv4) gid.ipv4 = ip;
    }
    netdev.addresses = std::vector<facts::Address>{{"inet", ip, 24, "global"}};
    node.routes.value().push_back({"172.16." + number + ".0/24", netdev.name, std::nullopt, ip, 0});
    node.devices.push_back(device);
    node.netdevs.push_back(netdev);
  }
  return node;
}

TEST(EnvironmentChecks, SayNothingAgainstHealthyNodes) {
  for (const char* id : environment_ids) {
    for (const facts::NodeFacts& node : {sample::gb10(), sample::soft_roce(), server(8), server(9, true)}) {
      EXPECT_LE(sample::worst(sample::run(id, node)), Severity::skipped)
          << id << sample::text_of(sample::run(id, node));
    }
  }
}

// ---- ROCE-ENV-001 and -006 ----

TEST(Env001, FiresAndTellsWhereItIsSet) {
  for (const char* value : {"1", "0x1", "2"}) {
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-001", with_env("NCCL_IB_DISABLE", value))), Severity::critical);
  }
  for (const char* value : {"0", "", "true"}) {
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-001", with_env("NCCL_IB_DISABLE", value))), Severity::ok) << value;
  }
  facts::NodeFacts container = with_env("NCCL_IB_DISABLE", "1");
  sample::move_into_podman(container);
  EXPECT_THAT(sample::remedies(sample::run("ROCE-ENV-001", container)), HasSubstr("without -e NCCL_IB_DISABLE"));
}

TEST(Env001, OnlyWarnsWhenAPluginCarriesTheTraffic) {
  facts::NodeFacts node = with_env("NCCL_IB_DISABLE", "1");
  derived::NcclChoice nccl = sample::gb10_choice();
  nccl.net = "libnccl-net.so";
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-001", node, nccl)), Severity::warning);
}

struct Explained {
  const char* id;
  facts::NodeFacts node;
};

TEST(Env006, NamesTheFindingThatExplainsTheFall) {
  std::vector<Explained> cases;
  cases.push_back({"ROCE-ENV-001", with_env("NCCL_IB_DISABLE", "1")});
  cases.push_back({"ROCE-ENV-008", with_env("NCCL_NET", "socket")});
  cases.push_back({"ROCE-ENV-008", with_env("NCCL_NET", "AWS Libfabric")});
  cases.push_back({"ROCE-ENV-002", with_env("NCCL_IB_HCA", "mlx5_0")});
  cases.push_back({"ROCE-ENV-005", with_env("NCCL_SOCKET_IFNAME", "eth9")});
  cases.push_back({"ROCE-ACC-001", sample::gb10()});
  sample::hide_all_uverbs(cases.back().node);
  cases.push_back({"ROCE-ACC-002", sample::gb10()});
  for (facts::Device& device : cases.back().node.devices) {
    device.uverbs.value().openable = Missing{Why::permission, "uverbs: Operation not permitted"};
  }
  cases.push_back({"ROCE-DEV-001", sample::gb10()});
  cases.back().node.devices.clear();
  cases.push_back({"ROCE-DEV-002", sample::gb10()});
  cases.back().node.host.libibverbs = Missing{Why::absent, "libibverbs.so.1: not found"};
  cases.push_back({"ROCE-DEV-002", sample::gb10()});
  cases.back().node.host.verbs_providers = std::vector<std::string>{"rxe"};
  cases.push_back({"ROCE-LNK-001", sample::gb10()});
  for (const char* name : {"rocep1s0f0", "roceP2p1s0f0"}) sample::take_down(cases.back().node, name);
  for (const Explained& item : cases) {
    const auto findings = sample::run("ROCE-ENV-006", item.node);
    EXPECT_EQ(sample::worst(findings), Severity::critical) << item.id;
    EXPECT_THAT(sample::remedies(findings), HasSubstr(std::string("roce-probe explain ") + item.id));
    EXPECT_THAT(findings.front().cause, HasSubstr(item.id));
  }
}

TEST(Env006, OffersToMakeTheFallFatal) {
  const auto findings = sample::run("ROCE-ENV-006", with_env("NCCL_IB_DISABLE", "1"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_NET=IB"));
  const auto stopped = sample::run("ROCE-ENV-006", with_env("NCCL_NET", "nothing"));
  EXPECT_THAT(sample::text_of(stopped), HasSubstr("NCCL cannot start"));
  EXPECT_THAT(sample::remedies(stopped), Not(HasSubstr("export NCCL_NET=IB")));
}

// ---- ROCE-ENV-002, -003, -004 ----

TEST(Env002, IsCriticalWhenNoNamedDeviceIsLeft) {
  for (const char* value : {"mlx5_0", "mlx5_0,mlx5_1", "rocep1s0f0:2", "rocep1s0f1", "=rocep1s0", "ROCEP1S0F0"}) {
    const auto findings = sample::run("ROCE-ENV-002", with_env("NCCL_IB_HCA", value));
    EXPECT_EQ(sample::worst(findings), Severity::critical) << value;
    EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_IB_HCA=rocep1s0f0,roceP2p1s0f0")) << value;
  }
}

TEST(Env002, WarnsWhenSomeAreLeft) {
  for (const char* value : {"rocep1s0f0,roceP2p1s0f0,mlx5_0", "rocep1s0f0,roceP2p1s0f0,rocep1s0f1:2"}) {
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-002", with_env("NCCL_IB_HCA", value))), Severity::warning) << value;
  }
}

TEST(Env002, AcceptsPrefixesAndExclusions) {
  for (const char* value : {"roce", "=rocep1s0f0,roceP2p1s0f0", "rocep1s0f0:1,roceP2p1s0f0:1", "^mlx5_9"}) {
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-002", with_env("NCCL_IB_HCA", value))), Severity::ok) << value;
  }
}

TEST(Env002, LeavesLinksThatAreDownToTheLinkChecks) {
  facts::NodeFacts twin_down = with_env("NCCL_IB_HCA", "rocep1s0f0,roceP2p1s0f0");
  sample::take_down(twin_down, "roceP2p1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-002", twin_down)), Severity::ok);
  facts::NodeFacts no_cable = twin_down;
  sample::take_down(no_cable, "rocep1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-002", no_cable)), Severity::ok);
}

TEST(Env003, SeesThatAPrefixMatchesMore) {
  facts::NodeFacts node = server(12);
  sample::set_env(node, "NCCL_IB_HCA", "mlx5_1");
  const auto findings = sample::run("ROCE-ENV-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::text_of(findings), HasSubstr("also matches mlx5_10 and mlx5_11"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_IB_HCA='=mlx5_1'"));
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", node)), Severity::skipped);
}

TEST(Env003, TakesADeliberatePrefixAndAnExactListAsMeant) {
  facts::NodeFacts node = server(12);
  for (const char* value : {"mlx5", "=mlx5_1", "mlx5_1,mlx5_10,mlx5_11"}) {
    sample::set_env(node, "NCCL_IB_HCA", value);
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-003", node)), Severity::ok) << value;
  }
  sample::set_env(node, "NCCL_IB_HCA", "^mlx5_1");
  const auto findings = sample::run("ROCE-ENV-003", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_IB_HCA='^=mlx5_1'"));
}

TEST(Env004, PrintsTheValueThatUsesBothTwins) {
  for (const char* value : {"rocep1s0f0", "=rocep1s0f0", "^roceP2p1s0f0"}) {
    const auto findings = sample::run("ROCE-ENV-004", with_env("NCCL_IB_HCA", value));
    EXPECT_EQ(sample::worst(findings), Severity::warning) << value;
    EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_IB_HCA=rocep1s0f0,roceP2p1s0f0\n")) << value;
  }
}

TEST(Env004, DoesNotWantTwinsThatCannotWork) {
  facts::NodeFacts no_address = with_env("NCCL_IB_HCA", "rocep1s0f0");
  sample::remove_ipv4(no_address, "roceP2p1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", no_address)), Severity::ok);
  facts::NodeFacts down = with_env("NCCL_IB_HCA", "rocep1s0f0");
  sample::take_down(down, "roceP2p1s0f0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", down)), Severity::ok);
}

TEST(Env004, WantsAllRailsOfOneRateAndNoSlowerCard) {
  facts::NodeFacts node = server(9, true);
  sample::set_env(node, "NCCL_IB_HCA", "mlx5_0,mlx5_1,mlx5_2,mlx5_3,mlx5_4,mlx5_5,mlx5_6,mlx5_7");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", node)), Severity::ok);
  sample::set_env(node, "NCCL_IB_HCA", "mlx5_0,mlx5_1");
  const auto findings = sample::run("ROCE-ENV-004", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings),
              HasSubstr("export NCCL_IB_HCA=mlx5_0,mlx5_1,mlx5_2,mlx5_3,mlx5_4,mlx5_5,mlx5_6,mlx5_7\n"));
  sample::set_env(node, "NCCL_IB_HCA", "^mlx5_7");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", node)), Severity::ok);
}

TEST(Env004, ProposesAnExactListWhereAPrefixWouldMatchMore) {
  facts::NodeFacts node = server(11, true);
  sample::set_env(node, "NCCL_IB_HCA", "mlx5_0");
  EXPECT_THAT(sample::remedies(sample::run("ROCE-ENV-004", node)), HasSubstr("export NCCL_IB_HCA='=mlx5_0,mlx5_1,"));
}

TEST(Env004, DoesNotWantTheSecondCageOfGb10) {
  facts::NodeFacts node = with_env("NCCL_IB_HCA", "rocep1s0f0,roceP2p1s0f0");
  for (const char* name : {"rocep1s0f1", "roceP2p1s0f1"}) {
    facts::Port& port = sample::port(node, name);
    const facts::Port& model = sample::port(node, "rocep1s0f0");
    port.state = model.state;
    port.rate_gbit_s = model.rate_gbit_s;
    port.gids = model.gids;
    for (facts::Gid& gid : port.gids) gid.netdev = *port.netdev;
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-004", node)), Severity::ok);
}

// ---- ROCE-ENV-005 and -009 ----

TEST(Env005, WarnsOfWifiVpnBridgesAndLoopback) {
  facts::NodeFacts wifi = with_env("NCCL_SOCKET_IFNAME", "wlP9s9");
  facts::Netdev& wireless = sample::netdev(wifi, "wlP9s9");
  wireless.running = wireless.carrier = true;
  wireless.operstate = std::string("up");
  wireless.addresses = std::vector<facts::Address>{{"inet", "192.168.1.217", 24, "global"}};
  const auto findings = sample::run("ROCE-ENV-005", wifi);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_SOCKET_IFNAME=enp1s0f0np0"));
  EXPECT_THAT(sample::run("ROCE-ENV-009", wifi).front().severity, Severity::ok);

  for (const char* name : {"docker0", "virbr0", "tailscale0", "wg0", "tun0"}) {
    facts::NodeFacts node = with_env("NCCL_SOCKET_IFNAME", name);
    facts::Netdev link = sample::netdev(node, "enP7s7");
    link.name = name;
    link.type = std::string("virtual");
    node.netdevs.push_back(link);
    EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::warning) << name;
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", with_env("NCCL_SOCKET_IFNAME", "=lo"))), Severity::warning);
  facts::NodeFacts renamed = with_env("NCCL_SOCKET_IFNAME", "enP7s7");
  sample::netdev(renamed, "enP7s7").type = std::string("wifi");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", renamed)), Severity::warning);
}

TEST(Env005, JudgesNcclsOwnChoiceWhenUnset) {
  facts::NodeFacts node = sample::gb10();
  sample::unset_env(node, "NCCL_SOCKET_IFNAME");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::ok);
  facts::Netdev vpn = sample::netdev(node, "enP7s7");
  vpn.name = "tailscale0";
  vpn.type = std::string("tun");
  vpn.ifindex = 1;
  node.netdevs.push_back(vpn);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::warning);
}

TEST(Env005, IsCriticalWithoutAnyInterface) {
  for (const char* name : {"eth9", "wlP9s9"}) {
    const auto findings = sample::run("ROCE-ENV-005", with_env("NCCL_SOCKET_IFNAME", name));
    EXPECT_EQ(sample::worst(findings), Severity::critical) << name;
    EXPECT_THAT(sample::remedies(findings), HasSubstr("export NCCL_SOCKET_IFNAME=enp1s0f0np0")) << name;
  }
}

TEST(Env005, LeavesAnInterfaceWithoutLinkToTheLinkChecks) {
  facts::NodeFacts node = sample::gb10();
  for (const char* name : {"rocep1s0f0", "roceP2p1s0f0"}) sample::take_down(node, name);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::skipped);
}

TEST(Env005, LeavesAContainersOwnNetworkToGid003) {
  facts::NodeFacts node = sample::gb10();
  sample::move_into_podman(node);
  sample::unset_env(node, "NCCL_SOCKET_IFNAME");
  facts::Netdev own = sample::netdev(node, "enP7s7");
  own.name = "eth0";
  own.ifindex = 1;
  own.type = std::string("veth");
  node.netdevs.push_back(own);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::warning);
  std::erase_if(node.netdevs, [](const facts::Netdev& netdev) { return netdev.rdma_device.has_value(); });
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::ok);
}

TEST(Env005, IsUnknownWhenAddressesWereNotRead) {
  facts::NodeFacts node = sample::gb10();
  for (facts::Netdev& netdev : node.netdevs) netdev.addresses = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-005", node)), Severity::unknown);
}

TEST(Env009, FindsAddressesAndInterfacesOfTheLan) {
  struct Case {
    const char* name;
    const char* value;
    const char* remedy;
  };
  for (const Case& item : {Case{"VLLM_HOST_IP", "192.168.1.117", "export VLLM_HOST_IP=192.168.100.10"},
                           Case{"VLLM_HOST_IP", "192.168.100.99", "export VLLM_HOST_IP=192.168.100.10"},
                           Case{"GLOO_SOCKET_IFNAME", "enP7s7", "export GLOO_SOCKET_IFNAME=enp1s0f0np0"},
                           Case{"GLOO_SOCKET_IFNAME", "eth0", "export GLOO_SOCKET_IFNAME=enp1s0f0np0"},
                           Case{"TP_SOCKET_IFNAME", "enP7s7", "export TP_SOCKET_IFNAME=enp1s0f0np0"},
                           Case{"NCCL_SOCKET_IFNAME", "enP7s7", "export NCCL_SOCKET_IFNAME=enp1s0f0np0"},
                           Case{"MASTER_ADDR", "192.168.1.117", "export MASTER_ADDR=192.168.100.10"},
                           Case{"MASTER_ADDR", "192.168.1.116", "the other node's address in 192.168.100.0/24"},
                           Case{"RAY_ADDRESS", "192.168.1.117:6379", "export RAY_ADDRESS=192.168.100.10:6379"}}) {
    const auto findings = sample::run("ROCE-ENV-009", with_env(item.name, item.value));
    EXPECT_EQ(sample::worst(findings), Severity::warning) << item.name << "=" << item.value;
    EXPECT_THAT(sample::remedies(findings), HasSubstr(item.remedy));
  }
}

TEST(Env009, AcceptsTheFabricHostNamesAndLoopback) {
  facts::NodeFacts node = sample::gb10();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"VLLM_HOST_IP", "192.168.100.10"},
                                                        {"GLOO_SOCKET_IFNAME", "enp1s0f0np0,enP2p1s0f0np0"},
                                                        {"MASTER_ADDR", "spark-1"},
                                                        {"RAY_ADDRESS", "auto"},
                                                        {"NCCL_COMM_ID", "192.168.100.11:5000"},
                                                        {"VLLM_DP_MASTER_IP", "127.0.0.1"}}) {
    sample::set_env(node, name, value);
  }
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-009", node)), Severity::ok);
}

TEST(Env009, LetsServersUseTheirLan) {
  facts::NodeFacts node = server(8);
  sample::set_env(node, "NCCL_SOCKET_IFNAME", "enP7s7");
  sample::set_env(node, "GLOO_SOCKET_IFNAME", "enP7s7");
  sample::set_env(node, "MASTER_ADDR", "192.168.1.5");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-009", node)), Severity::ok);
  sample::set_env(node, "GLOO_SOCKET_IFNAME", "eth0");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-009", node)), Severity::warning);
}

// ---- ROCE-ENV-007, -008, -010 ----

TEST(Env007, NamesFileAndLineOfTransportSettingsOnly) {
  facts::NodeFacts node = sample::gb10();
  sample::set_conf(node, "NCCL_IB_TC", "106", "/etc/nccl.conf:4");
  const auto findings = sample::run("ROCE-ENV-007", node);
  EXPECT_EQ(sample::worst(findings), Severity::warning);
  EXPECT_THAT(sample::text_of(findings), HasSubstr("NCCL_IB_TC = 106 (/etc/nccl.conf:4)"));
  EXPECT_THAT(sample::remedies(findings), HasSubstr("sudo sed -i '4s/^/# /' /etc/nccl.conf"));
  sample::unset_env(node, "NCCL_IB_TC");
  sample::set_conf(node, "NCCL_DEBUG", "WARN", "/etc/nccl.conf:4");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-007", node)), Severity::ok);
}

TEST(Env007, TellsAContainerHowToHideTheFile) {
  facts::NodeFacts node = sample::gb10();
  sample::move_into_podman(node);
  sample::set_conf(node, "NCCL_IB_DISABLE", "1", "/etc/nccl.conf:1");
  EXPECT_THAT(sample::remedies(sample::run("ROCE-ENV-007", node)),
              AllOf(HasSubstr("sed -i"), Not(HasSubstr("sudo")), HasSubstr("-v /dev/null:/etc/nccl.conf:ro")));
}

TEST(Env008, KnowsWhatIsDemanded) {
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", with_env("NCCL_NET", "Socket"))), Severity::critical);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", with_env("NCCL_NET", "nothing"))), Severity::critical);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", with_env("NCCL_NET", ""))), Severity::critical);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", with_env("NCCL_NET", "ib"))), Severity::ok);
  facts::NodeFacts plugin = with_env("NCCL_NET_PLUGIN", "none");
  plugin.host.nccl_plugins = std::vector<facts::Library>{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", plugin)), Severity::ok);
  sample::set_env(plugin, "NCCL_NET_PLUGIN", "ucx");
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", plugin)), Severity::warning);
  plugin.host.nccl_plugins = Missing{};
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", plugin)), Severity::unknown);
}

TEST(Env008, DoesNotBlameIbForMissingNodes) {
  facts::NodeFacts node = with_env("NCCL_NET", "IB");
  sample::hide_all_uverbs(node);
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-008", node)), Severity::ok);
}

TEST(Env010, ComparesTheTwoVersions) {
  const auto judged = [](const facts::Fact<std::string>& nccl, const facts::Fact<std::string>& rdma_core) {
    facts::NodeFacts node = sample::gb10();
    node.host.nccl_libraries.at(0).version = nccl;
    node.host.libibverbs.value().version = rdma_core;
    return sample::worst(sample::run("ROCE-ENV-010", node));
  };
  EXPECT_EQ(judged(std::string("2.29.1"), std::string("50.0")), Severity::critical);
  EXPECT_EQ(judged(std::string("2.30.3+cuda13.0"), std::string("50.0")), Severity::critical);
  EXPECT_EQ(judged(std::string("2.28.9"), std::string("50.0")), Severity::ok);
  EXPECT_EQ(judged(std::string("2.29.1"), std::string("52.0")), Severity::ok);
  EXPECT_EQ(judged(std::string("2.9.8"), std::string("50.0")), Severity::ok);
  EXPECT_EQ(judged(Missing{}, std::string("50.0")), Severity::unknown);
  EXPECT_EQ(judged(std::string("2.29.1"), Missing{}), Severity::unknown);
  EXPECT_EQ(judged(std::string("2.28.9"), Missing{}), Severity::ok);
  facts::NodeFacts none = sample::gb10();
  none.host.nccl_libraries.clear();
  EXPECT_EQ(sample::worst(sample::run("ROCE-ENV-010", none)), Severity::skipped);
}

}  // namespace
}  // namespace rocekit::checks
