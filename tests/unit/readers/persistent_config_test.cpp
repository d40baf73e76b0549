#include "probes/facts/readers/persistent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::facts::readers {
namespace {

using rocekit::testing::TemporaryTree;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PersistentConfigOf : public ::testing::Test {
 protected:
  PersistentConfigOf() { machine.directory("/sys"); }
  Fact<std::vector<PersistentConfig>> of(const char* netdev, const char* mac = "aa:bb:cc:dd:ee:01") {
    const FileTree tree = FileTree::open(machine.root());
    return NetworkConfiguration(tree).of(netdev, std::string(mac));
  }
  std::optional<int> mtu(const char* netdev, const char* mac = "aa:bb:cc:dd:ee:01") {
    const auto configs = of(netdev, mac);
    return configs && !configs->empty() ? configs->back().mtu : std::nullopt;
  }
  TemporaryTree machine;
};

TEST_F(PersistentConfigOf, NothingIsConfigured) { EXPECT_THAT(of("eth0").value(), IsEmpty()); }

TEST_F(PersistentConfigOf, Netplan) {
  machine.file(
      "/etc/netplan/40-cx7.yaml",
      "network:\n  version: 2\n  ethernets:\n    enp1s0f0np0:\n      mtu: 9000\n      addresses:\n"
      "        - 192.168.100.10/24\n    enp1s0f1np1: {}\n  bonds:\n    bond0: {mtu: 4200, interfaces: [a, b]}\n"
      "  vlans:\n    vlan7: {id: 7, link: bond0, mtu: 4000}\n");
  EXPECT_THAT(of("enp1s0f0np0").value(),
              ElementsAre(PersistentConfig{"/etc/netplan/40-cx7.yaml", "netplan", 9000, {"192.168.100.10/24"}}));
  EXPECT_THAT(of("enp1s0f1np1").value(),
              ElementsAre(PersistentConfig{"/etc/netplan/40-cx7.yaml", "netplan", std::nullopt, {}}));
  EXPECT_EQ(mtu("bond0"), 4200);
  EXPECT_EQ(mtu("vlan7"), 4000);
  EXPECT_THAT(of("other").value(), IsEmpty());
}

TEST_F(PersistentConfigOf, NetplanMatchesByMacNameAndSetName) {
  machine.file("/etc/netplan/a.yaml", R"(network:
  ethernets:
    by-mac: {match: {macaddress: "AA:BB:CC:DD:EE:01"}, mtu: 9001}
    by-glob: {match: {name: "enp*"}, mtu: 9002}
    renamed: {match: {macaddress: aa:bb:cc:dd:ee:03}, set-name: fabric0, mtu: 9003}
    by-driver: {match: {driver: mlx5_core}, mtu: 9004}
    anything: {match: {}, mtu: 9005}
    NM-1: {renderer: NetworkManager, match: {}, mtu: 9006, networkmanager: {passthrough: {connection.interface-name: wl0}}}
)");
  EXPECT_EQ(mtu("x", "aa:bb:cc:dd:ee:01"), 9001);
  EXPECT_EQ(mtu("enp1s0", "aa:bb:cc:dd:ee:09"), 9002);
  EXPECT_EQ(mtu("fabric0", "aa:bb:cc:dd:ee:03"), 9003);
  EXPECT_EQ(mtu("wl0", "aa:bb:cc:dd:ee:09"), 9006);
  EXPECT_THAT(of("x", "aa:bb:cc:dd:ee:09").value(), IsEmpty()) << "what a driver or nothing means is not guessed";
  EXPECT_THAT(of("by-mac", "aa:bb:cc:dd:ee:09").value(), IsEmpty()) << "with match an id is no name";
}

TEST_F(PersistentConfigOf, LaterNetplanFilesComeLaterAndMaskByName) {
  machine.file("/etc/netplan/10.yaml", "network: {ethernets: {cx7: {match: {name: enp1}, mtu: 1500}}}")
      .file("/etc/netplan/90.yaml", "network: {ethernets: {cx7: {mtu: 9000}}}")
      .file("/lib/netplan/90.yaml", "network: {ethernets: {cx7: {mtu: 1400}}}")
      .file("/run/netplan/99.yaml", "network: {ethernets: {enp1: {mtu: 1300}}}");
  const auto configs = of("enp1").value();
  ASSERT_EQ(configs.size(), 2U);
  EXPECT_EQ(configs[0].file, "/etc/netplan/10.yaml");
  EXPECT_EQ(configs[1].file, "/etc/netplan/90.yaml") << "the same id, the match of the other file";
  EXPECT_EQ(configs[1].mtu, 9000);
}

TEST_F(PersistentConfigOf, Networkd) {
  machine
      .file("/etc/systemd/network/10-a.network",
            "[Match]\nName=enp1* eth0\n[Link]\nMTUBytes=9000\n[Network]\nAddress=10.0.0.1/24\n")
      .file("/etc/systemd/network/20-b.network", "[Match]\nName=*\n[Link]\nMTUBytes=1500\n")
      .file("/usr/lib/systemd/network/10-a.network", "[Match]\nName=enp1*\n[Link]\nMTUBytes=1400\n")
      .file("/etc/systemd/network/10-x.link", "[Match]\nMACAddress=aa-bb-cc-dd-ee-07\n[Link]\nName=cx7\nMTUBytes=9K\n")
      .file("/usr/lib/systemd/network/99-default.link", "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep\n")
      .file("/etc/systemd/network/b0.netdev", "[NetDev]\nName=b0\nKind=bond\nMTUBytes=8000\n");
  EXPECT_THAT(of("eth0").value(), ElementsAre(PersistentConfig{
                                      "/etc/systemd/network/10-a.network", "systemd-networkd", 9000, {"10.0.0.1/24"}}))
      << "only the first file that matches applies, and /etc masks /usr/lib";
  EXPECT_EQ(of("cx7", "aa:bb:cc:dd:ee:07")->front().mtu, 9 * 1024);
  EXPECT_EQ(of("b0")->front().mtu, 8000);
  EXPECT_EQ(mtu("other"), 1500);
}

TEST_F(PersistentConfigOf, NetworkdDropInsContinueTheirFile) {
  machine.file("/run/systemd/network/10-netplan-eth0.network", "[Match]\nName=eth0\n[Link]\nMTUBytes=1500\n");
  EXPECT_THAT(of("eth0").value(), IsEmpty()) << "/run does not survive a reboot";
  machine.file("/etc/systemd/network/10-netplan-eth0.network.d/mtu.conf", "[Link]\nMTUBytes=9000\n");
  EXPECT_THAT(of("eth0").value(),
              ElementsAre(PersistentConfig{
                  "/etc/systemd/network/10-netplan-eth0.network.d/mtu.conf", "systemd-networkd", 9000, {}}));
}

TEST_F(PersistentConfigOf, NetworkdInvertedMatch) {
  machine.file("/etc/systemd/network/a.network", "[Match]\nName=!eth* lo\n[Link]\nMTUBytes=9000\n");
  EXPECT_EQ(mtu("enp1"), 9000);
  EXPECT_EQ(mtu("eth0"), std::nullopt);
}

TEST_F(PersistentConfigOf, NetworkManager) {
  const std::string directory = "/etc/NetworkManager/system-connections/";
  machine
      .file(
          directory + "Wired connection 1.nmconnection",
          "[connection]\nid=Wired connection "
          "1\ninterface-name=eth0\n\n[ethernet]\nmtu=9000\n\n[ipv4]\naddress1=10.0.0.1/24,10.0.0.254\nmethod=manual\n")
      .file(directory + "mac.nmconnection", "[ethernet]\nmac-address=AA:BB:CC:DD:EE:05\nmtu=0\n")
      .file(directory + "any.nmconnection", "[connection]\ntype=ethernet\n[ethernet]\nmtu=1400\n")
      .file("/etc/sysconfig/network-scripts/ifcfg-ens1",
            "DEVICE=\"ens1\"\nMTU=9000\nIPADDR=10.1.0.1\nNETMASK=255.255.0.0\n");
  EXPECT_THAT(of("eth0").value(),
              ElementsAre(PersistentConfig{
                  directory + "Wired connection 1.nmconnection", "NetworkManager", 9000, {"10.0.0.1/24"}}));
  EXPECT_THAT(of("x", "aa:bb:cc:dd:ee:05").value(),
              ElementsAre(PersistentConfig{directory + "mac.nmconnection", "NetworkManager", std::nullopt, {}}));
  EXPECT_THAT(of("y").value(), IsEmpty());
  EXPECT_THAT(of("ens1").value(),
              ElementsAre(PersistentConfig{
                  "/etc/sysconfig/network-scripts/ifcfg-ens1", "NetworkManager", 9000, {"10.1.0.1/16"}}));
}

TEST_F(PersistentConfigOf, Ifupdown) {
  machine
      .file("/etc/network/interfaces",
            "source /etc/network/interfaces.d/*\nsource interfaces\nauto lo\niface lo inet loopback\n"
            "iface eth0 inet static\n  address 10.0.0.1\n  netmask 255.255.255.0\n  mtu 9000\n"
            "iface eth1 inet manual\n  post-up ip link set dev $IFACE \\\n    mtu 8000\nauto eth2\n  mtu 1\n")
      .file("/etc/network/interfaces.d/fabric",
            "iface eth3 inet static\n  mtu 4200\niface eth4 inet static\n  address 10.0.0.4\n  netmask 255.\x0e\n");
  EXPECT_THAT(of("eth0").value(),
              ElementsAre(PersistentConfig{"/etc/network/interfaces", "ifupdown", 9000, {"10.0.0.1/24"}}));
  EXPECT_EQ(mtu("eth1"), 8000);
  EXPECT_THAT(of("eth4")->front().addresses, ElementsAre("10.0.0.4")) << "a netmask that is none is not kept";
  EXPECT_EQ(mtu("eth2"), std::nullopt);
  EXPECT_EQ(of("eth3")->front().file, "/etc/network/interfaces.d/fabric");
}

TEST_F(PersistentConfigOf, AFileThatCannotBeReadLeavesTheAnswerOpen) {
  machine
      .file("/fixture.json",
            R"({"errors": {"/etc/netplan/50.yaml": {"why": "permission", "detail": "Permission denied"}}})")
      .file("/etc/netplan/10.yaml", "network: {ethernets: {eth0: {mtu: 9000}, eth1: {}}}");
  EXPECT_EQ(mtu("eth0"), 9000);
  EXPECT_EQ(of("eth1").missing(), (Missing{Why::permission, "/etc/netplan/50.yaml: Permission denied"}));
  EXPECT_EQ(of("eth2").missing().why, Why::permission);
}

TEST_F(PersistentConfigOf, AFileThatIsNotUnderstoodLeavesTheAnswerOpen) {
  machine.file("/etc/netplan/50.yaml", "network:\n\tethernets");
  EXPECT_EQ(of("eth1").missing(),
            (Missing{Why::malformed, "/etc/netplan/50.yaml: not understood as a file of netplan"}));
}

}  // namespace
}  // namespace rocekit::facts::readers
