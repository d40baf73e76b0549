#include "probes/report/check_pages.h"

#include <fmt/format.h>

#include "core/text/table.h"

namespace rocekit::report {
namespace {

std::vector<std::string> lines_of(std::string_view block) {
  std::vector<std::string> lines;
  while (!block.empty()) {
    const std::size_t end = block.find('\n');
    lines.emplace_back(block.substr(0, end));
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
  }
  return lines;
}

/// Indented lines are commands or tables: they keep their shape.
bool is_verbatim(const std::string& line) { return line.substr(0, 2) == "  "; }

std::string wrapped(std::string_view block, int width, int indent) {
  std::string out;
  for (const std::string& line : lines_of(block)) {
    if (line.empty()) {
      out += '\n';
    } else if (is_verbatim(line)) {
      out += std::string(static_cast<std::size_t>(indent), ' ') + line + '\n';
    } else {
      for (const std::string& part : text::wrap(line, width, indent, indent)) out += part + '\n';
    }
  }
  return out;
}

/// Indented lines become a code block; the rest is text as it stands.
std::string markdown(std::string_view block) {
  std::string out;
  bool in_code = false;
  for (const std::string& line : lines_of(block)) {
    const bool code = is_verbatim(line);
    if (code != in_code) out += code ? "\n```sh\n" : "```\n\n";
    in_code = code;
    out += (code ? line.substr(2) : line) + '\n';
  }
  if (in_code) out += "```\n";
  return out;
}

const char* on_unknown(const checks::Check& check) {
  if (check.run == nullptr) {
    return "Judged by roce-pingpong, nccl-pattern and roce-preflight, which look at several nodes; roce-probe reads "
           "one "
           "node and leaves it out.";
  }
  return check.essential ? "When its values cannot be read, the verdict is unknown: nobody should serve on a guess."
                         : "When its values cannot be read, it says so and the verdict is left to the other checks.";
}

}  // namespace

std::string explain_text(const checks::Check& check, const text::Style& style, int width) {
  using text::Tone;
  std::string out = style.paint(Tone::strong, check.id) + "  " + std::string(check.title) + "\n\n";
  out += wrapped(check.meaning, width, 2);
  out += '\n' + style.paint(Tone::strong, "How it is judged") + '\n';
  out += wrapped(check.judged, width, 2);
  out += wrapped(on_unknown(check), width, 2);
  out += '\n' + style.paint(Tone::strong, "What to do") + '\n';
  out += wrapped(check.remedy, width, 2);
  return out;
}

std::vector<Page> check_pages() {
  std::string index =
      "# Checks of rocekit\n\nROCE-PAIR and ROCE-PERF are judged by roce-pingpong, nccl-pattern and roce-preflight, "
      "all others by roce-probe and roce-preflight. One page a check, written from the checks themselves by `cmake "
      "--build build --target "
      "docs-checks`. In a terminal: `roce-probe explain ID`.\n\n| check | fault |\n|---|---|\n";
  std::vector<Page> pages(1);
  for (const checks::Check& check : checks::all_checks()) {
    index += fmt::format("| [{0}]({0}.md) | {1} |\n", check.id, check.title);
    pages.push_back(
        {fmt::format("{}.md", check.id),
         fmt::format("# {}: {}\n\n{}\n## How it is judged\n\n{}\n{}\n\n## What to do\n\n{}", check.id, check.title,
                     markdown(check.meaning), markdown(check.judged), on_unknown(check), markdown(check.remedy))});
  }
  pages.front() = {"README.md", std::move(index)};
  return pages;
}

}  // namespace rocekit::report
