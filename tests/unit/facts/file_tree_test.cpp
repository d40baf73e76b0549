#include "probes/facts/file_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "core/error.h"
#include "tests/unit/facts/temporary_tree.h"

namespace rocekit::facts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryTree;

std::string refusal(const std::filesystem::path& directory) {
  try {
    FileTree::open(directory);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(FileTree, ReadsAFileWithoutTrailingWhiteSpace) {
  TemporaryTree machine;
  machine.file("/sys/class/net/eth0/mtu", "9000 \n\n");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read("/sys/class/net/eth0/mtu").value(), "9000");
  EXPECT_EQ(tree.read_integer("/sys/class/net/eth0/mtu").value(), 9000);
  EXPECT_FALSE(tree.is_live());
  EXPECT_EQ(tree.root(), machine.root());
}

TEST(FileTree, SaysWhyAFileCannotBeRead) {
  TemporaryTree machine;
  machine.file("/sys/a", "1").directory("/sys/d");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read("/sys/none").missing(), (Missing{Why::absent, "/sys/none: No such file or directory"}));
  EXPECT_EQ(tree.read("/sys/a/b").missing(), (Missing{Why::absent, "/sys/a/b: Not a directory"}));
  EXPECT_EQ(tree.read("/sys/d").missing(), (Missing{Why::failed, "/sys/d: Is a directory"}));
  EXPECT_EQ(tree.list("/sys/a").missing(), (Missing{Why::absent, "/sys/a: Not a directory"}));
  EXPECT_EQ(tree.link_target("/sys/a").missing(), (Missing{Why::not_supported, "/sys/a: Invalid argument"}));
}

TEST(FileTree, ListsNamesSorted) {
  TemporaryTree machine;
  machine.file("/sys/d/b", "").file("/sys/d/a", "").directory("/sys/d/c").directory("/sys/empty");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_THAT(tree.list("/sys/d").value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(tree.list("/sys/empty").value(), IsEmpty());
}

TEST(FileTree, FollowsLinksInsideTheTree) {
  TemporaryTree machine;
  machine.file("/sys/devices/pci0000:00/0000:01:00.0/vendor", "0x15b3")
      .link("/sys/class/infiniband/mlx5_0", "../../devices/pci0000:00/0000:01:00.0/infiniband/mlx5_0")
      .link("/sys/devices/pci0000:00/0000:01:00.0/infiniband/mlx5_0/device", "../../../0000:01:00.0")
      .link("/sys/absolute", "/sys/class/infiniband/mlx5_0/device");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read_integer("/sys/class/infiniband/mlx5_0/device/vendor").value(), 0x15b3);
  EXPECT_EQ(tree.canonical("/sys/absolute").value(), "/sys/devices/pci0000:00/0000:01:00.0");
  EXPECT_EQ(tree.link_target("/sys/absolute").value(), "/sys/class/infiniband/mlx5_0/device");
}

TEST(FileTree, LinksNeverLeadOutOfTheTree) {
  TemporaryTree machine;
  machine.file("/etc/hostname", "saved")
      .directory("/sys")
      .link("/up", "../../../../../../../../etc/hostname")
      .link("/out", "/proc/self/status");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read("/up").value(), "saved");
  EXPECT_EQ(tree.read("/../../etc/hostname").value(), "saved");
  EXPECT_EQ(tree.read("/out").missing().why, Why::absent);
}

TEST(FileTree, LinkLoopsEnd) {
  TemporaryTree machine;
  machine.directory("/sys").link("/sys/a", "b").link("/sys/b", "a").link("/sys/self", "self/x");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_THAT(tree.read("/sys/a").missing().detail, HasSubstr("Too many levels of symbolic links"));
  EXPECT_EQ(tree.canonical("/sys/self").missing().why, Why::failed);
  EXPECT_EQ(tree.link_target("/sys/a").value(), "b");
}

TEST(FileTree, ReadsAreBounded) {
  TemporaryTree machine;
  machine.file("/sys/huge", std::string(FileTree::max_file_bytes + 1, 'x'))
      .file("/sys/largest", std::string(FileTree::max_file_bytes, 'x'));
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read("/sys/huge").missing(), (Missing{Why::malformed, "/sys/huge: larger than 1048576 bytes"}));
  EXPECT_EQ(tree.read("/sys/largest").value().size(), FileTree::max_file_bytes);
}

TEST(FileTree, AFifoDoesNotBlock) {
  TemporaryTree machine;
  machine.directory("/sys");
  ASSERT_EQ(::mkfifo(machine.at("/sys/fifo").c_str(), 0600), 0);
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read("/sys/fifo").missing(), (Missing{Why::failed, "/sys/fifo: not a regular file"}));
  EXPECT_TRUE(tree.exists("/sys/fifo"));
}

TEST(FileTree, AFileThatVanishesIsAbsent) {
  TemporaryTree machine;
  machine.file("/sys/d/a", "1");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_THAT(tree.list("/sys/d").value(), ElementsAre("a"));
  std::filesystem::remove(machine.at("/sys/d/a"));
  EXPECT_EQ(tree.read("/sys/d/a").missing().why, Why::absent);
}

TEST(FileTree, NumbersAreDecimalOrHexadecimal) {
  TemporaryTree machine;
  machine.file("/sys/n", "-1").file("/sys/x", "0x1F\n").file("/sys/t", "12 lanes").file("/sys/e", "");
  machine.file("/sys/big", "99999999999999999999").file("/sys/bin", std::string_view("\x01\x00\xff", 3));
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_EQ(tree.read_integer("/sys/n").value(), -1);
  EXPECT_EQ(tree.read_integer("/sys/x").value(), 31);
  EXPECT_EQ(tree.read_integer("/sys/t").missing(), (Missing{Why::malformed, "/sys/t: not a number: \"12 lanes\""}));
  EXPECT_EQ(tree.read_integer("/sys/e").missing().why, Why::malformed);
  EXPECT_EQ(tree.read_integer("/sys/big").missing().why, Why::malformed);
  EXPECT_THAT(tree.read_integer("/sys/bin").missing().detail, HasSubstr("\"\\x01\\x00\\xff\""));
}

TEST(FileTree, RefusesWhatIsNoSavedMachine) {
  TemporaryTree machine;
  machine.file("/file", "").directory("/empty");
  EXPECT_THAT(refusal(machine.at("/none")), HasSubstr("/none: No such file or directory; give the directory"));
  EXPECT_THAT(refusal(machine.at("/file")), HasSubstr("/file: not a directory"));
  EXPECT_THAT(refusal(machine.at("/empty")), HasSubstr("it holds neither sys/ nor facts-extra.json nor fixture.json"));
  machine.file("/extra/facts-extra.json", "{}").directory("/tree/sys").file("/overlay/fixture.json", "{}");
  EXPECT_EQ(refusal(machine.at("/extra")), "accepted");
  EXPECT_EQ(refusal(machine.at("/tree")), "accepted");
  EXPECT_EQ(refusal(machine.at("/overlay")), "accepted");
}

TEST(FileTree, RefusesAMalformedFixtureFile) {
  TemporaryTree machine;
  const auto with = [&](std::string_view text) {
    machine.file("/m/fixture.json", text);
    return refusal(machine.at("/m"));
  };
  EXPECT_THAT(with("{\"base\": "), HasSubstr("fixture.json: not JSON"));
  EXPECT_THAT(with("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(with(R"({"base": 3})"), HasSubstr("\"base\" must be"));
  EXPECT_THAT(with(R"({"base": "../none"})"), HasSubstr("(the base named in"));
  EXPECT_THAT(with(R"({"removed": "x"})"), HasSubstr("\"removed\" must be a list"));
  EXPECT_THAT(with(R"({"removed": ["sys"]})"), HasSubstr("absolute paths"));
  EXPECT_THAT(with(R"({"errors": {"/a": {"why": "bored"}}})"), HasSubstr("known reason"));
  EXPECT_THAT(with(R"({"base": "../m"})"), HasSubstr("a base may name itself"));
  EXPECT_THAT(with(std::string(9U << 20, ' ')), HasSubstr("larger than"));
}

class Overlay : public ::testing::Test {
 protected:
  Overlay() {
    machine.file("/base/sys/devices/pci0000:00/0000:01:00.0/net/eth0/mtu", "9000")
        .file("/base/sys/devices/pci0000:00/0000:01:00.0/net/eth0/speed", "200000")
        .link("/base/sys/class/net/eth0", "../../devices/pci0000:00/0000:01:00.0/net/eth0")
        .file("/base/etc/hostname", "base")
        .file("/base/dev/infiniband/uverbs0", "")
        .file("/base/dev/infiniband/uverbs1", "");
  }
  TemporaryTree machine;
};

TEST_F(Overlay, LiesOverItsBase) {
  machine.file("/top/fixture.json", R"({"base": "../base"})")
      .file("/top/etc/hostname", "top")
      .file("/top/etc/new", "n");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_EQ(tree.read("/etc/hostname").value(), "top");
  EXPECT_EQ(tree.read("/sys/class/net/eth0/mtu").value(), "9000");
  EXPECT_THAT(tree.list("/etc").value(), ElementsAre("hostname", "new"));
  EXPECT_THAT(tree.layers(), ElementsAre(machine.at("/top"), machine.at("/top") / "../base"));
  EXPECT_THAT(tree.list("/").value(), ElementsAre("dev", "etc", "sys"));
}

TEST_F(Overlay, WritesThroughLinksOfItsBase) {
  machine.file("/top/fixture.json", R"({"base": "../base"})").file("/top/sys/class/net/eth0/mtu", "1500");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_EQ(tree.read("/sys/class/net/eth0/mtu").value(), "1500");
  EXPECT_EQ(tree.read("/sys/devices/pci0000:00/0000:01:00.0/net/eth0/mtu").value(), "1500");
  EXPECT_EQ(tree.read("/sys/class/net/eth0/speed").value(), "200000");
  EXPECT_EQ(tree.canonical("/sys/class/net/eth0").value(), "/sys/devices/pci0000:00/0000:01:00.0/net/eth0");
}

TEST_F(Overlay, HidesWhatItRemoves) {
  machine.file("/top/fixture.json",
               R"({"base": "../base", "removed": ["/dev/infiniband/uverbs1", "/sys/class/net/eth0/speed", "/etc"]})");
  machine.file("/top/etc/own", "1");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_THAT(tree.list("/dev/infiniband").value(), ElementsAre("uverbs0"));
  EXPECT_FALSE(tree.exists("/dev/infiniband/uverbs1"));
  EXPECT_EQ(tree.read("/sys/devices/pci0000:00/0000:01:00.0/net/eth0/speed").missing().why, Why::absent);
  EXPECT_FALSE(tree.exists("/etc/hostname"));
  EXPECT_THAT(tree.list("/etc").value(), ElementsAre("own"));
}

TEST_F(Overlay, RemovedDirectoriesAreAbsent) {
  machine.file("/top/fixture.json", R"({"base": "../base", "removed": ["/dev/infiniband", "/sys/class/net/eth0"]})");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_EQ(tree.list("/dev/infiniband").missing().why, Why::absent);
  EXPECT_THAT(tree.list("/dev").value(), IsEmpty());
  EXPECT_THAT(tree.list("/sys/class/net").value(), IsEmpty());
  EXPECT_TRUE(tree.exists("/sys/devices/pci0000:00/0000:01:00.0/net/eth0/mtu"));
}

TEST_F(Overlay, HoldsErrorsAndEmptyDirectories) {
  machine.file("/top/fixture.json", R"({"base": "../base", "directories": ["/sys/class/infiniband"],
      "errors": {"/sys/class/net/eth0/speed": {"why": "not_supported", "detail": "Invalid argument"}}})");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_EQ(tree.read("/sys/class/net/eth0/speed").missing(),
            (Missing{Why::not_supported, "/sys/class/net/eth0/speed: Invalid argument"}));
  EXPECT_TRUE(tree.exists("/sys/class/net/eth0/speed"));
  EXPECT_THAT(tree.list("/sys/class/net/eth0").value(), ElementsAre("mtu", "speed"));
  EXPECT_THAT(tree.list("/sys/class/infiniband").value(), IsEmpty());
  EXPECT_THAT(tree.list("/sys/class").value(), ElementsAre("infiniband", "net"));
}

TEST_F(Overlay, LiesOverAnOverlay) {
  machine.file("/middle/fixture.json", R"({"base": "../base", "removed": ["/dev/infiniband/uverbs0"]})")
      .file("/middle/sys/class/net/eth0/mtu", "1500")
      .file("/top/fixture.json", R"({"base": "../middle"})")
      .file("/top/dev/infiniband/uverbs0", "");
  const FileTree tree = FileTree::open(machine.at("/top"));
  EXPECT_EQ(tree.read("/sys/class/net/eth0/mtu").value(), "1500");
  EXPECT_THAT(tree.list("/dev/infiniband").value(), ElementsAre("uverbs0", "uverbs1"));
}

TEST(FileTree, ARecordAnswersEveryQuestionThatWasAsked) {
  TemporaryTree machine;
  machine.file("/sys/devices/pci0000:00/net/eth0/mtu", "9000")
      .link("/sys/class/net/eth0", "../../devices/pci0000:00/net/eth0")
      .directory("/sys/empty")
      .file("/dev/infiniband/uverbs0", "")
      .file("/fixture.json", R"({"errors": {"/sys/speed": {"why": "not_supported", "detail": "Invalid argument"}}})");
  FileTree tree = FileTree::open(machine.root());
  const auto ask = [](const FileTree& of) {
    return std::tuple(of.read("/sys/class/net/eth0/mtu"), of.read("/sys/class/net/eth0/none"), of.read("/sys/speed"),
                      of.read("/none/at/all"), of.list("/sys/class/net"), of.list("/sys/empty"), of.list("/sys/none"),
                      of.canonical("/sys/class/net/eth0"), of.link_target("/sys/class/net/eth0"),
                      of.exists("/dev/infiniband/uverbs0"), of.exists("/dev/infiniband/uverbs1"),
                      of.exists("/sys/empty"), of.exists("/sys/speed"), of.read_integer("/sys/class/net/eth0/mtu"));
  };
  tree.start_recording();
  const auto answers = ask(tree);
  const FileTree replayed = FileTree::from_record(tree.record());
  EXPECT_EQ(ask(replayed), answers);
  EXPECT_EQ(replayed.read("/sys/other").missing().why, Why::not_read);
  EXPECT_EQ(replayed.list("/etc").missing().why, Why::not_read);
  EXPECT_EQ(replayed.read("/sys/class/net/eth1/mtu").missing().why, Why::absent)
      << "its directory was listed without it";
}

TEST(FileTree, TheLiveTreeIsThisMachine) {
  FileTree tree = FileTree::live();
  EXPECT_TRUE(tree.is_live());
  const auto ask = [](const FileTree& of) {
    return std::tuple(of.read("/proc/sys/kernel/osrelease"), of.list("/sys/class"), of.exists("/proc/meminfo"),
                      of.exists("/no/such/file"), of.canonical("/sys/class/net/lo"), of.read("/sys/class/net/lo/mtu"),
                      of.read("/sys/class/net/lo/nothing"), of.read("/dev/null"), of.list("/proc/meminfo"));
  };
  const auto answers = ask(tree);
  EXPECT_TRUE(std::get<0>(answers).has_value());
  EXPECT_TRUE(std::get<2>(answers));
  EXPECT_FALSE(std::get<3>(answers));
  tree.start_recording();
  EXPECT_EQ(ask(tree), answers);
  EXPECT_EQ(ask(FileTree::from_record(tree.record())), answers);
}

TEST(FileTree, LinksBelowTheRootOfAProcessStayInsideIt) {
  TemporaryTree machine;
  machine.directory("/sys")
      .file("/etc/nccl.conf", "of the host")
      .file("/proc/42/root/opt/nccl.conf", "of the container")
      .link("/proc/42/root/etc", "/opt")
      .link("/proc/42/root/out", "../../../../../etc/nccl.conf")
      .link("/proc/42/rootless", "/etc");
  const FileTree tree = FileTree::open(machine.root());
  EXPECT_TRUE(tree.read("/proc/42/root/etc/nccl.conf").is("of the container"));
  EXPECT_TRUE(tree.read("/proc/42/root/out").is("of the container"));
  EXPECT_TRUE(tree.read("/proc/42/rootless/nccl.conf").is("of the host"));
  EXPECT_TRUE(tree.canonical("/proc/42/root/etc/nccl.conf").is("/proc/42/root/opt/nccl.conf"));
}

TEST(FileTree, TheRootOfALiveProcessIsADirectory) {
  FileTree tree = FileTree::live();
  const std::string path = "/proc/" + std::to_string(::getpid()) + "/root/proc/sys/kernel/osrelease";
  const auto release = tree.read("/proc/sys/kernel/osrelease");
  EXPECT_EQ(tree.read(path).value_or("?"), release.value_or(""));
  tree.start_recording();
  EXPECT_EQ(tree.read(path).value_or("?"), release.value_or(""));
  EXPECT_EQ(FileTree::from_record(tree.record()).read(path).value_or("?"), release.value_or(""));
}

TEST(FileTree, FilesWithoutPermissionSaySo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  TemporaryTree machine;
  machine.file("/sys/secret", "1");
  ASSERT_EQ(::chmod(machine.at("/sys/secret").c_str(), 0), 0);
  EXPECT_EQ(FileTree::open(machine.root()).read("/sys/secret").missing().why, Why::permission);
}

}  // namespace
}  // namespace rocekit::facts
