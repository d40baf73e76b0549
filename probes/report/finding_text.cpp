#include "probes/report/finding_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text/table.h"
#include "core/text/utf8.h"

namespace rocekit::report {
namespace {

using checks::Finding;
using checks::Severity;
using text::Style;
using text::Tone;

class FindingsText {
 public:
  FindingsText(const std::vector<Finding>& findings, const Style& style, const FindingsLayout& layout)
      : findings_(findings), style_(style), layout_(layout) {}

  std::string render() {
    for (const Severity severity : {Severity::critical, Severity::warning, Severity::unknown}) {
      for (const auto& group : groups_of(severity)) finding_group(severity, group);
    }
    return std::move(out_);
  }

 private:
  /// Findings of one check and severity stand together, in the order in which they were made.
  std::vector<std::vector<const Finding*>> groups_of(Severity severity) const {
    std::vector<std::vector<const Finding*>> groups;
    for (const Finding& finding : findings_) {
      if (finding.severity != severity) continue;
      const auto same = std::find_if(groups.begin(), groups.end(),
                                     [&](const auto& group) { return group.front()->id == finding.id; });
      if (same == groups.end()) {
        groups.push_back({&finding});
      } else {
        same->push_back(&finding);
      }
    }
    return groups;
  }

  void title_line(Severity severity, const Finding& finding, bool first) {
    const std::string word = first ? severity_word(severity) : "";
    const std::string id = first ? finding.id : "";
    const std::string head = fmt::format("{:<8}  {:<{}}  ", word, id, std::max<std::size_t>(finding.id.size(), 12));
    const int indent = static_cast<int>(head.size());
    const auto lines = text::wrap(finding.title, layout_.width, indent, indent);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string words = lines[i].substr(std::min<std::size_t>(lines[i].size(), head.size()));
      if (i > 0) {
        out_ += std::string(head.size(), ' ') + style_.paint(Tone::strong, words) + '\n';
        continue;
      }
      if (first) {
        out_ += style_.paint(severity_tone(severity), word) + std::string(10 - word.size(), ' ') + head.substr(10) +
                style_.paint(Tone::strong, words) + '\n';
      } else {
        out_ += head + style_.paint(Tone::strong, words) + '\n';
      }
    }
  }

  void detail(std::string_view label, std::string_view words) {
    constexpr int indent = 10;
    bool first = true;
    for (const std::string& line : text::wrap(words, layout_.width, indent, indent)) {
      const std::string body = line.substr(std::min<std::size_t>(line.size(), indent));
      const std::string head = first ? fmt::format("  {:<8}", label) : std::string(indent, ' ');
      out_ += style_.paint(Tone::faint, head) + body + '\n';
      first = false;
    }
  }

  static std::vector<std::string> unique_causes(const std::vector<const Finding*>& group) {
    std::vector<std::string> causes;
    for (const Finding* finding : group) {
      if (finding->cause.empty()) continue;
      if (std::find(causes.begin(), causes.end(), finding->cause) == causes.end()) causes.push_back(finding->cause);
    }
    return causes;
  }

  void remedy(const std::vector<const Finding*>& group) {
    // Blocks that were printed already are left out whole: single lines of a block may repeat and still be needed.
    std::set<std::vector<std::string>> seen;
    bool any = false;
    for (const Finding* finding : group) {
      if (finding->remedy.empty() || !seen.insert(finding->remedy).second) continue;
      if (!any) out_ += "  " + style_.paint(Tone::faint, "do") + '\n';
      any = true;
      // A here-document must start at the margin, or its end would not be recognised when pasted.
      const bool at_margin = std::any_of(finding->remedy.begin(), finding->remedy.end(), [](const std::string& line) {
        return line.find("<<") != std::string::npos || line.find('\n') != std::string::npos;
      });
      for (const std::string& block : finding->remedy) remedy_lines(block, at_margin ? 0 : 6);
    }
  }

  void remedy_lines(std::string_view block, int indent) {
    for (std::size_t at = 0; at <= block.size();) {
      const std::size_t end = std::min(block.find('\n', at), block.size());
      const std::string_view line = block.substr(at, end - at);
      if (line.substr(0, 1) == "#") {
        std::string_view remark = line.substr(1);
        if (remark.substr(0, 1) == " ") remark.remove_prefix(1);
        for (const std::string& part : text::wrap(remark, layout_.width - indent - 2)) {
          out_ += std::string(static_cast<std::size_t>(indent), ' ') + style_.paint(Tone::faint, "# " + part) + '\n';
        }
      } else {
        // Commands are never wrapped: they are there to be pasted.
        out_ += std::string(static_cast<std::size_t>(indent), ' ') + style_.paint(Tone::accent, text::printable(line)) +
                '\n';
      }
      at = end + 1;
    }
  }

  void finding_group(Severity severity, const std::vector<const Finding*>& group) {
    out_ += '\n';
    // What could not be checked is said once: four modules that need root are one sentence, not four.
    const bool brief = severity == Severity::unknown && group.size() > 1 && !layout_.verbose;
    title_line(severity, *group.front(), true);
    if (brief) {
      std::vector<std::string> others;
      for (std::size_t i = 1; i < group.size(); ++i) others.push_back(group[i]->subject);
      detail("also", fmt::format("{}", fmt::join(others, ", ")));
    } else {
      for (std::size_t i = 1; i < group.size(); ++i) title_line(severity, *group[i], false);
    }
    for (const Finding* finding : group) {
      for (const checks::Evidence& item : finding->evidence) {
        detail(finding == group.front() && &item == &finding->evidence.front() ? layout_.evidence_label : "",
               item.source.empty() ? fmt::format("{}: {}", item.what, item.value)
                                   : fmt::format("{}: {}  ({})", item.what, item.value, item.source));
      }
      if (brief) break;
    }
    const std::vector<std::string> causes = unique_causes(group);
    for (std::size_t i = 0; i < causes.size() && (i == 0 || !brief); ++i) detail(i == 0 ? "why" : "", causes[i]);
    remedy(group);
  }

  const std::vector<Finding>& findings_;
  const Style& style_;
  const FindingsLayout& layout_;
  std::string out_;
};

}  // namespace

const char* severity_word(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "CRITICAL";
    case Severity::warning:
      return "WARNING";
    case Severity::unknown:
      return "UNKNOWN";
    case Severity::ok:
      return "ok";
    case Severity::skipped:
      return "skipped";
  }
  return "UNKNOWN";
}

text::Tone severity_tone(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return Tone::bad;
    case Severity::warning:
    case Severity::unknown:
      return Tone::warn;
    case Severity::ok:
      return Tone::good;
    case Severity::skipped:
      return Tone::faint;
  }
  return Tone::plain;
}

std::string render_findings(const std::vector<Finding>& findings, const Style& style, const FindingsLayout& layout) {
  return FindingsText(findings, style, layout).render();
}

namespace {

std::string ids_of(const std::vector<Finding>& findings, Severity severity) {
  std::vector<std::string> ids;
  for (const Finding& finding : findings) {
    if (finding.severity == severity && std::find(ids.begin(), ids.end(), finding.id) == ids.end()) {
      ids.push_back(finding.id);
    }
  }
  return fmt::format("{}", fmt::join(ids, ", "));
}

}  // namespace

std::string render_measured_verdict(checks::Verdict verdict, const std::vector<Finding>& findings,
                                    std::string_view figures, const Style& style, int width) {
  std::string word;
  std::string why;
  Tone tone = Tone::plain;
  switch (verdict) {
    case checks::Verdict::ready:
      word = "MEASURED";
      tone = Tone::good;
      break;
    case checks::Verdict::degraded:
      word = "DEGRADED";
      tone = Tone::warn;
      why = ids_of(findings, Severity::warning);
      break;
    case checks::Verdict::not_ready:
      word = "NOT READY";
      tone = Tone::bad;
      why = ids_of(findings, Severity::critical);
      break;
    case checks::Verdict::unknown:
      word = "UNKNOWN";
      tone = Tone::warn;
      why = ids_of(findings, Severity::unknown);
      break;
  }
  const std::string whole = fmt::format("{}{}: {}", word, why.empty() ? "" : fmt::format(" ({})", why), figures);
  std::string out;
  bool first = true;
  for (const std::string& line : text::wrap(whole, width, 0, 2)) {
    // The first line starts with the word: it is shorter than any width, and nothing stands before it.
    out += (first ? style.paint(tone, line.substr(0, word.size())) + line.substr(word.size()) : line) + '\n';
    first = false;
  }
  return out;
}

}  // namespace rocekit::report
