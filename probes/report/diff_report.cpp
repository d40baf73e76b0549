#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/text/json.h"
#include "core/text/table.h"
#include "probes/report/diff.h"
#include "probes/report/json_report.h"

namespace rocekit::report {
namespace {

using text::Tone;

struct Section {
  Weight weight;
  const char* title;
  Tone tone;
};

constexpr std::size_t longest_value = 400;

std::map<Weight, int> counts_of(const std::vector<Difference>& differences) {
  std::map<Weight, int> counts;
  for (const Difference& difference : differences) ++counts[difference.weight];
  return counts;
}

std::string section_text(const Comparison& comparison, const Section& section, const text::Style& style, int width) {
  // Two values and what lies between share the line with the longest paths of a node.
  const auto value_columns = static_cast<std::size_t>(std::max(12, (width - 48) / 2));
  text::Table table({{"  WHERE"}, {"A"}, {"B"}});
  for (std::size_t i = 0; i < comparison.differences.size(); ++i) {
    const Difference& difference = comparison.differences[i];
    if (difference.weight != section.weight) continue;
    const std::string a = text::printable(difference.a);
    const std::string b = text::printable(difference.b);
    if (std::max(text::columns(a), text::columns(b)) <= value_columns) {
      table.add_row({{"  " + difference.where}, {a}, {b}});
    } else {
      table.add_line({"  " + difference.where});
      table.add_line({"      A  " + text::shortened(a, longest_value)}, 9);
      table.add_line({"      B  " + text::shortened(b, longest_value)}, 9);
    }
    const bool same_follows = i + 1 < comparison.differences.size() &&
                              comparison.differences[i + 1].why == difference.why &&
                              comparison.differences[i + 1].weight == section.weight;
    if (!difference.why.empty() && !same_follows) table.add_line({"      " + difference.why, Tone::faint}, 6);
  }
  return style.paint(section.tone, section.title) + '\n' + table.render(style, width) + '\n';
}

std::string plural(int count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string conclusion(const Comparison& comparison, const text::Style& style) {
  std::map<Weight, int> counts = counts_of(comparison.differences);
  const int matters = counts[Weight::matters];
  const int not_compared = counts[Weight::not_compared];
  if (matters > 0) {
    return style.paint(Tone::bad, plural(matters, "difference matters", "differences matter")) +
           (not_compared > 0 ? ", " + plural(not_compared, "value", "values") + " could not be compared" : "") + '\n';
  }
  if (not_compared > 0) {
    return style.paint(Tone::warn, "UNKNOWN") + ": " +
           plural(not_compared, "value that matters", "values that matter") + " could not be compared\n";
  }
  return style.paint(Tone::good, "Nothing that matters differs") + '\n';
}

}  // namespace

std::string render_diff_text(const Comparison& comparison, const text::Style& style, const DiffTextOptions& options) {
  std::string out = fmt::format("A  {}\nB  {}\n\n", text::printable(comparison.a), text::printable(comparison.b));
  std::map<Weight, int> counts = counts_of(comparison.differences);
  constexpr Section sections[] = {
      {Weight::matters, "MATTERS", Tone::bad},
      {Weight::not_compared, "WOULD MATTER, COULD NOT BE COMPARED", Tone::warn},
      {Weight::noted, "WORTH KNOWING", Tone::strong},
  };
  for (const Section& section : sections) {
    if (counts[section.weight] > 0) out += section_text(comparison, section, style, options.width);
  }
  if (counts[Weight::expected] > 0) {
    if (options.verbose) {
      out +=
          section_text(comparison, {Weight::expected, "EXPECTED ON ANY TWO NODES", Tone::faint}, style, options.width);
    } else {
      out += plural(counts[Weight::expected], "difference", "differences") +
             " of the kind that any two nodes have (addresses, serial numbers, counters); -v lists them\n\n";
    }
  }
  return out + conclusion(comparison, style);
}

nlohmann::ordered_json render_diff_json(const Comparison& comparison, const std::string& started_at) {
  using json::clean;
  using json::Json;
  Json differences = Json::array();
  for (const Difference& difference : comparison.differences) {
    differences.push_back({{"where", clean(difference.where)},
                           {"a", clean(difference.a)},
                           {"b", clean(difference.b)},
                           {"weight", to_string(difference.weight)},
                           {"why", difference.why}});
  }
  std::map<Weight, int> counts = counts_of(comparison.differences);
  Json document;
  document["schema"] = "rocekit/diff";
  document["schema_version"] = diff_schema_version;
  document["tool"] = tool_json("roce-probe");
  document["started_at"] = started_at;
  document["a"] = clean(comparison.a);
  document["b"] = clean(comparison.b);
  document["counts"] = {{"matters", counts[Weight::matters]},
                        {"not_compared", counts[Weight::not_compared]},
                        {"noted", counts[Weight::noted]},
                        {"expected", counts[Weight::expected]}};
  document["differences"] = std::move(differences);
  return document;
}

}  // namespace rocekit::report
