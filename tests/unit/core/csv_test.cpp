#include "core/text/csv.h"

#include <gtest/gtest.h>

namespace rocekit::text {
namespace {

TEST(Csv, QuotesWhatHoldsACommaAQuoteOrALineEnd) {
  EXPECT_EQ(csv_field("spark-1"), "spark-1");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("the \"fast\" one"), "\"the \"\"fast\"\" one\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
}

TEST(Csv, ALineEndsOnceAndKeepsEmptyFields) {
  EXPECT_EQ(csv_line({"a", "", "c,d"}), "a,,\"c,d\"\n");
  EXPECT_EQ(csv_line({}), "\n");
}

TEST(Csv, ANumberThatIsNotThereIsAnEmptyField) {
  EXPECT_EQ(csv_number(std::optional<double>()), "");
  EXPECT_EQ(csv_number(std::optional(1.5)), "1.5");
  EXPECT_EQ(csv_number(8), "8");
}

}  // namespace
}  // namespace rocekit::text
