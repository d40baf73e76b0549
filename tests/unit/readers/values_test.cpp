#include "probes/facts/readers/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/facts/readers/small_yaml.h"

namespace rocekit::facts::readers {
namespace {

using ::testing::ElementsAre;

TEST(Values, RateAndWidth) {
  const auto rate = parse_rate("200 Gb/sec (4X HDR)");
  ASSERT_TRUE(rate.has_value());
  EXPECT_EQ(rate->gbit_s, 200);
  EXPECT_EQ(rate->width, "4X");
  EXPECT_EQ(parse_rate("2.5 Gb/sec (1X SDR)")->gbit_s, 2.5);
  EXPECT_EQ(parse_rate("100 Gb/sec (2X)")->width, "2X");
  EXPECT_EQ(parse_rate("40 Gb/sec")->width, "");
  for (const char* text : {"", "200", "fast Gb/sec (4X)", "200 Gb/sec (4X HDR", "200 Gb/sec (X)", "200 Gb/sec ()",
                           "-1 Gb/sec", "1e9 Gb/sec", "200 Gb/sec (4X HDR) x"}) {
    EXPECT_FALSE(parse_rate(text).has_value()) << text;
  }
}

TEST(Values, NumberedWords) {
  EXPECT_EQ(parse_numbered_word("4: ACTIVE"), "ACTIVE");
  EXPECT_EQ(parse_numbered_word("5: LinkUp"), "LinkUp");
  for (const char* text : {"", "ACTIVE", "x: ACTIVE", "4:", "4: ", "4: \x01"}) {
    EXPECT_FALSE(parse_numbered_word(text).has_value()) << text;
  }
}

TEST(Values, PciSpeeds) {
  EXPECT_EQ(parse_pci_speed("32.0 GT/s PCIe"), 32.0);
  EXPECT_EQ(parse_pci_speed("8 GT/s"), 8.0);
  for (const char* text : {"", "Unknown", "Unknown speed", "32.0", "32.0 GT/s PCI", "0 GT/s", "3.2.0 GT/s", ". GT/s"}) {
    EXPECT_FALSE(parse_pci_speed(text).has_value()) << text;
  }
}

TEST(Values, PciBandwidthFollowsTheLineCode) {
  EXPECT_DOUBLE_EQ(pci_bandwidth_gbit_s(2.5, 16), 32.0);
  EXPECT_DOUBLE_EQ(pci_bandwidth_gbit_s(5, 8), 32.0);
  EXPECT_NEAR(pci_bandwidth_gbit_s(32, 4), 126.03, 0.01) << "what the kernel logs for GB10";
  EXPECT_NEAR(pci_bandwidth_gbit_s(16, 16), 252.06, 0.01);
  EXPECT_DOUBLE_EQ(pci_bandwidth_gbit_s(64, 16), 968.0);
}

TEST(Values, PciAddresses) {
  EXPECT_TRUE(is_pci_address("0000:01:00.0"));
  EXPECT_TRUE(is_pci_address("10000:e1:00.7"));
  for (const char* text : {"", "01:00.0", "pci0000:00", "0000:01:00", "0000:01:000", "0000-01:00.0", "zzzz:01:00.0"}) {
    EXPECT_FALSE(is_pci_address(text)) << text;
  }
}

TEST(Values, Gids) {
  const auto mapped = parse_gid("0000:0000:0000:0000:0000:ffff:c0a8:0075");
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(mapped_ipv4(*mapped), "192.168.0.117");
  EXPECT_EQ(mapped_ipv4(*parse_gid("fe80:0000:0000:0000:4ebb:47ff:fe2c:ac10")), std::nullopt);
  EXPECT_TRUE(is_zero(*parse_gid("0000:0000:0000:0000:0000:0000:0000:0000")));
  EXPECT_FALSE(is_zero(*mapped));
  for (const char* text : {"", "fe80::1", "0000:0000:0000:0000:0000:ffff:c0a8:007",
                           "0000:0000:0000:0000:0000:ffff:c0a8:00g5", "0000-0000:0000:0000:0000:ffff:c0a8:0075"}) {
    EXPECT_FALSE(parse_gid(text).has_value()) << text;
  }
}

TEST(Values, CpuLists) {
  for (const char* text : {"", "0", "0-9", "0-9,15", "1,3,5-7"}) EXPECT_TRUE(is_cpulist(text)) << text;
  for (const char* text : {",", "a", "0-", "9-0", "0,,1", "0,", "-1"}) EXPECT_FALSE(is_cpulist(text)) << text;
}

TEST(Values, Meminfo) {
  const char* text =
      "MemTotal:       127535204 kB\nCmaTotal:         131072 kB\nHugePages_Total:       4\nBad: x kB\nBig: "
      "99999999999999999 kB";
  EXPECT_EQ(parse_meminfo(text, "MemTotal"), 127535204ULL * 1024);
  EXPECT_EQ(parse_meminfo(text, "HugePages_Total"), 4U);
  EXPECT_EQ(parse_meminfo(text, "CmaFree"), std::nullopt);
  EXPECT_EQ(parse_meminfo(text, "Bad"), std::nullopt);
  EXPECT_EQ(parse_meminfo(text, "Big"), std::nullopt);
  EXPECT_EQ(parse_meminfo(text, "Total"), std::nullopt);
}

TEST(Values, OsRelease) {
  EXPECT_EQ(parse_os_release("NAME=\"Ubuntu\"\nPRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\n", "PRETTY_NAME"),
            "Ubuntu 24.04.3 LTS");
  EXPECT_EQ(parse_os_release("PRETTY_NAME='Arch'\n", "PRETTY_NAME"), "Arch");
  EXPECT_EQ(parse_os_release("PRETTY_NAME=\"\"\n", "PRETTY_NAME"), std::nullopt);
  EXPECT_EQ(parse_os_release("PRETTY_NAME=a\xff", "PRETTY_NAME"), std::nullopt);
}

TEST(Values, NvidiaDriverVersion) {
  EXPECT_EQ(parse_nvidia_version("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95.05  Release Build"),
            "580.95.05");
  EXPECT_EQ(parse_nvidia_version("NVRM version: none"), std::nullopt);
}

TEST(Values, Capabilities) {
  EXPECT_THAT(*parse_capabilities("0000000000004001"), ElementsAre("CAP_CHOWN", "CAP_IPC_LOCK"));
  EXPECT_EQ(parse_capabilities("000001ffffffffff")->back(), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(parse_capabilities("000001ffffffffff")->size(), 41U);
  EXPECT_THAT(*parse_capabilities("8000000000000000"), ElementsAre("CAP_63"));
  EXPECT_EQ(parse_capabilities("all"), std::nullopt);
}

TEST(Values, Globs) {
  EXPECT_TRUE(glob_matches("enp1s0f*", "enp1s0f0np0"));
  EXPECT_TRUE(glob_matches("en*np?", "enp1s0f0np0"));
  EXPECT_TRUE(glob_matches("eth[0-3]", "eth2"));
  EXPECT_TRUE(glob_matches("eth[!0-3]", "eth4"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_FALSE(glob_matches("eth[0-3]", "eth4"));
  EXPECT_FALSE(glob_matches("en", "enp1"));
  EXPECT_FALSE(glob_matches("eth?", "eth"));
  EXPECT_TRUE(glob_matches("a[", "a["));
  EXPECT_FALSE(glob_matches(std::string(2000, '*') + "b", std::string(2000, 'a'))) << "and ends soon";
}

TEST(Values, NaturalOrder) {
  EXPECT_TRUE(natural_less("mlx5_2", "mlx5_10"));
  EXPECT_FALSE(natural_less("mlx5_10", "mlx5_2"));
  EXPECT_TRUE(natural_less("mlx5_1", "mlx5_1a"));
  EXPECT_FALSE(natural_less("a", "a"));
  EXPECT_TRUE(natural_less("a01", "a1") != natural_less("a1", "a01")) << "a strict order also for equal numbers";
}

TEST(Values, PrintableText) {
  EXPECT_TRUE(is_printable("HPE 100Gb \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* text :
       {"a\nb", "\x7f", "\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc2\x80"}) {
    EXPECT_FALSE(is_printable(text)) << text;
  }
}

TEST(Yaml, BlocksFlowsAndQuotes) {
  const auto yaml = parse_yaml(R"(# a comment
---
network:
  version: 2
  ethernets:
    "eth0": # quoted
      addresses:
      - 10.0.0.1/24
      - "fd00::1/64":
          label: x
      routes: [{to: default, via: 10.0.0.254}, {to: 'a, b'}]
      match: {macaddress: "00:11:22:33:44:55", name: en*}
      empty:
    eth1: {mtu: 9000,
           dhcp4: true}
  text: don't # comment
  nested:
    - - 1
      - 2
    - a: 1
      b: 2
)");
  ASSERT_TRUE(yaml.has_value());
  const Yaml* network = yaml->find("network");
  ASSERT_NE(network, nullptr);
  const Yaml* eth0 = network->find("ethernets")->find("eth0");
  ASSERT_NE(eth0, nullptr);
  EXPECT_EQ(eth0->find("addresses")->items.at(0).scalar, "10.0.0.1/24");
  EXPECT_EQ(eth0->find("addresses")->items.at(1).keys.at(0), "fd00::1/64");
  EXPECT_EQ(eth0->find("routes")->items.at(0).text("via"), "10.0.0.254");
  EXPECT_EQ(eth0->find("routes")->items.at(1).text("to"), "a, b");
  EXPECT_EQ(eth0->find("match")->text("macaddress"), "00:11:22:33:44:55");
  EXPECT_EQ(eth0->find("empty")->kind, Yaml::Kind::null);
  EXPECT_EQ(network->find("ethernets")->find("eth1")->text("mtu"), "9000");
  EXPECT_EQ(network->text("text"), "don't");
  EXPECT_EQ(network->find("nested")->items.at(0).items.at(1).scalar, "2");
  EXPECT_EQ(network->find("nested")->items.at(1).text("b"), "2");
}

TEST(Yaml, RefusesWhatItCannotUnderstand) {
  EXPECT_TRUE(parse_yaml("").has_value());
  EXPECT_TRUE(parse_yaml("# only\n# comments\n").has_value());
  for (const std::string& text :
       {std::string("a:\n\tb: 1"), std::string("a: [1, 2"), std::string("a: \"x"), std::string("a:\n    b: 1\n  c: 2"),
        std::string("just words"), std::string("a: 1\n    b: 2"), std::string("a: {b: 1"), std::string("\0\0", 2),
        std::string("a: ") + std::string(100, '['), std::string(100, '-') + "x: 1\n  y"}) {
    EXPECT_FALSE(parse_yaml(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace rocekit::facts::readers
