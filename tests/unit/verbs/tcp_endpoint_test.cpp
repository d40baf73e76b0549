#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "core/error.h"
#include "tests/unit/verbs/two_ends.h"
#include "verbs/error.h"
#include "verbs/latency.h"
#include "verbs/tcp_socket.h"

namespace rocekit::verbs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::connected;
using test::loopback;
using test::TwoEnds;
using test::within;
using testing::AllOf;
using testing::HasSubstr;

template <class Action>
std::string transport_error_of(Action&& action) {
  try {
    action();
  } catch (const TransportError& error) {
    return error.what();
  }
  return "no TransportError";
}

template <class Action>
std::string input_error_of(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

std::uint16_t port_of(const std::string& address) {
  std::string ip;
  std::string format;
  unsigned port = 0;
  std::istringstream(address) >> format >> ip >> port;
  return static_cast<std::uint16_t>(port);
}

io::FileDescriptor dialled(std::uint16_t port) {
  io::FileDescriptor fd(socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address = *ipv4_address("127.0.0.1", port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Between the two ends, as a network that damages what it carries: hands on both directions, and flips a bit of byte
// `damaged` of what the active end sends after its proof.
class DamagingNetwork {
 public:
  explicit DamagingNetwork(std::uint16_t to, std::size_t damaged) : damaged_(damaged) {
    listener_ = io::FileDescriptor(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = *ipv4_address("127.0.0.1", 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, to] { carry(to); });
  }
  ~DamagingNetwork() { thread_.join(); }
  std::uint16_t port() const { return port_; }

 private:
  void carry(std::uint16_t to) {
    const io::FileDescriptor in(accept(listener_.get(), nullptr, nullptr));
    const io::FileDescriptor out = dialled(to);
    constexpr std::size_t proof_bytes = 16;
    std::size_t passed = 0;
    std::vector<char> bytes(65'536);
    while (true) {
      pollfd entries[] = {{in.get(), POLLIN, 0}, {out.get(), POLLIN, 0}};
      if (poll(entries, 2, 10'000) <= 0) return;
      for (int i = 0; i < 2; ++i) {
        if (entries[i].revents == 0) continue;
        const ssize_t n = recv(entries[i].fd, bytes.data(), bytes.size(), 0);
        if (n <= 0) return;
        const auto size = static_cast<std::size_t>(n);
        if (i == 0) {
          const std::size_t target = proof_bytes + damaged_;
          if (target >= passed && target < passed + size) bytes[target - passed] ^= 0x10;
          passed += size;
        }
        send(entries[1 - i].fd, bytes.data(), size, MSG_NOSIGNAL);
      }
    }
  }

  std::size_t damaged_;
  io::FileDescriptor listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

void exchange(TwoEnds& ends, const Shape& shape, int messages) {
  const Wait wait = within(seconds(20));
  std::thread answering([&] {
    ends.passive->begin_latency(shape, false, wait);
    for (int i = 0; i < messages; ++i) ends.passive->pong();
    ends.passive->end_block();
  });
  ends.active->begin_latency(shape, true, wait);
  for (int i = 0; i < messages; ++i) ends.active->ping();
  ends.active->end_block();
  answering.join();
}

class TcpInEveryWaitMode : public testing::TestWithParam<WaitMode> {};
INSTANTIATE_TEST_SUITE_P(, TcpInEveryWaitMode, testing::Values(WaitMode::poll, WaitMode::block, WaitMode::event),
                         [](const auto& mode) { return to_string(mode.param); });

TEST_P(TcpInEveryWaitMode, MessagesOfAllSizesComeBackWhole) {
  TwoEnds ends = connected(loopback(GetParam(), 4u << 20));
  for (const std::size_t size : {1u, 2u, 8u, 100u, 4096u, 65'537u, 1u << 20, 4u << 20}) {
    Shape shape;
    shape.size_bytes = size;
    shape.verify = true;
    exchange(ends, shape, 4);
    EXPECT_EQ(ends.active->corrupt_messages(), 0u) << size << ": " << ends.active->first_corruption();
    EXPECT_EQ(ends.passive->corrupt_messages(), 0u) << size << ": " << ends.passive->first_corruption();
  }
}

TEST_P(TcpInEveryWaitMode, AWaitEndsAtItsDeadlineAndNamesWhoDidNotAnswer) {
  TwoEnds ends = connected(loopback(GetParam()));
  const Wait wait = within(milliseconds(40));
  ends.active->begin_latency({}, true, wait);
  EXPECT_THAT(transport_error_of([&] { ends.active->ping(); }),
              AllOf(HasSubstr("rank 1 (there)"), HasSubstr("0 of 8 B"), HasSubstr("ETIMEDOUT")));
}

TEST_P(TcpInEveryWaitMode, AWaitEndsWhenTheRunIsCalledOff) {
  TwoEnds ends = connected(loopback(GetParam()));
  std::atomic<bool> called_off{false};
  const Wait wait = within(seconds(30), &called_off);
  ends.active->begin_latency({}, true, wait);
  std::thread caller([&] {
    std::this_thread::sleep_for(milliseconds(20));
    called_off = true;
  });
  EXPECT_THAT(transport_error_of([&] { ends.active->ping(); }), HasSubstr("called off"));
  caller.join();
}

TEST_P(TcpInEveryWaitMode, APeerThatVanishesIsNamed) {
  TwoEnds ends = connected(loopback(GetParam()));
  const Wait wait = within(seconds(30));
  ends.passive->begin_latency({}, false, wait);
  ends.active.reset();
  EXPECT_THAT(transport_error_of([&] { ends.passive->pong(); }),
              AllOf(HasSubstr("rank 0 (here)"), HasSubstr("closed")));
}

TEST_P(TcpInEveryWaitMode, APeerThatStopsReadingALargeMessageEndsAtTheDeadline) {
  TwoEnds ends = connected(loopback(GetParam(), 64u << 20), loopback(GetParam()));
  Shape shape;
  shape.size_bytes = 64u << 20;
  const Wait wait = within(milliseconds(50));
  ends.active->begin_latency(shape, true, wait);
  EXPECT_THAT(transport_error_of([&] { ends.active->ping(); }),
              AllOf(HasSubstr("send on"), HasSubstr("of 67108864 B")));
}

TEST_P(TcpInEveryWaitMode, ADamagedByteIsFoundAndSaidWhere) {
  TwoEnds ends{make_tcp_endpoint(loopback(GetParam())), make_tcp_endpoint(loopback(GetParam()))};
  const std::string true_address = ends.passive->address();
  const std::uint16_t true_port = port_of(true_address);
  constexpr std::size_t size = 3000;
  const DamagingNetwork network(true_port, 5 * size + 1234);
  std::string address = true_address;
  address.replace(address.find(std::to_string(true_port)), std::to_string(true_port).size(),
                  std::to_string(network.port()));
  const Wait wait = within(seconds(10));
  std::thread accepting([&, mine = ends.active->address()] { ends.passive->connect(mine, "rank 0", false, wait); });
  ends.active->connect(address, "rank 1", true, wait);
  accepting.join();

  Shape shape;
  shape.size_bytes = size;
  shape.verify = true;
  exchange(ends, shape, 10);
  EXPECT_EQ(ends.active->corrupt_messages(), 0u);
  EXPECT_EQ(ends.passive->corrupt_messages(), 1u);
  EXPECT_THAT(ends.passive->first_corruption(), HasSubstr("message 10 of 3000 B: byte 1234"));
  ends.active.reset();
}

TEST_P(TcpInEveryWaitMode, DescriptionSaysHowItWaitsAndWhatItIsBoundTo) {
  TwoEnds ends = connected(loopback(GetParam()));
  const std::string how = GetParam() == WaitMode::poll    ? "recv polled"
                          : GetParam() == WaitMode::block ? "recv blocking"
                                                          : "epoll_wait";
  EXPECT_THAT(ends.active->description(),
              AllOf(HasSubstr(how), HasSubstr("127.0.0.1:"), HasSubstr("bound by address")));
}

TEST(TcpRendezvous, StrangersThatConnectFirstAreDroppedWithoutAWord) {
  TwoEnds ends{make_tcp_endpoint(loopback()), make_tcp_endpoint(loopback())};
  const std::uint16_t port = port_of(ends.passive->address());
  std::vector<io::FileDescriptor> strangers;
  for (int i = 0; i < 60; ++i) strangers.push_back(dialled(port));
  send(strangers[0].get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
  send(strangers[1].get(), "half", 4, MSG_NOSIGNAL);
  strangers[2] = io::FileDescriptor();

  const Wait wait = within(seconds(10));
  std::thread accepting([&, mine = ends.active->address()] { ends.passive->connect(mine, "rank 0", false, wait); });
  ends.active->connect(ends.passive->address(), "rank 1", true, wait);
  accepting.join();
  Shape shape;
  shape.verify = true;
  exchange(ends, shape, 10);
  EXPECT_EQ(ends.passive->corrupt_messages(), 0u);

  char byte;
  EXPECT_LE(recv(strangers[0].get(), &byte, 1, 0), 0);
  EXPECT_LE(recv(strangers[3].get(), &byte, 1, 0), 0);
}

TEST(TcpRendezvous, AnImpostorAtThePeersAddressIsRefused) {
  const std::unique_ptr<Endpoint> active = make_tcp_endpoint(loopback());
  const std::unique_ptr<Endpoint> passive = make_tcp_endpoint(loopback());
  const std::unique_ptr<Endpoint> other = make_tcp_endpoint(loopback());
  const Wait wait = within(seconds(10));
  // It expects another active end than the one that comes, so its own proof is wrong.
  std::thread accepting([&, mine = other->address()] { passive->connect(mine, "rank 0", false, wait); });
  EXPECT_THAT(transport_error_of([&] { active->connect(passive->address(), "rank 1", true, wait); }),
              AllOf(HasSubstr("rank 1"), HasSubstr("not the other end of this run")));
  accepting.join();
}

TEST(TcpRendezvous, NobodyComingIsAnErrorAtTheDeadlineThatSpeaksOfFirewalls) {
  const std::unique_ptr<Endpoint> active = make_tcp_endpoint(loopback());
  const std::unique_ptr<Endpoint> passive = make_tcp_endpoint(loopback());
  const Wait wait = within(milliseconds(50));
  EXPECT_THAT(transport_error_of([&] { passive->connect(active->address(), "rank 0", false, wait); }),
              AllOf(HasSubstr("accept"), HasSubstr("rank 0"), HasSubstr("firewall")));
}

TEST(TcpRendezvous, APeerThatHasGoneIsConnectionRefused) {
  const std::unique_ptr<Endpoint> active = make_tcp_endpoint(loopback());
  std::unique_ptr<Endpoint> passive = make_tcp_endpoint(loopback());
  const std::string address = passive->address();
  passive.reset();
  EXPECT_THAT(transport_error_of([&] { active->connect(address, "rank 1", true, within(seconds(5))); }),
              AllOf(HasSubstr("ECONNREFUSED"), HasSubstr("rank 1"), HasSubstr("may have ended")));
}

TEST(TcpRendezvous, AnAddressThatIsNoneIsAnError) {
  const std::string good = make_tcp_endpoint(loopback())->address();
  for (const std::string& bad :
       {std::string(), std::string("tcp1"), "tcp2" + good.substr(4), good + "0", good.substr(0, good.size() - 1),
        std::string("tcp1 127.0.0.1 99999 ") + good.substr(good.rfind(' ') + 1),
        std::string("tcp1 localhost 80 ") + good.substr(good.rfind(' ') + 1)}) {
    const std::unique_ptr<Endpoint> endpoint = make_tcp_endpoint(loopback());
    EXPECT_THAT(transport_error_of([&] { endpoint->connect(bad, "rank 1", true, within(seconds(1))); }),
                HasSubstr("no TCP endpoint's address"))
        << bad;
  }
}

TEST(TcpEndpoint, WhatItCannotDoIsRefusedInASentence) {
  EndpointOptions options = loopback();
  options.ip = "203.0.113.7";
  EXPECT_THAT(input_error_of([&] { make_tcp_endpoint(options); }),
              HasSubstr("203.0.113.7 is not an address of this host"));
  options.ip = "spark-2";
  EXPECT_THAT(input_error_of([&] { make_tcp_endpoint(options); }), HasSubstr("\"spark-2\" is none"));
  options = loopback();
  options.memory = MemoryKind::gpu;
  EXPECT_THAT(input_error_of([&] { make_tcp_endpoint(options); }), HasSubstr("--memory host"));

  const std::unique_ptr<Endpoint> endpoint = make_tcp_endpoint(loopback(WaitMode::poll, 4096));
  Shape shape;
  shape.operation = Operation::write;
  EXPECT_THAT(input_error_of([&] { endpoint->require(shape, false); }), HasSubstr("send only, not write"));
  shape = {};
  shape.size_bytes = 4097;
  EXPECT_THAT(input_error_of([&] { endpoint->require(shape, true); }), HasSubstr("1 to 4096 B"));
  shape.size_bytes = 4096;
  EXPECT_NO_THROW(endpoint->require(shape, true));
  shape.window = 0;
  EXPECT_THAT(input_error_of([&] { endpoint->require(shape, true); }), HasSubstr("window"));
}

TEST(LatencyBlock, GivesOneSampleAnIterationAtTheInitiatorAlone) {
  TwoEnds ends = connected(loopback(WaitMode::event));
  const Wait wait = within(seconds(10));
  const measure::Clock clock = measure::Clock::monotonic_raw();
  measure::Samples sent(1000);
  measure::Samples answered(1000);
  std::thread answering([&] {
    ends.passive->begin_latency({}, false, wait);
    run_latency_block(*ends.passive, {}, false, 100, clock, answered);
  });
  ends.active->begin_latency({}, true, wait);
  run_latency_block(*ends.active, {}, true, 100, clock, sent);
  answering.join();
  EXPECT_EQ(sent.size(), 100u);
  EXPECT_EQ(answered.size(), 0u);
  for (const std::uint64_t ticks : sent.ticks()) EXPECT_GT(ticks, 0u);
}

TEST(LatencyBlock, OfManyIterationsBeginsWithOneThatIsNotTimed) {
  for (const auto& [iterations, expected] : {std::pair{7u, 7u}, {8u, 9u}, {1000u, 1001u}}) {
    EXPECT_EQ(iterations + untimed_iterations(iterations), expected);
  }
}

TEST(LatencyBlock, OfAOneSidedOperationLeavesTheOtherEndAlone) {
  class MustNotAnswer final : public Endpoint {
   public:
    Transport transport() const override { return Transport::null; }
    std::string description() const override { return ""; }
    std::string address() override { return ""; }
    void connect(const std::string&, const std::string&, bool, const Wait&) override {}
    void require(const Shape&, bool) const override {}
    void begin_latency(const Shape&, bool, const Wait&) override {}
    void ping() override { ++pings; }
    void pong() override { ++pongs; }
    void begin_stream(const Shape&, bool, bool, const Wait&) override {}
    Progress progress(bool) override { return {}; }
    std::uint64_t outstanding() const override { return 0; }
    void end_block() override {}
    int pings = 0;
    int pongs = 0;
  };
  const measure::Clock clock = measure::Clock::monotonic_raw();
  measure::Samples samples(100);
  for (const auto& [operation, pongs] :
       {std::pair{Operation::read, 0}, {Operation::atomic, 0}, {Operation::write, 7}}) {
    MustNotAnswer endpoint;
    Shape shape;
    shape.operation = operation;
    run_latency_block(endpoint, shape, false, 7, clock, samples);
    EXPECT_EQ(endpoint.pongs, pongs) << to_string(operation);
    run_latency_block(endpoint, shape, true, 7, clock, samples);
    EXPECT_EQ(endpoint.pings, 7) << to_string(operation);
  }
}

TEST(LoopOverhead, IsSomeNanoseconds) {
  const double ns = loop_overhead_ns(measure::Clock::monotonic_raw());
  EXPECT_GT(ns, 0.1);
  EXPECT_LT(ns, 1e6);
}

}  // namespace
}  // namespace rocekit::verbs
