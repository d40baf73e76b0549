// Sizes as people write them.
#include "core/text/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace rocekit::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string sentence_of(const std::string& list) {
  try {
    parse_sizes(list);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Sizes, UnitsArePowersOf1024InAnyCase) {
  EXPECT_EQ(parse_size("8"), 8U);
  EXPECT_EQ(parse_size("4K"), 4096U);
  EXPECT_EQ(parse_size("4k"), 4096U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("64 kb"), 65536U);
  EXPECT_EQ(parse_size("1M"), 1048576U);
  EXPECT_EQ(parse_size("2G"), 2147483648U);
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("12b"), 12U);
}

TEST(Sizes, AFractionOfAUnitIsWholeBytesOrRefused) {
  EXPECT_EQ(parse_size("1.5M"), 1572864U);
  EXPECT_EQ(parse_size("0.5K"), 512U);
  EXPECT_THROW(parse_size("1.5"), InputError);
  EXPECT_THROW(parse_size("0.3K"), InputError);
  EXPECT_THROW(parse_size("1."), InputError);
  EXPECT_THROW(parse_size("1.2.3K"), InputError);
}

TEST(Sizes, ListsKeepTheirOrderAndNameEachSizeOnce) {
  EXPECT_THAT(parse_sizes("64K,8, 4K,8"), ElementsAre(65536, 8, 4096));
  EXPECT_THAT(parse_sizes("8,,16,"), ElementsAre(8, 16));
}

TEST(Sizes, RangesDoubleAndEndAtTheirEnd) {
  EXPECT_THAT(parse_sizes("2:16"), ElementsAre(2, 4, 8, 16));
  EXPECT_THAT(parse_sizes("3:20"), ElementsAre(3, 6, 12, 20));
  EXPECT_THAT(parse_sizes("1K:64K:8"), ElementsAre(1024, 8192, 65536));
  EXPECT_THAT(parse_sizes("5:5"), ElementsAre(5));
  EXPECT_EQ(parse_sizes("2:8M").size(), 23U);
  EXPECT_EQ(parse_sizes("1:4G").back(), 4294967296U);
  EXPECT_THAT(parse_sizes("8,1K:2K"), ElementsAre(8, 1024, 2048));
}

TEST(Sizes, WhatCannotBeUsedIsOneSentenceThatNamesIt) {
  EXPECT_THAT(sentence_of("4Q"), HasSubstr("\"4Q\" is no size"));
  EXPECT_THAT(sentence_of("-1"), HasSubstr("\"-1\""));
  EXPECT_THAT(sentence_of("K"), HasSubstr("is no size"));
  EXPECT_THAT(sentence_of(""), HasSubstr("at least one"));
  EXPECT_THAT(sentence_of("8:2"), HasSubstr("runs downwards"));
  EXPECT_THAT(sentence_of("0:8"), HasSubstr("starts at 1"));
  EXPECT_THAT(sentence_of("1:8:1"), HasSubstr("2 to 1024"));
  EXPECT_THAT(sentence_of("99999999999999999999"), HasSubstr("is no size"));
  EXPECT_THAT(sentence_of("9000000000G"), HasSubstr("that fits"));
  EXPECT_THAT(sentence_of("1\033[31m"), testing::Not(HasSubstr("\033")));
}

TEST(Sizes, AreWrittenExactlyOrInThreeDigits) {
  EXPECT_EQ(exact_size(4096), "4 KiB");
  EXPECT_EQ(exact_size(1572864), "1536 KiB");
  EXPECT_EQ(exact_size(4100), "4100 B");
  EXPECT_EQ(exact_size(0), "0 B");
  EXPECT_EQ(rounded_size(151936), "148 KiB");
  EXPECT_EQ(rounded_size(5760), "5.62 KiB");
  EXPECT_EQ(rounded_size(1048575), "1 MiB");
  EXPECT_EQ(rounded_size(900), "900 B");
  EXPECT_EQ(rounded_size(33554432), "32 MiB");
}

}  // namespace
}  // namespace rocekit::text
