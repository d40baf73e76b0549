#include "collectives/predict/latency_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>
#include <utility>
#include <vector>

#include "collectives/json_input.h"
#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"
#include "core/text/utf8.h"

namespace rocekit::predict {
namespace {

using nlohmann::json;
using traffic::OpKind;

constexpr std::size_t most_points = 100000;
/// The op of a CSV line about all operations of a step at once.
constexpr std::string_view whole_step = "step";

std::string in_quotes(std::string_view word) {
  return fmt::format("\"{}\"", text::shortened(text::printable(word.substr(0, 200)), 40));
}

std::string_view trimmed(std::string_view word) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = word.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return word.substr(first, word.find_last_not_of(blanks) - first + 1);
}

/// Fields of a line; separators within double quotes part nothing, and two quotes are one.
std::vector<std::string> fields_of(std::string_view line, char separator) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == separator && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

OpKind operation(std::string_view word, const std::string& place) {
  const std::optional<OpKind> kind = traffic::op_kind_named(word);
  if (kind) return *kind;
  throw InputError(
      fmt::format("{}: {} is no operation: write all-reduce, all-gather, reduce-scatter, all-to-all, "
                  "all-to-all-v, send-recv or broadcast",
                  place, in_quotes(word)));
}

std::string transport(std::string_view word, const std::string& place) {
  if (trimmed(word).empty()) throw InputError(fmt::format("{}: names no transport", place));
  return canonical_transport(text::shortened(text::printable(trimmed(word.substr(0, 200))), 40));
}

/// Names of sides are settings of NCCL too, and may be long.
std::string side_name(std::string_view word) { return text::printable(trimmed(word.substr(0, 1000))); }

/// The host backend beside NCCL, which nccl-pattern measures for latency budgets alone.
bool is_floor(std::string_view side) { return side.starts_with("wire-"); }

std::string timing_of(std::string_view word, const std::string& place) {
  const std::string timing(trimmed(word));
  if (timing.empty() || std::find(timings.begin(), timings.end(), timing) != timings.end()) return timing;
  throw InputError(
      fmt::format("{}: {} is no way of timing: graph, back-to-back or isolated", place, in_quotes(timing)));
}

/// Figures that something else carried than they say are those of no transport that could be named.
void refuse_contradicted(std::string_view proof, const Measured& row) {
  if (proof != "contradicted") return;
  throw InputError(fmt::format("{}: its proof contradicts {}: something else carried it, measure again", row.place,
                               row.point.transport));
}

class Csv {
 public:
  Csv(std::string_view text, const std::string& document) : text_(text), document_(document) {}

  LatencyTable read() {
    std::vector<Measured> rows;
    std::size_t number = 0;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', at), text_.size());
      const std::string_view line = trimmed(text_.substr(at, end - at));
      at = end + 1;
      ++number;
      if (line.empty() || line.front() == '#') continue;
      place_ = fmt::format("{} line {}", document_, number);
      if (titles_.empty()) {
        read_titles(line);
        continue;
      }
      if (rows.size() >= most_points) {
        throw InputError(fmt::format("{}: more than {} latencies", document_, most_points));
      }
      add(fields_of(line, separator_), rows);
    }
    if (titles_.empty()) {
      throw InputError(fmt::format("{}: empty, expected a line of titles: op,transport,size_bytes,p50_us", document_));
    }
    return table_of(std::move(rows));
  }

 private:
  void read_titles(std::string_view line) {
    // Spreadsheets that write a decimal comma part fields by semicolons.
    if (line.find(',') == std::string_view::npos && line.find(';') != std::string_view::npos) separator_ = ';';
    titles_ = fields_of(line, separator_);
    for (std::string& title : titles_) title = text::lower_case(title);
    for (const char* title : {"op", "transport", "p50_us"}) require(title);
    if (!column("size_bytes")) require("size");
  }

  std::optional<std::size_t> column(std::string_view title) const {
    const auto found = std::find(titles_.begin(), titles_.end(), title);
    if (found == titles_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - titles_.begin());
  }

  void require(const char* title) const {
    if (column(title)) return;
    throw InputError(
        fmt::format("{}: no column {}; the titles, parted by commas or semicolons, are op,transport,size_bytes,p50_us "
                    "and, if wanted, p10_us,p90_us",
                    place_, title));
  }

  /// Empty when the column or the field is missing.
  static std::string field(const std::vector<std::string>& fields, std::optional<std::size_t> at) {
    return at && *at < fields.size() ? fields[*at] : std::string();
  }

  std::optional<double> microseconds(const std::vector<std::string>& fields, const char* title) const {
    const std::string word = field(fields, column(title));
    if (word.empty()) return std::nullopt;
    std::string plain_word = word;
    if (separator_ == ';') std::replace(plain_word.begin(), plain_word.end(), ',', '.');
    std::istringstream stream(plain_word);
    stream.imbue(std::locale::classic());
    double value = 0;
    const bool plain = plain_word.find_first_not_of("0123456789.eE+-") == std::string::npos;
    if (!plain || !(stream >> value) || stream.peek() != std::istringstream::traits_type::eof()) {
      throw InputError(fmt::format("{}: {} is no number of microseconds ({})", place_, in_quotes(word), title));
    }
    return value;
  }

  void add(const std::vector<std::string>& fields, std::vector<Measured>& rows) const {
    const std::string op = field(fields, column("op"));
    if (op == whole_step) return;
    Measured row;
    row.place = place_;
    row.point.kind = operation(op, place_);
    row.point.transport = transport(field(fields, column("transport")), place_);
    row.side = side_name(field(fields, column("side")));
    if (is_floor(row.side)) return;
    row.timing = timing_of(field(fields, column("timing")), place_);
    refuse_contradicted(field(fields, column("proof")), row);
    std::optional<double> p50 = microseconds(fields, "p50_us");
    if (!p50) p50 = microseconds(fields, "mean_us");
    if (!p50) throw InputError(fmt::format("{}: has no p50_us", place_));
    row.point.latency.p50_us = *p50;
    row.point.latency.p10_us = microseconds(fields, "p10_us");
    row.point.latency.p90_us = microseconds(fields, "p90_us");
    const std::string size = field(fields, column("size_bytes") ? column("size_bytes") : column("size"));
    try {
      row.point.size_bytes = text::parse_size(size);
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}: {}", place_, error.what()));
    }
    rows.push_back(std::move(row));
  }

  std::string_view text_;
  const std::string& document_;
  char separator_ = ',';
  std::string place_;
  std::vector<std::string> titles_;
};

std::optional<double> number(const json& object, const char* key, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number()) {
    throw InputError(
        fmt::format("{}: \"{}\" is {}, and a number is expected", place, key, collectives::in_words(*found)));
  }
  return found->get<double>();
}

std::string word(const json& object, const char* key, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    throw InputError(fmt::format("{}: \"{}\" is missing or no text", place, key));
  }
  return found->get<std::string>();
}

std::string word_or_empty(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<double> block_values(const json& values, const std::string& place) {
  std::vector<double> list;
  for (const json& value : values) {
    if (!values.is_array() || !value.is_number()) {
      throw InputError(fmt::format("{}: \"block_values_us\" is no list of numbers", place));
    }
    list.push_back(value.get<double>());
  }
  return list;
}

void add(const json& result, const std::string& place, std::vector<Measured>& rows) {
  if (!result.is_object()) {
    throw InputError(fmt::format("{}: {}, and an object is expected", place, collectives::in_words(result)));
  }
  const auto latency = result.find("latency_us");
  if (latency == result.end() || !latency->is_object()) return;
  std::optional<double> p50 = number(*latency, "p50", place);
  if (!p50) p50 = number(*latency, "mean", place);
  if (!p50) return;
  Measured row;
  row.place = place;
  row.point.kind = operation(word(result, "op", place), place);
  row.point.transport = transport(word(result, "transport", place), place);
  row.side = side_name(word_or_empty(result, "side"));
  if (is_floor(row.side)) return;
  row.timing = timing_of(word_or_empty(result, "timing"), place);
  const auto proof = result.find("proof");
  if (proof != result.end() && proof->is_object()) refuse_contradicted(word_or_empty(*proof, "verdict"), row);
  const std::optional<double> size = number(result, "size_bytes", place);
  if (!size || !(*size >= 0) || *size > 1e18 || *size != std::floor(*size)) {
    throw InputError(fmt::format("{}: \"size_bytes\" is missing or no whole number", place));
  }
  row.point.size_bytes = static_cast<std::uint64_t>(*size);
  if (result.contains("block_values_us")) {
    row.point.latency = latency_of(*p50, block_values(result["block_values_us"], place));
  } else {
    row.point.latency = {*p50, number(*latency, "p10", place), number(*latency, "p90", place)};
  }
  rows.push_back(std::move(row));
}

LatencyTable read_json(std::string_view text, const std::string& document) {
  const json top = collectives::parse_json(text, document);
  const json* results = &top;
  if (top.is_object()) {
    const auto found = top.find("results");
    if (found == top.end() || !found->is_array()) {
      throw InputError(
          fmt::format("{}: no list \"results\": is it a document of nccl-pattern with measurements?", document));
    }
    results = &*found;
  }
  if (results->size() > most_points) throw InputError(fmt::format("{}: more than {} latencies", document, most_points));
  std::vector<Measured> rows;
  for (std::size_t i = 0; i < results->size(); ++i) {
    add((*results)[i], fmt::format("{} results[{}]", document, i), rows);
  }
  return table_of(std::move(rows));
}

}  // namespace

LatencyTable read_latencies(std::string_view text, const std::string& document) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  LatencyTable table = is_json ? read_json(text, document) : Csv(text, document).read();
  if (table.empty()) throw InputError(fmt::format("{}: holds no latencies", document));
  return table;
}

}  // namespace rocekit::predict
