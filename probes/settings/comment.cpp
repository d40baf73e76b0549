#include "probes/settings/comment.h"

#include <fmt/format.h>

#include "core/text/table.h"
#include "core/text/utf8.h"

namespace rocekit::settings {

void add_comment(std::string& out, std::string_view text, const Layout& layout, int indent) {
  if (!layout.comments) return;
  constexpr int width = 100;
  for (const std::string& line : text::wrap(text::printable(text), width - indent - 2)) {
    out += fmt::format("{:{}}# {}\n", "", indent, line);
  }
}

void add_command(std::string& out, std::string_view command, const Layout& layout) {
  if (layout.comments) out += fmt::format("#   {}\n", command);
}

void add_why(std::string& out, const Setting& setting, const Layout& layout, int indent) {
  add_comment(out, (setting.proposal ? "Proposal: " : "") + setting.why, layout, indent);
}

void add_remarks(std::string& out, const ServingSettings& settings, const Layout& layout) {
  if (!layout.comments) return;
  if (!settings.remarks.empty()) out += "#\n";
  for (const Remark& remark : settings.remarks) {
    add_comment(out, (remark.degrades ? "! " : "") + remark.text, layout);
  }
  out += "#\n";
}

std::string yaml_quoted(std::string_view word) {
  std::string out = "\"";
  for (const char c : text::valid_utf8(word)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string shell_quoted(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace rocekit::settings
