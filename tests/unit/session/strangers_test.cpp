// Whoever knocks at --listen without the token, and whoever listens without it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "core/io/file_descriptor.h"
#include "core/session/address.h"
#include "core/session/frame.h"
#include "core/session/hello.h"
#include "core/session/token.h"
#include "tests/unit/emulated.h"
#include "tests/unit/session/process.h"

namespace rocekit::session::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string exchange(Session& session) {
  std::string all;
  for (const std::string& one : session.allgather(std::to_string(session.rank()), "exchanging ranks")) all += one;
  return all;
}

Process listener(int ranks = 2, milliseconds wait = milliseconds(10'000), const std::string& at = "127.0.0.1",
                 const Limits& limits = quick_limits()) {
  DoorOptions options;
  options.listen = at;
  options.ranks = ranks;
  options.wait = wait;
  return Process([=](const Process::Say& say) { return take_part(options, say, exchange, limits); });
}

/// Strangers have all the time, but few places.
Process listener_of_few_places() {
  Limits limits = quick_limits();
  limits.handshake = milliseconds(60'000);
  limits.max_strangers = 8;
  return listener(2, milliseconds(10'000), "127.0.0.1", limits);
}

Process joiner(const std::string& target, const std::string& version = "1.0") {
  DoorOptions options;
  options.join = target;
  return Process([=](const Process::Say& say) { return take_part(options, say, exchange, quick_limits(), version); });
}

/// TOKEN@ADDR:PORT of the line that a listener printed.
std::string target_of(Process& listener) {
  const std::string line = listener.line_with("--join ");
  const std::size_t at = line.find("--join ");
  return at == std::string::npos ? "" : line.substr(at + 7);
}

/// A TCP connection without manners.
class Connection {
 public:
  explicit Connection(const std::string& target, std::uint32_t from = INADDR_LOOPBACK)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(from);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
    const SocketAddress address = resolve(parse_join(target).at).front();
    EXPECT_EQ(::connect(fd_, address.get(), address.length), 0);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void send(const std::string& bytes) const {
    [[maybe_unused]] const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// What comes until the other end closes, `count` bytes have come or `time` has passed.
  std::string receive(std::size_t count, milliseconds time = milliseconds(5'000)) {
    std::string all;
    while (all.size() < count) {
      pollfd poll{fd_, POLLIN, 0};
      char buffer[4096];
      if (::poll(&poll, 1, static_cast<int>(time.count())) <= 0) break;
      const ssize_t got = ::recv(fd_, buffer, std::min(sizeof buffer, count - all.size()), 0);
      if (got <= 0) {
        closed_ = true;
        break;
      }
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  bool closed() const { return closed_; }
  bool is_closed() {
    receive(1'000'000);
    return closed_;
  }
  /// Proves the token as a rank does.
  void prove(const std::string& token) {
    Handshake handshake(Handshake::End::joiner, token, make_nonce());
    send(handshake.first());
    while (handshake.state() == Handshake::State::under_way) {
      const std::string bytes = receive(handshake.wanted());
      if (bytes.empty()) return;
      send(handshake.take(bytes));
    }
  }

 private:
  int fd_;
  bool closed_ = false;
};

TEST(Token, HasAtLeast128RandomBits) {
  EXPECT_EQ(make_token().size(), 26u);  // of 32 letters
  EXPECT_NE(make_token(), make_token());
  EXPECT_TRUE(is_token(make_token()));
  EXPECT_FALSE(is_token("abc"));
  EXPECT_FALSE(is_token(std::string(26, '0')));
}

TEST(HandshakeTest, AcceptsTheSameTokenOnBothEndsOnly) {
  for (const bool same : {true, false}) {
    const std::string token = make_token();
    Handshake listen(Handshake::End::listener, token, make_nonce());
    Handshake join(Handshake::End::joiner, same ? token : make_token(), make_nonce());
    const std::string greeting = listen.take(join.first());
    const std::string proof = join.take(greeting);
    const std::string answer = listen.take(proof);
    EXPECT_EQ(listen.state(), same ? Handshake::State::accepted : Handshake::State::rejected);
    EXPECT_EQ(answer.empty(), !same);
    join.take(answer);
    EXPECT_EQ(join.state(), same ? Handshake::State::accepted : Handshake::State::under_way);
    EXPECT_EQ((join.first() + greeting + proof + answer).find(token), std::string::npos);
  }
}

TEST(HandshakeTest, AReflectedProofIsNone) {
  const std::string token = make_token();
  Handshake join(Handshake::End::joiner, token, make_nonce());
  const std::string other_nonce = Handshake(Handshake::End::listener, token, make_nonce()).first();
  const std::string proof = join.take(other_nonce);
  join.take(proof);
  EXPECT_EQ(join.state(), Handshake::State::rejected);
}

TEST(Listen, PrintsTheLineThatLetsTheOthersJoin) {
  Process rank0 = listener(3, milliseconds(10'000), "");
  EXPECT_THAT(rank0.line_with("nodes run:"), HasSubstr("On each of the 2 other nodes run:"));
  EXPECT_THAT(rank0.line_with("--join "), StartsWith("  session-test --join "));
  const std::string target = target_of(rank0);
  Process a = joiner(target);
  Process b = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "012");
  EXPECT_EQ(a.exit_code(), 0);
  EXPECT_EQ(b.exit_code(), 0);
}

TEST(Listen, AStrangerGetsNothing) {
  Process rank0 = listener();
  const std::string target = target_of(rank0);
  Connection silent(target);
  Connection garbage(target);
  garbage.send("GET / HTTP/1.1\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_EQ(garbage.receive(1'000), "");
  EXPECT_TRUE(garbage.is_closed());
  Connection guesser(target);
  guesser.prove(make_token());
  EXPECT_TRUE(guesser.is_closed());
  Connection replayer(target);
  replayer.send(encode_frame(FrameType::hello, encode_hello(hello_of("session-test", "1.0"))));
  EXPECT_TRUE(replayer.is_closed());
  EXPECT_EQ(silent.receive(1'000), "");
  EXPECT_TRUE(silent.is_closed());
  Process rank1 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
}

TEST(Listen, ADribblingStrangerHasTheSameShortTime) {
  Process rank0 = listener();
  Connection slow(target_of(rank0));
  const std::string greeting = Handshake(Handshake::End::joiner, make_token(), make_nonce()).first();
  std::size_t sent = 0;
  for (; sent + 1 < greeting.size() && !slow.closed(); ++sent) {
    slow.send(greeting.substr(sent, 1));
    slow.receive(1, milliseconds(30));
  }
  EXPECT_TRUE(slow.closed()) << "after " << sent << " bytes in " << sent * 30 << " ms";
  Process rank1 = joiner(target_of(rank0));
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
}

TEST(Listen, ARankGetsThroughAFlood) {
  Process rank0 = listener_of_few_places();
  const std::string target = target_of(rank0);
  Process flood([&](const Process::Say& say) {
    const SocketAddress address = resolve(parse_join(target).at).front();
    std::vector<io::FileDescriptor> open;
    for (int count = 0;; ++count) {
      io::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
      if (::connect(socket.get(), address.get(), address.length) != 0) return 0;
      open.push_back(std::move(socket));
      if (open.size() > 200) open.erase(open.begin(), open.begin() + 100);
      if (count == 200) say("flooded");
    }
  });
  flood.line_with("flooded");
  Process rank1 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
  EXPECT_EQ(of_rank(rank1.lines(), 1), "01");
}

TEST(Listen, AFloodTakesPlacesFromItselfOnly) {
  Process rank0 = listener_of_few_places();
  const std::string target = target_of(rank0);
  Connection slow(target, INADDR_LOOPBACK + 1);
  std::vector<std::unique_ptr<Connection>> flood;
  for (int i = 0; i < 50; ++i) flood.push_back(std::make_unique<Connection>(target));
  // Far more than its places: the first of the flood have lost theirs.
  EXPECT_TRUE(flood.front()->is_closed());
  EXPECT_TRUE(flood[40]->is_closed());
  slow.receive(1, milliseconds(20));
  EXPECT_FALSE(slow.closed());
  Process rank1 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
}

TEST(Listen, WhoProvesTheTokenAndTalksNonsenseIsDropped) {
  Process rank0 = listener();
  const std::string target = target_of(rank0);
  const std::string token = parse_join(target).token;
  Connection huge(target);
  huge.prove(token);
  huge.send(encode_frame(FrameType::hello, std::string(max_hello_bytes + 1, 'x')));
  EXPECT_TRUE(huge.is_closed());
  Connection early(target);
  early.prove(token);
  early.send(encode_frame(FrameType::last, "message"));
  EXPECT_TRUE(early.is_closed());
  Connection mute(target);
  mute.prove(token);
  EXPECT_TRUE(mute.is_closed());
  Process rank1 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
}

TEST(Listen, ARankThatLeavesBeforeTheOthersComeIsReplaced) {
  Process rank0 = listener(3);
  const std::string target = target_of(rank0);
  {
    Connection leaver(target);
    leaver.prove(parse_join(target).token);
    leaver.send(encode_frame(FrameType::hello, encode_hello(hello_of("session-test", "1.0"))));
    EXPECT_FALSE(leaver.receive(1).empty()) << "a beat: it is admitted";
  }
  Process rank1 = joiner(target);
  Process rank2 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "012");
}

TEST(Listen, SaysHowManyCameInTime) {
  Process rank0 = listener(3, milliseconds(300));
  Process rank1 = joiner(target_of(rank0));
  const std::string sentence = "1 of 2 other ranks came within 300 ms: start the line above on the other nodes";
  EXPECT_THAT(rank0.line_with("came within"), HasSubstr(sentence));
  EXPECT_THAT(rank1.line_with("came within"), HasSubstr(sentence));
  EXPECT_EQ(rank0.exit_code(), 3);
}

TEST(Listen, AnotherVersionIsRefusedInASentenceOnBothEnds) {
  Process rank0 = listener();
  Process rank1 = joiner(target_of(rank0), "0.9");
  for (Process* end : {&rank0, &rank1}) {
    EXPECT_THAT(end->line_with("runs session-test 1.0 and"),
                EndsWith("runs session-test 0.9: install the same version on all nodes"));
    EXPECT_EQ(end->exit_code(), 3);
  }
}

TEST(Listen, CtrlCWhileWaitingIsToldToThoseWhoCame) {
  Process rank0 = listener(3);
  Process rank1 = joiner(target_of(rank0));
  std::this_thread::sleep_for(time_for_others(milliseconds(100)));
  rank0.signal(SIGINT);
  EXPECT_THAT(rank0.line_with("interrupted"),
              HasSubstr("interrupted 2: interrupted by SIGINT while waiting for the other ranks"));
  EXPECT_THAT(rank1.line_with("interrupted"),
              AllOf(HasSubstr("error: rank 0 ("), EndsWith(") was interrupted by SIGINT")));
  EXPECT_EQ(rank0.exit_code(), 130);
}

TEST(Listen, WorksOverIPv6WhereThereIsSome) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const bool has = probe >= 0 && ::bind(probe, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
  ::close(probe);
  if (!has) GTEST_SKIP() << "no IPv6 on this machine";
  Process rank0 = listener(2, milliseconds(10'000), "[::1]");
  const std::string target = target_of(rank0);
  EXPECT_THAT(target, HasSubstr("@[::1]:"));
  Process rank1 = joiner(target);
  EXPECT_EQ(of_rank(rank0.lines(), 0), "01");
}

TEST(Join, AWrongTokenIsSaidSo) {
  Process rank0 = listener();
  const std::string target = target_of(rank0);
  Process rank1 = joiner(make_token() + target.substr(target.find('@')));
  EXPECT_THAT(rank1.line_with("token"),
              AllOf(StartsWith("?: error: 127.0.0.1:"), HasSubstr(" does not accept this token: paste the line")));
  EXPECT_EQ(rank1.exit_code(), 3);
}

TEST(Join, SaysWhereNobodyListens) {
  Process rank1 = joiner(make_token() + "@127.0.0.1:1");
  EXPECT_THAT(rank1.line_with("join"),
              HasSubstr("could not join 127.0.0.1:1: Connection refused: is the other end still waiting"));
  EXPECT_EQ(rank1.exit_code(), 3);
}

TEST(Join, AListenerThatDoesNotKnowTheTokenIsNotTrusted) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(socket, 8), 0);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  Process rank1 = joiner(make_token() + "@127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  const int rank = ::accept(socket, nullptr, nullptr);
  char buffer[256];
  EXPECT_EQ(::recv(rank, buffer, 40, MSG_WAITALL), 40);
  const std::string greeting = Handshake(Handshake::End::listener, make_token(), make_nonce()).first();
  EXPECT_EQ(::send(rank, greeting.data(), greeting.size(), 0), 40);
  EXPECT_EQ(::recv(rank, buffer, 32, MSG_WAITALL), 32);
  const std::string guess(32, 'x');
  EXPECT_EQ(::send(rank, guess.data(), guess.size(), 0), 32);
  // It says no more: not its host, not its version.
  EXPECT_EQ(::recv(rank, buffer, sizeof buffer, 0), 0);
  ::close(rank);
  ::close(socket);
}

struct BadInput {
  const char* name;
  DoorOptions options;
  const char* part;
};

BadInput bad_join(const char* name, const std::string& target, const char* part = "not of the form TOKEN@ADDR:PORT") {
  BadInput bad{name, {}, part};
  bad.options.join = target;
  return bad;
}

BadInput bad_listen(const char* name, const std::string& at, const char* part = "not an address to listen on") {
  BadInput bad{name, {}, part};
  bad.options.listen = at;
  return bad;
}

class BadDoor : public testing::TestWithParam<BadInput> {};

TEST_P(BadDoor, IsOneSentence) {
  Process run([](const Process::Say& say) { return take_part(GetParam().options, say, exchange); });
  const auto lines = run.lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], AllOf(StartsWith("?: input: "), HasSubstr(GetParam().part)));
}

const std::string token(26, 'a');
BadInput with(const char* name, const std::function<void(DoorOptions&)>& set, const char* part) {
  BadInput bad{name, {}, part};
  set(bad.options);
  return bad;
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadDoor,
    testing::Values(bad_join("empty", ""), bad_join("no_token", "192.0.2.1:7000"),
                    bad_join("short_token", "abc@192.0.2.1:7000", "the token before the @ is not whole or mistyped"),
                    bad_join("no_port", token + "@192.0.2.1"), bad_join("no_address", token + "@:7000"),
                    bad_join("port_too_high", token + "@192.0.2.1:70000"),
                    bad_join("port_with_letters", token + "@192.0.2.1:7a"),
                    bad_join("open_bracket", token + "@[::1:7000"), bad_join("bare_ipv6", token + "@::1"),
                    bad_join("terminal_escape", "\x1b[2J"), bad_listen("port_alone", "7000"),
                    bad_listen("bad_port", "127.0.0.1:x"), bad_listen("port_zero", ":0"),
                    bad_listen("no_such_host", "no.such.host.invalid", "no such address or host name"),
                    bad_listen("not_ours", "192.0.2.1", "cannot listen on 192.0.2.1:0"),
                    with(
                        "no_door", [](DoorOptions&) {}, "no peers to measure with"),
                    with(
                        "two_doors", [](DoorOptions& options) { options.local = true, options.listen = ""; },
                        "exclude each other"),
                    with(
                        "one_rank", [](DoorOptions& options) { options.local = true, options.ranks = 1; },
                        "--ranks 1: not between 2 and 1024")),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace rocekit::session::test
