#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/text/near_words.h"
#include "core/text/style.h"
#include "core/text/table.h"
#include "core/text/utf8.h"

namespace rocekit::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Utf8, KeepsWellFormedText) {
  const std::string text = "a\n\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\x8C";
  EXPECT_EQ(valid_utf8(text), text);
}

TEST(Utf8, ReplacesOverlongSurrogateAndTruncatedSequences) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("\xC0\x80"), mark + mark);
  EXPECT_EQ(valid_utf8("\xE0\x80\x80"), mark + mark + mark);
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), mark + mark + mark);
  EXPECT_EQ(valid_utf8("\xE2\x82"), mark + mark);
  EXPECT_EQ(valid_utf8("\xF5\x80\x80\x80"), mark + mark + mark + mark);
}

TEST(Utf8, PrintableLeavesNoControlCharacter) {
  EXPECT_EQ(printable("a\x1B[31m\r\n\tb\x7F\xC2\x9B"), "a\\x1b[31m\\x0d\\n\\tb\\x7f\\x9b");
}

TEST(Utf8, ShortenedCutsAtCodePoints) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 4), "\xC3\xA9...");
  EXPECT_EQ(columns("\xC3\xA9z"), 2U);
}

TEST(Wrap, BreaksAtBlanksAndIndents) {
  EXPECT_THAT(wrap("one two three four", 10, 2, 4), ElementsAre("  one two", "    three", "    four"));
}

TEST(Wrap, LongWordsStayWhole) {
  EXPECT_THAT(wrap("see /sys/class/net/enp1s0f0np0/mtu now", 12, 0, 2),
              ElementsAre("see", "  /sys/class/net/enp1s0f0np0/mtu", "  now"));
}

TEST(Wrap, LongFirstWordMakesNoEmptyLine) {
  EXPECT_THAT(wrap("/a/long/path x", 5, 2, 2), ElementsAre("  /a/long/path", "  x"));
}

TEST(Wrap, BlanksAreKeptInsideALineAndDroppedWhereItBreaks) {
  EXPECT_THAT(wrap("one  (two)", 20), ElementsAre("one  (two)"));
  EXPECT_THAT(wrap("one two  (three)", 10, 0, 2), ElementsAre("one two", "  (three)"));
}

TEST(Wrap, EmptyTextIsOneEmptyLine) { EXPECT_THAT(wrap("", 10), ElementsAre("")); }

Table sample_table() {
  Table table({{"NAME"}, {"EXTRA", 2}, {"MORE", 1}, {"LAST"}});
  table.add_row({{"a"}, {"bb"}, {""}, {"d"}});
  table.add_line({"a line across all of the columns"}, 2);
  table.add_row({{"longer"}, {}, {"c"}});
  return table;
}

TEST(Table, AlignsColumnsWithoutTrailingBlanks) {
  EXPECT_EQ(sample_table().render(Style(), 60),
            "NAME    EXTRA  MORE  LAST\n"
            "a       bb           d\n"
            "a line across all of the columns\n"
            "longer         c\n");
}

TEST(Table, AlignsNumbersToTheRight) {
  Table table({{"SIZE", 0, true}, {"US", 0, true}, {"NAME"}});
  table.add_row({{"8 B"}, {"1.42"}, {"a"}});
  table.add_row({{"1 MiB"}, {"182.10"}, {""}});
  table.add_row({{""}, {""}, {"b"}});
  EXPECT_EQ(table.render(Style(), 60),
            " SIZE      US  NAME\n"
            "  8 B    1.42  a\n"
            "1 MiB  182.10\n"
            "               b\n");
}

TEST(Table, LeavesOutColumnsThatMayGoWhenTooWide) {
  EXPECT_EQ(sample_table().render(Style(), 20),
            "NAME    MORE  LAST\n"
            "a             d\n"
            "a line across all of\n"
            "  the columns\n"
            "longer  c\n");
}

TEST(Table, MeasuresWhatIsPrinted) {
  Table table({{""}, {""}});
  table.add_row({{"\x1B"}, {"x"}});
  table.add_row({{"\xC3\xA9"}, {"y"}});
  EXPECT_EQ(table.render(Style(), 60), "\\x1b  x\n\xC3\xA9     y\n");
}

TEST(Table, ColourDoesNotMoveColumns) {
  Table table({{"A"}, {"B"}});
  table.add_row({{"x", Tone::bad}, {"y"}});
  const std::string colored = table.render(Style::detect(ColorMode::always, 1), 60);
  EXPECT_NE(colored.find("\033[1;31mx\033[0m  y\n"), std::string::npos) << colored;
}

TEST(Table, RefusesRowsThatAreTooLong) {
  Table table({{"A"}});
  EXPECT_THROW(table.add_row({{"x"}, {"y"}}), std::logic_error);
}

TEST(NearWords, FindsWhatWasMeant) {
  const std::vector<std::string> known{"ROCE-MTU-001", "ROCE-MTU-002", "ROCE-NET-001", "--json", "--root"};
  EXPECT_THAT(near_words("--jsn", known), ElementsAre("--json"));
  EXPECT_THAT(near_words("roce-mut-001", known), ElementsAre("ROCE-MTU-001", "ROCE-MTU-002", "ROCE-NET-001"));
  EXPECT_THAT(near_words("frobnicate", known), IsEmpty());
  EXPECT_THAT(near_words(std::string(100000, 'x'), known), IsEmpty());
}

TEST(NearWords, DistanceCountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("mtu", "mut"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(Style, PaintsOnlyWhenAsked) {
  EXPECT_EQ(Style().paint(Tone::bad, "x"), "x");
  EXPECT_EQ(Style::detect(ColorMode::never, 1).paint(Tone::bad, "x"), "x");
  EXPECT_EQ(Style::detect(ColorMode::always, 1).paint(Tone::good, "x"), "\033[32mx\033[0m");
  EXPECT_EQ(Style::detect(ColorMode::always, 1).paint(Tone::good, ""), "");
}

}  // namespace
}  // namespace rocekit::text
