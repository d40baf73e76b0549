#include "core/text/table.h"

#include <algorithm>
#include <stdexcept>

#include "core/text/utf8.h"

namespace rocekit::text {
namespace {

constexpr int gap = 2;
constexpr int least_columns = 60;

std::string blanks(int count) { return std::string(static_cast<std::size_t>(std::max(count, 0)), ' '); }
int width_of(std::string_view text) { return static_cast<int>(columns(text)); }

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (Column& column : columns_) column.title = printable(column.title);
}

void Table::add_row(std::vector<Cell> cells) {
  if (cells.size() > columns_.size()) throw std::logic_error("a table row has more cells than the table has columns");
  cells.resize(columns_.size());
  for (Cell& cell : cells) cell.text = printable(cell.text);
  rows_.push_back({std::move(cells), false, 0});
}

void Table::add_line(Cell line, int hanging_indent) {
  line.text = printable(line.text);
  rows_.push_back({{std::move(line)}, true, hanging_indent});
}

std::string Table::render(const Style& style, int width, int indent) const {
  std::vector<int> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int widest = width_of(columns_[i].title);
    for (const Row& row : rows_) {
      if (!row.across) widest = std::max(widest, width_of(row.cells[i].text));
    }
    widths.push_back(widest);
  }

  std::vector<std::size_t> shown(columns_.size());
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = i;
  const auto total = [&] {
    int sum = indent;
    for (const std::size_t i : shown) sum += widths[i] + gap;
    return sum - gap;
  };
  while (total() > width) {
    const auto drop = std::max_element(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
      return columns_[a].drop_order < columns_[b].drop_order;
    });
    if (drop == shown.end() || columns_[*drop].drop_order == 0) break;
    shown.erase(drop);
  }

  std::string out;
  const auto put = [&](auto&& cell_of) {
    std::string line = blanks(indent);
    int pending = 0;
    for (const std::size_t i : shown) {
      const Cell cell = cell_of(i);
      const int rest = widths[i] - width_of(cell.text);
      if (columns_[i].right) pending += rest;
      if (!cell.text.empty()) {
        line += blanks(pending);
        line += style.paint(cell.tone, cell.text);
        pending = 0;
      }
      pending += (columns_[i].right ? 0 : rest) + gap;
    }
    if (line.find_first_not_of(' ') == std::string::npos) line.clear();
    out += line + '\n';
  };

  const bool titled =
      std::any_of(columns_.begin(), columns_.end(), [](const Column& column) { return !column.title.empty(); });
  if (titled) put([&](std::size_t i) { return Cell{columns_[i].title, Tone::faint}; });
  for (const Row& row : rows_) {
    if (!row.across) {
      put([&](std::size_t i) { return row.cells[i]; });
      continue;
    }
    for (const std::string& line : wrap(row.cells[0].text, width, indent, indent + row.hanging_indent)) {
      const std::size_t start = std::min(line.find_first_not_of(' '), line.size());
      out += line.substr(0, start) + style.paint(row.cells[0].tone, line.substr(start)) + '\n';
    }
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, int width, int first_indent, int indent) {
  const std::string clean = printable(text);
  std::vector<std::string> lines;
  std::string line = blanks(first_indent);
  bool line_has_words = false;
  int more_blanks = 0;
  std::size_t at = 0;
  // Blanks at the start are part of the first word: they are the caller's own layout.
  std::size_t search_from = std::min(clean.find_first_not_of(' '), clean.size());
  while (at < clean.size()) {
    const std::size_t end = std::min(clean.find(' ', search_from), clean.size());
    const std::string word = clean.substr(at, end - at);
    at = std::min(end + 1, clean.size());
    search_from = at;
    if (word.empty()) {
      // A second blank between words: kept inside a line, dropped where a line breaks.
      ++more_blanks;
      continue;
    }
    if (line_has_words && width_of(line) + more_blanks + 1 + width_of(word) > width) {
      lines.push_back(std::move(line));
      line = blanks(indent);
      line_has_words = false;
    }
    if (line_has_words) line += blanks(more_blanks + 1);
    line += word;
    line_has_words = true;
    more_blanks = 0;
  }
  if (line_has_words || lines.empty()) lines.push_back(line_has_words ? std::move(line) : std::string());
  return lines;
}

int terminal_columns(int fd, int most) {
  const int width = width_of_terminal(fd);
  return width == 0 ? most : std::clamp(width, std::min(least_columns, most), most);
}

}  // namespace rocekit::text
