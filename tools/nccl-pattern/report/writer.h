// Lines, tables and labelled paragraphs of the text reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/style.h"
#include "core/text/table.h"

namespace rocekit::pattern {

class Writer {
 public:
  Writer(const text::Style& style, int width) : style_(style), width_(width) {}

  void title(std::string_view words);
  /// Wrapped, indented by two; further lines by four.
  void line(std::string_view words, text::Tone tone = text::Tone::plain);
  void blank() { text_ += '\n'; }
  /// A blank line, a heading, and each sentence after a dash; nothing for an empty list.
  void sentences(const char* heading, const std::vector<std::string>& list, text::Tone tone);
  /// "RANKS   spark-1 and spark-2", further lines below the words; an empty label continues the last one.
  void labelled(std::string_view label, std::string_view words, text::Tone tone = text::Tone::plain);
  /// A blank line, then "BUDGET   where the median goes".
  void heading(std::string_view label, std::string_view words);
  void table(const text::Table& table, int indent = 2) { text_ += table.render(style_, width_, indent); }
  void raw(std::string_view ready) { text_ += ready; }

  const text::Style& style() const { return style_; }
  int width() const { return width_; }
  std::string take() { return std::move(text_); }

 private:
  const text::Style& style_;
  int width_;
  std::string text_;
};

}  // namespace rocekit::pattern
