#include "probes/facts/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "core/error.h"
#include "probes/facts/read_node.h"
#include "probes/facts/readers/module_eeprom.h"
#include "probes/facts/secrets.h"
#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::facts {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TemporaryTree;

/// A machine as its user would save it.
Snapshot saved(const std::filesystem::path& machine) {
  FileTree tree = FileTree::open(machine);
  Snapshot snapshot;
  snapshot.answers = load_answers(tree);
  tree.start_recording();
  read_node(tree, snapshot.answers);
  snapshot.files = tree.record();
  return snapshot;
}

const std::filesystem::path& gb10() {
  static const std::filesystem::path path = std::filesystem::path(ROCEKIT_SOURCE_DIR) / "tests/fixtures/gb10-healthy";
  return path;
}

NodeFacts node_of(const std::filesystem::path& machine) {
  const FileTree tree = FileTree::open(machine);
  return read_node(tree, load_answers(tree));
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string refusal(const Snapshot& snapshot, const std::filesystem::path& directory) {
  try {
    write_snapshot(snapshot, directory);
  } catch (const InputError& error) {
    return error.what();
  }
  return "written";
}

std::size_t entries_of(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

TEST(Snapshot, TheRecordGivesTheSameNode) {
  const Snapshot snapshot = saved(gb10());
  EXPECT_EQ(read_node(tree_of(snapshot), snapshot.answers), node_of(gb10()));
}

TEST(Snapshot, TheWrittenDirectoryGivesTheSameNode) {
  TemporaryTree place;
  write_snapshot(saved(gb10()), place.at("/saved"));
  EXPECT_EQ(node_of(place.at("/saved")), node_of(gb10()));
  EXPECT_EQ(entries_of(place.root()), 1U) << "nothing half-written stays";
}

TEST(Snapshot, TheWrittenDirectoryKeepsErrorsAndEmptyDirectories) {
  TemporaryTree place;
  place.file("/m/fixture.json", R"({"directories": ["/sys/class/infiniband", "/sys/class/infiniband_verbs"],
      "errors": {"/etc/netplan/a.yaml": {"why": "permission", "detail": "Permission denied"}}})");
  place.file("/m/etc/netplan/b.yaml", "network: {}\n").file("/m/sys/class/net/eth0/mtu", "1500");
  place.file("/m/etc/netplan/a.yaml", "");
  write_snapshot(saved(place.at("/m")), place.at("/copy"));
  const NodeFacts node = node_of(place.at("/copy"));
  EXPECT_EQ(node, node_of(place.at("/m")));
  EXPECT_TRUE(node.infiniband_class.is(true));
  EXPECT_EQ(node.netdevs.at(0).persistent.missing().why, Why::permission);
}

TEST(Snapshot, ThisMachineCanBeSaved) {
  FileTree tree = FileTree::live();
  Snapshot snapshot;
  tree.start_recording();
  const NodeFacts node = read_node(tree, snapshot.answers);
  snapshot.files = tree.record();
  TemporaryTree place;
  write_snapshot(snapshot, place.at("/saved"));
  const NodeFacts again = node_of(place.at("/saved"));
  EXPECT_EQ(again.netdevs, node.netdevs);
  EXPECT_EQ(again.devices, node.devices);
  EXPECT_EQ(again.host, node.host);
}

TEST(Snapshot, WritesIntoAnEmptyDirectoryOnly) {
  TemporaryTree place;
  place.directory("/empty").file("/full/file", "x").file("/file", "x");
  const Snapshot snapshot = saved(gb10());
  EXPECT_EQ(refusal(snapshot, place.at("/empty")), "written");
  EXPECT_EQ(refusal(snapshot, place.at("/slash/")), "written");
  EXPECT_THAT(refusal(snapshot, place.at("/full")), HasSubstr("/full: exists and is not an empty directory"));
  EXPECT_THAT(refusal(snapshot, place.at("/file")), HasSubstr("/file: exists and is not an empty directory"));
  EXPECT_THAT(refusal(snapshot, place.at("/none/deep")), HasSubstr("cannot be written: No such file or directory"));
  EXPECT_EQ(entries_of(place.root()), 4U);
}

TEST(Snapshot, ARecordCannotWriteOutsideItsDirectory) {
  TemporaryTree place;
  Snapshot snapshot;
  snapshot.files.files["/../outside"] = "x";
  EXPECT_THAT(refusal(snapshot, place.at("/saved")), HasSubstr("is no path of a recorded machine"));
  EXPECT_THAT(place.root(), ::testing::ResultOf(entries_of, 0U));
}

TEST(Snapshot, HoldsNoSecrets) {
  const std::string environ = std::string("HF_TOKEN=hf_x\0container=lxc\0A=b", 30);
  EXPECT_EQ(without_secrets("/proc/1/environ", environ), "container=lxc");
  EXPECT_EQ(without_secrets("/etc/NetworkManager/system-connections/w.nmconnection",
                            "[wifi-security]\nkey-mgmt=wpa-psk\npsk=hunter2\n[ethernet]\nmtu=9000"),
            "[wifi-security]\nkey-mgmt=wpa-psk\npsk=\n[ethernet]\nmtu=9000");
  EXPECT_EQ(without_secrets("/etc/netplan/w.yaml",
                            "network:\n  wifis:\n    wlan0:\n      access-points:\n        home:\n"
                            "          password: hunter2\n  ethernets:\n    eth0:\n      mtu: 9000"),
            "network:\n  wifis:\n    wlan0:\n      access-points:\n        home:\n"
            "          password: \"\"\n  ethernets:\n    eth0:\n      mtu: 9000");
  EXPECT_THAT(without_secrets("/etc/netplan/w.yaml", "a:\n  \"ssid\": {password: hunter2}\n"),
              Not(HasSubstr("hunter2")));
  EXPECT_THAT(without_secrets("/etc/netplan/w.yaml", "auth:\n  password: |\n    hunter\n    two\nb: 1"),
              AllOf(Not(HasSubstr("hunter")), Not(HasSubstr("two")), HasSubstr("b: 1")));
  EXPECT_EQ(without_secrets("/sys/module/x/version", "key=1"), "key=1");
}

TEST(Snapshot, TheWrittenFilesHoldNoSecrets) {
  TemporaryTree place;
  place.file("/m/etc/netplan/w.yaml", "network:\n  wifis:\n    w:\n      password: hunter2\n").directory("/m/sys");
  write_snapshot(saved(place.at("/m")), place.at("/saved"));
  EXPECT_THAT(text_of(place.at("/saved/etc/netplan/w.yaml")), AllOf(HasSubstr("wifis"), Not(HasSubstr("hunter2"))));
}

class Anonymize : public ::testing::Test {
 protected:
  Snapshot original = saved(gb10());
  Snapshot masked = anonymize(original);
  NodeFacts before = read_node(tree_of(original), original.answers);
  NodeFacts after = read_node(tree_of(masked), masked.answers);
};

TEST_F(Anonymize, LeavesNoIdentifier) {
  TemporaryTree place;
  write_snapshot(masked, place.at("/m"));
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place.at("/m"))) {
    all += entry.path().string() + "\n";
    if (entry.is_symlink()) all += std::filesystem::read_symlink(entry.path()).string() + "\n";
    if (entry.is_regular_file() && !entry.is_symlink()) all += text_of(entry.path());
  }
  ASSERT_TRUE(before.host.hostname.has_value());
  EXPECT_THAT(all, Not(HasSubstr(*before.host.hostname)));
  for (const Netdev& netdev : before.netdevs) {
    const std::string mac = netdev.mac.value_or("00:00:00:00:00:00");
    if (mac != "00:00:00:00:00:00") {
      EXPECT_THAT(all, Not(HasSubstr(mac)));
    }
    for (const Address& address : netdev.addresses.value_or({})) {
      if (address.scope != "host") {
        EXPECT_THAT(all, Not(HasSubstr(address.ip)));
      }
    }
    if (netdev.module) {
      EXPECT_THAT(after.find_netdev(netdev.name)->module->serial.value_or(""), StartsWith("MASKED-"));
    }
  }
  for (const Device& device : before.devices) {
    EXPECT_THAT(all, Not(HasSubstr(*device.node_guid)));
    for (const Gid& gid : device.ports.at(0).gids) EXPECT_THAT(all, Not(HasSubstr(gid.gid)));
  }
}

TEST_F(Anonymize, KeepsTheRelationsBetweenAddresses) {
  ASSERT_EQ(after.devices.size(), 4U);
  for (std::size_t i = 0; i < after.devices.size(); ++i) {
    const Device& device = after.devices[i];
    EXPECT_EQ(device.name, before.devices[i].name);
    EXPECT_EQ(device.sys_image_guid, after.devices[0].sys_image_guid) << "one adapter";
    EXPECT_EQ(device.sys_image_guid == device.node_guid,
              before.devices[i].sys_image_guid == before.devices[i].node_guid);
    const Port& port = device.ports.at(0);
    const Netdev* netdev = after.find_netdev(*port.netdev);
    ASSERT_NE(netdev, nullptr);
    ASSERT_EQ(port.gids.size(), before.devices[i].ports[0].gids.size());
    for (const Gid& gid : port.gids) {
      if (gid.ipv4) {
        EXPECT_EQ(gid.ipv4, netdev->addresses->at(0).ip);
      } else {
        // fe80::/64 and the EUI-64 of the MAC: 02:00:00:a:b:c -> 0000:00ff:fe0a:0b0c
        const std::string mac = *netdev->mac;
        EXPECT_EQ(gid.gid,
                  "fe80:0000:0000:0000:0000:00ff:fe" + mac.substr(9, 2) + ":" + mac.substr(12, 2) + mac.substr(15));
      }
    }
  }
}

TEST_F(Anonymize, KeepsSubnetsApartAndTogether) {
  const auto network = [](const NodeFacts& node, const char* netdev) {
    const std::string& ip = node.find_netdev(netdev)->addresses->at(0).ip;
    return ip.substr(0, ip.rfind('.'));
  };
  EXPECT_NE(network(after, "enp1s0f0np0"), network(after, "enP2p1s0f0np0"));
  EXPECT_NE(network(after, "enp1s0f0np0"), network(before, "enp1s0f0np0"));
  ASSERT_TRUE(after.routes.has_value());
  for (std::size_t i = 0; i < after.routes->size(); ++i) {
    const Route& route = (*after.routes)[i];
    if (!route.source || route.destination == "default") continue;
    const std::string net = route.destination.substr(0, route.destination.rfind('.'));
    if (route.destination.find("/24") != std::string::npos) {
      EXPECT_EQ(route.source->substr(0, net.size()), net);
    }
  }
  const auto& persistent = *after.find_netdev("enp1s0f0np0")->persistent;
  ASSERT_FALSE(persistent.empty());
  EXPECT_THAT(persistent.back().addresses, ElementsAre(after.find_netdev("enp1s0f0np0")->addresses->at(0).ip + "/24"));
}

TEST_F(Anonymize, KeepsWhatIdentifiesNobody) {
  EXPECT_EQ(after.devices[0].fw_version, before.devices[0].fw_version);
  EXPECT_EQ(after.devices[0].pci, before.devices[0].pci);
  EXPECT_EQ(after.host.os, before.host.os);
  EXPECT_EQ(after.host.kernel, before.host.kernel);
  EXPECT_EQ(after.process.memlock, before.process.memlock);
  EXPECT_EQ(after.find_netdev("lo")->addresses, before.find_netdev("lo")->addresses);
  const auto& module = after.find_netdev("enp1s0f0np0")->module;
  EXPECT_EQ(module->part_number, before.find_netdev("enp1s0f0np0")->module->part_number);
  EXPECT_EQ(module->serial, after.find_netdev("enP2p1s0f0np0")->module->serial) << "twins share one module";
}

TEST_F(Anonymize, RepairsTheChecksumOfTheModule) {
  for (const NetdevAnswers& netdev : *masked.answers.netdevs) {
    if (!netdev.eeprom_hex) continue;
    const auto bytes = readers::bytes_from_hex(*netdev.eeprom_hex).value();
    unsigned sum = 0;
    for (std::size_t i = 192; i <= 222; ++i) sum += bytes.at(i);
    EXPECT_EQ(sum & 0xffU, bytes.at(223)) << netdev.name;
  }
}

TEST_F(Anonymize, MaskingTwiceChangesNothingMore) {
  const Snapshot twice = anonymize(masked);
  EXPECT_EQ(twice.files, masked.files);
  EXPECT_EQ(twice.answers, masked.answers);
}

TEST(AnonymizeTexts, MasksNamesPathsAndTexts) {
  Snapshot snapshot;
  snapshot.answers.hostname = std::string("spark-1.lab.example.org");
  snapshot.answers.environment = std::map<std::string, std::string>{{"HOME", "/home/alice"},
                                                                    {"MASTER_ADDR", "spark-1"},
                                                                    {"VLLM_HOST_IP", "10.20.0.7"},
                                                                    {"NCCL_COMM_ID", "10.20.0.7:5000"},
                                                                    {"NCCL_SOCKET_IFNAME", "enx4cbb472cac10"}};
  snapshot.answers.libibverbs = Library{"/usr/lib/libibverbs.so.1", std::string("58.1.2.3")};
  snapshot.files.files["/sys/class/net/enx4cbb472cac10/address"] = "4c:bb:47:2c:ac:10";
  snapshot.files.listings["/sys/class/net"] = {"enx4cbb472cac10", "lo"};
  snapshot.files.files["/sys/module/mlx5_core/version"] = "24.10.1.1";
  snapshot.files.files["/home/alice/.nccl.conf"] = "NCCL_SOCKET_IFNAME=enx4cbb472cac10\n# of spark-1\n";
  snapshot.files.files["/etc/netplan/90-NM-123e4567-e89b-12d3-a456-426614174000.yaml"] =
      "a: [10.20.0.7/16, fd12:3456::7]";
  const Snapshot masked = anonymize(snapshot);
  const auto& environment = *masked.answers.environment;
  EXPECT_EQ(masked.answers.hostname.value(), "node-1.example");
  EXPECT_EQ(environment.at("HOME"), "/home/user");
  EXPECT_EQ(environment.at("MASTER_ADDR"), "node-1");
  EXPECT_EQ(environment.at("VLLM_HOST_IP"), "192.0.2.7");
  EXPECT_EQ(environment.at("NCCL_COMM_ID"), "192.0.2.7:5000");
  EXPECT_EQ(environment.at("NCCL_SOCKET_IFNAME"), "enx020000000110");
  EXPECT_EQ(masked.answers.libibverbs->version.value(), "58.1.2.3") << "a version is no address";
  EXPECT_EQ(masked.files.files.at("/sys/module/mlx5_core/version"), "24.10.1.1");
  EXPECT_EQ(masked.files.files.at("/sys/class/net/enx020000000110/address"), "02:00:00:00:01:10");
  EXPECT_THAT(masked.files.listings.at("/sys/class/net"), ElementsAre("enx020000000110", "lo"));
  EXPECT_EQ(masked.files.files.at("/home/user/.nccl.conf"), "NCCL_SOCKET_IFNAME=enx020000000110\n# of node-1\n");
  EXPECT_EQ(masked.files.files.at("/etc/netplan/90-NM-00000000-0000-4000-8000-000000000001.yaml"),
            "a: [192.0.2.7/16, 2001:db8:0:1::7]");
}

TEST(AnonymizeTexts, OverlappingSubnetsStayNested) {
  Snapshot snapshot;
  NetdevAnswers netdev;
  netdev.addresses = std::vector<Address>{{"inet", "10.1.2.3", 24, "global"}, {"inet", "172.16.5.1", 30, "global"}};
  snapshot.answers.netdevs = std::vector<NetdevAnswers>{netdev};
  snapshot.answers.routes = std::vector<Route>{{"10.0.0.0/8", "bond0", "10.9.9.9", std::nullopt, 0},
                                               {"10.1.2.0/24", "eth0", std::nullopt, "10.1.2.3", 0},
                                               {"default", "eth1", "172.16.5.2", std::nullopt, 0}};
  const Snapshot masked = anonymize(snapshot);
  const auto& routes = *masked.answers.routes;
  EXPECT_EQ(routes[0].destination, "240.0.0.0/8");
  EXPECT_EQ(routes[0].gateway, "240.9.9.9");
  EXPECT_EQ(routes[1].destination, "240.1.2.0/24");
  EXPECT_EQ(routes[1].source, "240.1.2.3");
  EXPECT_EQ(routes[2].destination, "default");
  EXPECT_EQ(masked.answers.netdevs->at(0).addresses->at(1).ip, "192.0.2.1");
  EXPECT_EQ(routes[2].gateway, "192.0.2.2");
}

TEST(AnonymizeTexts, MasksAddressAndSwitchIdThatNetlinkTold) {
  Snapshot snapshot;
  NetdevAnswers netdev;
  netdev.mac = std::string("4c:bb:47:2c:ac:10");
  netdev.phys_switch_id = std::string("10ac2c0003474c4bb");
  snapshot.answers.netdevs = std::vector<NetdevAnswers>{netdev};
  const KernelAnswers masked = anonymize(snapshot).answers;
  EXPECT_EQ(masked.netdevs->at(0).mac.value(), "02:00:00:00:01:10");
  EXPECT_THAT(masked.netdevs->at(0).phys_switch_id.value(), HasSubstr("MASKED"));
}

TEST(AnonymizeTexts, AHostNamedLikeANetdevDoesNotRenameIt) {
  Snapshot snapshot;
  snapshot.answers.hostname = std::string("eth0");
  snapshot.answers.environment = std::map<std::string, std::string>{{"NCCL_SOCKET_IFNAME", "eth0"}};
  snapshot.files.listings["/sys/class/net"] = {"eth0"};
  const Snapshot masked = anonymize(snapshot);
  EXPECT_EQ(masked.answers.hostname.value(), "node-1");
  EXPECT_EQ(masked.answers.environment->at("NCCL_SOCKET_IFNAME"), "eth0");
}

TEST(AnonymizeTexts, MasksHwlocsSerialNumbersAndNames) {
  Snapshot snapshot;
  snapshot.answers.topology_xml =
      std::string(R"(<info name="HostName" value="spark-1"/><info name="DMIBoardSerial" value="S123"/>)"
                  R"(<info name="DMIProductName" value="S123 box"/><info name="Address" value="4c:bb:47:2c:ac:10"/>)");
  EXPECT_EQ(anonymize(snapshot).answers.topology_xml.value(),
            R"(<info name="HostName" value="node-1"/><info name="DMIBoardSerial" value="MASKED-1"/>)"
            R"(<info name="DMIProductName" value="S123 box"/><info name="Address" value="02:00:00:00:01:10"/>)");
}

}  // namespace
}  // namespace rocekit::facts
