#include "probes/facts/readers/nccl_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace rocekit::test {
namespace {

using facts::FileTree;
using facts::Setting;
using facts::readers::is_asked_variable;
using facts::readers::is_transport_variable;
using facts::readers::parse_nccl_conf;
using facts::readers::read_nccl_settings;
using testing::ElementsAre;
using testing::IsEmpty;

/// A saved machine with the files that a test writes.
class Machine {
 public:
  Machine() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nccl_settings_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    std::filesystem::create_directories(root_ / "sys");
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const auto file = root_ / path.substr(1);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  auto settings(const std::map<std::string, std::string>& environment) const {
    return read_nccl_settings(FileTree::open(root_), environment);
  }

 private:
  std::filesystem::path root_;
};

TEST(NcclConf, IsLinesOfNameEqualsValueWithTheirNumbers) {
  EXPECT_THAT(parse_nccl_conf("NCCL_DEBUG=INFO\n\nNCCL_IB_HCA=mlx5_0:1,mlx5_1\n", "/etc/nccl.conf"),
              ElementsAre(Setting{"NCCL_DEBUG", "INFO", "/etc/nccl.conf:1"},
                          Setting{"NCCL_IB_HCA", "mlx5_0:1,mlx5_1", "/etc/nccl.conf:3"}));
}

TEST(NcclConf, CommentStartsInTheFirstColumnOnly) {
  EXPECT_THAT(parse_nccl_conf("# NCCL_NET=Socket\n #NCCL_NET=IB\nNCCL_DEBUG=INFO # all\n", "f"),
              ElementsAre(Setting{" #NCCL_NET", "IB", "f:2"}, Setting{"NCCL_DEBUG", "INFO # all", "f:3"}));
}

TEST(NcclConf, KeepsQuotesBlanksAndExportAsTheyStand) {
  EXPECT_THAT(parse_nccl_conf("export NCCL_NET=IB\nNCCL_NET = \"IB\"\r\n", "f"),
              ElementsAre(Setting{"export NCCL_NET", "IB", "f:1"}, Setting{"NCCL_NET ", " \"IB\"\r", "f:2"}));
}

TEST(NcclConf, SkipsLinesWithoutNameOrEqualsSign) {
  EXPECT_THAT(parse_nccl_conf("NCCL_NET\n=IB\n\n", "f"), IsEmpty());
  EXPECT_THAT(parse_nccl_conf("", "f"), IsEmpty());
}

TEST(NcclConf, ValueKeepsFurtherEqualsSigns) {
  EXPECT_THAT(parse_nccl_conf("NCCL_IB_HCA==mlx5_1", "f"), ElementsAre(Setting{"NCCL_IB_HCA", "=mlx5_1", "f:1"}));
}

TEST(NcclConf, EndsALineAtANul) {
  using namespace std::string_literals;
  EXPECT_THAT(parse_nccl_conf("NCCL_N\0ET=IB\nNCCL_NET=I\0B\n"s, "f"), ElementsAre(Setting{"NCCL_NET", "I", "f:2"}));
}

TEST(NcclConf, CutsNamesAndValuesAt1023Characters) {
  const auto settings = parse_nccl_conf(std::string(2000, 'N') + "=" + std::string(2000, 'v'), "f");
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(settings[0].name.size(), 1023U);
  EXPECT_EQ(settings[0].value.size(), 1023U);
}

TEST(NcclSettings, EnvironmentComesBeforeUserFileBeforeEtc) {
  const Machine machine;
  machine.write("/home/me/.nccl.conf", "NCCL_A=user\nNCCL_B=user\n");
  machine.write("/etc/nccl.conf", "NCCL_A=etc\nNCCL_B=etc\nNCCL_C=etc\n");
  const auto settings = machine.settings({{"HOME", "/home/me"}, {"NCCL_A", "environment"}});
  EXPECT_THAT(settings.in_force, ElementsAre(Setting{"NCCL_A", "environment", "environment"},
                                             Setting{"NCCL_B", "user", "/home/me/.nccl.conf:2"},
                                             Setting{"NCCL_C", "etc", "/etc/nccl.conf:3"}));
  EXPECT_THAT(settings.conf_files, ElementsAre("/home/me/.nccl.conf", "/etc/nccl.conf"));
}

TEST(NcclSettings, ConfFileVariableReplacesTheUsersFile) {
  const Machine machine;
  machine.write("/home/me/.nccl.conf", "NCCL_A=user\n");
  machine.write("/opt/nccl.conf", "NCCL_B=named\n");
  const auto named = machine.settings({{"HOME", "/home/me"}, {"NCCL_CONF_FILE", "/opt/nccl.conf"}});
  EXPECT_THAT(named.conf_files, ElementsAre("/opt/nccl.conf"));
  const auto absent = machine.settings({{"HOME", "/home/me"}, {"NCCL_CONF_FILE", "/opt/none.conf"}});
  EXPECT_THAT(absent.conf_files, IsEmpty());
  const auto empty = machine.settings({{"HOME", "/home/me"}, {"NCCL_CONF_FILE", ""}});
  EXPECT_THAT(empty.conf_files, ElementsAre("/home/me/.nccl.conf"));
}

TEST(NcclSettings, FirstLineOfANameWins) {
  const Machine machine;
  machine.write("/etc/nccl.conf", "NCCL_A=1\nNCCL_A=2\n");
  EXPECT_THAT(machine.settings({}).in_force, ElementsAre(Setting{"NCCL_A", "1", "/etc/nccl.conf:1"}));
}

TEST(NcclSettings, EmptyValueOfTheEnvironmentHidesTheFiles) {
  const Machine machine;
  machine.write("/etc/nccl.conf", "NCCL_IB_HCA=mlx5_0\n");
  EXPECT_THAT(machine.settings({{"NCCL_IB_HCA", ""}}).in_force, ElementsAre(Setting{"NCCL_IB_HCA", "", "environment"}));
}

TEST(NcclSettings, TakeOnlyTransportVariablesOfTheEnvironment) {
  const Machine machine;
  EXPECT_THAT(machine.settings({{"HOME", "/root"}, {"PATH", "/bin"}, {"GLOO_SOCKET_IFNAME", "eth0"}}).in_force,
              ElementsAre(Setting{"GLOO_SOCKET_IFNAME", "eth0", "environment"}));
}

TEST(TransportVariables, AreThoseOfNcclAndServingFrameworks) {
  for (const char* name :
       {"NCCL_IB_HCA", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "UCX_NET_DEVICES", "VLLM_HOST_IP", "RAY_ADDRESS",
        "OMPI_MCA_btl", "MASTER_ADDR", "MASTER_PORT", "CUDA_VISIBLE_DEVICES", "NCCL_IB_PKEY"}) {
    EXPECT_TRUE(is_transport_variable(name)) << name;
    EXPECT_TRUE(is_asked_variable(name)) << name;
  }
  for (const char* name : {"PATH", "HOME", "TP_SIZE", "NCCL", "CUDA_HOME", ""})
    EXPECT_FALSE(is_transport_variable(name)) << name;
  EXPECT_TRUE(is_asked_variable("HOME"));
  EXPECT_TRUE(is_asked_variable("LD_LIBRARY_PATH"));
}

TEST(TransportVariables, AreNeverSecrets) {
  for (const char* name : {"VLLM_API_KEY", "RAY_AUTH_TOKEN", "SGLANG_CLIENT_SECRET", "VLLM_DB_PASSWORD"}) {
    EXPECT_FALSE(is_asked_variable(name)) << name;
  }
}

}  // namespace
}  // namespace rocekit::test
