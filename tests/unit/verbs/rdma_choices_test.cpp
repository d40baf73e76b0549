// What RDMA endpoints decide without a device: GID, deviations of drivers, causes of errors, addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "core/error.h"
#include "verbs/causes.h"
#include "verbs/device_deviations.h"
#include "verbs/error.h"
#include "verbs/gid_choice.h"
#include "verbs/rdma_address.h"

namespace rocekit::verbs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Type = GidEntry::Type;

GidEntry link_local(int index, Type type) {
  return {index, type, {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x52, 0x54, 0, 0xff, 0xfe, 0, 1, 1}};
}
GidEntry ipv4(int index, Type type, std::uint8_t third, std::uint8_t last) {
  return {index, type, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, third, last}};
}

/// As on a GB10: each address as v1 and v2, and an index that has drifted.
std::vector<GidEntry> gb10() {
  return {link_local(0, Type::roce_v1),    link_local(1, Type::roce_v2),    ipv4(2, Type::roce_v1, 100, 11),
          ipv4(4, Type::roce_v2, 101, 11), ipv4(5, Type::roce_v2, 100, 11), ipv4(7, Type::roce_v2, 100, 11)};
}

GidRequest request(std::string ip = {}, std::optional<int> index = std::nullopt) {
  return {"rocep1s0f0:1", true, 256, std::move(ip), index};
}

std::string said_by(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(GidChoice, TakesTheRoceV2EntryOfTheAddressWhateverItsIndex) {
  EXPECT_EQ(choose_gid(gb10(), request("192.168.100.11")).index, 5);
  EXPECT_EQ(choose_gid(gb10(), request("192.168.101.11")).index, 4);
}

TEST(GidChoice, WithoutAnAddressTakesTheFirstRoceV2EntryThatHasOne) {
  EXPECT_EQ(choose_gid(gb10(), request()).index, 4);
}

TEST(GidChoice, NeverFallsBackToLinkLocalOrRoceV1) {
  const std::vector<GidEntry> entries{link_local(0, Type::roce_v1), link_local(1, Type::roce_v2),
                                      ipv4(2, Type::roce_v1, 100, 11)};
  EXPECT_THAT(said_by([&] { choose_gid(entries, request("192.168.100.11")); }),
              AllOf(HasSubstr("rocep1s0f0:1"), HasSubstr("no RoCE v2 GID for 192.168.100.11"),
                    HasSubstr("2 (RoCE v1, 192.168.100.11)"), HasSubstr("ROCE-GID-001")));
  EXPECT_THAT(said_by([&] { choose_gid(entries, request()); }), HasSubstr("ROCE-NET-001"));
  EXPECT_THAT(said_by([&] { choose_gid({}, request()); }), HasSubstr("it has none"));
}

TEST(GidChoice, AnIndexOverridesAndMustExist) {
  EXPECT_EQ(choose_gid(gb10(), request("192.168.100.11", 1)).index, 1);
  EXPECT_THROW(choose_gid(gb10(), request("", 3)), InputError);
  EXPECT_THAT(said_by([&] { choose_gid(gb10(), request("", 3)); }), HasSubstr("that entry of rocep1s0f0:1 is empty"));
  EXPECT_THAT(said_by([&] { choose_gid(gb10(), request("", 256)); }), HasSubstr("has GID indexes 0 to 255"));
  EXPECT_THAT(said_by([&] { choose_gid(gb10(), request("", -1)); }), HasSubstr("has GID indexes 0 to 255"));
}

TEST(GidChoice, InfinibandTakesItsFirst) {
  GidRequest infiniband = request("192.168.100.11");
  infiniband.ethernet = false;
  const std::vector<GidEntry> entries{link_local(0, Type::infiniband)};
  EXPECT_EQ(choose_gid(entries, infiniband).index, 0);
  EXPECT_THROW(choose_gid({}, infiniband), TransportError);
}

TEST(GidChoice, ReadsIpv4OutOfMappedGidsOnly) {
  EXPECT_EQ(ipv4_of(ipv4(0, Type::roce_v2, 100, 11).gid), "192.168.100.11");
  EXPECT_EQ(ipv4_of(link_local(0, Type::roce_v2).gid), std::nullopt);
}

TEST(DeviceDeviations, KnowsDriversByVendorAndPart) {
  EXPECT_STREQ(deviations_of(0xffffff, 0).driver, "Soft-RoCE");
  EXPECT_STREQ(deviations_of(0x02c9, 4129).driver, "mlx5");  // ConnectX-7
  EXPECT_STREQ(deviations_of(0x02c9, 4099).driver, "mlx4");  // ConnectX-3
  EXPECT_STREQ(deviations_of(0x1234, 1).driver, "unknown");
  EXPECT_FALSE(deviations_of(0xffffff, 0).writes_last_byte_last);
  EXPECT_TRUE(deviations_of(0x02c9, 4129).writes_last_byte_last);
  EXPECT_EQ(deviations_of(0x02c9, 4129).default_inline_bytes, 220);
}

TEST(DeviceDeviations, SoftRoceIsNotAskedForSevenRetriesWhichItNeverEnds) {
  EXPECT_LT(deviations_of(0xffffff, 0).retry_count, 7);
}

TEST(DeviceDeviations, ADeadPeerShowsWithinThreeSeconds) {
  for (const std::uint32_t vendor : {0xffffffu, 0x626d74u, 0x02c9u, 0x14e4u, 0x8086u, 0x19e5u, 0x1234u}) {
    const DeviceDeviations& deviations = deviations_of(vendor, 4129);
    const double timeout = 4.096e-6 * static_cast<double>(1u << deviations.ack_timeout);
    EXPECT_LT(timeout * (deviations.retry_count + 1), 3.0) << deviations.driver;
    EXPECT_GT(timeout * (deviations.retry_count + 1), 0.4) << deviations.driver;
  }
}

TEST(Causes, AnOpenThatFailsIsJudgedByTheNodeNotByLibibverbs) {
  EXPECT_EQ(cause_of_open({"/dev/infiniband/uverbs0", EACCES}).check_id, "ROCE-ACC-002");
  EXPECT_EQ(cause_of_open({"/dev/infiniband/uverbs0", EPERM}).check_id, "ROCE-ACC-002");
  EXPECT_EQ(cause_of_open({"/dev/infiniband/uverbs0", ENOENT}).check_id, "ROCE-ACC-001");
  EXPECT_EQ(cause_of_open({"", 0}).check_id, "ROCE-ACC-001");
  EXPECT_EQ(cause_of_open({"/dev/infiniband/uverbs0", 0}).check_id, "ROCE-DEV-002");
  EXPECT_THAT(cause_of_open({"/dev/infiniband/uverbs0", EACCES}).sentence, HasSubstr("/dev/infiniband/uverbs0"));
}

TEST(Causes, RegistrationNamesTheLimitThatItLookedAt) {
  const LockedMemory container{8u << 20, false, false};
  const Cause cause = cause_of_registration(ENOMEM, 16u << 20, 2u << 20, container);
  EXPECT_EQ(cause.check_id, "ROCE-ACC-003");
  EXPECT_THAT(cause.sentence, AllOf(HasSubstr("is 8 MiB"), HasSubstr("asked for: 16 MiB beside 2 MiB"),
                                    HasSubstr("--ulimit memlock=-1:-1")));
  EXPECT_EQ(cause_of_registration(ENOMEM, 16u << 20, 0, {std::nullopt, false, true}).check_id, "ROCE-ACC-004");
  EXPECT_EQ(cause_of_registration(ENOMEM, 16u << 20, 0, {std::nullopt, false, false}).check_id, "");
  EXPECT_THAT(cause_of_registration(ENOMEM, 16u << 20, 0, {8u << 20, true, false}).sentence, HasSubstr("rootless"));
  EXPECT_EQ(cause_of_registration(EINVAL, 16u << 20, 0, container).check_id, "");
}

TEST(Causes, EachErrnoOfConnectingHasItsCheck) {
  const ConnectEvidence evidence{"RoCE v2, 192.168.100.11", "RoCE v2, 192.168.101.12", 3};
  EXPECT_EQ(cause_of_connect(ENODATA, evidence).check_id, "ROCE-GID-001");
  EXPECT_EQ(cause_of_connect(ETIMEDOUT, evidence).check_id, "ROCE-PAIR-003");
  EXPECT_EQ(cause_of_connect(ENETUNREACH, evidence).check_id, "ROCE-NET-003");
  EXPECT_EQ(cause_of_connect(ENODEV, evidence).check_id, "ROCE-GID-003");
  EXPECT_THAT(cause_of_connect(ETIMEDOUT, evidence).sentence,
              AllOf(HasSubstr("192.168.100.11"), HasSubstr("192.168.101.12")));
  EXPECT_EQ(cause_of_connect(EPIPE, evidence).check_id, "");
}

TEST(Causes, CompletionsSayWhatTheyUsuallyMean) {
  EXPECT_EQ(cause_of_completion(IBV_WC_RETRY_EXC_ERR, 0.5, false).check_id, "ROCE-CTR-001");
  EXPECT_THAT(cause_of_completion(IBV_WC_RETRY_EXC_ERR, 0.5, false).sentence, HasSubstr("0.5 s"));
  EXPECT_EQ(cause_of_completion(IBV_WC_RNR_RETRY_EXC_ERR, 0.5, false).check_id, "ROCE-CTR-003");
  EXPECT_EQ(cause_of_completion(IBV_WC_LOC_PROT_ERR, 0.5, true).check_id, "ROCE-ACC-007");
  EXPECT_EQ(cause_of_completion(IBV_WC_LOC_PROT_ERR, 0.5, false).check_id, "");
  EXPECT_STREQ(name_of(IBV_WC_RETRY_EXC_ERR), "IBV_WC_RETRY_EXC_ERR");
  EXPECT_STREQ(name_of(IBV_WC_TM_RNDV_INCOMPLETE), "IBV_WC_TM_RNDV_INCOMPLETE");
  EXPECT_STREQ(name_of(static_cast<ibv_wc_status>(31)), "an unknown status");
}

TEST(Causes, APortIsFaultyUnlessActive) {
  EXPECT_EQ(port_fault(IBV_PORT_ACTIVE), std::nullopt);
  EXPECT_EQ(port_fault(IBV_PORT_DOWN), "the port is DOWN");
  EXPECT_NE(port_fault(IBV_PORT_INIT), std::nullopt);
}

TEST(Causes, SizesReadAsPeopleWriteThem) {
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(65536), "64 KiB");
  EXPECT_EQ(size_text(3u << 19), "1.5 MiB");
  EXPECT_EQ(size_text(std::uint64_t{1} << 34), "16 GiB");
}

RdmaAddress example() {
  RdmaAddress address;
  address.lid = 0x1234;
  address.gid = ipv4(0, Type::roce_v2, 100, 11).gid;
  address.active_mtu = IBV_MTU_4096;
  address.reads_in = 16;
  address.max_size = 1u << 20;
  address.slots = 2;
  address.q_key = 0x11223344;
  address.control = {0x7f0011223344u, 0xa1b2c3d4};
  address.outbound = {0xffff00001111u, 1};
  address.inbound = {0x1000, 0xffffffff};
  address.pairs = {{17, 0xabcdef}, {18, 1}};
  return address;
}

TEST(RdmaAddress, ReturnsAsItWasSent) {
  EXPECT_EQ(decode_rdma_address(encode(example()), "rank 1"), example());
  EXPECT_EQ(encode(example()).substr(0, 4), "1RkR");  // the same bytes on every machine
}

TEST(RdmaAddress, RefusesWhatIsNoAddress) {
  const std::string good = encode(example());
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(decode_rdma_address(good.substr(0, length), "rank 1"), TransportError) << length;
  }
  EXPECT_THROW(decode_rdma_address(good + '\0', "rank 1"), TransportError);
  EXPECT_THROW(decode_rdma_address("X" + good.substr(1), "rank 1"), TransportError);
  std::string wrong_mtu = good;
  constexpr std::size_t mtu_at = 4 + 1 + 2 + 16;  // magic, link layer, LID, GID
  ASSERT_EQ(wrong_mtu[mtu_at], IBV_MTU_4096);
  wrong_mtu[mtu_at] = 9;
  EXPECT_THROW(decode_rdma_address(wrong_mtu, "rank 1"), TransportError);
}

}  // namespace
}  // namespace rocekit::verbs
