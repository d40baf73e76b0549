// Each test in a process of its own: what NCCL reads is of a process.
#include "collectives/engine/nccl_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace rocekit::collectives {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

/// As NCCL opens its log.
class Nccl {
 public:
  Nccl() : file_(std::fopen(std::getenv("NCCL_DEBUG_FILE"), "w")) {
    if (file_ != nullptr) ::setlinebuf(file_);
  }
  ~Nccl() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void say(const char* line) const { std::fprintf(file_, "%s\n", line); }

 private:
  std::FILE* file_;
};

SideRequest request_of(const std::string& net_name = {}) {
  SideRequest request;
  request.backend = Backend::nccl;
  request.net_name = net_name;
  return request;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "(unset)" : value;
}

void clean() {
  for (const char* name : {"NCCL_DEBUG", "NCCL_DEBUG_FILE", "NCCL_DEBUG_SUBSYS", "NCCL_NET", "NCCL_CONF_FILE"}) {
    ::unsetenv(name);
  }
  ::setenv("NCCL_CONF_FILE", "/nonexistent/nccl.conf", 1);
}

template <class Body>
void in_own_process(const std::string& stderr_text, Body body) {
  EXPECT_EXIT(
      {
        clean();
        body();
        std::_Exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), stderr_text);
}

TEST(NcclEnvironment, EachSideKeepsWhatWasLoggedWhileItWorked) {
  in_own_process("", [] {
    NcclEnvironment ib(request_of("IB"));
    NcclEnvironment socket(request_of("Socket"));
    EXPECT_EQ(variable("NCCL_DEBUG"), "INFO");
    const Nccl nccl;
    {
      const NcclEnvironment::Scope scope(ib);
      nccl.say("ib 1");
    }
    {
      const NcclEnvironment::Scope scope(socket);
      nccl.say("socket 1");
    }
    nccl.say("nobody's");
    {
      const NcclEnvironment::Scope scope(ib);
      nccl.say("ib 2");
    }
    EXPECT_EQ(ib.log(), "ib 1\nib 2\n");
    EXPECT_EQ(socket.log(), "socket 1\n");
    EXPECT_TRUE(ib.notes().empty());
  });
}

TEST(NcclEnvironment, LogOfManyLaunchesStaysSmall) {
  in_own_process("", [] {
    NcclEnvironment side(request_of());
    const Nccl nccl;
    {
      const NcclEnvironment::Scope scope(side);
      for (int i = 0; i < 20'000; ++i) nccl.say("host NCCL INFO AllReduce: 8 Bytes -> Algo RING proto LL channel 0");
      nccl.say("host NCCL INFO AllReduce: 16 Bytes -> Algo RING proto LL channel 0");
      nccl.say("host NCCL INFO twice");
      nccl.say("host NCCL INFO twice");
    }
    EXPECT_EQ(std::count(side.log().begin(), side.log().end(), '\n'), 100 + 1 + 2);
    struct stat file {};
    ASSERT_EQ(::stat(std::getenv("NCCL_DEBUG_FILE"), &file), 0);
    EXPECT_LT(file.st_blocks * 512, file.st_size / 4);  // memory that is taken
  });
}

TEST(NcclEnvironment, AlgorithmsAreLoggedOnRequest) {
  in_own_process("", [] {
    const NcclEnvironment plain(request_of());
    EXPECT_THAT(variable("NCCL_DEBUG_SUBSYS"), Not(HasSubstr("TUNING")));
    SideRequest request = request_of();
    request.log_algorithms = true;
    ::setenv("NCCL_DEBUG_SUBSYS", "GRAPH", 1);
    const NcclEnvironment with(request);
    EXPECT_EQ(variable("NCCL_DEBUG_SUBSYS"), "INIT,BOOTSTRAP,NET,ENV,TUNING");
  });
}

TEST(NcclEnvironment, UsersOwnLevelIsCopiedToStandardError) {
  in_own_process("^host NCCL WARN broken\n$", [] {
    ::setenv("NCCL_DEBUG", "WARN", 1);
    ::setenv("NCCL_DEBUG_SUBSYS", "GRAPH", 1);
    NcclEnvironment side(request_of());
    EXPECT_EQ(variable("NCCL_DEBUG"), "INFO");
    EXPECT_EQ(variable("NCCL_DEBUG_SUBSYS"), "INIT,BOOTSTRAP,NET,ENV,GRAPH");
    const Nccl nccl;
    const NcclEnvironment::Scope scope(side);
    nccl.say("host NCCL INFO fine");
    nccl.say("host NCCL WARN broken");
    { const NcclEnvironment::Scope again(side); }
  });
}

TEST(NcclEnvironment, UsersOwnLogFileIsLeftAlone) {
  in_own_process("", [] {
    ::setenv("NCCL_DEBUG", "WARN", 1);
    ::setenv("NCCL_DEBUG_FILE", "/dev/null", 1);
    NcclEnvironment side(request_of());
    EXPECT_EQ(variable("NCCL_DEBUG"), "WARN");
    EXPECT_EQ(variable("NCCL_DEBUG_FILE"), "/dev/null");
    { const NcclEnvironment::Scope scope(side); }
    EXPECT_EQ(side.log(), "");
    EXPECT_THAT(side.notes(), ElementsAre(HasSubstr("NCCL_DEBUG_FILE is set")));
  });
}

TEST(NcclEnvironment, NetworkOfTheEnvironmentDoesNotOverrideTheSides) {
  in_own_process("", [] {
    ::setenv("NCCL_NET", "IB", 1);
    const NcclEnvironment socket(request_of("Socket"));
    const NcclEnvironment chosen(request_of());
    socket.apply_network();
    EXPECT_EQ(variable("NCCL_NET"), "(unset)");
    chosen.apply_network();
    EXPECT_EQ(variable("NCCL_NET"), "IB");
    SideRequest request = request_of();
    request.settings = {{"NCCL_NET", "plugin"}, {"NCCL_IB_HCA", std::nullopt}};
    ::setenv("NCCL_IB_HCA", "mlx5_0", 1);
    const NcclEnvironment set(request);
    set.apply_network();
    EXPECT_EQ(variable("NCCL_NET"), "plugin");
    EXPECT_EQ(variable("NCCL_IB_HCA"), "(unset)");
  });
}

TEST(NcclEnvironment, ConfFilesAreNotedAndTheirNetworkOverridden) {
  in_own_process("", [] {
    const std::string file = "/tmp/nccl-conf-" + std::to_string(::getpid());
    std::ofstream(file) << "# mine\nNCCL_NET=IB\nNCCL_IB_HCA=mlx5\nNCCL_IB_TC=106\nOTHER=1\nno setting\n";
    ::setenv("NCCL_CONF_FILE", file.c_str(), 1);
    ::setenv("NCCL_IB_TC", "0", 1);  // the environment wins
    const NcclEnvironment socket(request_of("Socket"));
    ::unlink(file.c_str());
    EXPECT_THAT(socket.notes(), Contains(file + " sets NCCL_NET=IB, NCCL_IB_HCA=mlx5"));
    EXPECT_THAT(socket.notes(), Contains(HasSubstr("this side uses Socket")));
    socket.apply_network();
    EXPECT_EQ(variable("NCCL_NET"), "Socket");
  });
}

TEST(NcclEnvironment, ForkedProcessHasALogOfItsOwn) {
  in_own_process("", [] {
    const NcclEnvironment parents(request_of());
    const pid_t child = ::fork();
    if (child == 0) {
      NcclEnvironment side(request_of());
      const Nccl nccl;
      {
        const NcclEnvironment::Scope scope(side);
        nccl.say("of the child");
      }
      std::_Exit(side.log() == "of the child\n" ? 0 : 1);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(parents.log(), "");
    std::ifstream file(variable("NCCL_DEBUG_FILE"));
    EXPECT_EQ(file.peek(), std::ifstream::traits_type::eof());
  });
}

TEST(NcclConf, LinesAreReadAsNcclReadsThem) {
  EXPECT_THAT(read_nccl_conf("#NCCL_A=1\nNCCL_B=2=3\n NCCL_C=4\nplain\n\nNCCL_D="),
              ElementsAre(Pair("NCCL_B", "2=3"), Pair(" NCCL_C", "4"), Pair("NCCL_D", "")));
}

}  // namespace
}  // namespace rocekit::collectives
