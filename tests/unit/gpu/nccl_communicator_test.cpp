#include "collectives/nccl/nccl_communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "collectives/nccl/gpu_device.h"
#include "core/error.h"
#include "tests/unit/gpu/fake_nccl.h"

namespace {

using namespace rocekit;
using namespace rocekit::collectives;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using traffic::DataType;
using traffic::OpKind;

/// A GPU without one: addresses, and whether work is still enqueued.
class FakeGpu final : public GpuDevice {
 public:
  int ordinal() const override { return 0; }
  dynlib::CudaStream stream() const override { return nullptr; }
  std::function<void()> context_setter() const override {
    return [] {};
  }
  bool idle() const override { return idle_; }
  void allocate_with(std::function<void*(std::size_t)>, std::function<void(void*)>) override {}
  std::vector<std::string> notes() const override { return {}; }
  std::string description() const override { return "GPU 0"; }
  std::uint64_t default_memory_cap() const override { return 0; }
  void reserve(std::size_t, std::size_t) override {}
  std::byte* send_buffer() const override { return reinterpret_cast<std::byte*>(std::uintptr_t{1000000}); }
  std::byte* receive_buffer() const override { return reinterpret_cast<std::byte*>(std::uintptr_t{2000000}); }
  void fill(std::size_t, std::uint64_t, DataType, int, std::uint32_t) override {}
  void clear_receive() override {}
  Mismatch check(std::span<const Segment>, DataType, int, std::uint32_t, const Wait&) override { return {}; }
  void compute(double) override {}
  void synchronize(const Wait&) override {
    for (const auto& watch : watches) watch();
  }
  void add_watch(std::function<void()> watch) override { watches.push_back(std::move(watch)); }

  std::vector<std::function<void()>> watches;
  bool idle_ = true;
};

Wait soon(std::chrono::milliseconds time = 10s) { return {Deadline::after(time)}; }

class NcclCommunicatorTest : public testing::Test {
 protected:
  void SetUp() override { use(FAKE_NCCL); }
  void use(const char* path) {
    dynlib::SharedLibrary file(path);
    tell_to = file.function<void(const FakeNccl*)>("fake_nccl_tell");
    calls_of = file.function<const char*()>("fake_nccl_calls");
    file.function<void()>("fake_nccl_forget")();
    FakeNccl behaviour;
    if (std::strcmp(path, FAKE_OLD_NCCL) == 0) behaviour.version = 21705;
    tell(behaviour);
    library = std::make_unique<NcclLibrary>(NcclLibrary::load(path));
  }
  void tell(const FakeNccl& behaviour) { tell_to(&behaviour); }
  std::unique_ptr<Communicator> make(int rank = 1, int ranks = 2, const std::string& net = "") {
    Membership membership;
    membership.rank = rank;
    for (int i = 0; i < ranks; ++i) membership.names.push_back("rank " + std::to_string(i) + " (node)");
    return make_nccl_communicator(gpu, *library, membership, NcclOptions{net});
  }
  std::unique_ptr<Communicator> connected(int rank = 1, int ranks = 2) {
    auto communicator = make(rank, ranks);
    communicator->connect({std::string(128, 'u')}, soon());
    return communicator;
  }
  std::string calls() const { return calls_of(); }
  /// Those after connecting.
  std::string issued(Communicator& communicator, const std::vector<Call>& launch) {
    const std::size_t before = calls().size();
    communicator.enqueue(launch, soon());
    const std::string all = calls();
    return all.substr(std::min(all.size(), before + 1));
  }
  template <class Error>
  static std::string sentence(const std::function<void()>& what) {
    try {
      what();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  FakeGpu gpu;
  void (*tell_to)(const FakeNccl*) = nullptr;
  const char* (*calls_of)() = nullptr;
  std::unique_ptr<NcclLibrary> library;
};

Call call_of(OpKind kind, std::uint64_t elements) {
  Call call;
  call.kind = kind;
  call.type = DataType::fp32;
  call.elements = elements;
  return call;
}

TEST_F(NcclCommunicatorTest, ConnectsByTheUniqueIdOfRankZero) {
  EXPECT_EQ(make(0)->address(), std::string(128, 'u'));
  EXPECT_EQ(make(1)->address(), "");
  const auto communicator = make(1, 3, "Socket");
  communicator->connect({std::string(128, 'u'), "", ""}, soon());
  EXPECT_EQ(calls(), "init1/3uSocket");
  EXPECT_EQ(communicator->description(), "NCCL 2.28.9, network Socket");
}

TEST_F(NcclCommunicatorTest, OneCollectiveIsOneCall) {
  const auto communicator = connected();
  Call reduce = call_of(OpKind::all_reduce, 8);
  reduce.send_offset = 256;
  reduce.receive_offset = 512;
  EXPECT_EQ(issued(*communicator, {reduce}), "all_reduce(1000256,2000512,8,7,0)");
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::all_gather, 8)}), "all_gather(8)");
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::reduce_scatter, 8)}), "reduce_scatter(4)");
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::all_to_all, 8)}), "all_to_all(4)");
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::broadcast, 8)}), "broadcast(8,0)");
}

TEST_F(NcclCommunicatorTest, CallsOfALaunchRunTogether) {
  const auto communicator = connected();
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::all_gather, 8), call_of(OpKind::all_gather, 2)}),
            "{ all_gather(8) all_gather(2) }");
}

TEST_F(NcclCommunicatorTest, BeforeAllToAllWasACallItIsSendsAndReceives) {
  use(FAKE_OLD_NCCL);
  const auto communicator = connected();
  EXPECT_EQ(issued(*communicator, {call_of(OpKind::all_to_all, 8)}),
            "{ send(1000000,4,to 0) recv(2000000,4,from 0) send(1000016,4,to 1) recv(2000016,4,from 1) }");
}

TEST_F(NcclCommunicatorTest, UnevenExchangesArePackedAndLeaveOutEmptyPairs) {
  const auto communicator = connected();
  Call call;
  call.kind = OpKind::all_to_all_v;
  call.type = DataType::bytes;
  call.pairs = {2, {3, 5, 0, 7}};
  EXPECT_EQ(issued(*communicator, {call}), "{ recv(2000000,5,from 0) send(1000000,7,to 1) recv(2000005,7,from 1) }");
}

TEST_F(NcclCommunicatorTest, FormsOfSendAndReceive) {
  const auto communicator = connected(1, 3);
  Call call = call_of(OpKind::send_recv, 4);
  call.from = 0;
  call.to = 1;
  EXPECT_EQ(issued(*communicator, {call}), "{ send(1000000,4,to 2) recv(2000000,4,from 0) }") << "ring";
  call.form = SendRecvForm::bidirectional;
  EXPECT_EQ(issued(*communicator, {call}), "{ send(1000000,4,to 0) recv(2000000,4,from 0) }");
  call.form = SendRecvForm::one_way;
  EXPECT_EQ(issued(*communicator, {call}), "recv(2000000,4,from 0)");
  call.form = SendRecvForm::ping_pong;
  EXPECT_EQ(issued(*communicator, {call}), "recv(2000000,4,from 0) send(2000000,4,to 0)") << "what it got goes back";
  call.from = 2;
  call.to = 0;
  EXPECT_EQ(issued(*communicator, {call}), "") << "others take no part";
}

TEST_F(NcclCommunicatorTest, ErrorsCarryNcclsTextAndTheCheckThatExplainsThem) {
  FakeNccl fake;
  fake.init_result = 5;
  fake.last_error = "Failed to initialize any NET plugin\n";
  tell(fake);
  EXPECT_THAT(sentence<CollectiveError>([&] { make(1, 2, "IB")->connect({std::string(128, 'u')}, soon()); }),
              AllOf(HasSubstr("ncclCommInitRankConfig: invalid usage (Failed to initialize any NET plugin)"),
                    HasSubstr("network IB between rank 0 (node) and rank 1 (node)"), HasSubstr("ROCE-ENV-006")));
  EXPECT_THAT(sentence<CollectiveError>([&] { make(1, 2, "Foo")->connect({std::string(128, 'u')}, soon()); }),
              HasSubstr("no network named Foo is here; roce-probe explain ROCE-ENV-008"));
  tell({});
  const auto communicator = connected();
  fake.all_reduce_result = 3;
  fake.last_error = "out of luck";
  tell(fake);
  EXPECT_THAT(sentence<CollectiveError>([&] { issued(*communicator, {call_of(OpKind::all_reduce, 8)}); }),
              HasSubstr("ncclAllReduce: internal error (out of luck)"));
}

TEST_F(NcclCommunicatorTest, TextsOfNcclAreLedToTheirChecks) {
  const std::pair<const char*, const char*> expected[] = {
      {"Bootstrap : no socket interface found", "ROCE-ENV-005"},
      {"socketPollConnect: connect to 192.0.2.1<5> returned Connection refused, exceeded error retry count",
       "PAIR-012"},
      {"Mismatched NCCL version detected : rank 0 version 22809 rank 1 version 22703", "ROCE-PAIR-005"},
      {"Call to ibv_modify_qp failed with 110 Connection timed out, on dev mlx5_0:1", "ROCE-PAIR-003"},
      {"Call to ibv_modify_qp failed with 61 No data available, on dev mlx5_0:1", "ROCE-GID-001"},
      {"Call to ibv_modify_qp failed with 101 Network is unreachable, on dev mlx5_0:1", "ROCE-NET-003"},
      {"NET/IB: Got completion from peer 192.0.2.1<5> with status=12 opcode=0 len=0 vendor err 129", "ROCE-PAIR-003"},
      {"NET/IB: Got completion from peer 192.0.2.1<5> with status=IBV_WC_RETRY_EXC_ERR(12)", "ROCE-PAIR-003"},
      {"Call to ibv_create_cq failed with error Cannot allocate memory", "ROCE-ACC-003"},
      {"Call to ibv_reg_mr failed with error Cannot allocate memory", "ROCE-ACC-003"},
      {"Call to ibv_reg_mr_iova2 failed with error Bad address", "ROCE-ACC-007"},
  };
  const auto communicator = connected();
  FakeNccl fake;
  fake.async_error = 6;
  for (const auto& [text, check] : expected) {
    fake.last_error = text;
    tell(fake);
    EXPECT_THAT(sentence<CollectiveError>([&] { gpu.synchronize(soon()); }), AllOf(HasSubstr(text), HasSubstr(check)));
  }
  for (const char* text :
       {"Duplicate GPU detected : rank 0 and rank 1 both on CUDA device 1000",
        "NET/IB: Got completion from peer 192.0.2.1<5> with status=4 opcode=12 vendor err 12 (Send)"}) {
    fake.last_error = text;
    tell(fake);
    EXPECT_THAT(sentence<CollectiveError>([&] { gpu.synchronize(soon()); }), Not(HasSubstr("ROCE-")));
  }
}

TEST_F(NcclCommunicatorTest, ANetworkByNameNeedsALibraryThatTakesOne) {
  use(FAKE_OLD_NCCL);
  FakeNccl fake;
  fake.version = 21602;
  tell(fake);
  library = std::make_unique<NcclLibrary>(NcclLibrary::load(FAKE_OLD_NCCL));
  EXPECT_THAT(sentence<InputError>([&] { make(1, 2, "IB"); }), HasSubstr("2.16.2"));
  EXPECT_NO_THROW(make());
}

TEST_F(NcclCommunicatorTest, ARankThatNeverComesEndsTheWait) {
  FakeNccl fake;
  fake.hang_in_init = true;
  tell(fake);
  EXPECT_THAT(sentence<CollectiveError>([&] { make()->connect({std::string(128, 'u')}, soon(50ms)); }),
              AllOf(HasSubstr("not connected in time"), HasSubstr("ROCE-ENV-005"), HasSubstr("ROCE-PAIR-010")));
  std::atomic<bool> called_off{true};
  EXPECT_THAT(sentence<CollectiveError>([&] {
                make()->connect({std::string(128, 'u')}, {Deadline::after(10s), &called_off});
              }),
              HasSubstr("called off"));
  // Threads that are left behind begin before the next test.
  while (calls() != "init1/2u init1/2u") std::this_thread::sleep_for(1ms);
}

TEST_F(NcclCommunicatorTest, ACallThatDoesNotReturnIsEndedAtTheDeadline) {
  const auto communicator = connected();
  FakeNccl fake;
  fake.hang_in_all_reduce = true;
  tell(fake);
  const Call call = call_of(OpKind::all_reduce, 8);
  EXPECT_THAT(sentence<CollectiveError>([&] {
                communicator->enqueue({&call, 1}, soon(50ms));
              }),
              AllOf(HasSubstr("ncclAllReduce did not return in time"), HasSubstr("ROCE-PAIR-019")));
  EXPECT_THAT(calls(), HasSubstr("revoke")) << "not taken away under the call";
  EXPECT_THAT(sentence<CollectiveError>([&] { communicator->enqueue({&call, 1}, soon()); }), HasSubstr("ended before"));
}

TEST_F(NcclCommunicatorTest, ErrorsOfPeersAreSeenWhileTheDeviceWaits) {
  const auto communicator = connected();
  EXPECT_NO_THROW(gpu.synchronize(soon()));
  FakeNccl fake;
  fake.async_error = 6;
  fake.last_error = "Connection closed by remote peer";
  tell(fake);
  EXPECT_THAT(sentence<CollectiveError>([&] { gpu.synchronize(soon()); }),
              AllOf(HasSubstr("rank 0 (node)"), HasSubstr("Connection closed by remote peer")));
}

TEST_F(NcclCommunicatorTest, WatchesEndWithTheCommunicator) {
  connected().reset();
  FakeNccl fake;
  fake.async_error = 6;
  tell(fake);
  EXPECT_NO_THROW(gpu.synchronize(soon()));
}

TEST_F(NcclCommunicatorTest, EndsInOrderOnlyWhenNothingIsEnqueued) {
  connected().reset();
  EXPECT_THAT(calls(), AllOf(HasSubstr("destroy"), Not(HasSubstr("abort"))));
  gpu.idle_ = false;
  SetUp();
  connected().reset();
  EXPECT_THAT(calls(), AllOf(HasSubstr("abort"), Not(HasSubstr("destroy"))));
}

TEST_F(NcclCommunicatorTest, AnyThreadMayAbort) {
  const auto communicator = connected();
  std::thread([&] { communicator->abort(); }).join();
  EXPECT_THAT(calls(), HasSubstr("abort"));
  const Call call = call_of(OpKind::all_reduce, 8);
  EXPECT_THAT(sentence<CollectiveError>([&] { communicator->enqueue({&call, 1}, soon()); }), HasSubstr("ended before"));
}

}  // namespace
