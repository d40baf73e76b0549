// What is taken for a terminal, on real pseudo-terminals.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/io/file_descriptor.h"
#include "core/text/style.h"
#include "core/text/table.h"

namespace rocekit::text {
namespace {

class PseudoTerminal {
 public:
  explicit PseudoTerminal(unsigned short columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::grantpt(master_.get());
    ::unlockpt(master_.get());
    terminal_ = io::FileDescriptor(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    winsize size{};
    size.ws_col = columns;
    ::ioctl(terminal_.get(), TIOCSWINSZ, &size);
  }
  int fd() const { return terminal_.get(); }

 private:
  io::FileDescriptor master_;
  io::FileDescriptor terminal_;
};

class Terminal : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }
};

TEST_F(Terminal, WithASizeIsColouredAndFilled) {
  const PseudoTerminal pty(80);
  ASSERT_EQ(::isatty(pty.fd()), 1);
  EXPECT_TRUE(Style::detect(ColorMode::automatic, pty.fd()).colored());
  EXPECT_EQ(terminal_columns(pty.fd()), 80);
}

TEST_F(Terminal, WithoutASizeIsWrittenToLikeAFile) {
  const PseudoTerminal pty(0);
  ASSERT_EQ(::isatty(pty.fd()), 1);
  EXPECT_FALSE(Style::detect(ColorMode::automatic, pty.fd()).colored());
  EXPECT_TRUE(Style::detect(ColorMode::always, pty.fd()).colored());
  EXPECT_EQ(terminal_columns(pty.fd(), 140), 140);
}

}  // namespace
}  // namespace rocekit::text
