// Tables and wrapped paragraphs for a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/style.h"

namespace rocekit::text {

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
};

struct Column {
  std::string title;
  /// 0: always shown; else left out when the table is too wide, the highest number first.
  int drop_order = 0;
  bool right = false;  ///< aligned to the right: numbers
};

/// Columns two spaces apart. Text is made printable (utf8.h) before it is measured.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// Missing cells are empty; more cells than columns are a programming error (std::logic_error).
  void add_row(std::vector<Cell> cells);
  /// A line across all columns, wrapped at the table's width; further lines get `hanging_indent` more.
  void add_line(Cell line, int hanging_indent = 0);

  bool empty() const { return rows_.empty(); }
  /// Lines ending in '\n', without trailing blanks; the titles first unless all are empty.
  std::string render(const Style& style, int width, int indent = 0) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    bool across = false;
    int hanging_indent = 0;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

/// Lines of at most `width` columns, broken at blanks; a word longer than that stands on a line of its own, whole, so
/// that paths and commands can be copied. The first line is indented by `first_indent`, the others by `indent`.
std::vector<std::string> wrap(std::string_view text, int width, int first_indent = 0, int indent = 0);

/// Columns to write for: width_of_terminal(fd) within 60 to `most`; where that is 0, `most`.
int terminal_columns(int fd, int most = 100);

}  // namespace rocekit::text
