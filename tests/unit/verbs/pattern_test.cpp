#include "verbs/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace rocekit::verbs {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes message(std::size_t size, std::uint64_t sequence) {
  Bytes bytes(size);
  fill_pattern(bytes.data(), size, sequence);
  return bytes;
}

const std::vector<std::size_t> sizes{1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 1023, 1024, 1025, 4096, 65'537};

TEST(Pattern, WhatWasFilledIsRightAtEverySizeAndAlignment) {
  for (const std::size_t size : sizes) {
    for (std::size_t shift = 0; shift < 9; ++shift) {
      Bytes bytes(size + shift + 1, 0xee);
      fill_pattern(bytes.data() + shift, size, 77);
      EXPECT_FALSE(check_pattern(bytes.data() + shift, size, 77)) << size << " at " << shift;
      EXPECT_EQ(bytes.back(), 0xee) << "wrote past " << size;
    }
  }
}

TEST(Pattern, EveryFlippedBitIsFoundWhereItIs) {
  for (const std::size_t size : {1u, 2u, 8u, 9u, 31u, 2049u}) {
    Bytes bytes = message(size, 5);
    for (std::size_t offset = 0; offset < size; ++offset) {
      const unsigned char right = bytes[offset];
      bytes[offset] = static_cast<unsigned char>(right ^ (1u << (offset % 8)));
      const auto corruption = check_pattern(bytes.data(), size, 5);
      ASSERT_TRUE(corruption) << size << " at " << offset;
      EXPECT_EQ(corruption->offset, offset);
      EXPECT_EQ(corruption->expected, right);
      EXPECT_EQ(corruption->found, bytes[offset]);
      bytes[offset] = right;
    }
  }
}

TEST(Pattern, TheFirstOfSeveralWrongBytesIsNamed) {
  Bytes bytes = message(5000, 5);
  for (const std::size_t offset : {4999u, 3000u, 2999u}) bytes[offset] ^= 0xffu;
  EXPECT_EQ(check_pattern(bytes.data(), bytes.size(), 5)->offset, 2999u);
}

TEST(Pattern, AStaleMessageDiffersFromItsFirstByte) {
  for (const std::size_t size : sizes) {
    for (std::uint64_t sequence : {0u, 1u, 100u, 253u}) {
      const Bytes bytes = message(size, sequence);
      const auto corruption = check_pattern(bytes.data(), size, sequence + 1);
      ASSERT_TRUE(corruption) << size;
      EXPECT_EQ(corruption->offset, 0u) << size;
    }
  }
}

TEST(Pattern, NoTwoOfManyMessagesAreEqual) {
  std::set<Bytes> seen;
  for (std::uint64_t sequence = 0; sequence < 20'000; ++sequence) {
    EXPECT_TRUE(seen.insert(message(9, sequence)).second) << sequence;
  }
}

TEST(Pattern, ContentOfTheSlotBeforeItDiffersInEveryPowerOfTwoOfSlots) {
  for (std::uint64_t slots = 1; slots <= 65'536; slots *= 2) {
    for (std::uint64_t sequence = slots; sequence < slots + 600; ++sequence) {
      ASSERT_NE(message(1, sequence), message(1, sequence - slots)) << slots << " slots, message " << sequence;
    }
  }
}

TEST(Pattern, ATailThatDidNotArriveIsSeenDownToOneByte) {
  for (const std::size_t size : sizes) {
    for (std::uint64_t sequence = 300; sequence < 700; sequence += 7) {
      for (const std::size_t missing : {std::size_t{1}, size / 2 + 1, size}) {
        Bytes slot = message(size, sequence - 128);
        const Bytes sent = message(size, sequence);
        std::memcpy(slot.data(), sent.data(), size - missing);
        ASSERT_TRUE(check_pattern(slot.data(), size, sequence)) << size << " less " << missing;
        slot.assign(size, 0);
        std::memcpy(slot.data(), sent.data(), size - missing);
        ASSERT_TRUE(check_pattern(slot.data(), size, sequence)) << size << " less " << missing << ", zeros";
      }
    }
  }
}

TEST(Pattern, ShiftedAndRepeatedContentIsSeen) {
  const Bytes sent = message(8192, 9);
  for (const std::size_t shift : {1u, 4u, 8u, 64u, 1024u, 2048u, 4096u}) {
    Bytes moved = sent;
    std::memmove(moved.data(), sent.data() + shift, sent.size() - shift);
    EXPECT_LT(check_pattern(moved.data(), moved.size(), 9)->offset, 4u) << shift;
  }
  Bytes repeated = sent;
  std::memcpy(repeated.data() + 4096, sent.data(), 4096);
  EXPECT_GE(check_pattern(repeated.data(), repeated.size(), 9)->offset, 4096u);
}

TEST(Pattern, LastByteTellsAMessageFromTheOneBeforeAndFromZeroedMemory) {
  std::uint8_t before = 0;
  for (std::uint64_t sequence = 0; sequence < 2000; ++sequence) {
    for (const std::size_t size : {1u, 8u, 11u}) {
      ASSERT_EQ(message(size, sequence).back(), pattern_last_byte(sequence));
    }
    ASSERT_NE(pattern_last_byte(sequence), before);
    ASSERT_NE(pattern_last_byte(sequence), 0);
    before = pattern_last_byte(sequence);
  }
}

TEST(PatternLog, CountsWrongMessagesAndKeepsTheFirstInWords) {
  PatternLog log;
  Bytes bytes = message(4096, 17);
  log.check(bytes.data(), bytes.size(), 17);
  EXPECT_EQ(log.corrupt_messages(), 0u);
  EXPECT_EQ(log.first_corruption(), "");

  const unsigned char right = bytes[1024];
  bytes[1024] = static_cast<unsigned char>(~right);
  log.check(bytes.data(), bytes.size(), 17);
  log.check(bytes.data(), bytes.size(), 18);
  EXPECT_EQ(log.corrupt_messages(), 2u);
  EXPECT_THAT(log.first_corruption(), testing::HasSubstr("message 17 of 4096 B: byte 1024 is 0x"));

  log.clear();
  EXPECT_EQ(log.corrupt_messages(), 0u);
  EXPECT_EQ(log.first_corruption(), "");
}

}  // namespace
}  // namespace rocekit::verbs
