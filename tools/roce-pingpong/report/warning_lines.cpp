#include "tools/roce-pingpong/report/warning_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rocekit::pingpong {
namespace {

using Kind = measure::Warning::Kind;

/// What is missing from the figures, what holds for all of them, what they do not tell, why, and what is normal.
constexpr std::array order{Kind::dropped_samples, Kind::wrong_numa_node, Kind::governor,  Kind::drift,
                           Kind::bimodal,         Kind::launch_bound,    Kind::slow_core, Kind::outliers,
                           Kind::slow_first,      Kind::too_few_samples};

struct Group {
  const measure::Warning* warning = nullptr;
  std::vector<std::string> series;
};

bool of_place(Kind kind) { return kind == Kind::governor || kind == Kind::wrong_numa_node; }

std::string line_of(const Group& group, bool every) {
  const std::string& text = group.warning->text;
  if (of_place(group.warning->kind)) return text;
  if (every) return fmt::format("{}: {}", fmt::join(group.series, "; "), text);
  std::string line = fmt::format("{}: {}", group.series.front(), text);
  if (group.series.size() > 1) line += fmt::format(" (and {} series more, -v lists them)", group.series.size() - 1);
  return line;
}

}  // namespace

std::vector<std::string> warning_lines(const std::vector<Noticed>& all, bool every) {
  std::vector<std::string> lines;
  for (const Kind kind : order) {
    // The dashes of the tables tell it already.
    if (kind == Kind::too_few_samples && !every) continue;
    std::vector<Group> groups;
    for (const auto& [series, warning] : all) {
      if (warning.kind != kind) continue;
      auto group = std::find_if(groups.begin(), groups.end(), [&, &text = warning.text](const Group& known) {
        return (!every && !of_place(kind)) || known.warning->text == text;
      });
      if (group == groups.end()) group = groups.insert(group, Group{&warning, {}});
      if (std::find(group->series.begin(), group->series.end(), series) == group->series.end())
        group->series.push_back(series);
    }
    for (const Group& group : groups) lines.push_back(line_of(group, every));
  }
  return lines;
}

}  // namespace rocekit::pingpong
